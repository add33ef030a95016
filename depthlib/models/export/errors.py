"""What can go wrong when a network is written."""

from __future__ import annotations

import importlib
from typing import Any


class ExportError(RuntimeError):
    """A network cannot be written in a format, a package is missing, or the file's output differs from torch's."""


def needed(module: str, package: str) -> Any:
    """Import an optional module. Raises ExportError with the command to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExportError(f"{module} is not installed: {package}") from error
