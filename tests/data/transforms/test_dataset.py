"""Transformed data sets: the same with any number of workers and from any step."""

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from wall import RANDOM, mono

from depthlib.data.transforms import RandomCrop, StepSampler, Transformed, collate, generator_of
from depthlib.training.fit import BatchOrder


class Walls(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, position):
        return mono(torch.float32) | {"name": str(position)}

    def fingerprint(self):
        return "walls"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker")  # more than a small machine has cores
def test_loaders_repeat_a_run_with_any_number_of_workers_and_from_any_step():
    """Two epochs of the training loop's order, the second one with other draws than the first."""
    data = Transformed(Walls(), RANDOM, seed=11)

    def load(first: int, workers: int) -> list[dict]:
        batches = StepSampler(BatchOrder(6, 2, seed=4, first=first, steps=6), first)
        return list(DataLoader(data, batch_sampler=batches, num_workers=workers, collate_fn=collate))

    whole = load(0, workers=0)
    for first, workers in ((0, 2), (0, 4), (2, 0), (5, 2)):
        others = load(first, workers)
        assert len(others) == 6 - first
        for one, other in zip(whole[first:], others, strict=True):
            assert one.keys() == other.keys() and one["name"] == other["name"]
            assert all(torch.equal(value, other[key]) for key, value in one.items() if isinstance(value, Tensor))
    shown: dict[str, list[Tensor]] = {}
    for batch in whole:
        for name, K in zip(batch["name"], batch["K"], strict=True):
            shown.setdefault(name, []).append(K)
    assert len(shown) == 6 and all(len(twice) == 2 and not torch.equal(*twice) for twice in shown.values())


def test_a_draw_depends_on_seed_step_and_position_alone():
    data = Transformed(Walls(), RandomCrop((20, 20)), seed=11)
    assert torch.equal(data[2, 7]["K"], RandomCrop((20, 20))(mono(torch.float32), generator_of(11, 7, 2))["K"])
    assert torch.equal(data[-1]["image"], data[5]["image"]) and torch.equal(data[5]["image"], data[5, 0]["image"])
    assert data.fingerprint() != Transformed(Walls(), RandomCrop((20, 20)), seed=12).fingerprint()
    assert data.fingerprint() != Transformed(Walls(), RandomCrop((20, 21)), seed=11).fingerprint()


class Days(torch.utils.data.Dataset):
    """Images of several sizes, as KITTI has them."""

    SIZES = ((375, 1242), (370, 1226), (374, 1238), (376, 1241))

    def __len__(self):
        return len(self.SIZES)

    def __getitem__(self, position):
        height, width = self.SIZES[position]
        return {"image": torch.rand(3, height, width), "depth": torch.ones(1, height, width), "name": "x"}


def test_items_of_several_sizes():
    cropped = Transformed(Days(), RandomCrop((352, 704)), seed=0)
    (batch,) = DataLoader(cropped, batch_size=4, collate_fn=collate)
    assert batch["image"].shape == (4, 3, 352, 704) and batch["depth"].shape == (4, 1, 352, 704)
    assert batch["name"] == ["x"] * 4
    message = "image: found sizes 375x1242, 370x1226 in one batch, expected one size; add a RandomCrop or Resize"
    with pytest.raises(ValueError, match=f"^{message}$"):
        list(DataLoader(Days(), batch_size=2, collate_fn=collate))
    with pytest.raises(ValueError, match="^right: found in 1 of 2 items"):
        collate([{"image": torch.rand(3, 4, 4)}, {"image": torch.rand(3, 4, 4), "right": torch.rand(3, 4, 4)}])
    with pytest.raises(ValueError, match="^pairs: found sizes 7x5, 8x5 in one batch, expected one size$"):
        collate([{"pairs": torch.zeros(7, 5)}, {"pairs": torch.zeros(8, 5)}])
