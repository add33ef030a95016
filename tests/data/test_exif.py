"""The focal length in EXIF data, in every kind of file that holds it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from depthlib.data.exif import equivalent_focal_length


def save(path, length=None):
    written, exif = Image.Exif(), Image.Exif()
    written[0x010F] = "a maker"
    if length is not None:
        written[0x8769] = {0xA405: length}
    exif.load(written.tobytes())  # TIFF files take over blocks of data that were read only
    Image.fromarray(np.zeros((12, 16, 3), np.uint8)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_it_is_read(tmp_path, ending) -> None:
    assert equivalent_focal_length(save(tmp_path / f"a.{ending}", 26)) == 26


def test_none_where_there_is_none(tmp_path) -> None:
    assert equivalent_focal_length(save(tmp_path / "a.jpg")) is None
    assert equivalent_focal_length(save(tmp_path / "zero.jpg", 0)) is None  # EXIF 2.3: 0 means unknown
    data = save(tmp_path / "b.jpg", 26).read_bytes()
    start = data.index(b"Exif\0\0")
    (tmp_path / "damaged.jpg").write_bytes(data[: start + 10] + b"\xff" * 8 + data[start + 18 :])
    assert equivalent_focal_length(tmp_path / "damaged.jpg") is None
    (tmp_path / "text.jpg").write_text("none")
    for name in ("text.jpg", "absent.jpg", "."):
        assert equivalent_focal_length(tmp_path / name) is None
