"""Errors of a depth map against the true one: pure functions, one number per image, [B].

Every function takes `pred` and `target`, [B,1,H,W] in metres, and `valid`, bool [B,1,H,W]; without a mask the pixels
with target > 0 count. Masked values have no influence. Crops, caps, scaling and clamping belong to the protocols. All
of them raise

* TypeError: an argument that is not a floating tensor, or a mask that is not bool;
* ValueError: shapes that are not [B,1,H,W] or differ; an image without a valid pixel (named by its index); a value that
  is not finite, a target that is not positive, or, where a logarithm or a ratio needs it, a prediction that is not.

Definitions: Eigen et al. 2014, Sec. 4; the KITTI and Mobile AI 2021 benchmarks; ANUW Eqs. 11 to 13 with errata A10 to
A12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from depthlib.metrics.ssim import WINDOW, ssim, whole_windows


def abs_rel(
    pred: Tensor, target: Tensor, valid: Tensor | None = None, *,
    denominator: Literal["target", "prediction"] = "target",
) -> Tensor:
    """Mean |pred - target| / target. Eq. 11 of ANUW divides by the prediction: `denominator="prediction"` (A11)."""
    if denominator not in ("target", "prediction"):
        raise ValueError(f'denominator: found {denominator!r}, expected "target" or "prediction"')
    pred, target, valid = _checked(pred, target, valid, positive=denominator == "prediction")
    return _mean((pred - target).abs() / (target if denominator == "target" else pred), valid)


def sq_rel(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean (pred - target)^2 / target, metres. (The KITTI server's sqErrorRel divides by target^2 instead.)"""
    pred, target, valid = _checked(pred, target, valid)
    return _mean((pred - target) ** 2 / target, valid)


def rmse(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Root mean square error, metres."""
    pred, target, valid = _checked(pred, target, valid)
    return _mean((pred - target) ** 2, valid).sqrt()


def rmse_log(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Root mean square difference of natural logarithms."""
    pred, target, valid = _checked(pred, target, valid, positive=True)
    return _mean((pred.log() - target.log()) ** 2, valid).sqrt()


def log10(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean absolute difference of decimal logarithms."""
    pred, target, valid = _checked(pred, target, valid, positive=True)
    return _mean((pred.log10() - target.log10()).abs(), valid)


def si_rmse(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Scale-invariant error: standard deviation of d = ln pred - ln target, sqrt(mean d^2 - (mean d)^2).

    Eq. 13 of ANUW with logarithms (A12), the official measure of the challenge. The form of the Mannequin Challenge, a
    mean over ordered pairs of pixels, is sqrt(2) times this.
    """
    pred, target, valid = _checked(pred, target, valid, positive=True)
    return _deviation(pred.log() - target.log(), valid)


def si_log(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """SILog of the KITTI server, with its root: 100 times `si_rmse`."""
    return 100 * si_rmse(pred, target, valid)


def si_rmse_linear(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Eq. 13 of ANUW as printed (A12): standard deviation of pred - target, metres; invariant to shift, not scale."""
    pred, target, valid = _checked(pred, target, valid)
    return _deviation(pred - target, valid)


def delta(pred: Tensor, target: Tensor, valid: Tensor | None = None, threshold: float = 1.25) -> Tensor:
    """Share of pixels with max(pred / target, target / pred) < threshold, in [0, 1]."""
    if not threshold > 1:
        raise ValueError(f"threshold: found {threshold}, expected a ratio above 1")
    pred, target, valid = _checked(pred, target, valid, positive=True)
    return _mean((torch.maximum(pred / target, target / pred) < threshold).to(pred.dtype), valid)


def delta1(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of pixels within a factor of 1.25."""
    return delta(pred, target, valid, 1.25)


def delta2(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of pixels within a factor of 1.25^2."""
    return delta(pred, target, valid, 1.25**2)


def delta3(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of pixels within a factor of 1.25^3."""
    return delta(pred, target, valid, 1.25**3)


PIXEL_METRICS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (abs_rel, sq_rel, rmse, rmse_log, log10, si_log, si_rmse, si_rmse_linear, delta1, delta2, delta3)
}
METRIC_NAMES: tuple[str, ...] = (*PIXEL_METRICS, "ssim")


def depth_errors(
    pred: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    names: Sequence[str] = tuple(PIXEL_METRICS),
    *,
    data_range: float | None = None,
) -> dict[str, Tensor]:
    """Several errors at once, {name: [B]}, in the order of `names`.

    Args:
        pred, target, valid: see the top of this file.
        names: any of `METRIC_NAMES`; by default all but "ssim".
        data_range: metres, needed by "ssim": the largest depth of the protocol.

    Raises:
        TypeError, ValueError: see the top of this file; an unknown name; "ssim" without `data_range`, or for an image
            without a window of valid pixels (see `measurable`).
    """
    check_names(names, data_range)
    # Without a mask `ssim` would count pixels of unknown depth; the checks are those of the other metrics.
    if "ssim" in names:
        pred, target, valid = _checked(pred, target, valid)
    return {
        name: ssim(pred, target, valid, data_range=data_range)
        if name == "ssim" else PIXEL_METRICS[name](pred, target, valid) for name in names
    }


def measurable(name: str, valid: Tensor) -> Tensor:
    """Images on which a metric is defined, bool [B]: those with a valid pixel, for "ssim" with a valid window."""
    check_names((name,), 1.0)
    if name == "ssim":
        if min(valid.shape[-2:]) < WINDOW:
            return torch.zeros_like(valid[:, 0, 0, 0])
        valid = whole_windows(valid)
    return valid.flatten(1).any(1)


def check_names(names: Sequence[str], data_range: float | None) -> None:
    """Raise ValueError for an unknown or repeated name, for no name, or for "ssim" without a range."""
    if isinstance(names, str):
        raise TypeError(f"names: found the string {names!r}, expected a sequence of names")
    unknown = [name for name in names if name not in METRIC_NAMES]
    if unknown or not names or len(set(names)) != len(names):
        raise ValueError(f"names: found {list(names)}, expected distinct names out of {list(METRIC_NAMES)}")
    if "ssim" in names and data_range is None:
        raise ValueError('data_range: found None, expected metres, since names holds "ssim"')


def check_inputs(pred: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    """Raise unless types and shapes fit each other (see the top of this file); return the mask, target > 0 if None."""
    for name, value in (("pred", pred), ("target", target)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            found = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"{name}: found {found}, expected a floating tensor [B,1,H,W], metres")
        if value.ndim != 4 or value.shape[1] != 1:
            raise ValueError(f"{name}: found shape {list(value.shape)}, expected [B,1,H,W]")
    valid = target > 0 if valid is None else valid
    if not isinstance(valid, Tensor) or valid.dtype != torch.bool:
        raise TypeError(
            f"valid: found {getattr(valid, 'dtype', type(valid).__name__)}, expected a bool tensor [B,1,H,W]"
        )
    for name, value in (("target", target), ("valid", valid)):
        if value.shape != pred.shape:
            raise ValueError(f"{name}: found shape {list(value.shape)}, expected that of pred, {list(pred.shape)}")
    return valid


def _checked(
    pred: Tensor, target: Tensor, valid: Tensor | None, positive: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """The checked arguments, at least float32, with 1 in every invalid pixel so that no NaN can arise there."""
    valid = check_inputs(pred, target, valid)
    empty = ~valid.flatten(1).any(1)
    if bool(empty.any()):
        raise ValueError(
            f"valid: found no valid pixel in image(s) {empty.nonzero().flatten().tolist()}, expected at least one"
        )
    dtype = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
    pred, target = pred.to(dtype).masked_fill(~valid, 1), target.to(dtype).masked_fill(~valid, 1)
    _require_values("pred", pred, positive)
    _require_values("target", target, positive=True)
    return pred, target, valid


def _require_values(name: str, depth: Tensor, positive: bool) -> None:
    good = depth.isfinite() & (depth > 0) if positive else depth.isfinite()
    if not bool(good.all()):
        image = int((~good).flatten(1).any(1).nonzero()[0])
        value = depth[image][~good[image]][0].item()
        wanted = "finite values above 0 (clamp them as the protocol does)" if positive else "finite values"
        raise ValueError(f"{name}: found {value} at a valid pixel of image {image}, expected {wanted}")


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3))


def _deviation(values: Tensor, valid: Tensor) -> Tensor:
    """Population standard deviation; about the mean, since mean d^2 - (mean d)^2 cancels and can turn negative."""
    centre = _mean(values, valid).view(-1, 1, 1, 1)
    return _mean((values - centre) ** 2, valid).sqrt()
