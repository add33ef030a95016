"""Pictures: stable bytes and white paper."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from small_maps import RAMP, RGB

from depthlib.report import Map, panels
from depthlib.report.png import figure_image, png, with_palette


@pytest.mark.slow
def test_pictures_have_stable_bytes_and_white_paper():
    first, second = (png(figure_image(panels([[RGB, Map(RAMP)]], ["a", "b"]))) for _ in range(2))
    assert first == second and b"Software" not in first
    picture = Image.open(io.BytesIO(first))
    small = with_palette(picture).convert("RGB")
    assert small.getpixel((0, 0)) == (255, 255, 255)
    assert np.abs(np.asarray(small, float) - np.asarray(picture.convert("RGB"), float)).mean() < 6
