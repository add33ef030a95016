"""A submission is read as it was written, and checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.data.errors import DataError
from depthlib.data.kitti import check_submission, read_submission, write_submission


def test_submission_round_trip_and_checks(tmp_path: Path) -> None:
    depth = torch.linspace(2, 80, 12 * 16).reshape(1, 12, 16)
    depth[0, 0, 0] = 0
    for index in range(2):
        write_submission(tmp_path, index, depth)
    loaded, known = read_submission(tmp_path / "0000000001.png", (12, 16))
    assert float((loaded - depth).abs().max()) <= 0.5 / 256 + 1e-6 and int((~known).sum()) == 1
    report = check_submission(tmp_path, count=2, size=(12, 16))
    assert report.files == 2 and report.holes == pytest.approx(1 / 192) and report.farthest == 80
    with pytest.raises(DataError, match="found 2 of 3 predictions, 0000000002.png"):
        check_submission(tmp_path, count=3, size=(12, 16))
    with pytest.raises(DataError, match="expected 1216 x 352"):
        check_submission(tmp_path, count=2)
    Image.fromarray(np.full((12, 16), 200, np.uint8)).save(tmp_path / "0000000001.png")
    with pytest.raises(DataError, match="found a PNG of 8 bits.*expected 16 bits"):
        check_submission(tmp_path, count=2, size=(12, 16))
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"found notes\.txt"):
        check_submission(tmp_path, count=2, size=(12, 16))
