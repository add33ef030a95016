"""Small networks, pictures, maps and frames for the tests of the synergy paper."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.models import create_model
from depthlib.papers.synergy.network import SynergyNet

DEPTH_ONLY = {"classes": 0, "sharing": "none"}


def small(**options) -> SynergyNet:
    torch.manual_seed(0)
    return create_model("synergy", **{"width": 1 / 16, **options})


def picture(batch: int = 2, height: int = 64, width: int = 64, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def random_maps(height: int = 9, width: int = 10, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Depths of 0.3 to 9 m, below and above the metre where the literal form breaks; some pixels invalid."""
    generator = torch.Generator().manual_seed(0)
    pred, target = 0.3 + 8.7 * torch.rand(2, batch, 1, height, width, generator=generator, dtype=torch.float64)
    valid = torch.ones(batch, 1, height, width, dtype=torch.bool)
    valid[0, 0, 0, :3] = False
    valid[:, 0, 5, 6] = False
    return pred, target, valid


class Frames(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        depth = 1 + 8 * torch.rand(1, 32, 64, generator=generator)
        labels = torch.randint(13, (32, 64), generator=generator)
        image = torch.rand(3, 32, 64, generator=generator)
        return {
            "image": image,
            "depth": depth,
            "valid": depth > 0,
            "semantics": labels,
            "name": f"rooms/test/{index:06d}",
        }


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}
