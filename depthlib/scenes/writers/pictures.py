"""Files of several formats: images, 16-bit PNG, text, arrays. Each is written completely or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.base.paths import atomic_write

# A `SceneDataset`, or any sequence of such dictionaries.
Samples = Sequence[Mapping[str, Any]] | Dataset


def each(samples: Samples) -> Iterator[Mapping[str, Any]]:
    """The items in their order; raises ValueError if there is none."""
    if not len(samples):                                    # type: ignore[arg-type]
        raise ValueError("samples: found none, expected at least one item")
    return (samples[position] for position in range(len(samples)))   # type: ignore[index, arg-type]


def safe_name(sample: Mapping[str, Any]) -> str:
    """The sample's name as one part of a path: "rooms/val/000002" becomes "rooms-val-000002"."""
    return str(sample["name"]).replace("/", "-")


def bytes_of(image: Tensor) -> np.ndarray:
    """[H,W,3] uint8 of [3,H,W] in [0,1]."""
    return (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def stored16(depth: Tensor, scale: float) -> np.ndarray:
    """[H,W] uint16 of depth [1,H,W] metres at `scale` units per metre; valid depth never becomes 0.

    Raises:
        ValueError: negative or non-finite depth, or depth that does not fit into 16 bits.
    """
    metres = depth.detach().cpu().double()[0].numpy()
    if not np.isfinite(metres).all() or metres.min() < 0 or metres.max() * scale > 65535:
        raise ValueError(f"depth: found {metres.min():g} to {metres.max():g} m, expected 0 to {65535 / scale:g} m")
    return np.where(metres > 0, np.maximum(np.rint(metres * scale), 1), 0).astype(np.uint16)


def save_picture(path: Path, pixels: np.ndarray) -> None:
    """uint8 [H,W,3] or [H,W], or uint16 [H,W], as the format of the suffix; JPEG with little loss."""
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if path.suffix in (".jpg", ".thumb") else {}
    kind = "JPEG" if options else {".png": "PNG", ".ppm": "PPM"}[path.suffix]
    with atomic_write(path) as temporary:
        Image.fromarray(pixels).save(temporary, format=kind, **options)


def save_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def save_array(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file under a temporary name that has the same suffix."""
    with atomic_write(path) as temporary:
        write(temporary)


def numbers(values: Any, digits: int = 9) -> str:
    """Numbers as text, separated by spaces."""
    return " ".join(f"{value:.{digits}g}" for value in np.asarray(values, dtype=np.float64).ravel())
