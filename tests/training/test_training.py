"""The fit loop: it learns, it repeats itself, it resumes, it refuses."""

import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from depthlib.base.build import resolve
from depthlib.training.augment import augment
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.curve import TrainingDiverged
from depthlib.training.fit import BatchOrder, Plan, fit
from depthlib.training.schedules import rate_factor
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
        if step == stop + 1:        # after the checkpoint of step `stop` was written
            raise Killed

    with pytest.raises(Killed):
        train(plan, dropout=0.3, checkpoint=checkpoint, on_step=kill)
    resumed, tail = train(plan, dropout=0.3, checkpoint=checkpoint)
    assert torch.equal(weights(whole), weights(resumed))
    assert tail == curve


def test_first_steps_follow_the_schedule_of_the_whole_plan():
    plan = Plan(steps=10, batch_size=4, lr=0.05)
    assert train(plan, stop_after=4)[1].values["loss"] == train(plan)[1].values["loss"][:4]


def test_a_damaged_checkpoint_is_set_aside(tmp_path, caplog):
    """Cut, empty, or with any one bit flipped; the training then begins anew."""
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    checkpoint.save({"step": 3, "x": torch.arange(100.0)})
    data = checkpoint.path.read_bytes()
    assert checkpoint.load(torch.device("cpu"))["step"] == 3
    flipped = [data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :] for place in range(0, len(data), 61)]
    for number, damaged in enumerate([data[:200], b"", *flipped], start=1):
        caplog.clear()
        checkpoint.path.write_bytes(damaged)
        assert checkpoint.load(torch.device("cpu")) is None and not checkpoint.path.exists()
        assert (tmp_path / f"c.pt.damaged-{number}").read_bytes() == damaged
        assert [record.getMessage() for record in caplog.records] == [
            f"{checkpoint.path}: damaged (found another content than that of its checksum); set aside as c.pt.damaged-{number}, made again"
        ]


def test_a_checkpoint_never_executes_code_nor_advises_to(tmp_path, caplog, capsys):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    Checkpoint(tmp_path / "c.pt").save({"step": Evil()})
    assert Checkpoint(tmp_path / "c.pt").load(torch.device("cpu")) is None
    assert "c.pt: damaged (found other objects than tensors and numbers)" in caplog.text and "weights_only" not in caplog.text
    assert "executed" not in capsys.readouterr().out and (tmp_path / "c.pt.damaged-1").exists()


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path):
    """A limit on the size of files fails as a full disk does: while the file is written."""
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    checkpoint.save({"step": 3})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(OSError, match="File too large: .*c.pt'"):
            checkpoint.save({"step": 4, "x": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"] and checkpoint.load(torch.device("cpu"))["step"] == 3


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


def test_schedules():
    assert [rate_factor("poly", s, 4, power=1.0) for s in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert rate_factor("poly", 50, 100, power=1.5) == pytest.approx(0.5**1.5)
    assert rate_factor("constant", 3, 4, power=9.0) == 1.0
    torch_own = torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD([torch.zeros(1)], lr=1.0), [4, 7], gamma=0.1)
    for step in range(10):
        torch_own.optimizer.step()
        assert rate_factor("step", step, 10, milestones=(0.4, 0.7), drop=0.1) == pytest.approx(torch_own.get_last_lr()[0])
        torch_own.step()
    with pytest.raises(ValueError, match="schedule: found .linear"):
        rate_factor("linear", 0, 1)


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
    moved, _ = train(Plan(steps=1, batch_size=4, lr=0.01, schedule="step", milestones=(0.0,), drop=0.1), task=TwoRates(L1))
    assert torch.equal(moved.conv.bias, start.conv.bias)
    assert (moved.conv.weight - start.conv.weight).abs().max().item() == pytest.approx(0.05, rel=1e-3)   # Adam's first step: the rate


def test_clipping_bounds_the_step():
    """With plain gradients clipped to nearly nothing, Adam's epsilon takes over and the weights hardly move."""
    free, _ = train(Plan(steps=1, batch_size=4, lr=0.01, eps=1e-3))
    clipped, _ = train(Plan(steps=1, batch_size=4, lr=0.01, eps=1e-3, clip=1e-6))
    torch.manual_seed(1)
    start = weights(Linear())
    assert (weights(clipped) - start).abs().max() < 1e-2 * (weights(free) - start).abs().max()


def batch_of(n=64):
    image = torch.rand(n, 3, 4, 6)
    k = torch.tensor([[5.0, 0, 2.0], [0, 5, 1], [0, 0, 1]]).repeat(n, 1, 1)
    return {"image": image, "K": k, "name": ["x"] * n} | labels_of(image)


def labels_of(image):
    """All that lives on the pixel grid, in the shapes and types of the datasets, each told by its own pixel of the image."""
    red, green, blue = image.unbind(1)
    return {
        "depth": red[:, None] + 1, "valid": red[:, None] > 0.5, "depth_true": green[:, None] + 2, "defect": green[:, None] > 0.5,
        "semantics": (13 * blue).long(), "instances": (1000 * blue).long(),
    }


def test_flip_keeps_pixels_labels_and_rays_together():
    batch = batch_of()
    out = augment(batch, seed=0, step=0, flip=0.5, colour=0)
    flipped = (out["image"] != batch["image"]).flatten(1).any(1)
    assert 16 < flipped.sum() < 48
    assert set(out) == set(batch)
    for name, expected in labels_of(out["image"]).items():
        assert torch.equal(out[name], expected), name
    # the ray of a pixel mirrors: (u' - cx') / f = -(u - cx) / f with u' = W - 1 - u
    cx = out["K"][flipped][:, 0, 2]
    torch.testing.assert_close((5 - 0) - cx, -(0 - batch["K"][flipped][:, 0, 2]))
    assert torch.equal(augment(batch, seed=0, step=0, flip=0.5, colour=0)["image"], out["image"])
    assert not torch.equal(augment(batch, seed=0, step=1, flip=0.5, colour=0)["image"], out["image"])


@pytest.mark.parametrize(("name", "channels", "words"), [
    ("right", 3, "right: found a stereo pair"), ("disparity", 1, "disparity: found disparity in pixels"),
])
def test_flip_refuses_what_it_would_spoil(name, channels, words):
    batch = batch_of() | {name: torch.rand(64, channels, 4, 6)}
    with pytest.raises(ValueError, match=words):
        augment(batch, seed=0, step=0, flip=0.5, colour=0)
    assert name in augment(batch, seed=0, step=0, flip=0, colour=0.1)


def test_colour_changes_images_only_and_stays_in_range():
    batch = batch_of()
    out = augment(batch, seed=0, step=0, flip=0, colour=0.3)
    assert not torch.equal(out["image"], batch["image"]) and torch.equal(out["depth"], batch["depth"])
    assert out["image"].min() >= 0 and out["image"].max() <= 1


def test_targets_stay_inside_the_package():
    for target in ("os:system", "depthlib.base.paths", "depthlibx:y"):
        with pytest.raises(ValueError, match="expected 'depthlib"):
            resolve(target)


TWO = """
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from test_training import L1, Linear, Ramps, Supervised
from depthlib.training.fit import Plan, fit
from depthlib.training.parallel import join, rank_and_size

class AllValid(Ramps):                      # else the shares of a batch have different weights, see depthlib.training.parallel
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
    """torchrun with gloo on the CPU: the same losses and weights as one process with the same global batch, in both processes."""
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
