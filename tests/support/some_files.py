"""Bytes to store, and what lies below a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

BYTES = np.random.default_rng(3).bytes(700_001)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
