"""The whole loss: its terms, and that a student learns from pairs and a teacher."""

from __future__ import annotations

import pytest
import torch
from devices import DEVICES
from mobile_parts import NAMES, picture, small
from tensors import F64, randn
from torch import Tensor

from depthlib.losses.ranking import ranking_loss
from depthlib.papers.mobile.loss import mobile_terms, over_predictions
from depthlib.papers.mobile.rebalancing import LossRebalancer
from depthlib.papers.mobile.structured_distillation import pairwise_loss, rmse_loss
from depthlib.training.mtadam import MTAdam


def test_sum_over_predictions() -> None:
    maps = [torch.full((1, 1, 2, 2), float(value)) for value in (1, 10, 100)]
    assert over_predictions(torch.mean, maps[:1]).item() == 1
    assert over_predictions(torch.mean, maps[:2]).item() == pytest.approx(5.5)
    assert over_predictions(torch.mean, maps).item() == pytest.approx(0.5 + 2.5 + 25)
    for predictions in ([], maps * 2):
        with pytest.raises(ValueError, match=f"predictions: found {len(predictions)}, expected 1 to 3"):
            over_predictions(torch.mean, predictions)


def lesson(dtype: torch.dtype = F64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = torch.randint(0, 64, (2, 5, 4), generator=generator)
    return {
        "points": points,
        "relation": torch.tensor([[1, -1, 1, -1, 1]] * 2),
        "teacher": randn(2, 1, 64, 96).to(dtype),
        "features": randn(2, 3, 32, 48, seed=1).to(dtype),
        "teacher_features": randn(2, 4, 32, 48, seed=2).to(dtype),
    }


def test_terms_are_those_of_eq_5() -> None:
    predictions, case = [randn(2, 1, 64, 96, seed=seed) for seed in (3, 4, 5)], lesson()
    expected = {
        "ranking": sum(
            w * ranking_loss(z, case["points"], case["relation"])
            for w, z in zip((0.5, 0.25, 0.25), predictions, strict=True)
        ),
        "rmse": sum(w * rmse_loss(z, case["teacher"]) for w, z in zip((0.5, 0.25, 0.25), predictions, strict=True)),
        "pairwise": pairwise_loss(case["features"], case["teacher_features"]),
    }
    terms = mobile_terms(predictions, **case)
    assert list(terms) == list(expected)  # ranking first: MTAdam's anchor
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name])
    separate = mobile_terms(predictions, **case, separate=True)
    assert list(separate) == ["ranking_0", "ranking_1", "ranking_2", "rmse_0", "rmse_1", "rmse_2", "pairwise"]
    torch.testing.assert_close(separate["rmse_1"], rmse_loss(predictions[1], case["teacher"]))
    assert list(mobile_terms(predictions[:1], teacher=case["teacher"])) == ["rmse"]  # "PI-only" of Table 5
    for arguments, message in (({}, "found none"), ({"points": case["points"]}, "points, relation: found one of them")):
        with pytest.raises(ValueError, match=message):
            mobile_terms(predictions, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("balance", ["rebalancing", "mtadam"])
def test_student_learns_from_pairs_and_a_teacher(balance: str, device: str) -> None:
    student = small("mobile", intermediate=2).to(device)
    teacher = small("enc_dec_resnet").to(device).eval()
    image, case = picture(2).to(device), lesson(torch.float32)
    points, relation = case["points"].to(device), case["relation"].to(device)
    with torch.no_grad():
        taught = teacher.estimate(image)
    rebalancer = LossRebalancer(NAMES, steps_per_epoch=4, events=2)
    optimizer = (MTAdam if balance == "mtadam" else torch.optim.Adam)(student.parameters(), lr=3e-3)
    history = []
    for _ in range(8):
        prediction = student.predict(image)
        terms = mobile_terms(
            prediction.depths,
            points=points,
            relation=relation,
            teacher=taught.depth,
            features=prediction.features,
            teacher_features=taught.features,
        )
        history.append({name: term.item() for name, term in terms.items()})
        if balance == "mtadam":
            optimizer.step(list(terms.values()))
            continue
        optimizer.zero_grad()
        rebalancer.total(terms).backward()
        optimizer.step()
        rebalancer.observe({name: term.detach() for name, term in terms.items()}, len(image))
        assert all(p.grad is not None and p.grad.isfinite().all() for p in student.parameters())
    assert all(p.isfinite().all() for p in student.parameters())
    for name in ("ranking", "rmse"):
        assert history[-1][name] < history[0][name]
