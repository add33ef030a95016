"""Networks of timm, imported when one is built."""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn


def timm_model(name: str, **options: Any) -> nn.Module:
    """`timm.create_model`, without the warning that libraries behind timm give in a notebook that lacks widgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import timm

    return timm.create_model(name, **options)
