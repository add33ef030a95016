"""Checkpoints of a training, so that it can be interrupted at any time."""

from __future__ import annotations

import os
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import torch

from depthlib.base.paths import atomic_write


class CheckpointError(RuntimeError):
    """A checkpoint exists and cannot be read."""


class Checkpoint:
    """A file that is replaced atomically and loaded with `weights_only=True`, so that loading never executes code.

    Args:
        path: the file.
        every_seconds: between two checkpoints; 0 saves after every step. A large state is saved less often, so that
            saving takes at most a twentieth of the time.
    """

    def __init__(self, path: str | os.PathLike[str], every_seconds: float = 20.0):
        self.path = Path(path)
        self.every_seconds = every_seconds
        self._saved, self._pause = time.monotonic(), every_seconds

    def due(self) -> bool:
        return time.monotonic() - self._saved >= self._pause

    def save(self, state: dict[str, Any]) -> None:
        started = time.monotonic()
        with atomic_write(self.path) as temporary:
            torch.save(state, temporary)
        self._saved = time.monotonic()
        self._pause = max(self.every_seconds, 20 * (self._saved - started)) if self.every_seconds else 0.0

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The last saved state, or None when there is none. Raises CheckpointError when the file is damaged."""
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:       # checksums, which torch.load does not verify
                if (bad := archive.testzip()) is not None:
                    raise zipfile.BadZipFile(f"checksum of {bad} is wrong")
            return torch.load(self.path, map_location=device, weights_only=True)
        except (OSError, EOFError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"{self.path}: damaged checkpoint ({error}); delete it to train this run from the start"
            ) from error

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
