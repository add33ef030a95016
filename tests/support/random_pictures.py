"""Random pictures of 8 and 16 bits."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (11, 14, 3), dtype=np.uint8)  # odd sizes: a swapped axis shows
DEEP = RNG.integers(0, 65536, (11, 14, 4), dtype=np.uint16)
