"""Small networks of the mobile paper, and the losses that its training balances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthlib.models import create_model

NAMES = ("ranking", "rmse", "pairwise")
NARROW = {"encoder": "mobilenet_v2_035"}
SMALL = {
    "mobile": NARROW,
    "nnconv5": {"encoder": "mobilenet_v2_035", "width": 1 / 16},
    "fastdepth": {},
    "enc_dec_resnet": {"width": 1 / 16},
    "diw_hourglass": {"width": 1 / 8},
    "midas": {"width": 1 / 16},
}
DECODER_C = {
    "skips": 4,
    "expansion": 2,
    "middle": "output",
    "kernel": 3,
    "shortcut": False,
    "fuse": "add",
    "blocks": 2,
    "keep_head": True,
    "full": True,
}
LINEAR = {"nnconv5": {"output": "linear"}, "fastdepth": {"output": "linear"}}


def small(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, **SMALL.get(name, {}) | options)


def picture(batch: int = 1, height: int = 64, width: int = 96, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def student(heads: int = 0, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return create_model("mobile", encoder="mobilenet_v2_035", intermediate=heads)
