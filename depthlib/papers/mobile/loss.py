"""The loss of the mobile paper: final and intermediate predictions against labels and teacher. Eqs. 4 and 5."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from depthlib.losses.ranking import ranking_loss
from depthlib.papers.mobile.structured_distillation import pairwise_loss, rmse_loss

# Number of predictions -> lambda of Eq. 4: of the final one, then of the intermediate ones (Sec. 3.3 and 4.3.1).
PREDICTION_WEIGHTS: dict[int, tuple[float, ...]] = {1: (1.0,), 2: (0.5, 0.5), 3: (0.5, 0.25, 0.25)}


def over_predictions(loss: Callable[[Tensor], Tensor], predictions: Sequence[Tensor]) -> Tensor:
    """L_aux, the sum of `loss` over the final prediction and the intermediate ones, by `PREDICTION_WEIGHTS`. Eq. 4.

    predictions: maps [B,1,H,W], the final one first. Raises ValueError for another number than 1 to 3.
    """
    if len(predictions) not in PREDICTION_WEIGHTS:
        raise ValueError(f"predictions: found {len(predictions)}, expected 1 to 3")
    weights = PREDICTION_WEIGHTS[len(predictions)]
    return sum(weight * loss(prediction) for weight, prediction in zip(weights, predictions, strict=True))


def mobile_terms(
    predictions: Sequence[Tensor],
    *,
    points: Tensor | None = None,
    relation: Tensor | None = None,
    teacher: Tensor | None = None,
    features: Tensor | None = None,
    teacher_features: Tensor | None = None,
    separate: bool = False,
) -> dict[str, Tensor]:
    """The terms of Eq. 5 whose arguments are given, neither weighted nor detached, for rebalancing and MTAdam.

    Args:
        predictions: relative depth [B,1,H,W], larger = farther, the final one first.
        points, relation: of "ranking", see `ranking_loss`.
        teacher: relative depth of the teacher, [B,1,H,W], for "rmse". Larger = farther, as the student's.
        features, teacher_features: for "pairwise", see `pairwise_loss`; of the final prediction only.
        separate: a term per prediction, "rmse_0", "rmse_1" and so on, without the weights of Eq. 4: the paper's
            ablation without fixed intermediate weights, seven terms with two intermediate predictions (Table 6, no
            FIP).

    Returns:
        scalars by name, "ranking", the anchor of MTAdam, first.

    Raises ValueError or TypeError as the losses do, and ValueError for missing arguments.
    """
    for names, pair in (
        ("points, relation", (points, relation)),
        ("features, teacher_features", (features, teacher_features)),
    ):
        if (pair[0] is None) != (pair[1] is None):
            raise ValueError(f"{names}: found one of them, expected both or none")
    losses: dict[str, Callable[[Tensor], Tensor]] = {}
    if points is not None:
        losses["ranking"] = lambda z: ranking_loss(z, points, relation)
    if teacher is not None:
        losses["rmse"] = lambda z: rmse_loss(z, teacher)
    terms: dict[str, Tensor] = {}
    for name, loss in losses.items():
        if separate:
            terms |= {f"{name}_{index}": loss(prediction) for index, prediction in enumerate(predictions)}
        else:
            terms[name] = over_predictions(loss, predictions)
    if features is not None:
        terms["pairwise"] = pairwise_loss(features, teacher_features)
    if not terms:
        raise ValueError("points, teacher, features: found none, expected the arguments of at least one term")
    return terms
