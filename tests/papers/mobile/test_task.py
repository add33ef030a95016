"""The tasks of the mobile paper: what learns and what does not, and that a killed training ends in the same bits."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from mobile_parts import student
from torch import Tensor, nn

from depthlib.models import create_model
from depthlib.papers.mobile.measures import ScaleInvariant
from depthlib.papers.mobile.task import PairsAndTeacher, RelativeDepth, ScaleFreeDepth
from depthlib.scenes.variants import Frames, OrdinalFrames, RelativeFrames, ScaleFreeFrames
from depthlib.training.augment import augment
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import Plan, fit

KD = ("ranking", "rmse", "pairwise")


def teacher() -> nn.Module:
    torch.manual_seed(1)
    return create_model("enc_dec_resnet", width=1 / 32)


def plan(**changes) -> Plan:
    return Plan(**{"steps": 6, "batch_size": 2, "lr": 1e-3, "colour": 0.2, **changes})


def test_pairs_follow_a_mirrored_image(pairs: OrdinalFrames) -> None:
    batch = {name: torch.stack([pairs[i][name] for i in range(2)]) for name in ("image", "pairs")}
    mirrored = augment(batch, seed=0, step=0, flip=1.0, colour=0.0)
    old, new = batch["pairs"], mirrored["pairs"]
    assert torch.equal(mirrored["image"], batch["image"].flip(-1))
    assert torch.equal(new[..., [1, 3]], 63 - old[..., [1, 3]]) and torch.equal(
        new[..., [0, 2, 4]], old[..., [0, 2, 4]]
    )


def batch_of(dataset, count: int = 2) -> dict:
    items = [dataset[i] for i in range(count)]
    return {
        name: torch.stack([item[name] for item in items])
        if isinstance(items[0][name], Tensor)
        else [item[name] for item in items]
        for name in items[0]
    }


def reached(model: nn.Module) -> set[str]:
    return {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


@pytest.mark.slow
@pytest.mark.parametrize("terms", [("ranking",), ("rmse",), KD, (*KD, "holistic")])
def test_gradients_reach_the_student_and_never_the_teacher_or_the_critic(
    pairs: OrdinalFrames, terms: tuple[str, ...]
) -> None:
    model, knowing = student(heads=2).train(), teacher()
    task = PairsAndTeacher(terms, teacher=knowing if terms != ("ranking",) else None, critic={"width": 4, "extra": 0})
    before = copy.deepcopy(knowing.state_dict())
    task.prepare(model, pairs)
    for _ in range(2):  # the critic moves at the second step
        loss, terms_found = task.loss(model, batch_of(pairs))
        loss.backward()
    assert set(terms) <= terms_found.keys() and reached(model) == {"encoder", "decoder", "out", "intermediate"}
    if terms != ("ranking",):
        assert all(torch.equal(value, before[name]) for name, value in knowing.state_dict().items())  # norms, too
        assert not any(p.requires_grad for p in knowing.parameters()) and not knowing.training
    if "holistic" in terms:
        assert "critic" in terms_found and all(p.grad is None or not p.requires_grad for p in task.critic.parameters())
        fixed = sum(terms_found[name] for name in KD) + 0.05 * terms_found["holistic"]
        assert loss.item() == pytest.approx(fixed.item(), rel=1e-5)


def test_intermediate_predictions_count_a_half_and_two_quarters(pairs: OrdinalFrames) -> None:
    class Known(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.ParameterList(
                [torch.randn(2, 1, 32, 64, generator=torch.Generator().manual_seed(i)) for i in range(3)]
            )

        def predict(self, image: Tensor):
            from depthlib.papers.mobile.network import MobilePrediction

            return MobilePrediction(list(self.maps), torch.zeros(2, 1, 2, 2))

    model, batch = Known(), batch_of(pairs)
    loss, _ = PairsAndTeacher(("ranking",)).loss(model, batch)
    wanted = 0.0
    for weight, z in zip((0.5, 0.25, 0.25), model.maps, strict=True):
        for image, (y1, x1, y2, x2, relation) in enumerate(batch["pairs"][:, 0].tolist()):
            farther = (z[image, 0, y1, x1] - z[image, 0, y2, x2]).item() * relation
            wanted += weight * math.log(1 + math.exp(-farther)) / 2
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
def test_rebalancing_minimises_the_weighted_sum_and_logs_its_weights(pairs: OrdinalFrames) -> None:
    def curve_of(separate: bool, **options) -> dict[str, list]:
        task = PairsAndTeacher(
            KD, teacher=teacher(), separate=separate, rebalance={"steps_per_epoch": 2, "events": 2, **options}
        )
        return fit(student(heads=2), task, pairs, plan(), seed=0).values

    curve = curve_of(False, order="hard_to_easy")
    assert [curve[f"weight_{name}"][0] for name in KD] == pytest.approx([1 / 3] * 3)
    for step in range(6):
        assert curve["loss"][step] == pytest.approx(
            sum(curve[f"weight_{name}"][step] * curve[name][step] for name in KD), rel=1e-4
        )
    # Events behind every step; the first sets the measure, so the weights move from the third step on.
    assert curve["weight_ranking"][1] == curve["weight_ranking"][0] != curve["weight_ranking"][2]
    names = {name for name in curve_of(True, order="hard_to_easy") if name.startswith("weight_")}
    assert names == {"weight_pairwise", *(f"weight_{term}_{i}" for term in ("ranking", "rmse") for i in range(3))}
    even = curve_of(False, order="easy_to_hard", initialise=True)
    shares = [even[f"weight_{name}"][1] * even[name][0] for name in KD]
    assert shares == pytest.approx([shares[0]] * 3, rel=1e-4)


@pytest.mark.slow
def test_mtadam_minimises_the_terms(pairs: OrdinalFrames) -> None:
    model = student(heads=2)
    before = copy.deepcopy(model.state_dict())
    curve = fit(model, PairsAndTeacher(KD, teacher=teacher()), pairs, plan(optimizer="mtadam", steps=2), seed=0)
    assert set(KD) <= curve.values.keys()
    assert any(
        not torch.equal(value, before[name]) for name, value in model.state_dict().items() if name.startswith("out")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("terms", "options"),
    [
        ((*KD, "holistic"), {"critic": {"width": 4, "extra": 0}}),
        (KD, {"rebalance": {"steps_per_epoch": 2, "events": 2, "order": "hard_to_easy"}}),
    ],
)
def test_a_killed_training_ends_in_the_same_bits(pairs: OrdinalFrames, tmp_path: Path, terms, options) -> None:
    """Critic with its optimiser, weights with their memory: stopped after three of six steps, in the middle of an
    epoch.
    """

    def train(**more) -> tuple[nn.Module, dict]:
        model = student(heads=2)
        return model, fit(
            model, PairsAndTeacher(terms, teacher=teacher(), **options), pairs, plan(), seed=3, **more
        ).values

    whole, curve = train()
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", 0.0)
    train(checkpoint=checkpoint, stop_after=4)  # saves behind its third step
    resumed, again = train(checkpoint=checkpoint)
    assert again == curve
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


@pytest.mark.slow
def test_dense_tasks_learn_their_sets(rooms: Frames, streets: Frames) -> None:
    for task, dataset in (
        (ScaleFreeDepth(), ScaleFreeFrames(rooms)),
        (RelativeDepth(pairs=200), RelativeFrames(streets)),
    ):
        model = student(heads=1)
        curve = fit(model, task, dataset, plan(steps=25, lr=3e-3, flip=0.0, colour=0.0), seed=0).values["loss"]
        assert sum(curve[-5:]) < 0.8 * sum(curve[:5]), type(task).__name__


def test_tasks_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="terms: found mse, expected some of"):
        PairsAndTeacher(("mse",))
    with pytest.raises(ValueError, match="teacher: found None"):
        PairsAndTeacher(KD)
    with pytest.raises(ValueError, match="rebalance: found the term holistic"):
        PairsAndTeacher((*KD, "holistic"), teacher=teacher(), rebalance={"steps_per_epoch": 2})
    with pytest.raises(ValueError, match="output: found 'disparity', expected one of log, metres, aligned"):
        ScaleInvariant("disparity")
