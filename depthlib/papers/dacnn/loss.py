"""The losses of DACNN: labels, smoothness, and distillation from the stereo teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.losses.checks import check_maps, masked
from depthlib.losses.regression import l1_loss
from depthlib.losses.smoothness import edge_aware_smoothness

WEIGHTS = {"pixel": 1.0, "smooth": 0.01, "proxy": 0.01, "guidance": 1000.0}  # below Eq. 7
DISTANCES = ("absolute", "squared", "signed")
AXES = ("channel", "spatial")
REDUCTIONS = ("element", "distribution")


def pixel_loss(pred: Tensor, target: Tensor, valid: Tensor, *, distance: str = "absolute") -> Tensor:
    """Mean distance of pred and target over the valid pixels of the batch. DACNN Eq. 3, errata D1 and D2.

    Eq. 3 prints d - d*, "signed" here, which is unbounded below. The text calls it a distance: "absolute" is |d - d*|,
    "squared" its square.

    Raises ValueError or TypeError as `check_maps` does, and ValueError for another distance.
    """
    if distance not in DISTANCES:
        raise ValueError(f"distance: found {distance!r}, expected one of {', '.join(DISTANCES)}")
    if distance == "absolute":
        return l1_loss(pred, target, valid)
    check_maps(pred, target, valid)
    error = masked(pred - target, valid)
    return (error.square() if distance == "squared" else error).sum() / valid.sum()


def proxy_loss(pred: Tensor, teacher_depth: Tensor, *, distance: str = "absolute") -> Tensor:
    """`pixel_loss` against the teacher's depth, which is dense, over all pixels. DACNN Eq. 5.

    pred and teacher_depth are [B,1,H,W], metres. The teacher gets no gradient. Errors as for `pixel_loss`.
    """
    teacher_depth = teacher_depth.detach()
    return pixel_loss(pred, teacher_depth, torch.ones_like(teacher_depth, dtype=torch.bool), distance=distance)


def guidance_loss(
    student: Sequence[Tensor], teacher: Sequence[Tensor], *, axis: str = "channel", reduction: str = "element"
) -> Tensor:
    """Sum over the scales of KL(p_t || p_s) with p = softmax(guidance). DACNN Eq. 6, erratum D6.

    The paper states neither the axis of the softmax nor the reduction. For independent guidance of variance 1 with 32
    channels the default gives 0.03 per element and scale, 30 with the weight 1000; over positions it would be 0.0005
    per element and 1 per distribution. The scale of `GuidanceBranch` enters squared: with it, untrained networks start
    at a few tenths (32 channels) to a few units (8 channels) after weighting, beside tens of metres for the labels.

    Args:
        student, teacher: guidance maps [B,G,h,w], the same sizes in both. The teacher gets no gradient.
        axis: "channel": one distribution per position, over the G channels; "spatial": one per channel, over positions.
        reduction: "element": sum of p_t (ln p_t - ln p_s) divided by the number of elements B G h w; "distribution":
            divided by the number of distributions, the mean KL divergence in the usual sense.

    Raises ValueError if the maps do not match, there is none, or for another axis or reduction.
    """
    if axis not in AXES:
        raise ValueError(f"axis: found {axis!r}, expected one of {', '.join(AXES)}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction: found {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    shapes = [[list(g.shape) for g in maps] for maps in (student, teacher)]
    if not shapes[0] or shapes[0] != shapes[1]:
        raise ValueError(
            f"student, teacher: found guidance of shapes {shapes[0]} and {shapes[1]}, expected equal shapes"
        )
    total = torch.zeros((), dtype=student[0].dtype, device=student[0].device)
    for g_s, g_t in zip(student, teacher, strict=True):
        rows_s, rows_t = (g.flatten(2).mT if axis == "channel" else g.flatten(2) for g in (g_s, g_t.detach()))
        log_s, log_t = rows_s.log_softmax(dim=-1), rows_t.log_softmax(dim=-1)
        divergence = F.kl_div(log_s, log_t, reduction="sum", log_target=True)
        total = total + divergence / (log_s.numel() if reduction == "element" else log_s[..., 0].numel())
    return total


def dacnn_loss(
    depth: Tensor,
    target: Tensor,
    valid: Tensor,
    image: Tensor,
    *,
    guidance: Sequence[Tensor] = (),
    teacher_depth: Tensor | None = None,
    teacher_guidance: Sequence[Tensor] = (),
    weights: Mapping[str, float] = WEIGHTS,
    distance: str = "absolute",
    axis: str = "channel",
    reduction: str = "element",
) -> tuple[Tensor, dict[str, Tensor]]:
    """The student's loss: pixel + 0.01 smooth + 0.01 proxy + 1000 guidance. DACNN Eq. 7.

    Peak memory: about 40 times `depth` in the forward pass, 51 with backward, most of it for guidance of 32 channels.

    Args:
        depth, target, valid: [B,1,H,W], metres and bool mask.
        image: [B,3,H,W], RGB in [0,1], not normalised, for the edges of the smoothness term.
        guidance, teacher_depth, teacher_guidance: what the terms "guidance" and "proxy" compare.
        weights: of each term by name. A term that is missing or 0 is not computed; its arguments may be absent.
        distance: of the terms "pixel" and "proxy", see `pixel_loss`.
        axis, reduction: see `guidance_loss`.

    Returns:
        The sum, and its terms after weighting, detached, by name.

    Raises ValueError or TypeError as the terms do, and ValueError for unknown weights or a missing argument.
    """
    if not weights.keys() <= WEIGHTS.keys():
        raise ValueError(f"weights: found {', '.join(weights)}, expected some of {', '.join(WEIGHTS)}")
    if weights.get("proxy") and teacher_depth is None:
        raise ValueError("teacher_depth: found None, expected a tensor for the term proxy")
    losses = {
        "pixel": lambda: pixel_loss(depth, target, valid, distance=distance),
        "smooth": lambda: edge_aware_smoothness(depth, image),
        "proxy": lambda: proxy_loss(depth, teacher_depth, distance=distance),
        "guidance": lambda: guidance_loss(guidance, teacher_guidance, axis=axis, reduction=reduction),
    }
    terms = {name: weight * losses[name]() for name, weight in weights.items() if weight}
    if not terms:
        raise ValueError("weights: found only 0, expected at least one positive weight")
    return sum(terms.values()), {name: term.detach() for name, term in terms.items()}
