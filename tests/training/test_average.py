"""The average of the weights: its formula, the statistics of batch norm, and a resumed run."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from depthlib.training.average import WeightAverage
from depthlib.training.checkpoint import Checkpoint


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 1, 1)
        self.register_buffer("seen", torch.zeros(2, dtype=torch.long))

    def forward(self, image):
        self.seen += 1
        return self.out(torch.relu(self.norm(self.conv(image))))


def trained(seed=0, steps=0, average=None, others=()):
    """A network after some steps, of which the average and others are told."""
    torch.manual_seed(seed)
    model = Net()
    average = average(model) if average is not None else None
    return model, average, *run(model, average, steps, others)


def run(model, average, steps, others=(), first=0):
    history = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(first, first + steps):
        image = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(image).square().mean().backward()
        optimizer.step()
        if average is not None:
            average.update(model)
        for other in others:
            other.update_parameters(model)
        history.append({name: value.clone() for name, value in model.state_dict().items()})
    return (history,)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_is_its_formula(decay):
    torch.manual_seed(0)
    model = Net()
    expected = {name: value.double() for name, value in model.state_dict().items()}
    average = WeightAverage(model, decay)
    (history,) = run(model, average, 30)
    for n, state in enumerate(history):
        d = min(decay, (1 + n) / (10 + n))
        expected = {name: d * value + (1 - d) * state[name].double() for name, value in expected.items()}
    for name, value in average.state_dict()["values"].items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
        else:
            assert torch.equal(value, history[-1][name])  # counters count, they have no mean
    assert int(average.state_dict()["values"]["seen"][0]) == 30


def test_a_late_average_is_that_of_torch():
    """Where the correction has ended."""
    torch.manual_seed(0)
    model = Net()
    average = WeightAverage(model, 0.9)
    average.load_state_dict(average.state_dict() | {"updates": 10_000})
    other = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    other.update_parameters(model)  # torch's first update copies
    run(model, average, 12, (other,))
    for name, value in other.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(average.state_dict()["values"][name], value, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_averaged_statistics_fit_the_averaged_weights():
    """Weights that jump about: the averaged statistics are those of the averaged weights, the last ones are not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4, momentum=None))
    image = 2 + torch.randn(8, 3, 16, 16)
    start = model[0].weight.detach().clone()
    average = WeightAverage(model, 0.95)
    for _ in range(300):
        with torch.no_grad():
            model[0].weight.copy_(start + 0.05 * torch.randn_like(start))
        model[1].reset_running_stats()
        model.train()(image)  # statistics of the present weights
        average.update(model)
    last = model[1].running_mean.clone(), model[1].running_var.clone()
    average.copy_to(model)
    with torch.no_grad():
        output = model[0](image)
    mean, var = output.mean(dim=(0, 2, 3)), output.var(dim=(0, 2, 3))
    torch.testing.assert_close(model[1].running_mean, mean, rtol=1e-4, atol=1e-4)
    assert (last[0] - mean).abs().max() > 0.05
    excess = 0.05**2 * image.var(dim=(0, 2, 3)).sum()  # variance of the weights times that of the image
    torch.testing.assert_close(model[1].running_var - var, excess.expand(4), rtol=0.4, atol=0)
    assert (last[1] - var).abs().max() > 5 * excess


def test_a_resumed_average_ends_in_the_same_bits(tmp_path):
    model, whole, _ = trained(steps=9, average=WeightAverage)
    resumed, average, _ = trained(steps=4, average=WeightAverage)
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    checkpoint.save({"model": resumed.state_dict(), "average": average.state_dict()})
    torch.manual_seed(7)
    fresh = Net()
    average = WeightAverage(fresh)  # as a new process has it, with other weights
    saved = checkpoint.load(torch.device("cpu"))
    fresh.load_state_dict(saved["model"])
    average.load_state_dict(saved["average"])
    run(fresh, average, 5, first=4)
    assert average.updates == whole.updates == 9
    for name, value in whole.state_dict()["values"].items():
        assert torch.equal(average.state_dict()["values"][name], value), name


def test_the_average_and_the_networks_share_no_memory():
    model, average, _ = trained(steps=3, average=WeightAverage)
    before = {name: value.clone() for name, value in average.state_dict()["values"].items()}
    other = Net()
    average.copy_to(other)
    assert all(torch.equal(other.state_dict()[name], value) for name, value in before.items())
    assert not torch.equal(model.conv.weight, other.conv.weight)
    run(other, None, 2)
    run(model, None, 2)
    assert all(torch.equal(average.state_dict()["values"][name], value) for name, value in before.items())
    assert all(not value.requires_grad for value in before.values())


def test_bad_arguments_say_what_is_wrong():
    average = WeightAverage(nn.Linear(3, 2))
    with pytest.raises(ValueError, match="^decay: found 1.0, expected 0 <= decay < 1$"):
        WeightAverage(nn.Linear(3, 2), 1.0)
    with pytest.raises(ValueError, match=r"^weight: found \[2, 4\], expected \[2, 3\]"):
        average.load_state_dict(WeightAverage(nn.Linear(4, 2)).state_dict())
    with pytest.raises(ValueError, match="^bias: found None, expected"):
        average.load_state_dict(WeightAverage(nn.Linear(3, 2, bias=False)).state_dict())
