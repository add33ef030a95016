"""Pictures fit the limit."""

from __future__ import annotations

import numpy as np
from PIL import Image

from depthlib.site.pictures import embed, read_picture


def test_pictures_fit_the_limit(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    plenty, tight = embed({"n": noise}, 10**7)["n"], embed({"n": noise}, 30_000)["n"]
    assert len(tight.uri) < len(plenty.uri) and (plenty.width, plenty.height) == (200, 133)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
