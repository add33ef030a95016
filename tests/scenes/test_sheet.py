"""The contact sheet of scenes."""

from __future__ import annotations

import pytest
from PIL import Image

from depthlib.scenes import sheet

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("triplet", [False, True])
def test_contact_sheet(triplet, tmp_path):
    out = tmp_path / "sheet.png"
    options = ["--family", "streets", "--wild", "--count", "2", "--columns", "2", "--out", str(out)]
    for knob in ("height=8", "width=16", "antialias=1", "pitch=(-5, 5)"):
        options += ["--knob", knob]
    assert sheet.main(options + ["--triplet"] * triplet) == 0
    assert Image.open(out).size == (2 * 16 * (7 if triplet else 2), 8)
