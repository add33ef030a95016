"""The loss of the mobile paper: the final and the intermediate predictions against the labels and the teacher. Eqs. 4 and 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from depthlib.losses.ranking import ranking_loss
from depthlib.papers.mobile.structured_distillation import pairwise_loss, rmse_loss

# Number of predictions -> lambda of Eq. 4: of the final one, then of the intermediate ones (Sec. 3.3 and 4.3.1).
PREDICTION_WEIGHTS: dict[int, tuple[float, ...]] = {1: (1.0,), 2: (0.5, 0.5), 3: (0.5, 0.25, 0.25)}
WEIGHTS = {"ranking": 1.0, "rmse": 1.0, "pairwise": 1.0}  # the anchor of MTAdam first


def over_predictions(
    loss: Callable[[Tensor], Tensor], predictions: Sequence[Tensor], weights: Sequence[float] | None = None
) -> Tensor:
    """L_aux, the weighted sum of `loss` over the final prediction and the intermediate ones. Eq. 4.

    Args:
        predictions: maps [B,1,H,W], the final one first.
        weights: one for each; default: 0.5, 0.25, 0.25 for three, 0.5, 0.5 for two.

    Raises ValueError if the numbers do not fit, or for other numbers of predictions without weights.
    """
    if weights is None:
        if len(predictions) not in PREDICTION_WEIGHTS:
            raise ValueError(f"{len(predictions)} predictions have no default weights: expected 1 to 3, or weights")
        weights = PREDICTION_WEIGHTS[len(predictions)]
    if len(weights) != len(predictions) or not predictions:
        raise ValueError(f"expected one weight a prediction, got {len(weights)} for {len(predictions)}")
    return sum(weight * loss(prediction) for weight, prediction in zip(weights, predictions, strict=True))


def mobile_terms(
    predictions: Sequence[Tensor],
    *,
    points: Tensor | None = None,
    relation: Tensor | None = None,
    teacher: Tensor | None = None,
    features: Tensor | None = None,
    teacher_features: Tensor | None = None,
    prediction_weights: Sequence[float] | None = None,
    separate: bool = False,
    detach_norm: bool = True,
) -> dict[str, Tensor]:
    """The terms of Eq. 5 that the arguments allow, neither weighted nor detached: what rebalancing and MTAdam take.

    Args:
        predictions: relative depth [B,1,H,W], larger = farther, the final one first.
        points, relation: of "ranking", see `ranking_loss`.
        teacher: relative depth of the teacher, [B,1,H,W], for "rmse". It must be oriented as the student's.
        features, teacher_features: for "pairwise", see `pairwise_loss`; of the final prediction only.
        prediction_weights: lambda of Eq. 4, see `over_predictions`.
        separate: a term for every prediction, "rmse_0", "rmse_1" and so on, without the weights of Eq. 4: the paper's ablation
            without fixed intermediate weights, seven terms with two intermediate predictions (Table 6, no FIP).

    Returns:
        scalars by name, "ranking" first.

    Raises ValueError or TypeError as the losses do, and ValueError for arguments that say nothing, or half of a term.
    """
    for names, pair in (("points, relation", (points, relation)), ("features, teacher_features", (features, teacher_features))):
        if (pair[0] is None) != (pair[1] is None):
            raise ValueError(f"{names} belong together: expected both or none")
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
            terms[name] = over_predictions(loss, predictions, prediction_weights)
    if features is not None:
        terms["pairwise"] = pairwise_loss(features, teacher_features, detach_norm=detach_norm)
    if not terms:
        raise ValueError("nothing to learn from: expected points and relation, teacher, or features and teacher_features")
    return terms


def mobile_loss(
    predictions: Sequence[Tensor], *, weights: Mapping[str, float] = WEIGHTS, **terms_of: object
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_kd, the weighted sum of `mobile_terms`. Eq. 5 with fixed weights, all 1 before rebalancing (spec mobile, 2.4).

    Returns:
        The sum, and its terms after weighting, detached.

    Raises ValueError or TypeError as `mobile_terms` does, and ValueError if a term has no weight.
    """
    raw = mobile_terms(predictions, **terms_of)
    missing = raw.keys() - weights.keys()
    if missing:
        raise ValueError(f"weights must name {', '.join(raw)}, missing {', '.join(sorted(missing))}")
    terms = {name: weights[name] * term for name, term in raw.items()}
    return torch.stack(list(terms.values())).sum(), {name: term.detach() for name, term in terms.items()}
