"""The command that runs executed notebooks again, as the README's tests do, in a process of its own."""

from __future__ import annotations

import sys

from depthlib.base import paths


def nbval_command(*more: object, seconds: int) -> list[str]:
    """pytest with nbval and its tolerance plugin, `seconds` a cell, and further arguments."""
    settings = "-o addopts= -p nbval_tolerance -p no:cacheprovider --nbval --nbval-current-env --nbval-cell-timeout"
    start = [sys.executable, "-m", "pytest", "-c", str(paths.REPOSITORY / "pyproject.toml")]
    return [*start, *settings.split(), str(seconds), *map(str, more)]
