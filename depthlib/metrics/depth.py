"""Errors of a depth map against the true one: pure functions, one number per image, [B].

Errors are computed on the valid pixels of each image alone, so that sparse LiDAR costs what it has, and errors that are
asked for together share their differences, logarithms and ratios.

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

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from depthlib.metrics.ssim import WINDOW, ssim, whole_windows

Values = Tensor | np.ndarray  # what is computed from them is `Any`: the operators of the two have no common type


def arrays(*tensors: Tensor) -> tuple[Values, ...]:
    """As NumPy's arrays where NumPy can: less work around each call than torch has, and faster comparisons.

    As they are if one is not on a CPU, wants a gradient or is bfloat16.
    """
    plain = all(x.is_cpu and not x.requires_grad and x.dtype != torch.bfloat16 for x in tensors)
    return tuple(x.numpy() for x in tensors) if plain else tensors


class Pixels:
    """The valid pixels of one image, [N] and at least float32, and what several errors share, computed once.

    `array` is the module of their functions, NumPy or torch (see `arrays`); `image` the number that errors name. Raises
    ValueError for a value that is not finite, or a target that is not positive.
    """

    array: ModuleType
    count: int | Tensor

    def __init__(self, pred: Values, target: Values, image: int = 0) -> None:
        self.pred, self.target, self.image = pred, target, image
        if isinstance(pred, np.ndarray):
            self.array, self.count = np, len(pred)
        else:
            self.array, self.count = torch, pred.new_full((), len(pred))
        self.lowest = self._lowest("pred", pred, -math.inf, "finite values")
        self._lowest("target", target, 0.0, "finite values above 0")

    def _lowest(self, name: str, depth: Values, limit: float, wanted: str) -> float:
        low, high = depth.min().item(), depth.max().item()  # NaN if there is one
        if not limit < low <= high < math.inf:
            bad = depth[~(self.array.isfinite(depth) & (depth > limit))][0].item()
            raise ValueError(f"{name}: found {bad} at a valid pixel of image {self.image}, expected {wanted}")
        return low

    @property
    def positive(self) -> Values:
        """pred, for what is not defined elsewhere. Raises ValueError where it is not positive."""
        if not self.lowest > 0:
            raise ValueError(
                f"pred: found {self.lowest} at a valid pixel of image {self.image}, expected finite values above 0 "
                "(clamp them as the protocol does)"
            )
        return self.pred

    @cached_property
    def difference(self) -> Any:
        """pred - target."""
        return self.pred - self.target

    @cached_property
    def relative(self) -> Any:
        """(pred - target) / target."""
        return self.difference / self.target

    @cached_property
    def quotient(self) -> Any:
        """pred / target. Raises as `positive`."""
        return self.positive / self.target

    @cached_property
    def log_difference(self) -> Any:
        """ln pred - ln target. Raises as `positive`."""
        return self.array.log(self.quotient)

    @cached_property
    def log_spread(self) -> Any:
        """Squared deviation of `log_difference` from its mean."""
        return spread(self.log_difference)

    @cached_property
    def ratio(self) -> Any:
        """max(pred / target, target / pred). Raises as `positive`."""
        return self.array.maximum(self.quotient, 1 / self.quotient)

    def within(self, threshold: float) -> Any:
        """How many pixels have a `ratio` below a threshold."""
        return self.array.count_nonzero(self.ratio < threshold)


def spread(values: Values) -> Any:
    """Squared deviation from the mean."""
    return (values - values.mean()) ** 2


class Formula(NamedTuple):
    """An error of one image: a total over its pixels, and what is made of the mean."""

    total: Callable[[Pixels], Any]
    finish: Callable[[Any], Any] = lambda mean: mean


def root(mean: Any) -> Any:
    return mean**0.5


def share_within(threshold: float) -> Formula:
    """The share of pixels with a `Pixels.ratio` below a threshold."""
    return Formula(lambda x: x.within(threshold))


LN10 = math.log(10)
FORMULAS: dict[str, Formula] = {
    "abs_rel": Formula(lambda x: abs(x.relative).sum()),
    "sq_rel": Formula(lambda x: (x.difference * x.relative).sum()),
    "rmse": Formula(lambda x: (x.difference**2).sum(), root),
    "rmse_log": Formula(lambda x: (x.log_difference**2).sum(), root),
    "log10": Formula(lambda x: abs(x.log_difference).sum(), lambda mean: mean / LN10),
    "si_log": Formula(lambda x: x.log_spread.sum(), lambda mean: 100 * root(mean)),
    "si_rmse": Formula(lambda x: x.log_spread.sum(), root),
    "si_rmse_linear": Formula(lambda x: spread(x.difference).sum(), root),
    **{f"delta{n}": share_within(1.25**n) for n in (1, 2, 3)},
}


def abs_rel(
    pred: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    *,
    denominator: Literal["target", "prediction"] = "target",
) -> Tensor:
    """Mean |pred - target| / target. Eq. 11 of ANUW divides by the prediction: `denominator="prediction"` (A11)."""
    if denominator not in ("target", "prediction"):
        raise ValueError(f'denominator: found {denominator!r}, expected "target" or "prediction"')
    by_prediction = Formula(lambda x: (abs(x.difference) / x.positive).sum())
    return _one(FORMULAS["abs_rel"] if denominator == "target" else by_prediction, pred, target, valid)


def sq_rel(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean (pred - target)^2 / target, metres. (The KITTI server's sqErrorRel divides by target^2 instead.)"""
    return _one(FORMULAS["sq_rel"], pred, target, valid)


def rmse(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Root mean square error, metres."""
    return _one(FORMULAS["rmse"], pred, target, valid)


def rmse_log(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Root mean square difference of natural logarithms."""
    return _one(FORMULAS["rmse_log"], pred, target, valid)


def log10(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean absolute difference of decimal logarithms."""
    return _one(FORMULAS["log10"], pred, target, valid)


def si_rmse(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Scale-invariant error: standard deviation of d = ln pred - ln target, sqrt(mean d^2 - (mean d)^2).

    Eq. 13 of ANUW with logarithms (A12), the official measure of the challenge. The form of the Mannequin Challenge, a
    mean over ordered pairs of pixels, is sqrt(2) times this.
    """
    return _one(FORMULAS["si_rmse"], pred, target, valid)


def si_log(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """SILog of the KITTI server, with its root: 100 times `si_rmse`."""
    return _one(FORMULAS["si_log"], pred, target, valid)


def si_rmse_linear(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Eq. 13 of ANUW as printed (A12): standard deviation of pred - target, metres; invariant to shift, not scale."""
    return _one(FORMULAS["si_rmse_linear"], pred, target, valid)


def delta(pred: Tensor, target: Tensor, valid: Tensor | None = None, threshold: float = 1.25) -> Tensor:
    """Share of pixels with max(pred / target, target / pred) < threshold, in [0, 1]."""
    if not threshold > 1:
        raise ValueError(f"threshold: found {threshold}, expected a ratio above 1")
    return _one(share_within(threshold), pred, target, valid)


def delta1(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of pixels within a factor of 1.25."""
    return delta(pred, target, valid, 1.25)


def delta2(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of pixels within a factor of 1.25^2."""
    return delta(pred, target, valid, 1.25**2)


def delta3(pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of pixels within a factor of 1.25^3."""
    return delta(pred, target, valid, 1.25**3)


def _one(formula: Formula, pred: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    return each_image(pred, target, valid, {"": formula})[""]


def each_image(
    pred: Tensor, target: Tensor, valid: Tensor | None, formulas: Mapping[str, Formula]
) -> dict[str, Tensor]:
    """The formulas on the valid pixels of each image: name -> [B]. Arguments and errors: see the top of this file."""
    images = pixels_of(pred, target, valid)
    found = [errors_of(image, formulas) for image in images]
    if not found or images[0].array is torch:
        return {name: torch.stack([one[name] for one in found]) if found else pred.new_zeros(0) for name in formulas}
    dtype = np.result_type(images[0].pred, images[0].target)
    values = np.array([[one[name] for one in found] for name in formulas], dtype)
    return dict(zip(formulas, torch.from_numpy(values).unbind(), strict=True))


def errors_of(image: Pixels, formulas: Mapping[str, Formula]) -> dict[str, Any]:
    """The formulas on the pixels of one image: name -> scalar."""
    with np.errstate(all="ignore"):
        return {name: finish(total(image) / image.count) for name, (total, finish) in formulas.items()}


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
    found = each_image(pred, target, valid, {name: FORMULAS[name] for name in names if name != "ssim"})
    if "ssim" in names:
        valid = target > 0 if valid is None else valid  # without a mask `ssim` would count pixels of unknown depth
        assert data_range is not None  # see `check_names`
        found["ssim"] = ssim(pred, target, valid, data_range=data_range)
    return {name: found[name] for name in names}


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


def pixels_of(pred: Tensor, target: Tensor, valid: Tensor | None) -> list[Pixels]:
    """The valid pixels of each image, at least float32. Raises as the top of this file says."""
    valid = check_inputs(pred, target, valid)
    maps = arrays(valid, *(x if x.element_size() >= 4 else x.float() for x in (pred, target)))
    images = [gathered(*(x[i] for x in maps)) for i in range(len(pred))]
    if empty := [i for i, (p, _) in enumerate(images) if len(p) == 0]:
        raise ValueError(f"valid: found no valid pixel in image(s) {empty}, expected at least one")
    return [Pixels(p, t, i) for i, (p, t) in enumerate(images)]


def gathered(valid: Values, *maps: Values) -> list[Values]:
    """The values [N] of maps where `valid` is true; all of one shape. The mask is searched once for all of them."""
    if isinstance(valid, np.ndarray) and np.count_nonzero(valid) == valid.size:
        return [x.reshape(-1) for x in maps]
    places: Any = np.flatnonzero(valid) if isinstance(valid, np.ndarray) else valid.flatten().nonzero().squeeze(1)
    return [x.take(places) for x in maps]
