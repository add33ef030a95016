"""Soft labels against a second implementation, their two controls, and a killed run."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from depthlib.papers.anuw.task import BelievedZeros, SoftLabels, checksum
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import Plan, fit
from depthlib.training.tasks import Supervised

L1 = "depthlib.losses.regression:l1_loss"
ANUW = "depthlib.papers.anuw.loss:anuw_loss"


class Skies(torch.utils.data.Dataset):
    """Depth is 10 m times the red channel; where blue is high the label is missing."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        image = torch.rand(3, 12, 14, generator=torch.Generator().manual_seed(index))
        true = 10 * image[:1] + 0.5
        gap = image[2:] > 0.7
        depth = torch.where(gap, 0, true)
        return {
            "image": image,
            "depth": depth,
            "valid": depth > 0,
            "depth_true": true,
            "defect": gap,
            "name": f"s{index}",
        }


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, image):
        return self.conv(image)


class Given(nn.Module):
    """A network whose output is set by hand."""

    def __init__(self, output):
        super().__init__()
        self.output = nn.Parameter(output.clone())

    def forward(self, image):
        return self.output


def batch_of(*indices):
    items = [Skies()[i] for i in indices]
    return {key: [i[key] for i in items] if key == "name" else torch.stack([i[key] for i in items]) for key in items[0]}


def flat(depth, batch):
    return torch.full_like(batch["depth"], depth)


def test_believed_zeros_pull_to_zero_and_masked_ones_do_not():
    batch = batch_of(0, 1)
    gap = ~batch["valid"]
    gradients = {}
    for task in (BelievedZeros(L1), Supervised(L1)):
        model = Given(flat(4.0, batch))
        loss, _ = task.loss(model, batch)
        loss.backward()
        gradients[type(task)] = model.output.grad
        expected = (4 - batch["depth"]).abs()
        expected = expected.mean() if isinstance(task, BelievedZeros) else expected[~gap].mean()
        torch.testing.assert_close(loss, expected)
    assert (gradients[BelievedZeros][gap] > 0).all()
    assert (gradients[Supervised][gap] == 0).all()


def test_first_visit_masks_and_stores_the_prediction_in_the_gaps_alone():
    task, batch = SoftLabels(L1, max_depth=5.0), batch_of(0, 1)
    model = Given(batch["depth_true"] + 1)
    loss, terms = task.loss(model, batch)
    torch.testing.assert_close(loss, torch.tensor(1.0))
    loss.backward()
    assert (model.output.grad[~batch["valid"]] == 0).all()
    label = task.soft_label("s0", batch["depth"][0], batch["valid"][0])
    gap = ~batch["valid"][0]
    torch.testing.assert_close(label[gap], (batch["depth_true"][0][gap] + 1).clamp(max=5), atol=2e-3, rtol=1e-3)
    assert torch.equal(label[~gap], batch["depth"][0][~gap])
    assert terms["updated"] == 1 and terms["outside"] == pytest.approx(1.0)
    unseen = task.soft_label("s5", batch["depth"][0], batch["valid"][0])
    assert torch.equal(unseen, batch["depth"][0])


def test_soft_labels_are_learned_from_and_renewed_only_when_the_loss_outside_falls():
    task, batch = SoftLabels(L1, max_depth=50.0), batch_of(0)
    gap = ~batch["valid"]

    def visit(outside, inside):
        output = torch.where(gap, inside, batch["depth_true"] + outside)
        model = Given(output)
        loss, terms = task.loss(model, batch)
        loss.backward()
        return loss.item(), float(terms["updated"]), model.output.grad

    before = batch["depth"].clone()
    visit(1.0, 20.0)
    loss, updated, gradient = visit(2.0, 30.0)  # worse outside: the soft label stays 20 and pulls down
    assert updated == 0
    assert loss == pytest.approx((2 * (~gap).sum() + 10 * gap.sum()).item() / gap.numel(), rel=1e-5)
    assert (gradient[gap] > 0).all()
    loss, updated, _ = visit(0.5, 30.0)  # better outside, although the whole loss is larger than the best
    assert updated == 1 and loss > 1
    torch.testing.assert_close(task.soft["s0"], torch.full_like(task.soft["s0"], 30.0))
    assert task.best["s0"] == pytest.approx(0.5, rel=1e-5)
    assert torch.equal(batch["depth"], before), "labels are never overwritten"


def test_images_of_a_batch_decide_for_themselves():
    task, batch = SoftLabels(L1, max_depth=50.0), batch_of(0, 1)
    task.loss(Given(batch["depth_true"] + 1), batch)
    step = torch.tensor([0.5, 3.0]).view(2, 1, 1, 1)
    task.loss(Given(batch["depth_true"] + step), batch)
    assert task.best["s0"] == pytest.approx(0.5, rel=1e-4) and task.best["s1"] == pytest.approx(1.0, rel=1e-4)


def test_the_letter_of_the_paper_believes_zeros_until_there_is_something_better():
    task, batch = SoftLabels(L1, max_depth=50.0, literal_zeros=True), batch_of(0)
    first, _ = task.loss(Given(flat(4.0, batch)), batch)
    torch.testing.assert_close(first, BelievedZeros(L1).loss(Given(flat(4.0, batch)), batch)[0])
    target, counted = task.targets(batch)
    assert counted.all() and (target[~batch["valid"]] == 4).all()


def test_an_image_without_a_label_is_left_alone():
    task, batch = SoftLabels(L1, max_depth=50.0), batch_of(0, 1)
    batch["depth"][1], batch["valid"][1] = 0, False
    loss, terms = task.loss(Given(batch["depth_true"] + 1), batch)
    assert (
        loss.isfinite()
        and set(task.soft) == {"s0"}
        and terms["updated"] == 0.5
        and terms["outside"] == pytest.approx(1)
    )


def test_moved_gaps_are_refused():
    task, batch = SoftLabels(L1, max_depth=50.0), batch_of(0)
    task.loss(Given(flat(4.0, batch)), batch)
    flipped = batch | {key: batch[key].flip(-1) for key in ("image", "depth", "valid")}
    with pytest.raises(ValueError, match="image 's0': found other gaps"):
        task.loss(Given(flat(4.0, batch)), flipped)
    assert checksum(torch.tensor([True, False, True])) == 1 + 9


def test_range_is_checked():
    with pytest.raises(ValueError, match="min_depth < max_depth"):
        SoftLabels(L1, max_depth=1e-4)


def reference_training(steps, lr):
    """Batch 1, plain gradient descent, written out with nothing but tensors."""
    model, state, curve = Linear(), {}, []
    for step in range(steps):
        item = Skies()[step % 6]
        y, inside, name = item["depth"][0], ~item["valid"][0], item["name"]
        prediction = model(item["image"][None])[0, 0]
        target = y.clone()
        weight = (~inside).float()
        if name in state:
            target[inside], weight = state[name][1], torch.ones_like(weight)
        loss = ((prediction - target).abs() * weight).sum() / weight.sum()
        outside = F.l1_loss(prediction[~inside], y[~inside]).item()
        if name not in state or outside < state[name][0]:
            state[name] = (outside, prediction[inside].detach().clamp(0.001, 50).half().float())
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), gradients, strict=True):
                p -= lr * g
        curve.append(loss.item())
    return curve, state


def test_a_whole_training_follows_the_algorithm():
    expected, state = reference_training(30, 0.05)
    model, task, found = Linear(), SoftLabels(L1, max_depth=50.0), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(30):
        loss, _ = task.loss(model, batch_of(step % 6))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found == pytest.approx(expected, rel=1e-4)
    for name, (best, soft) in state.items():
        assert task.best[name] == pytest.approx(best, rel=1e-4)
        torch.testing.assert_close(task.soft[name].float(), soft, rtol=2e-3, atol=2e-3)


PLAN = Plan(steps=9, batch_size=2, lr=0.05, flip=0.0)
OPTIONS = {"loss": ANUW, "options": {"max_depth": 20.0}, "max_depth": 20.0}


def run(**kwargs):
    model, task = Linear(), SoftLabels(**OPTIONS | {"options": {"max_depth": 20.0, "windows": "any"}})
    curve = fit(model, task, Skies(), PLAN, seed=0, **kwargs)
    return torch.cat([p.detach().flatten() for p in model.parameters()]), task, curve


@pytest.mark.slow
@pytest.mark.parametrize("stop", [2, 5, 8])
def test_a_killed_run_ends_in_the_same_bits(tmp_path, stop):
    """The soft labels have to travel in the checkpoint, which is read without executing code."""
    weights, task, curve = run()
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)

    class Killed(Exception):
        pass

    def kill(step, loss, speed):
        if step == stop + 1:
            raise Killed

    with pytest.raises(Killed):
        run(checkpoint=checkpoint, on_step=kill)
    resumed, after, tail = run(checkpoint=checkpoint)
    assert torch.equal(weights, resumed) and tail == curve
    assert after.best == task.best and all(torch.equal(after.soft[name], task.soft[name]) for name in task.soft)
    assert {"l1", "gradient", "ssim", "outside", "updated"} <= set(curve.values)


@pytest.mark.slow
def test_a_second_training_with_the_same_task_starts_without_soft_labels():
    task = SoftLabels(L1, max_depth=50.0)
    first = fit(Linear(), task, Skies(), PLAN, seed=0)
    second = fit(Linear(), task, Skies(), PLAN, seed=0)
    assert first == second


def test_soft_labels_can_be_watched_from_on_step():
    task, item, seen = SoftLabels(L1, max_depth=50.0), Skies()[0], []

    def watch(step, loss, speed):
        seen.append(task.soft_label(item["name"], item["depth"], item["valid"]))

    fit(Linear(), task, Skies(), PLAN, seed=0, on_step=watch)
    assert len(seen) == 9 and torch.equal(seen[0][item["valid"]], seen[-1][item["valid"]])
    assert (seen[-1][~item["valid"]] > 0).all()


def test_soft_labels_are_scored_against_a_truth_that_the_training_does_not_see():
    """Ten times the red channel is the truth; the first labels are one value everywhere."""
    batch = batch_of(0, 1)
    first = torch.full_like(batch["depth"], 4.0)
    task = SoftLabels(L1, max_depth=40.0)
    assert "label_wrong" not in task.loss(Given(first), batch)[1], "there are no labels yet"
    _, terms = task.loss(Given(first), batch)
    truth = batch["depth_true"][~batch["valid"]]
    assert terms["label_abs_rel"].item() == pytest.approx(((4 - truth).abs() / truth).mean().item())
    within = (truth > 4 / 1.25) & (truth < 4 * 1.25)
    assert terms["label_wrong"].item() == pytest.approx(1 - within.float().mean().item())
    hidden = {name: value for name, value in batch.items() if name != "depth_true"}
    task, other = SoftLabels(L1, max_depth=40.0), SoftLabels(L1, max_depth=40.0)
    losses = [
        [one.loss(Given(first), given)[0].item() for _ in range(3)] for one, given in ((task, batch), (other, hidden))
    ]
    assert losses[0] == losses[1] and "label_wrong" not in other.loss(Given(first), hidden)[1]
