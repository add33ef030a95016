"""Every metric as an error: itself where lower is better, 1 minus it where higher is better."""

from __future__ import annotations

from typing import Any

from depthlib.metrics.benchmark import HIGHER_IS_BETTER


def as_error(metric: str, value: Any) -> Any:
    """A number, or an array of them, of `metric` as an error."""
    return 1 - value if metric in HIGHER_IS_BETTER else value


def relative_effect(metric: str, better: float, rival: float) -> float | None:
    """How much lower the error of `better` is, as a share of the rival's; None where the rival has none."""
    own, other = as_error(metric, better), as_error(metric, rival)
    return (other - own) / other if other > 0 else None
