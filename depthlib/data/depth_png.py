"""Depth as 16-bit PNG files that say what their numbers mean: metres, depth of unknown scale, or relative depth."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes

Unit = Literal["metre", "unscaled", "relative"]
# Stored units per metre, or per unit of an unknown scale: millimetres reach 65.5 m, KITTI's 1/256 m reach 256 m.
SCALES = {"metre": (1000.0, 256.0), "unscaled": (10000.0, 1000.0, 256.0)}
LARGEST = 65535


@dataclass(frozen=True)
class DepthCode:
    """How depth becomes a 16-bit number: depth x scale, 0 = invalid; relative depth has no 0, so there
    (depth - lowest) x scale + 1.

    Attributes:
        unit: "metre"; "unscaled": depth up to a factor; "relative": up to a factor and a shift, may be negative.
        scale: stored units per unit of depth. lowest: the relative depth that is stored as 1.
    """

    unit: Unit
    scale: float
    lowest: float = 0.0

    @classmethod
    def fitting(cls, lowest: float, highest: float, unit: Unit = "metre") -> DepthCode:
        """The code for depths from `lowest` to `highest`: the finest scale of `SCALES` that holds them, else the
        last.
        """
        if unit == "relative":
            return cls(unit, (LARGEST - 1) / max(highest - lowest, 1e-6), lowest)
        return cls(unit, next((scale for scale in SCALES[unit] if round(highest * scale) <= LARGEST), SCALES[unit][-1]))

    def stored(self, depth: np.ndarray) -> np.ndarray:
        """uint16 of the same shape. A valid depth that would round to 0 becomes 1, so that it stays valid.

        Raises:
            ValueError: depths that are negative, not finite, or do not fit into 16 bits.
        """
        values = np.asarray(depth, dtype=np.float64) - self.lowest
        if not (np.isfinite(values).all() and (self.unit == "relative" or values.min() >= 0)):
            raise ValueError("depth: found negative or non-finite values, expected metres >= 0 with 0 for invalid")
        numbers = np.rint(values * self.scale)
        if self.unit == "relative":
            return np.clip(numbers + 1, 1, LARGEST).astype(np.uint16)
        if beyond := int((numbers > LARGEST).sum()):
            found = f"{beyond} pixels beyond {LARGEST / self.scale:g} m (up to {values.max():g} m)"
            raise ValueError(
                f"depth: found {found}, expected depths that fit into 16 bits at {self.scale:g} units per metre"
            )
        return np.where(values > 0, np.maximum(numbers, 1), 0).astype(np.uint16)

    def write(self, path: str | os.PathLike[str], stored: np.ndarray) -> None:
        """Write stored numbers [H, W], with the code as text entries of the PNG; whole or not at all."""
        text = PngImagePlugin.PngInfo()
        for key, value in self.entries().items():
            text.add_text(key, value)
        with atomic_write(path) as temporary:
            Image.fromarray(stored).save(temporary, format="PNG", pnginfo=text)

    def entries(self) -> dict[str, str]:
        """`depth_scale`, `depth_kind` (the unit's name) and `depth_unit` (in words)."""
        words = {
            "metre": f"1/{self.scale:g} metre, 0 = invalid",
            "unscaled": f"1/{self.scale:g} of an unknown unit: depth up to a scale, 0 = invalid",
            "relative": f"relative depth without a unit, larger = farther: (number - 1) / depth_scale + "
            f"{self.lowest!r}, 0 = invalid",
        }
        return {"depth_scale": repr(float(self.scale)), "depth_kind": self.unit, "depth_unit": words[self.unit]}


def write_depth_png(path: str | os.PathLike[str], depth: Tensor | np.ndarray, scale: float | None = None) -> float:
    """Write depth as a 16-bit PNG: the stored value is depth x scale, 0 stays invalid.

    The scale is also written into the file, as the text entries `depth_scale` and `depth_unit`. The file appears whole
    or not at all.

    Args:
        depth: [H, W] (or [1, H, W]) metres, 0 where invalid.
        scale: units per metre; None takes the first of `SCALES` that holds the largest depth.

    Returns:
        The scale.

    Raises:
        ValueError: negative or non-finite depth, another shape, or depths that do not fit into 16 bits.
    """
    metres = np.asarray(depth.detach().cpu() if isinstance(depth, Tensor) else depth, dtype=np.float64)
    if metres.ndim == 3 and metres.shape[0] == 1:
        metres = metres[0]
    if metres.ndim != 2 or metres.size == 0:
        raise ValueError(f"depth: found shape {list(metres.shape)}, expected [H, W] or [1, H, W]")
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: found {scale}, expected units per metre > 0")
    largest = float(np.nan_to_num(metres.max(), posinf=0))
    code = DepthCode.fitting(0.0, largest) if scale is None else DepthCode("metre", float(scale))
    code.write(path, code.stored(metres))
    return code.scale


def depth_kind(path: str | os.PathLike[str]) -> str:
    """The unit that a PNG names, "metre" where it names none. Raises OSError or ValueError where it is no image."""
    # `write` puts it before the pixels, which need not be read
    with Image.open(path, formats=["PNG"]) as picture:
        return picture.info.get("depth_kind", "metre")


def read_depth_png(path: str | os.PathLike[str], scale: float | None = None) -> Tensor:
    """Read a 16-bit depth PNG.

    Args:
        scale: units per metre (NYU and 7-Scenes 1000, TUM 5000, KITTI 256); None takes the one written in the file.

    Returns:
        [H, W] float32 metres, 0 = invalid; of another unit (`depth_kind`) the same, relative depth counted from its
        nearest.

    Raises:
        DataError: unreadable, not a 16-bit one-channel PNG, or no scale, or one that contradicts the file's own.
    """
    path = Path(path)
    data = read_bytes(path)
    if data[:4] != b"\x89PNG" or data[24:26] != b"\x10\x00":
        raise DataError(f"{path}: found another file, expected a 16-bit one-channel PNG")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            stored, noted = np.asarray(picture), picture.text.get("depth_scale")
        written = None if noted is None else float(noted)
    except Exception as error:
        raise DataError(f"{path}: damaged or cut off ({one_line(error)})") from error
    if scale is not None and written is not None and scale != written:
        raise DataError(f"{path}: found {written:g} units per metre in the file, expected {scale:g}")
    scale = written if scale is None else scale
    if scale is None or not (np.isfinite(scale) and scale > 0):
        raise DataError(f"{path}: found scale {scale}, expected `scale`, units per metre (1000 for millimetres)")
    return torch.from_numpy((stored.astype(np.float64) / scale).astype(np.float32))
