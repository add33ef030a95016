"""Means of per-image errors over a data set, as a torchmetrics class whose merging across processes is exact.

Every image has the same weight, whatever the batch sizes or the number of processes: the states are the sum of the
per-image values and the number of images, both summed over processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from depthlib.metrics.depth import PIXEL_METRICS, check_inputs, check_names, depth_errors, measurable


class DepthMetrics(Metric):
    """Mean over images of the named errors, {name: scalar}.

    Args:
        names: any of `METRIC_NAMES`; by default all but "ssim".
        data_range: metres, needed by "ssim".
        on_empty: for an image on which a metric is not defined (no valid pixel, or for "ssim" no window of them),
            "raise" a ValueError, or "skip" it for that metric and count it in `skipped`.
        kwargs: those of `torchmetrics.Metric`.

    Raises:
        ValueError: an unknown name or option; from `update`, those of `depth_errors`; from `compute`, a metric without
            any image, so a mean is never NaN.
    """

    full_state_update = False
    is_differentiable = False

    sum: Tensor
    count: Tensor
    skipped: Tensor

    def __init__(
        self,
        names: Sequence[str] = tuple(PIXEL_METRICS),
        *,
        data_range: float | None = None,
        on_empty: Literal["raise", "skip"] = "raise",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_names(names, data_range)
        if on_empty not in ("raise", "skip"):
            raise ValueError(f'on_empty: found {on_empty!r}, expected "raise" or "skip"')
        self.names = tuple(names)
        self.data_range = data_range
        self.on_empty = on_empty
        self.add_state("sum", torch.zeros(len(self.names)), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(len(self.names), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("skipped", torch.zeros(len(self.names), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, pred: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Add a batch: `pred`, `target` [B,1,H,W] in metres, `valid` bool [B,1,H,W] (None: target > 0)."""
        if self.on_empty == "raise":
            found = depth_errors(pred, target, valid, self.names, data_range=self.data_range)
        else:
            valid, found = check_inputs(pred, target, valid), {}
            for name in self.names:
                p, t, v = (x[measurable(name, valid)] for x in (pred, target, valid))
                found |= depth_errors(p, t, v, (name,), data_range=self.data_range)
        counts = torch.tensor([len(found[name]) for name in self.names], device=self.count.device)
        self.sum = self.sum + torch.stack([found[name].sum() for name in self.names]).to(self.sum)
        self.count = self.count + counts
        self.skipped = self.skipped + (len(pred) - counts)

    def compute(self) -> dict[str, Tensor]:
        """{name: mean over the images on which it is defined}."""
        empty = [name for name, count in zip(self.names, self.count.tolist(), strict=True) if count == 0]
        if empty:
            raise ValueError(f"{', '.join(empty)}: found no image to average, expected at least one with valid pixels")
        return dict(zip(self.names, self.sum / self.count, strict=True))
