"""PFM files: rows from below, both byte orders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from depthlib.data.errors import DataError
from depthlib.data.pfm import read_pfm, write_pfm


def test_pfm_rows_and_byte_orders(tmp_path: Path) -> None:
    """The first stored row is the lowest; a negative scale means little-endian."""
    values = torch.tensor([[1.0, 2], [3, torch.inf]])
    write_pfm(tmp_path / "a.pfm", values)
    data = (tmp_path / "a.pfm").read_bytes()
    assert np.frombuffer(data[-16:-8], "<f4").tolist() == [3, np.inf]
    big = b"Pf \n2 2 \n1.0\n" + np.array([3, np.inf, 1, 2], dtype=">f4").tobytes()
    (tmp_path / "b.pfm").write_bytes(big)
    assert torch.equal(read_pfm(tmp_path / "a.pfm"), values) and torch.equal(read_pfm(tmp_path / "b.pfm"), values)
    for wrong, message in (
        (data[:-2], "cut off"),
        (b"PF" + data[2:] + bytes(32), "three channels"),
        (b"P5\n2 2\n255\n", "expected a PFM"),
    ):
        (tmp_path / "c.pfm").write_bytes(wrong)
        with pytest.raises(DataError, match=message):
            read_pfm(tmp_path / "c.pfm")
