"""Depth networks. One contract: `forward(image [B,3,H,W], RGB in [0,1]) -> depth [B,1,H,W] in metres`, same H and W.

`create_model("anu", width=16, max_depth=10.0)` builds one. `models.yaml`, and for the networks of a paper the table in
its folder, map names to classes. Both are data, so a new network does not change the keys of existing runs. Classes are
imported on demand, so a U-Net does not import torchvision.
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
    """The module of the model `name`. Raises ValueError for an unknown name."""
    if name not in models():
        raise ValueError(f"model: found {name!r}, expected one of {', '.join(sorted(models()))}")
    return models()[name].partition(":")[0]


def create_model(name: str, **options: object) -> nn.Module:
    """The model `name`, built with the keyword arguments of its class.

    Raises:
        ValueError: `name` is not in `models()`.
        TypeError: an option that the class does not have.
    """
    module = import_module(model_module(name))
    return getattr(module, models()[name].partition(":")[2])(**options)
