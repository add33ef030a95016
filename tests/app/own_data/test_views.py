"""Frames of a video and stereo pairs as items."""

import numpy as np
import pytest
import torch
from own_folders import scenes, stereo, video
from PIL import Image

from depthlib.app.own_data.views import stereo as open_stereo
from depthlib.app.own_data.views import video as open_video
from depthlib.app.photo_camera import Lens
from depthlib.data.errors import DataError
from depthlib.geometry.sources import project_into_sources, sample_sources

FRAME = (48, 64)


def frames(folder, count, size=(48, 64)):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(np.full((*size, 3), 10 * number, np.uint8)).save(folder / f"f{number}.png")


@pytest.mark.parametrize("spacing", [1, 3])
def test_neighbours_are_so_many_frames_away(tmp_path, spacing):
    frames(tmp_path / "frames", 12)
    form = open_video(tmp_path, spacing, Lens(view=60.0))
    assert len(form.names) == 12 - 2 * spacing and form.names[-1] == f"f{11 - spacing}"
    for number in range(len(form.names)):
        item = form.read(number, FRAME)
        middle = number + spacing
        for view, at in (("previous", middle - spacing), ("image", middle), ("next", middle + spacing)):
            torch.testing.assert_close(item[view], torch.full((3, *FRAME), 10 * at / 255))
    assert item["K"][0, 0] == pytest.approx(32 / np.tan(np.pi / 6), rel=1e-6)


def test_sequences_do_not_mix_and_short_ones_give_nothing(tmp_path):
    frames(tmp_path / "a", 4)
    frames(tmp_path / "b", 3)
    frames(tmp_path / "c", 2)
    form = open_video(tmp_path, 1, Lens())
    assert form.names == ["a/f1", "a/f2", "b/f1"] and "2 sequences" in form.words and "a guess" in form.notes[0]
    assert not form.known


@pytest.mark.slow
def test_a_stereo_pair_is_explained_by_its_depth(tmp_path):
    """The right picture, seen through the true depth with baseline times focal length, is the left one."""
    items = list(scenes(2, family="streets", views=("current", "right")))
    product = stereo(tmp_path, items)
    form = open_stereo(tmp_path, product, Lens())  # with a guessed focal length: only the product counts
    found = form.read(1, FRAME)
    depth = torch.where(items[1]["valid"], items[1]["depth"], 1e3)[None]
    pixels = project_into_sources(depth, found["K"][None], found["T_right_current"][None, None])
    seen = sample_sources(found["right"][None, None], pixels)[0, 0]
    apart = (found["image"] - found["right"]).abs().mean()
    assert (found["image"] - seen).abs().mean() < 0.4 * apart


def test_one_picture_is_no_video(tmp_path):
    frames(tmp_path, 1)
    with pytest.raises(DataError, match="found 1 frame, expected at least 3 of a video"):
        open_video(tmp_path, 1, Lens())


def test_frames_of_another_size_are_named(tmp_path):
    frames(tmp_path, 4)
    Image.new("RGB", (32, 32)).save(tmp_path / "f2.png")
    with pytest.raises(DataError, match="f2.png: found 32 x 32 pixels, expected 64 x 48"):
        open_video(tmp_path, 1, Lens()).read(0, FRAME)


def test_a_pair_without_its_half_is_named(tmp_path):
    frames(tmp_path / "left", 3)
    frames(tmp_path / "right", 2)
    with pytest.raises(DataError, match=r"right: found no picture named f2 \(1 of 3 are missing\)"):
        open_stereo(tmp_path, None, Lens())
    with pytest.raises(DataError, match="baseline-focal: found -1"):
        (tmp_path / "left/f2.png").unlink()
        open_stereo(tmp_path, -1.0, Lens())


@pytest.mark.slow
def test_a_folder_a_sequence_from_the_scenes(tmp_path):
    items = list(scenes(2, views=("current", "previous", "next")))
    form = open_video(video(tmp_path, items), 1, Lens())
    assert form.names == ["scene00/1", "scene01/1"] and form.known
    torch.testing.assert_close(form.read(1, FRAME)["K"], items[1]["K"])
    torch.testing.assert_close(form.read(1, FRAME)["next"], items[1]["next"], atol=3e-3, rtol=0)
