"""The page with points that turn: what it holds, and what it does in a browser."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import chromium
import numpy as np
import pytest
from cloud_page import decoded
from PIL import Image

from depthlib.report.cloud_view import POINTS, frame, html

K = np.array([[100.0, 0, 63.5], [0, 110.0, 47.5], [0, 0, 1]])
SIZE = (96, 128)
EVIL = "</script><script>window.injected = 1</script>"


def colours(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_depth_colour_and_camera_come_back() -> None:
    """A ramp over three powers of ten, to a hundredth of a percent."""
    depth = np.broadcast_to(np.geomspace(0.1, 100, SIZE[1]), SIZE).copy()
    depth[:, 5] = 0
    depth[3, 9] = np.nan
    found = decoded(html(colours(), depth, K))
    np.testing.assert_allclose(found.depth[depth > 0], depth[depth > 0], rtol=1.1e-4)
    assert (found.depth == 0).sum() == SIZE[0] + 1 and not found.kept[found.depth == 0].any()
    assert found.data["camera"] == [100, 110, 63.5, 47.5]
    np.testing.assert_array_equal(found.colours, colours())


def test_large_maps_are_thinned_and_stay_on_their_rays() -> None:
    """Two planes: thinning invents no depth between them, and each point projects into the pixel it was taken from."""
    depth = np.where(np.arange(1200) < 700, 2.0, 5.0)[None].repeat(900, axis=0)
    camera = np.array([[800.0, 0, 610], [0, 820.0, 440], [0, 0, 1]])
    found = decoded(html(np.zeros((900, 1200, 3), np.uint8), depth, camera))
    height, width = found.depth.shape
    assert 0.95 * POINTS < height * width <= POINTS
    assert set(found.depth[found.kept].round(3)) == {2.0, 5.0} and found.kept.mean() > 0.98
    fx, fy, cx, cy = found.data["camera"]
    columns, rows = np.arange(width), np.arange(height)
    across = 800 * (columns - cx) / fx + 610  # the pixel of the image in whose direction a point of the page lies
    down = 820 * (rows - cy) / fy + 440
    np.testing.assert_allclose(across, (columns + 0.5) * 1200 / width - 0.5, atol=1e-6)
    np.testing.assert_allclose(down, (rows + 0.5) * 900 / height - 0.5, atol=1e-6)


def test_no_curtain_hangs_between_objects() -> None:
    depth = np.full(SIZE, 4.0)
    depth[30:60, 40:80] = 2.0
    depth[29, 40:80] = 3.0  # as an edge that is blurred
    found = decoded(html(colours(), depth, K))
    assert set(found.depth[found.kept].round(3)) == {2.0, 4.0} and found.kept.mean() > 0.97
    given = decoded(html(colours(), depth, K, kept=depth == 3))
    np.testing.assert_array_equal(given.kept, depth == 3)


def test_a_page_stays_small() -> None:
    """Of noise, which no JPEG makes smaller."""
    size = (1500, 2000)
    page = html(colours(size), np.random.default_rng(1).uniform(1, 80, size), K)
    assert len(page.encode()) < 3e6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"depth": np.zeros(SIZE)}, "depth: found no valid pixel"),
        ({"depth": np.ones((2, *SIZE))}, "depth: found shape"),
        ({"intrinsics": np.eye(4)}, r"intrinsics: found shape \[4, 4\]"),
        ({"kept": np.ones((3, 4), bool)}, r"kept: found shape \[3, 4\], expected that of depth, \[96, 128\]"),
        ({"points": 0}, "points: found 0"),
        ({"image": np.zeros((4, 4))}, "image: found shape"),
    ],
)
def test_bad_inputs_are_named(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        html(**{"image": colours(), "depth": np.ones(SIZE), "intrinsics": K} | change)


@pytest.fixture(scope="module")
def browser():
    if (executable := chromium.find()) is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    with chromium.Chromium(executable) as found:
        yield found


def shown(browser, canvas: str = "cloud") -> np.ndarray:
    """The pixels [H,W,3] of a canvas after the next frame."""
    browser.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    data = browser.run(f"document.getElementById('{canvas}').toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB")).astype(int)


@pytest.fixture
def room(browser, tmp_path: Path):
    """A wall behind a box, in the browser, seen from the camera."""
    depth = np.full(SIZE, 4.0)
    depth[30:60, 40:80] = 2.0
    smooth = np.stack(np.broadcast_arrays(*np.ogrid[0:192:2, 0:256:2], 90), axis=-1).astype(np.uint8)
    (tmp_path / "room.html").write_text(html(smooth, depth, K, title=EVIL, notes=["<b>"]), encoding="utf-8")
    browser.open(tmp_path / "room.html")
    browser.run("look(0, 0)")
    return browser


@pytest.mark.slow
def test_it_opens_without_an_error_or_a_request(room, tmp_path: Path) -> None:
    shown(room)
    assert room.console == [] and room.run("window.injected") is None
    assert [url for url in room.requests if not url.startswith("data:")] == [(tmp_path / "room.html").as_uri()]
    assert room.run("document.title") == EVIL and room.run("document.getElementById('notes').textContent") == "<b>"
    assert room.run("[...document.querySelectorAll('#ticks span')].map((one) => one.textContent)") == [
        "near 2 m",
        "3 m",
        "far 4 m",
    ]
    box = shown(room, "depth")
    assert len(np.unique(box.reshape(-1, 3), axis=0)) == 2 and (box[45, 60] != box[5, 5]).any()


@pytest.mark.slow
def test_it_turns_by_mouse_touch_and_keys_and_returns(room) -> None:
    start = shown(room)
    pressed = 0
    for key, code in (("ArrowLeft", 37), ("ArrowUp", 38), ("+", 187), ("-", 189)):
        room.press(key, code)
        turned = shown(room)
        pressed += (turned != start).mean() > 0.02
        room.press("0", 48)
        np.testing.assert_array_equal(shown(room), start)
    assert pressed == 4
    box = room.run("(({x, y, width, height}) => [x + width / 2, y + height / 2])(canvas.getBoundingClientRect())")
    middle = dict(zip("xy", box, strict=True))
    for kind, x in (("mousePressed", 0), ("mouseMoved", 60), ("mouseReleased", 60)):
        at = {**middle, "x": middle["x"] + x}
        room.send("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at)
    by_mouse = shown(room)
    assert (by_mouse != start).mean() > 0.02 and room.run("view.yaw") == pytest.approx(-0.3)
    room.run("look(0, 0)")
    for kind, points in (
        ("touchStart", [middle]),
        ("touchMove", [{**middle, "x": middle["x"] + 60}]),
        ("touchEnd", []),
    ):
        room.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    np.testing.assert_array_equal(shown(room), by_mouse)
    apart = [{**middle, "id": 0}, {**middle, "x": middle["x"] + 50, "id": 1}]
    room.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=apart)
    apart[1]["x"] += 50
    room.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=apart)
    room.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert room.run("view.near") == pytest.approx(2) and room.console == []


@pytest.mark.slow
def test_points_are_drawn_where_they_are(browser, tmp_path: Path) -> None:
    """Three points, turned about the median depth on the axis, by the pinhole camera in NumPy."""
    places = {(20, 30): 2.0, (60, 64): 3.0, (70, 100): 6.0}
    depth, image = np.zeros(SIZE), np.zeros((*SIZE, 3), np.uint8)
    for number, ((row, column), far) in enumerate(places.items()):
        depth[row, column], image[row, column, number] = far, 255
    page = tmp_path / "points.html"
    page.write_text(html(image, depth, K, kept=depth > 0), encoding="utf-8")
    browser.open(page)
    yaw, pitch = 0.4, -0.2
    browser.run(f"look({yaw}, {pitch})")
    picture = shown(browser)
    height, width = picture.shape[:2]
    enlarged = min(width / SIZE[1], height / SIZE[0])
    turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    for number, ((row, column), far) in enumerate(places.items()):
        point = far * (np.linalg.inv(K) @ [column, row, 1]) - [0, 0, 3]
        x, y, z = turn_x @ turn_y @ point + [0, 0, 3]
        u, v = 100 * x / z, 110 * y / z  # from the axis, which is in the middle of this image
        rows, columns = np.nonzero(picture[..., number] > 200)
        assert len(rows) and abs(columns.mean() + 0.5 - (width / 2 + enlarged * u)) < 1.01
        assert abs(rows.mean() + 0.5 - (height / 2 + enlarged * v)) < 1.01


@pytest.mark.slow
def test_a_page_inside_of_another_keeps_to_itself(browser, tmp_path: Path) -> None:
    page = html(colours(), np.ones(SIZE), K, title=EVIL)
    (tmp_path / "notebook.html").write_text(frame(page) + frame(page), encoding="utf-8")
    browser.open(tmp_path / "notebook.html")
    shown_twice = browser.run("[...document.querySelectorAll('iframe')].map((one) => one.srcdoc.length)")
    assert shown_twice == [len(page)] * 2 and browser.run("window.injected") is None and browser.console == []
