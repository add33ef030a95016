"""Arrays of one shape in a temporary file: what is kept of the frames of a video, which may be longer than memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class ArrayFile:
    """A list of float32 tensors of one shape that lies on the disk and goes with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the object
        self._shape: tuple[int, ...] | None = None
        self._count = 0

    def append(self, array: Tensor) -> None:
        """Raises ValueError for another shape than that of the first one."""
        shape = tuple(array.shape)
        self._shape = self._shape or shape
        if shape != self._shape:
            raise ValueError(f"array: found shape {list(shape)}, expected {list(self._shape)} as before")
        self._file.seek(0, 2)
        self._file.write(array.numpy().astype(np.float32, copy=False).tobytes())
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Tensor:
        if not 0 <= index < self._count:
            raise IndexError(f"index: found {index}, expected 0 to {self._count - 1}")
        length = 4 * int(np.prod(self._shape))
        self._file.seek(index * length)
        return torch.frombuffer(bytearray(self._file.read(length)), dtype=torch.float32).view(self._shape)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(self._count))
