"""Comparison of two records of one run."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from depthlib.runs.store import RunRecord


@dataclass(frozen=True)
class RecordDifference:
    """Differences between two records of one run.

    Attributes:
        same_bits: all measured values are equal. same_machine: device, threads and torch version are equal, so they
            should be.
        first_losses: largest relative difference of the first five losses.
        metrics: largest difference of a mean metric, relative, or 12.5 times the absolute one where that is less (0.02
            -> 0.25).
    """

    same_bits: bool
    same_machine: bool
    first_losses: float
    metrics: float

    @property
    def agrees(self) -> bool:
        return self.same_bits or (not self.same_machine and self.first_losses <= 1e-2 and self.metrics <= 0.25)


def compare_records(a: RunRecord, b: RunRecord) -> RecordDifference:
    """Compare the measured values of two records of the same run."""

    def relative(x: float, y: float) -> float:
        return abs(x - y) / max(abs(x), abs(y), 1e-12)

    first = [record.result["curve"].get("loss", [])[:5] for record in (a, b)]
    losses = [relative(x, y) for x, y in zip(*first, strict=True)]
    pairs = [(a.means(test)[name], b.means(test)[name]) for test in a.result["tests"] for name in a.means(test)]
    metrics = [min(relative(x, y), 12.5 * abs(x - y)) for x, y in pairs]
    same = _measured(a) == _measured(b)
    machine = all(a.provenance.get(key) == b.provenance.get(key) for key in ("device", "threads", "torch"))
    # NaN stays NaN
    return RecordDifference(same, machine, float(np.max(losses, initial=0.0)), float(np.max(metrics, initial=0.0)))


def _measured(record: RunRecord) -> str:
    """All of a result but what only says how it is stored."""
    tests = {name: {k: v for k, v in test.items() if k != "tensors"} for name, test in record.result["tests"].items()}
    return json.dumps({k: v for k, v in record.result.items() if k != "format"} | {"tests": tests}, sort_keys=True)
