"""Metres from points of a photograph whose distance is known, as measured with a tape: "x,y=metres"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from depthlib.data.depth_png import Unit
from depthlib.protocols.scaling import least_squares

_POINT = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*=\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class KnownPoint:
    """A pixel of the upright photograph, column `x` and row `y` from 0, and its depth along the camera's axis."""

    x: int
    y: int
    metres: float

    @classmethod
    def parse(cls, text: str) -> KnownPoint:
        """Of "x,y=metres". Raises ValueError for another form, and for a depth that is not above 0."""
        try:
            x, y, metres = _POINT.fullmatch(text).groups()
            point = cls(int(x), int(y), float(metres))
        except (AttributeError, ValueError):
            raise ValueError(
                f"known: found {text!r}, expected x,y=metres with whole pixels, for example 320,240=2.5"
            ) from None
        if not 0 < point.metres < float("inf"):
            raise ValueError(f"known: found {text!r}, expected metres above 0")
        return point

    def __str__(self) -> str:
        return f"{self.x},{self.y}={self.metres:g}"


@dataclass(frozen=True)
class Fit:
    """Metres of a predicted depth: scale x depth + shift, or, `inverse`, 1 / (scale / depth + shift)."""

    scale: float
    shift: float = 0.0
    inverse: bool = False

    def __call__(self, depth: Any) -> Any:
        """Of tensors or NumPy's arrays of any shape. Where `beyond` is true the result means nothing."""
        return 1 / (self.scale / depth + self.shift) if self.inverse else self.scale * depth + self.shift

    def beyond(self, depth: np.ndarray) -> np.ndarray:
        """Where no positive, finite depth comes out."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.scale / depth + self.shift if self.inverse else self(depth)
        return ~((value > 0) & np.isfinite(value) & ((depth > 0) | (not self.inverse)))


SAME = Fit(1.0)


def fit_known(predicted: Sequence[float], metres: Sequence[float], unit: Unit) -> Fit:
    """The fit to one or more points, by least squares.

    One point gives the scale. Two and more give scale and shift of the disparity, 1 / depth, in which networks are
    wrong by both; relative depth, which may be negative and has no disparity, gets scale and shift itself.

    Args:
        predicted: depth at the points, in the network's unit. metres: the true one.

    Raises:
        ValueError: one point for relative depth, depths predicted that are not above 0, all predictions equal, or near
            and far exchanged.
    """
    p, t = np.asarray(predicted, np.float64), np.asarray(metres, np.float64)
    affine = len(p) > 1
    if unit == "relative" and not affine:
        raise ValueError(
            "known: found one point, expected at least two, since relative depth has neither a scale nor a zero"
        )
    if unit != "relative" and not p.min() > 0:
        raise ValueError(f"known: found a predicted depth of {p.min():g}, expected depths above 0")
    if affine and p.max() == p.min():
        raise ValueError(
            f"known: found the same predicted depth, {p[0]:g}, at all points, expected points at different depths"
        )
    inverse = affine and unit != "relative"
    scale, shift = least_squares(1 / p, 1 / t, shift=True) if inverse else least_squares(p, t, shift=affine)
    if not scale > 0:
        raise ValueError(
            "known: found points that are farther where the network predicts nearer, expected the same order"
        )
    return Fit(scale, shift, inverse)
