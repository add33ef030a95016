"""The frame: what a picture, its labels and its camera become in it."""

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.app.own_data.frame import (
    covering,
    frame_of,
    framed_camera,
    framed_map,
    framed_photo,
    natural,
    picture_size,
    pictures,
)
from depthlib.geometry import project


def test_frames_of_a_video_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("f10.png", "f9.png", "f1.png", ".f2.png", "f3.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in pictures(tmp_path)] == ["f1.png", "f9.png", "f10.png"]
    assert sorted(["b2", "a10", "a9b", "a9"], key=natural) == ["a9", "a9b", "a10", "b2"]


def test_the_most_frequent_format_decides_the_frame():
    assert frame_of([(300, 400), (300, 400), (400, 300)], (96, 128), 16) == (96, 128)
    assert frame_of([(400, 300), (300, 400), (400, 300)], (96, 128), 16) == (128, 96)


def test_a_turned_photograph_has_the_size_that_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert picture_size(tmp_path / "a.jpg") == (40, 20)
    image, full = framed_photo(tmp_path / "a.jpg", (32, 16))
    assert full == (40, 20) and image.shape == (3, 32, 16)


@pytest.mark.parametrize("full", [(60, 100), (100, 60), (96, 128), (480, 500)])
def test_labels_and_camera_stay_with_the_picture(tmp_path, full):
    """A mark at a known point of the world is where the camera of the frame projects it, in picture and labels."""
    frame, point = (48, 64), torch.tensor([0.11, -0.07, 2.0])
    K = torch.tensor([[90.0, 0, full[1] / 2 - 0.5], [0, 90.0, full[0] / 2 - 0.5], [0, 0, 1]])
    v, u = torch.meshgrid(torch.arange(full[0]), torch.arange(full[1]), indexing="ij")
    where, _ = project(point.view(1, 3, 1), K[None])
    distance = ((u - where[0, 0]) ** 2 + (v - where[0, 1]) ** 2).sqrt()
    blob = torch.exp(-((distance / 6) ** 2))
    Image.fromarray((blob * 255).byte().numpy()).save(tmp_path / "a.png")
    image, _ = framed_photo(tmp_path / "a.png", frame)
    labels = framed_map(blob[None], frame)
    expected, _ = project(point.view(1, 3, 1), framed_camera(K, full, frame)[None])
    for seen, tolerance in ((image[0], 0.3), (labels[0], 1.0)):
        weight = seen.double().numpy() ** 2
        rows, columns = np.indices(frame)
        centre = ((columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum())
        assert centre == pytest.approx(expected[0, :, 0].tolist(), abs=tolerance)
    assert all(side >= wanted for side, wanted in zip(covering(full, frame), frame, strict=True))
