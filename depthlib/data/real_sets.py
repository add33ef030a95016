"""Real data sets by the name of their manifest, as recipes name them."""

from __future__ import annotations

import importlib
from typing import Any

from depthlib.data.fetch import default_root
from depthlib.data.manifest import load_manifest


def real(name: str, split: str, **options: Any) -> Any:
    """A split of the data set called `name`, through its own loader, from the folder `default_root(name)`: a link there will do.

    The folder is not part of a run's key, so that the same data in another place is the same run.

    Raises:
        DataError: an unknown set, or what its loader refuses; the folder is named.
    """
    module, _, loader = load_manifest(name).loader.partition(":")
    return getattr(importlib.import_module(module), loader)(default_root(name), split=split, **options)
