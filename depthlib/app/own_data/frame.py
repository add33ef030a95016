"""The one size at which a network sees the pictures of a folder: covered by each picture, cut in the middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from torch import Tensor

from depthlib.data.errors import DataError
from depthlib.data.files import require_files
from depthlib.data.images import read_image, read_resized
from depthlib.data.transforms.resize import nearest
from depthlib.geometry import crop_intrinsics, scale_intrinsics
from depthlib.protocols.photograph import network_size

Size = tuple[int, int]  # height, width
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm")
SAME_FORMAT = 0.02  # largest relative difference of two aspect ratios that are one


def pictures(folder: Path) -> list[Path]:
    """The pictures directly in a folder, in the order of the numbers in their names."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural(path.name))


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts frame9 before frame10."""
    parts, digits = [], ""
    for sign in f"{name}\0":
        if sign.isdigit():
            digits += sign
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, sign))
    return parts


def picture_size(path: Path) -> Size:
    """Height and width as a viewer shows them, from the head of the file. Raises DataError as `read_image`."""
    require_files([path], "the folder")
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Exception:  # the reader of photographs knows more formats, and what to say
        height, width = read_image(path).shape[-2:]
        return height, width
    return (width, height) if turned else (height, width)


def frame_of(sizes: Iterable[Size], input_size: Size, multiple: int) -> Size:
    """As many pixels as `input_size`, in the most frequent format of the pictures; see `network_size`."""
    most = Counter(sizes).most_common(1)[0][0]
    return network_size(most, input_size, multiple)


def same_format(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= SAME_FORMAT


def covering(full: Size, frame: Size) -> Size:
    """The size of a picture of size `full` when it just covers the frame."""
    scale = max(frame[0] / full[0], frame[1] / full[1])
    return max(frame[0], round(full[0] * scale)), max(frame[1], round(full[1] * scale))


def cut(values: Tensor, frame: Size) -> Tensor:
    """The middle of [..., H, W]."""
    top, left = ((side - wanted) // 2 for side, wanted in zip(values.shape[-2:], frame, strict=True))
    return values[..., top : top + frame[0], left : left + frame[1]].contiguous()


def framed_photo(path: Path, frame: Size) -> tuple[Tensor, Size]:
    """[3, *frame] in [0, 1] and the photograph's own size. Raises DataError as `read_image`."""
    image, full = read_resized(path, lambda full: covering(full, frame))
    return cut(image, frame), full


def framed_map(values: Tensor, frame: Size) -> Tensor:
    """Labels [1, H, W], each from the nearest pixel: no mean over an edge."""
    height, width = values.shape[-2:]
    return cut(nearest(values, covering((height, width), frame)), frame)


def framed_camera(K: Tensor, full: Size, frame: Size) -> Tensor:
    """Intrinsics [3, 3] float32 of a picture of size `full` in the frame."""
    cover = covering(full, frame)
    scaled = scale_intrinsics(K[None].double(), cover[1] / full[1], cover[0] / full[0])
    return crop_intrinsics(scaled, (cover[1] - frame[1]) // 2, (cover[0] - frame[0]) // 2)[0].float()


def require_some(found: list[Path], folder: Path, what: str) -> None:
    if not found:
        raise DataError(f"{folder}: found no {what}, expected files such as 000001.png or 000001.jpg")
