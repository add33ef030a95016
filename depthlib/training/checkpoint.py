"""Checkpoints of a training, so that it can be interrupted at any time."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import time
from pathlib import Path
from typing import Any

import torch

from depthlib.base.paths import atomic_write, set_aside
from depthlib.training import stopping

DIGEST = 32  # bytes at the end of the file: the SHA-256 of what stands before


class Checkpoint:
    """A file that is replaced atomically and loaded with `weights_only=True`, so that loading never executes code.

    A signal that ends the process (see `depthlib.training.stopping`) asks for a checkpoint, and takes effect after it.

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
        return stopping.waiting() or time.monotonic() - self._saved >= self._pause

    def save(self, state: dict[str, Any]) -> None:
        """Raises OSError if the disk refuses; the previous checkpoint stays."""
        started = time.monotonic()
        with atomic_write(self.path) as temporary, temporary.open("wb+") as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:  # of torch's archive, after one of the disk
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None
            file.seek(0)
            file.write(hashlib.file_digest(file, "sha256").digest())
        self._saved = time.monotonic()
        self._pause = max(self.every_seconds, 20 * (self._saved - started)) if self.every_seconds else 0.0
        stopping.release()

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The last saved state, or None when there is none; a damaged file is set aside. From here on signals wait."""
        stopping.begin()
        if not self.path.exists():
            return None
        content = self.path.read_bytes()
        if hashlib.sha256(content[:-DIGEST]).digest() != content[-DIGEST:]:
            return set_aside(self.path, "found another content than that of its checksum")
        try:
            return torch.load(io.BytesIO(content[:-DIGEST]), map_location=device, weights_only=True)
        except pickle.UnpicklingError:  # its message advises to load the file all the same
            return set_aside(self.path, "found other objects than tensors and numbers")
