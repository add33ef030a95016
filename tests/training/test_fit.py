"""The fit loop: it learns, it repeats itself, it resumes, it refuses, and two processes train as one."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from depthlib.training.checkpoint import Checkpoint
from depthlib.training.curve import TrainingDiverged
from depthlib.training.fit import BatchOrder, Plan, fit
from depthlib.training.tasks import BaseTask, Supervised


class Ramps(torch.utils.data.Dataset):
    """Images whose red channel is the depth / 10 m: a 1x1 convolution can learn them exactly."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        image = torch.rand(3, 8, 8, generator=generator)
        depth = 10 * image[:1]
        return {"image": image, "depth": depth, "valid": depth > 1, "name": str(index)}


class Linear(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.conv, self.drop = nn.Conv2d(3, 1, 1), nn.Dropout2d(dropout)

    def forward(self, image):
        return self.conv(self.drop(image))


L1 = "depthlib.losses.regression:l1_loss"


def train(plan, *, seed=0, dropout=0.0, task=None, **kwargs):
    torch.manual_seed(1)
    model = Linear(dropout)
    curve = fit(model, task or Supervised(L1), Ramps(), plan, seed=seed, **kwargs)
    return model, curve


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.slow
def test_learns_what_can_be_learned():
    model, curve = train(Plan(steps=600, batch_size=4, lr=0.1))
    assert curve.values["loss"][-1] < 0.05 < curve.values["loss"][0]
    torch.testing.assert_close(model.conv.weight.flatten(), torch.tensor([10.0, 0, 0]), atol=0.3, rtol=0)


def test_first_step_of_adam_has_the_size_of_the_rate():
    torch.manual_seed(1)
    before = weights(Linear())
    model, _ = train(Plan(steps=1, batch_size=4, lr=0.01))
    torch.testing.assert_close((weights(model) - before).abs(), torch.full((4,), 0.01), atol=1e-6, rtol=0)


def test_same_seed_same_bits_other_seed_other_bits():
    plan = Plan(steps=5, batch_size=4, colour=0.1)
    (a, ca), (b, cb), (c, _) = train(plan, dropout=0.3), train(plan, dropout=0.3), train(plan, seed=1, dropout=0.3)
    assert torch.equal(weights(a), weights(b)) and ca == cb
    assert not torch.equal(weights(a), weights(c))


@pytest.mark.parametrize("stop", [1, 3, 7])
def test_resumed_training_ends_in_the_same_bits(tmp_path, stop):
    """Dropout, flips, Adam's moments and the schedule all have to be picked up where they were left."""
    plan = Plan(steps=10, batch_size=4, lr=0.05, colour=0.1)
    whole, curve = train(plan, dropout=0.3)
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)

    class Killed(Exception):
        pass

    def kill(step, loss, speed):
        if step == stop + 1:  # after the checkpoint of step `stop` was written
            raise Killed

    with pytest.raises(Killed):
        train(plan, dropout=0.3, checkpoint=checkpoint, on_step=kill)
    resumed, tail = train(plan, dropout=0.3, checkpoint=checkpoint)
    assert torch.equal(weights(whole), weights(resumed))
    assert tail == curve


def test_first_steps_follow_the_schedule_of_the_whole_plan():
    plan = Plan(steps=10, batch_size=4, lr=0.05)
    assert train(plan, stop_after=4)[1].values["loss"] == train(plan)[1].values["loss"][:4]


def test_diverged_training_says_where():
    class Explodes(BaseTask):
        def loss(self, model, batch):
            bad = model(batch["image"]).mean() * math.inf
            return bad, {"term": bad}

    with pytest.raises(TrainingDiverged, match="step 0: loss = .*, term = "):
        fit(Linear(), Explodes(), Ramps(), Plan(steps=2, batch_size=4), seed=0)


def test_dataset_smaller_than_a_batch():
    with pytest.raises(ValueError, match="dataset: found 12 images, expected at least one batch of 13"):
        train(Plan(steps=1, batch_size=13))


def test_every_image_once_an_epoch_in_fresh_order():
    epochs = list(BatchOrder(12, 4, seed=5, first=0, steps=6))
    first, second = sum(epochs[:3], []), sum(epochs[3:], [])
    assert sorted(first) == sorted(second) == list(range(12)) and first != second
    assert list(BatchOrder(12, 4, seed=5, first=4, steps=6)) == epochs[4:]


class TwoRates(Supervised):
    """Freezes the bias in `prepare`; the weight has a rate of its own."""

    def prepare(self, model, dataset):
        model.conv.bias.requires_grad_(False)

    def parameter_groups(self, model):
        return [{"params": [model.conv.weight], "lr": 0.5}]


def test_a_task_chooses_what_moves_and_how_fast():
    """A group brings its own rate, the schedule scales it, and what `prepare` freezes stays where it was."""
    torch.manual_seed(1)
    start = Linear()
    moved, _ = train(
        Plan(steps=1, batch_size=4, lr=0.01, schedule="step", milestones=(0.0,), drop=0.1), task=TwoRates(L1)
    )
    assert torch.equal(moved.conv.bias, start.conv.bias)
    assert (moved.conv.weight - start.conv.weight).abs().max().item() == pytest.approx(
        0.05, rel=1e-3
    )  # Adam's first step: the rate


def test_clipping_bounds_the_step():
    """With plain gradients clipped to nearly nothing, Adam's epsilon takes over and the weights hardly move."""
    free, _ = train(Plan(steps=1, batch_size=4, lr=0.01, eps=1e-3))
    clipped, _ = train(Plan(steps=1, batch_size=4, lr=0.01, eps=1e-3, clip=1e-6))
    torch.manual_seed(1)
    start = weights(Linear())
    assert (weights(clipped) - start).abs().max() < 1e-2 * (weights(free) - start).abs().max()


TWO = """
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from test_fit import L1, Linear, Ramps, Supervised
from depthlib.training.fit import Plan, fit
from depthlib.training.parallel import join, rank_and_size

class AllValid(Ramps):      # else the shares of a batch have different weights, see depthlib.training.parallel
    def __getitem__(self, index):
        return super().__getitem__(index) | {"valid": torch.ones(1, 8, 8, dtype=torch.bool)}

torch.set_num_threads(1)
join(torch.device("cpu"))
torch.manual_seed(1)
model = Linear()
curve = fit(model, Supervised(L1), AllValid(), Plan(steps=7, batch_size=4, lr=0.05, flip=0.5, colour=0.2), seed=3)
rank, size = rank_and_size()
with open(f"{sys.argv[2]}/{rank}-of-{size}.json", "w") as file:
    json.dump([curve.values, [p.tolist() for p in model.parameters()]], file)
"""


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    """torchrun with gloo on the CPU: the same losses and weights as one process with the same global batch, in both
    processes.
    """
    script = tmp_path / "two.py"
    script.write_text(TWO)
    arguments = [script, Path(__file__).parent, tmp_path]
    subprocess.run([sys.executable, *arguments], check=True)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *arguments]
    pair = subprocess.run(launch, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert pair.returncode == 0, pair.stderr[-2000:]
    curve, parameters = json.loads((tmp_path / "0-of-1.json").read_text())
    for process in ("0-of-2", "1-of-2"):
        shared_curve, shared_parameters = json.loads((tmp_path / f"{process}.json").read_text())
        for name, values in curve.items():
            assert shared_curve[name] == pytest.approx(values, rel=1e-5), name
        assert torch.allclose(torch.tensor(shared_parameters[0]), torch.tensor(parameters[0]), rtol=1e-4)


def test_several_processes_refuse_what_would_go_wrong(monkeypatch):
    from depthlib.training import parallel

    with pytest.raises(ValueError, match="batch_size: found 5, expected a multiple of the 2 processes"):
        BatchOrder(12, 5, seed=0, first=0, steps=1, processes=2)
    monkeypatch.setattr(parallel, "rank_and_size", lambda: (0, 2))

    class Remembers(Supervised):
        def state_dict(self):
            return {"seen": 1}

    with pytest.raises(ValueError, match="processes: found 2, expected 1 for Remembers"):
        parallel.in_parallel(Linear(), Remembers(L1), torch.device("cpu"))
