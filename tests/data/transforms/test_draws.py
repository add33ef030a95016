"""Random numbers: the same for items and batches, on every device, and over their whole range."""

import pytest
import torch
from devices import DEVICES
from torch import Tensor
from wall import RANDOM, batch_of, mono, pair

from depthlib.data.transforms import (
    Compose,
    RandomCrop,
    RandomFlip,
    RandomRotate,
    RandomScaleCrop,
    RandomScaleDepth,
    RandomTranslate,
    Resize,
    generator_of,
    generators,
)

STEREO = Compose((RandomScaleDepth(), RandomTranslate()))


@pytest.mark.parametrize(("transform", "sample"), [(RANDOM, mono), (STEREO, pair)], ids=["mono", "stereo"])
@pytest.mark.parametrize("device", DEVICES)
def test_items_and_batches_agree(device, transform, sample):
    items = [transform(sample(torch.float32), generator_of(5, 2, i)) for i in range(6)]
    batch = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch_of(*[sample(torch.float32)] * 6).items()}
    together = transform(batch, generators(5, 2, 6))
    assert together.keys() == items[0].keys() and together["name"] == ["wall"] * 6
    for key, value in batch_of(*items).items():
        if isinstance(value, Tensor):
            assert together[key].dtype == value.dtype and together[key].device.type == device
            torch.testing.assert_close(together[key].cpu(), value, atol=2e-5 if device == "cuda" else 1e-6, rtol=1e-5)
    assert len({tuple(item["K"].flatten().tolist()) for item in items}) == 6  # every image has a draw of its own


@pytest.mark.slow
def test_no_number_is_made_on_another_device():
    """Tensors without data: an operation of one of them with a CPU tensor fails, as it would on a GPU."""
    batch = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in batch_of(mono(), mono(), mono()).items()}
    chain = Compose((*RANDOM.steps[:-1], Resize((9, 9), {"low": (4, 5)}, image="area", depth="mean")))
    after = chain(batch, generators(5, 2, 3))
    pairs = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in batch_of(pair(), pair()).items()}
    both = (*after.values(), *STEREO(pairs, generators(5, 2, 2)).values())
    assert {value.device.type for value in both if isinstance(value, Tensor)} == {"meta"}
    assert after["image_low"].shape == (3, 3, 4, 5)


def test_draws_repeat_and_differ():
    def run(step: int) -> dict:
        return RANDOM(batch_of(mono(), mono()), generators(7, step, 2))

    first, again, other = run(3), run(3), run(4)
    assert all(torch.equal(first[k], again[k]) for k in first if isinstance(first[k], Tensor))
    assert not torch.equal(first["K"], other["K"]) and not torch.equal(first["image"], other["image"])
    starts = {
        tuple(torch.rand(2, generator=generator_of(*n)).tolist()) for n in [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0)]
    }
    assert len(starts) == 4
    one = torch.Generator().manual_seed(0)  # a single generator: images draw in turn
    crops = RandomCrop((20, 20))(batch_of(*[mono()] * 8), one)
    assert len({tuple(K.flatten().tolist()) for K in crops["K"]}) > 4


def test_offsets_and_factors_fill_their_ranges():
    sample = {"image": torch.zeros(3, 4, 6), "K": torch.eye(3), "depth": torch.ones(1, 4, 6)}
    batch = RandomCrop((2, 5))(batch_of(*[sample] * 200), generators(0, 0, 200))
    assert set(batch["K"][:, 1, 2].tolist()) == {0, -1, -2} and set(batch["K"][:, 0, 2].tolist()) == {0, -1}
    flips = RandomFlip(0.25)(batch_of(*[sample] * 400), generators(0, 1, 400))
    assert 60 < (flips["K"][:, 0, 2] == 5).sum() < 140
    big = {"image": torch.zeros(3, 100, 100), "K": torch.eye(3)}
    scales = RandomScaleCrop((1.0, 1.15))(batch_of(*[big] * 100), generators(0, 2, 100))["K"]
    sx, sy = scales[:, 0, 0], scales[:, 1, 1]
    assert min(sx.min(), sy.min()) >= 1 and 1.12 < sx.max() <= 1.15 and float((sx - sy).abs().max()) > 0.05
    sideways = torch.eye(4) + torch.tensor([[0.0, 0, 0, 1], [0] * 4, [0] * 4, [0] * 4])
    moved = batch_of(*[big | {"T_a_b": sideways}] * 100)
    turned = RandomRotate((-30.0, 10.0))(moved, generators(0, 3, 100))["T_a_b"][:, :2, 3]
    degrees = -torch.rad2deg(torch.atan2(turned[:, 1], turned[:, 0]))
    assert -30 <= degrees.min() < -26 and 6 < degrees.max() <= 10
    one = RandomScaleCrop((1.0, 1.15), independent=False)(batch_of(*[big] * 20), generators(0, 2, 20))["K"]
    assert torch.equal(one[:, 0, 0], one[:, 1, 1])
