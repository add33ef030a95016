"""Figures: one scale for what is compared, and no text that is cut off or overlaps."""

from __future__ import annotations

import numpy as np
import pytest
from small_maps import RAMP, RGB

from depthlib.report import ColourScale, Map, class_maps, colour_depth, panels, seed_curves, show_images


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: colour_depth(np.zeros((2, 3, 4))), r"depth: found shape \(2, 3, 4\)"),
        (lambda: colour_depth(RAMP, np.ones((2, 2), bool)), r"valid: found size \(2, 2\)"),
        (lambda: colour_depth(RAMP, vmin=3, vmax=1), "found 3 above 1"),
        (lambda: panels([[RGB], [RGB, RGB]]), r"found \[1, 2\] pictures a row"),
        (lambda: panels([[Map(RAMP, scale="speed")]]), "no look for speed"),
        (lambda: panels([[RGB]], ["a", "b"]), "titles: found 2, expected 1"),
        (lambda: panels([[None]]), "no picture"),
        (lambda: show_images([]), "expected at least one image"),
        (lambda: seed_curves({"a": np.zeros((2, 3))}, range(4), ylabel="loss"), r"\['a'\]: found shape \(2, 3\)"),
        (lambda: seed_curves({}, range(4), ylabel="loss", smooth=5), "smooth: found 5"),
    ],
)
def test_clear_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def images_of(figure) -> list[np.ndarray]:
    return [image.get_array() for axis in figure.axes for image in axis.images]


def bars_of(figure) -> dict[str, tuple[float, float]]:
    """Label and ends of each colour bar."""
    found = {}
    for axis in figure.axes:
        if hasattr(axis, "_colorbar"):
            found[axis.get_xlabel() or axis.get_ylabel()] = (axis._colorbar.vmin, axis._colorbar.vmax)
    return found


def test_panels_have_one_scale_for_what_is_compared():
    figure = panels([[RGB, Map(RAMP), Map(2 * RAMP), Map(RAMP, scale="error")]], ["image", "a", "b", "c"])
    low, high = np.percentile(np.concatenate([RAMP, 2 * RAMP]), [2, 98])
    error = (0, np.percentile(RAMP, 98))
    assert bars_of(figure) == {"depth (m)": pytest.approx((low, high)), "absolute error (m)": pytest.approx(error)}
    image, first, second, _ = images_of(figure)
    np.testing.assert_allclose(image, RGB.permute(1, 2, 0), atol=1e-6)
    np.testing.assert_allclose(first, colour_depth(RAMP, vmin=low, vmax=high) / 255)
    np.testing.assert_allclose(second, colour_depth(2 * RAMP, vmin=low, vmax=high) / 255)
    fixed = panels([[Map(RAMP)]], scales={"depth": ColourScale("metres", "cividis", 0, 80)})
    assert bars_of(fixed) == {"metres": (0, 80)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: panels(
            [[RGB, Map(RAMP), Map(RAMP, RAMP > 3, "error")], [RGB, Map(RAMP), None]], list("abc"), names=["A", "B"]
        ),
        lambda: panels([[Map(RAMP), Map(RAMP)], [Map(RAMP, scale="error")] * 2], names=["depth", "error"]),
        lambda: panels([[Map(RAMP), Map(RAMP, scale="error")], [Map(RAMP, scale="error"), Map(RAMP)]]),
        lambda: show_images([RGB] * 5, list("abcde"), columns=3),
        lambda: class_maps(
            [[RGB, np.arange(48).reshape(6, 8) % 14]], [f"class number {i}" for i in range(14)], ["image", "truth"]
        ),
        lambda: seed_curves(
            {n: np.full((2, 9), v) for n, v in (("a", 1), ("b", 1), ("c", 0.5))}, range(9), ylabel="loss", log=True
        ),
    ],
)
def test_nothing_is_cut_off_and_no_text_overlaps(make):
    """Every text and every picture must lie inside the paper, and no two texts on each other."""
    figure = make()
    figure.canvas.draw()
    renderer, paper = figure.canvas.get_renderer(), figure.bbox
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in _drawn_texts(figure)]
    for name, box in boxes:
        x0, y0, x1, y1 = box.padded(-0.5).extents
        assert paper.x0 <= x0 and x1 <= paper.x1 and paper.y0 <= y0 and y1 <= paper.y1, name
    for i, (name, box) in enumerate(boxes):
        for other, second in boxes[i + 1 :]:
            assert not box.padded(-1).overlaps(second.padded(-1)), (name, other)
    cells = [axis.bbox for axis in figure.axes if axis.images]
    assert len({(round(box.width, 3), round(box.height, 3)) for box in cells}) <= 1


def _drawn_texts(figure) -> list:
    """All texts that are painted; matplotlib also keeps labels of ticks outside the limits."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axis in figure.axes:
        texts += [axis.title, axis._left_title, axis.xaxis.label, axis.yaxis.label, *axis.texts]
        ticks = [*axis.xaxis._update_ticks(), *axis.yaxis._update_ticks()]
        texts += [label for tick in ticks for label in (tick.label1, tick.label2)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]
