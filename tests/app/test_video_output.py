"""Pages of a predicted video, and the file or folder they are written to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from depthlib.app.video_output import Sheet, write_film
from depthlib.models.meaning import METRES

SIZE = (48, 130)


def pages(count: int) -> tuple[Sheet, list[np.ndarray]]:
    """Grey frames that become lighter, beside a depth that becomes larger."""
    sheet = Sheet(SIZE, (1.0, 5.0), METRES)
    given = [(index / 10, 1 + 4 * index / (count - 1)) for index in range(count)]
    return sheet, [sheet(torch.full((3, *sheet.size), grey), torch.full((1, 12, 16), depth)) for grey, depth in given]


def test_a_page_has_the_frame_left_its_depth_right_and_one_scale() -> None:
    sheet, (first, *_, last) = pages(5)
    assert sheet.size == SIZE and first.shape[1] == 260 and first.shape[0] > 48 + 20
    assert (first[:48, :130] == 0).all() and (last[:48, :130] == round(255 * 0.4)).all()
    for page, place in ((first, 0.0), (last, 1.0)):
        colour = np.rint(255 * np.array(colormaps["viridis"](place)[:3]))
        assert np.abs(page[:48, 130:].astype(float) - colour).max() <= 1
    assert np.array_equal(first[48:], last[48:])  # the scale belongs to the whole video
    beyond = sheet(torch.zeros(3, *SIZE), torch.full((1, 2, 2), 99.0))
    assert np.array_equal(beyond[:48, 130:], last[:48, 130:])


@pytest.mark.parametrize(
    ("size", "shown"),
    [((48, 64), (96, 128)), ((2160, 3840), (720, 1280)), ((1921, 1081), (720, 406)), ((719, 1279), (720, 1280))],
)
def test_frames_are_shown_at_a_size_that_codecs_take(size: tuple[int, int], shown: tuple[int, int]) -> None:
    sheet = Sheet(size, (1.0, 2.0), METRES)
    assert sheet.size == shown
    page = sheet(torch.zeros(3, *shown), torch.ones(1, 4, 4))
    assert page.shape[0] % 2 == page.shape[1] % 2 == 0


def test_a_film_holds_all_pages_at_its_rate(tmp_path: Path) -> None:
    import cv2

    _, given = pages(6)
    path = write_film(tmp_path / "new" / "walk.b_depth", iter(given), 7.5, str)
    assert path == tmp_path / "new" / "walk.b_depth.mp4" and [path] == list(path.parent.iterdir())
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 7.5
    for page in given:
        whole, pixels = capture.read()
        assert whole and np.abs(pixels[..., ::-1].astype(float) - page).mean() < 5
    assert not capture.read()[0]


@pytest.mark.parametrize("lacking", ["package", "encoder"])
def test_without_an_encoder_the_pages_are_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    if lacking == "package":
        monkeypatch.setitem(sys.modules, "cv2", None)
    else:
        monkeypatch.setattr("cv2.videoio_registry.hasBackend", lambda _: False)
    _, given = pages(3)
    folder = write_film(tmp_path / "walk_depth", iter(given), 7.5, lambda index: f"f{index}")
    assert sorted(path.name for path in folder.iterdir()) == ["f0.png", "f1.png", "f2.png"]
    with Image.open(folder / "f2.png") as picture:
        assert np.array_equal(np.asarray(picture), given[2])


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def broken():
        yield pages(2)[1][0]
        raise ValueError("frame 1")

    with pytest.raises(ValueError, match="frame 1"):
        write_film(tmp_path / "new" / "a_depth", broken(), 10, str)
    assert not list(tmp_path.iterdir())
