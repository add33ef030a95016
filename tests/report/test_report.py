"""What notebooks show and save: colours, panels, tables, shown sources. Pictures are checked by what they must contain.
"""

from __future__ import annotations

import base64
import io
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps, pyplot
from PIL import Image

from depthlib.base.colour import hatch
from depthlib.report import (
    PALETTE,
    ColourScale,
    Map,
    Report,
    class_maps,
    colour_classes,
    colour_depth,
    panels,
    seed_curves,
    show_images,
    show_source,
    style,
)
from depthlib.report.png import figure_image, png, with_palette
from depthlib.report.shown import Shown, read_shown
from depthlib.report.source import place, source_text
from depthlib.report.tables import column_formats, csv_text, formatted, html_text, markdown_text, read_table

RAMP = np.linspace(1.0, 10.0, 48).reshape(6, 8)
RGB = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def no_window():
    matplotlib.use("agg")
    yield
    pyplot.close("all")


@pytest.fixture
def shown(monkeypatch) -> list:
    """What would have been displayed, in order: (data, metadata)."""
    import IPython.display

    seen: list = []

    def record(item, metadata=None, raw=False):
        seen.append((item if raw else {"text/markdown": item.data}, metadata))

    monkeypatch.setattr(IPython.display, "display", record)
    return seen


# ------------------------------------------------------------------------------------------------ colours


NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_CUDA)])
def test_colour_depth_is_the_colour_map_between_the_ends(device):
    depth = torch.tensor([[1.0, 2.0, 3.0, 5.0, 0.0, float("nan")]], device=device)[None, None]
    found = colour_depth(depth, vmin=1, vmax=3, cmap="magma")
    expected = [colormaps["magma"](unit, bytes=True)[:3] for unit in (0.0, 0.5, 1.0, 1.0)]
    assert found.dtype == np.uint8 and found.shape == (1, 6, 3)
    np.testing.assert_allclose(found[0, :4].astype(int), expected, atol=1)
    assert (found[0, 4:] == hatch((1, 6))[0, 4:]).all()                    # 0 and nan are no depth


def test_colour_depth_ends_come_from_valid_values_alone():
    depth = RAMP.copy()
    depth[0, 0] = 1e6
    valid = depth < 100
    low, high = np.percentile(depth[valid], [2, 98])
    assert (colour_depth(depth, valid) == colour_depth(depth, valid, low, high)).all()
    flat = np.full((2, 2), 3.0)
    assert (colour_depth(flat) == colour_depth(flat, vmin=3, vmax=3)).all()              # no spread, no error
    assert (colour_depth(np.zeros((3, 3))) == hatch((3, 3))).all()


def test_the_hatch_is_grey_and_no_map_is():
    grey = hatch((12, 12)).reshape(-1, 3)
    assert len(np.unique(grey, axis=0)) == 2 and (grey == grey[:, :1]).all()
    for name in ("viridis", "cividis", "magma"):
        colours = colormaps[name](np.linspace(0, 1, 256), bytes=True)[:, :3].astype(int)
        assert np.abs(colours[:, None] - np.unique(grey, axis=0).astype(int)).max(-1).min() > 12


def test_colour_classes():
    labels = torch.tensor([[0, 1], [13, 255]])
    found = colour_classes(labels, 14, ignore=255)
    assert [tuple(c) for c in found.reshape(-1, 3)[:3]] == [tuple(bytes.fromhex(PALETTE[i][1:])) for i in (0, 1, 13)]
    assert tuple(found[1, 1]) == tuple(hatch((2, 2))[1, 1])
    with pytest.raises(ValueError, match=r"found class \[255\], expected 0 to 13"):
        colour_classes(labels, 14)
    with pytest.raises(ValueError, match="15 classes"):
        colour_classes(labels, 15)


def test_the_classes_differ_for_colour_blind_people():
    """Machado's matrices at full severity, on linear RGB; CIEDE2000 by scikit-image. 2.3 is just noticeable."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    sight = [
        np.eye(3), [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ]
    colours = np.array([list(bytes.fromhex(name[1:])) for name in PALETTE]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for matrix in sight:
        seen = np.clip(linear @ np.transpose(matrix), 0, 1)
        lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
        distance = deltaE_ciede2000(lab[:, None], lab[None]) + 99 * np.eye(len(PALETTE))
        assert distance.min() > 10


@pytest.mark.parametrize(("call", "message"), [
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
])
def test_clear_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------------ figures


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
            [[RGB, Map(RAMP), Map(RAMP, RAMP > 3, "error")], [RGB, Map(RAMP), None]], list("abc"), names=["A", "B"],
        ),
        lambda: panels([[Map(RAMP), Map(RAMP)], [Map(RAMP, scale="error")] * 2], names=["depth", "error"]),
        lambda: panels([[Map(RAMP), Map(RAMP, scale="error")], [Map(RAMP, scale="error"), Map(RAMP)]]),
        lambda: show_images([RGB] * 5, list("abcde"), columns=3),
        lambda: class_maps(
            [[RGB, np.arange(48).reshape(6, 8) % 14]], [f"class number {i}" for i in range(14)], ["image", "truth"],
        ),
        lambda: seed_curves(
            {n: np.full((2, 9), v) for n, v in (("a", 1), ("b", 1), ("c", 0.5))}, range(9), ylabel="loss", log=True,
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
        for other, second in boxes[i + 1:]:
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


def test_curves_show_mean_and_spread():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    (axis,) = seed_curves({"net": values}, [10, 20, 30], ylabel="loss").axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[10, 2], [20, 3], [30, 4]])
    band = axis.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band} >= {(10.0, 1.0), (10.0, 3.0), (30.0, 3.0), (30.0, 5.0)}
    assert axis.texts[0].get_text() == "net"
    (axis,) = seed_curves({"net": values[:1]}, [10, 20, 30], ylabel="loss", smooth=2).axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[20, 1.5], [30, 2.5]])
    assert not axis.collections and "mean of 2" in axis.get_ylabel()


def test_style_stays_inside():
    before = dict(matplotlib.rcParams)
    with style():
        assert matplotlib.rcParams["svg.hashsalt"] and not matplotlib.rcParams["axes.spines.top"]
    panels([[RGB]])
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_pictures_have_stable_bytes_and_white_paper():
    first, second = (png(figure_image(panels([[RGB, Map(RAMP)]], ["a", "b"]))) for _ in range(2))
    assert first == second and b"Software" not in first
    picture = Image.open(io.BytesIO(first))
    small = with_palette(picture).convert("RGB")
    assert small.getpixel((0, 0)) == (255, 255, 255)
    assert np.abs(np.asarray(small, float) - np.asarray(picture.convert("RGB"), float)).mean() < 6


# ------------------------------------------------------------------------------------------------ report


@pytest.mark.slow
def test_figure_is_saved_shown_captioned_and_closed(tmp_path, shown):
    report = Report("01_anuw", "quick", tmp_path)
    for name in ("first", "second", "first"):
        report.figure(panels([[RGB]]), name, f"The *{name}* picture, `a` [link](x).")
    assert [item[0]["text/markdown"] for item in shown[1::2]] == [
        "**Figure 1.** The *first* picture, `a` [link](x).", "**Figure 2.** The *second* picture, `a` [link](x).",
        "**Figure 1.** The *first* picture, `a` [link](x).",
    ]
    data, metadata = shown[0]
    saved = Image.open(tmp_path / "figures" / "01_anuw" / "first.png")
    inside = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert saved.size == inside.size
    assert metadata["image/png"] == {"alt": "The first picture, a link.", "width": round(saved.width / 1.5)}
    assert saved.info["dpi"] == pytest.approx((150, 150), abs=0.1) and data["text/plain"] == "<Figure 1: first>"
    assert pyplot.get_fignums() == []
    report.figure(panels([[RGB]]), "third", "Caption.", alt="In words.")
    assert shown[-2][1]["image/png"]["alt"] == "In words."


def test_table_is_saved_as_csv_and_markdown_and_marked_as_reduced(tmp_path, shown):
    table = pd.DataFrame({"method": ["a|b", "<c>"], "abs_rel": [0.1 + 0.2, np.nan], "images": [32, 7]})
    Report("01_anuw", "quick", tmp_path).table(table, "errors", "Errors.", {"abs_rel": "{:.2f}"})
    folder = tmp_path / "tables" / "01_anuw"
    assert pd.read_csv(folder / "errors.csv")["abs_rel"][0] == 0.1 + 0.2
    assert "| a\\|b | 0.30 | 32 |\n| <c> | – | 7 |" in (folder / "errors.md").read_text()
    note = "Reduced run (profile quick): not a reproduction."
    assert note in (folder / "errors.md").read_text()
    data, caption = shown[0][0], shown[1][0]["text/markdown"]
    assert caption == f"**Table 1.** Errors. *{note}*"
    parsed = pd.read_html(io.StringIO(data["text/html"]))[0] if _has_lxml() else None
    assert parsed is None or parsed.shape == (2, 3)
    assert "&lt;c&gt;" in data["text/html"] and not re.search(r"id=|uuid", data["text/html"])
    Report("01_anuw", "paper", tmp_path).table(table, "errors", "Errors.")
    assert shown[-1][0]["text/markdown"] == "**Table 1.** Errors."
    assert sorted(path.name for path in folder.iterdir()) == ["errors.csv", "errors.md"]


@pytest.mark.slow
def test_what_was_shown_is_listed_in_order(tmp_path, shown):
    report = Report("01_anuw", "quick", tmp_path)
    report.table(pd.DataFrame({"a": [0.12345], "n": [1]}), "first", "*Numbers*.", "{:.2f}")
    report.figure(panels([[RGB]]), "picture", "A `figure`.")
    report.figure(panels([[RGB]]), "second", "Another.", alt="In words.")
    report.figure(panels([[RGB]]), "picture", "Drawn again.")
    reduced = " *Reduced run (profile quick): not a reproduction.*"
    assert read_shown(tmp_path, "01_anuw") == [
        Shown("table", "first", 1, "*Numbers*." + reduced, formats=["{:.2f}", "{}"]),
        Shown("figure", "picture", 1, "Drawn again.", alt="Drawn again."),
        Shown("figure", "second", 2, "Another.", alt="In words."),
    ]
    for item in read_shown(tmp_path, "01_anuw"):
        assert (tmp_path / item.file("01_anuw")).is_file()
    # the notebook begins anew
    Report("01_anuw", "quick", tmp_path).table(pd.DataFrame({"a": [1]}), "late", "Late.")
    assert [item.name for item in read_shown(tmp_path, "01_anuw")] == ["late"]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '[{"kind": "table"}]', '[{"kind": "sound", "name": "a", "number": 1, "caption": "b"}]'],
)
def test_a_damaged_list_is_named(tmp_path, text):
    (tmp_path / "01_anuw.json").write_text(text)
    with pytest.raises(ValueError, match=r"01_anuw\.json: found"):
        read_shown(tmp_path, "01_anuw")


def _has_lxml() -> bool:
    from importlib.util import find_spec

    return find_spec("lxml") is not None


def test_table_text():
    table = pd.DataFrame(
        {"x": [1234.5678, 0.5], "small": [1.23456e-9, 0.0], "n": [3, 4]}, index=pd.Index(["a", "b"], name="net"),
    )
    assert markdown_text(table).splitlines() == [
        "| net | x | small | n |", "| --- | ---: | ---: | ---: |", "| a | 1235 | 1.235e-09 | 3 |",
        "| b | 0 | 0.000e+00 | 4 |",
    ]
    two = pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("quick", "abs_rel"), ("quick", "rmse")]))
    assert csv_text(two) == "\"quick, abs_rel\",\"quick, rmse\"\n1.0,2.0\n"
    assert html_text(table) == html_text(table.copy())
    with pytest.raises(ValueError, match="formats: found y, expected some of net, x"):
        markdown_text(table, {"y": "{:.1f}"})


CELLS = st.one_of(
    st.text("ab|,\"\n é–.5", max_size=6), st.floats(allow_nan=True), st.integers(-10**12, 10**12), st.none(),
    st.booleans(),
)
FLOATS = st.lists(st.floats(allow_nan=True), min_size=3, max_size=3)
WHOLE = st.lists(st.integers(-10**9, 10**9), min_size=3, max_size=3)
FORMATS = st.sampled_from([None, "{:.3f}", "{:,.0f}", "{:+.2e}", "{:.1f} m"])


@given(FLOATS, WHOLE, st.lists(CELLS, min_size=3, max_size=3), FORMATS, FORMATS, st.booleans())
def test_csv_gives_the_cells_that_were_shown(tmp_path_factory, floats, whole, mixed, float_format, whole_format, named):
    """Whatever the table: read again with the formats of its columns, it has the text that the notebook showed."""
    index = pd.Index(["x", "y", "z"], name="net") if named else None
    table = pd.DataFrame({"f": floats, "n": whole, "mixed, all": pd.Series(mixed, dtype=object).to_list()}, index=index)
    formats = {name: form for name, form in (("f", float_format), ("n", whole_format)) if form}
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_bytes(csv_text(table).encode())
    assert read_table(path, column_formats(table, formats)) == formatted(table, formats)


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n")
    with pytest.raises(ValueError, match=r"t\.csv: found 1 cells in row 2, expected 2"):
        read_table(path, ["{}", "{}"])
    path.write_text("a\nword\n")
    with pytest.raises(ValueError, match="could not convert"):
        read_table(path, ["{:.2f}"])
    path.write_text("")
    with pytest.raises(ValueError, match="found 0 cells in row 1, expected 1"):
        read_table(path, ["{}"])


def test_columns_of_numbers_are_aligned_right():
    table = pd.DataFrame(
        {"words": ["a", "1"], "with spread": ["0.353 ± 0.039", None], "share": ["12 %", "3 %"], "x": [1.0, np.nan]}
    )
    assert markdown_text(table).splitlines()[1] == "| --- | ---: | ---: | ---: |"
    assert html_text(table).count('<td style="text-align: right">') == 6


def test_names_and_captions_are_checked(tmp_path):
    with pytest.raises(ValueError, match="notebook: found '../x'"):
        Report("../x", "quick", tmp_path)
    with pytest.raises(ValueError, match="profile: found 'quik', expected one of"):
        Report("x", "quik", tmp_path)
    with pytest.raises(ValueError, match="name: found 'A b'"):
        Report("x", "quick", tmp_path).figure(panels([[RGB]]), "A b", "Caption.")
    with pytest.raises(ValueError, match="caption: found none for 'a'"):
        Report("x", "quick", tmp_path).table(pd.DataFrame({"a": [1]}), "a", " ")


def test_results_go_where_the_profile_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    assert Report("x", "quick").folder == tmp_path / "quick"


# ------------------------------------------------------------------------------------------------ sources


class Sample:
    """Doc."""

    def method(self, x):
        """Doc
        in lines."""

        return x + 1  # kept

    def only_doc(self):
        """All there is."""


def test_show_source(shown):
    show_source(Sample.method)
    text = shown[0][0]["text/markdown"]
    code = "```python\ndef method(self, x):\n    return x + 1  # kept\n```"
    assert text == f"`tests/report/test_report.py: Sample.method`\n\n{code}"
    assert '"""All there is."""' in source_text(Sample) and "Doc" not in source_text(Sample)
    assert '"""Doc\n' in source_text(Sample.method, docstring=True)
    assert place(colour_depth) == "depthlib/base/colour.py: colour_depth"
    assert source_text(style).startswith("@contextmanager\ndef style")
    with pytest.raises(TypeError, match="found int 3, expected a function"):
        show_source(3)
