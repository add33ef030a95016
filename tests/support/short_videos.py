"""Short videos of a few seconds: frames of one grey each, as photographs in a folder and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def photographs(folder: Path, greys: Sequence[int], size: tuple[int, int] = (48, 64), name: str = "f{}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, grey in enumerate(greys):
        Image.fromarray(np.full((*size, 3), grey, np.uint8)).save(folder / name.format(index))
    return folder


def video(path: Path, frames: Sequence[np.ndarray], rate: float = 10) -> Path:
    """Frames [H, W, 3] RGB as Motion JPEG, each of which is coded alone."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), rate, frames[0].shape[1::-1])
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def greys(path: Path, values: Sequence[int], size: tuple[int, int] = (48, 64), rate: float = 10) -> Path:
    return video(path, [np.full((*size, 3), value, np.uint8) for value in values], rate)
