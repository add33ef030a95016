"""The self-supervised loss of depth from video: view synthesis from the neighbouring frames on several scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.geometry.camera import scale_intrinsics
from depthlib.geometry.sources import project_into_sources, sample_sources
from depthlib.losses.photometric import ALPHA, photometric_loss
from depthlib.losses.smoothness import edge_aware_smoothness
from depthlib.papers.dual.disparity_normalisation import normalise_disparity
from depthlib.papers.dual.feature_reconstruction import feature_reconstruction_loss

WEIGHTS = {"photometric": 1.0, "smoothness": 1e-3, "features": 0.1}  # not given in the paper (erratum DN-9)
RULES = ("full_res", "per_scale")
SMOOTH_ON = ("disparity", "depth")


def video_loss(
    disparities: Sequence[Tensor],
    target: Tensor,
    sources: Tensor,
    K: Tensor,
    poses: Tensor,
    *,
    features: tuple[Tensor, Tensor] | None = None,
    weights: Mapping[str, float] = WEIGHTS,
    rule: str = "full_res",
    normalise: bool = True,
    smooth_on: str = "disparity",
    automask: bool = False,
    detach_features: bool = True,
    alpha: float = ALPHA,
    over_sources: str = "min",
) -> tuple[Tensor, dict[str, Tensor]]:
    """lambda_1 L_ph + lambda_2 L_smooth + lambda_3 L_fr, Eq. 9 of the dual networks; without features for HR-Net.

    L_ph and L_smooth are means over the scales, L_smooth weighted by 1/2^s on scale s; L_fr is taken on the finest
    scale.

    Peak memory: about 55 times `disparities[0]` in the forward pass, 344 with backward, for 2 sources and 4 scales.

    Args:
        disparities: inverse depth, [B,1,H/2^s,W/2^s], finest first.
        target: [B,3,H,W], in [0,1].
        sources: [B,S,3,H,W].
        K: [B,3,3] or [1,3,3], pixels of the target.
        poses: T_source_target, [B,S,4,4].
        features: of the target [B,C,H,W] and of the sources [B,S,C,H,W]; None: no feature reconstruction.
        weights: by name, "photometric", "smoothness", "features". A term that is missing or 0 is not computed.
        rule: "full_res" up-samples each disparity to the target and compares there (monodepth2); "per_scale"
            down-samples images and K to each disparity (SfMLearner), a third of the cost.
        normalise: `normalise_disparity` per scale; False if the disparities are normalised already.
        smooth_on: "disparity"; or "depth", as Eq. 7 prints, depth divided by its mean (erratum DN-4).
        automask: see `photometric_loss`.
        detach_features: see `feature_reconstruction_loss`.
        alpha, over_sources: see `photometric_loss`.

    Returns:
        the weighted sum, and the terms before weighting, detached, by name.

    Raises:
        ValueError, TypeError: unknown weights or options; as the parts do.
    """
    _check(disparities, features, weights, rule, smooth_on)
    sums = dict.fromkeys(
        (name for name in WEIGHTS if weights.get(name) and (name != "features" or features is not None)), 0.0
    )
    view = whole = (target, sources, K)
    for scale, disparity in enumerate(disparities):
        if normalise:
            disparity = normalise_disparity(disparity)
        view = view_at(*view, disparity.shape[-2:])
        if "smoothness" in sums:
            smoothed = disparity if smooth_on == "disparity" else normalise_disparity(1 / disparity)
            sums["smoothness"] += edge_aware_smoothness(smoothed, view[0]) / 2**scale / len(disparities)
        if rule == "full_res":
            disparity = F.interpolate(disparity, size=target.shape[-2:], mode="bilinear", align_corners=False)
        seen, seen_sources, seen_K = whole if rule == "full_res" else view
        pixels = project_into_sources(1 / disparity, seen_K, poses)
        if "photometric" in sums:
            sums["photometric"] += photometric_loss(
                seen,
                sample_sources(seen_sources, pixels),
                sources=seen_sources if automask else None,
                alpha=alpha,
                over_sources=over_sources,
            ) / len(disparities)
        if scale == 0 and "features" in sums:
            sums["features"] = feature_reconstruction_loss(*features, pixels, detach=detach_features)
    total = sum(weights[name] * term for name, term in sums.items())
    return total, {name: term.detach() for name, term in sums.items()}


def view_at(target: Tensor, sources: Tensor, K: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Target [B,3,H,W], sources [B,S,3,H,W] and K [B,3,3] at `size`, H / n and W / n, by means of cells."""
    height, width = target.shape[-2:]
    if tuple(size) == (height, width):
        return target, sources, K
    ratio = height // size[0]
    K = scale_intrinsics(K, size[1] / width, size[0] / height)
    return cell_means(target, ratio), cell_means(sources, ratio), K


def cell_means(images: Tensor, ratio: int) -> Tensor:
    """Means of the cells of ratio x ratio pixels, [...,H,W] -> [...,H/ratio,W/ratio].

    As sums of every `ratio`-th row and column, on a CPU several times faster than pooling.
    """
    rows = reduce(torch.add, (images[..., i::ratio, :] for i in range(ratio)))
    return reduce(torch.add, (rows[..., i::ratio] for i in range(ratio))) / ratio**2


def _check(disparities: object, features: object, weights: Mapping[str, float], rule: str, smooth_on: str) -> None:
    if isinstance(disparities, Tensor) or not disparities:
        raise ValueError(
            "disparities: found none or a single tensor, expected a list of [B,1,H,W] tensors, finest first"
        )
    if not weights or not weights.keys() <= WEIGHTS.keys() or not any(weights.values()):
        raise ValueError(f"weights: found {dict(weights)}, expected some of {', '.join(WEIGHTS)}, not all 0")
    if features is None and not any(weights.get(name) for name in ("photometric", "smoothness")):
        raise ValueError("features: found None, expected features, or a weight of another term")
    if rule not in RULES:
        raise ValueError(f"rule: found {rule!r}, expected one of {', '.join(RULES)}")
    if smooth_on not in SMOOTH_ON:
        raise ValueError(f"smooth_on: found {smooth_on!r}, expected one of {', '.join(SMOOTH_ON)}")
