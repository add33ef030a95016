"""Times of exported files by size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from depthlib.bench import latency
from depthlib.models.export import write


@pytest.mark.slow
def test_a_table_by_size(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Sixteen times the pixels take longer; each file has a row at each size."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 32, 7, padding=3), nn.Conv2d(32, 1, 7, padding=3))
    for name in ("a", "b"):
        write(model, tmp_path / f"{name}.onnx", (32, 32), multiple=16)
    files = [str(tmp_path / f"{name}.onnx") for name in ("a", "b")]
    rows = latency.time_sizes(files, [(32, 48), (128, 192)], runs=9, warm_up=1)
    assert [(row.file, row.size) for row in rows] == [(file, size) for size in ((32, 48), (128, 192)) for file in files]
    assert all(0 < row.low <= row.median <= row.high and row.processor > 0 for row in rows)
    assert rows[2].processor > 4 * rows[0].processor
    latency.main([*files, "--sizes", "32x48", "--runs", "1", "--warm-up", "0"])
    said = capsys.readouterr().out
    assert said.count("32 x 48") == 2 and "b.onnx" in said
    with pytest.raises(ValueError, match="found 0, 1 and 5"):
        latency.time_sizes(files, [(32, 48)], runs=0)
