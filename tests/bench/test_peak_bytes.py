"""Peak memory, counted by hand."""

from __future__ import annotations

import torch

from depthlib.bench import PeakBytes


def test_peak_bytes_by_hand() -> None:
    with PeakBytes() as counter:
        a = torch.ones(100)  # 400 bytes
        b = a.view(10, 10) + 1  # 400 more; the view is free
        del a
        c = torch.cat([b, b])  # 800; 1200 alive
        del b, c
        torch.ones(10)
    assert counter.peak == 1200
