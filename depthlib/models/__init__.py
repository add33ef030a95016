"""Depth networks. One contract: `forward(image [B,3,H,W], RGB in [0,1]) -> depth [B,1,H,W] in metres`, same H and W.

`create_model("anu", width=16, max_depth=10.0)` makes one. Which class a name means is said by `models.yaml`, or for the networks of a
paper by the table in its folder. Both are data, so that a new network leaves the keys of old runs alone. A class is imported when
it is asked for, so a U-Net does not pay for torchvision.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from torch import nn

from depthlib.base import catalogue
from depthlib.base.yaml_files import read_yaml


@cache
def models() -> dict[str, str]:
    """Name -> "module:class" of every model, those of the papers included."""
    return read_yaml(Path(__file__).parent / "models.yaml") | catalogue.models()


def model_module(name: str) -> str:
    """The module that the model called `name` lives in. Raises ValueError for a name that is not in `models()`."""
    if name not in models():
        raise ValueError(f"unknown model {name!r}: expected one of {', '.join(sorted(models()))}")
    return models()[name].partition(":")[0]


def create_model(name: str, **options: object) -> nn.Module:
    """The model called `name`, built with the keyword arguments of its class.

    Raises:
        ValueError: `name` is not in `models()`.
        TypeError: an option that the class does not have.
    """
    module = import_module(model_module(name))
    return getattr(module, models()[name].partition(":")[2])(**options)
