"""The pictures of a predicted video: each frame beside its depth, with one colour scale, as a video or as a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from depthlib.app.depth_picture import bar_height, draw_bar
from depthlib.app.video_input import open_cv
from depthlib.base.colour import colour_depth
from depthlib.base.paths import atomic_write
from depthlib.data.images import resize
from depthlib.models.meaning import Meaning

LARGEST = (720, 1280)  # height and width of a frame as shown
NARROWEST = 128
CODEC = "mp4v"  # MPEG-4 part 2: FFmpeg's own encoder, which every player reads, though browsers do not


class Sheet:
    """A frame on the left, its depth on the right, and the colour scale of the whole video below.

    Args:
        size: (height, width) of the frames. ends: depths of the first and the last colour.
    """

    def __init__(self, size: tuple[int, int], ends: tuple[float, float], meaning: Meaning) -> None:
        scale = min(1.0, *(most / side for most, side in zip(LARGEST, size, strict=True)))
        scale = max(scale, NARROWEST / size[1])
        self.size = (_even(size[0] * scale), _even(size[1] * scale))
        self.ends = ends
        picture = Image.new("RGB", (2 * self.size[1], self.size[0] + _even(bar_height(2 * self.size[1]))), "white")
        draw_bar(picture, self.size[0], ends, meaning)
        self._blank = np.asarray(picture)
        self._palette = colour_depth(np.linspace(0, 1, 256)[None], np.ones((1, 256), bool), 0, 1)[0]

    def __call__(self, image: Tensor, depth: Tensor) -> NDArray[np.uint8]:
        """[H, W, 3] of a frame [3, *self.size] in [0, 1] and its depth [1, h, w]."""
        (height, width), (low, high) = self.size, self.ends
        page = self._blank.copy()
        page[:height, :width] = (image.permute(1, 2, 0) * 255).round().byte().numpy()
        unit = (resize(depth[None], self.size)[0, 0].numpy() - low) / (high - low)
        page[:height, width:] = self._palette.take(np.rint(255 * unit.clip(0, 1)).astype(np.uint8), axis=0)
        return page


def write_film(folder: Path, pages: Iterable[NDArray[np.uint8]], rate: float, name: Callable[[int], str]) -> Path:
    """Write pages [H, W, 3], all of one even size, to `<folder>.mp4`, or, without OpenCV or its FFmpeg, to
    `<folder>/<name>.png`, one a page.

    Args:
        rate: pages per second. name: of the number of a page.

    Returns:
        The file or the folder. Raises OSError where it cannot be written.
    """
    cv2 = _encoder()
    if cv2 is None:
        return _pictures(folder, pages, name)
    path, pages = folder.with_name(f"{folder.name}.mp4"), iter(pages)
    first = next(pages)
    with atomic_write(path) as temporary:
        code, size = cv2.VideoWriter_fourcc(*CODEC), first.shape[1::-1]
        writer = cv2.VideoWriter(str(temporary), cv2.CAP_FFMPEG, code, rate, size)
        for page in chain((first,), pages):
            writer.write(cv2.cvtColor(page, cv2.COLOR_RGB2BGR))
        writer.release()
        if not temporary.stat().st_size:  # OpenCV raises nothing
            raise OSError(f"{path}: found an empty file after writing, expected a video (is the disk full?)")
    return path


def _encoder() -> Any:
    """The module cv2, None where it cannot write a video."""
    try:
        cv2 = open_cv()
    except ImportError:
        return None
    return cv2 if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else None


def _pictures(folder: Path, pages: Iterable[NDArray[np.uint8]], name: Callable[[int], str]) -> Path:
    for index, page in enumerate(pages):
        with atomic_write(folder / f"{name(index)}.png") as temporary:
            Image.fromarray(page).save(temporary, format="PNG")
    return folder


def _even(length: float) -> int:
    """Codecs halve the resolution of colour."""
    return 2 * round(length / 2)
