"""Real samples: where they lie, and the marks of tests that need them."""

from __future__ import annotations

import pytest

from depthlib.base.paths import samples_dir

SAMPLES = samples_dir()
needs_samples = pytest.mark.skipif(SAMPLES is None, reason="DEPTHLIB_SAMPLES names no folder of real frames")
real = pytest.mark.skipif(SAMPLES is None, reason="DEPTHLIB_SAMPLES names no folder of real samples")
