"""Labels as the papers' data sets have them, derived from dense depth: ordinal pairs, missing labels, LiDAR lines.

Every function is a pure function of its arguments; the random draws come from `seed` alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class OrdinalPairs:
    """Pairs of points A, B of one image.

    Attributes:
        y1, x1, y2, x2: [P] int64, rows and columns of A and B, counted from 0.
        relation: [P] int64: +1 where A is farther than B, -1 where it is nearer, 0 where they are about equally far.
    """

    y1: Tensor
    x1: Tensor
    y2: Tensor
    x2: Tensor
    relation: Tensor


def _generator(seed: int) -> torch.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed: found {seed!r}, expected an integer")
    return torch.Generator().manual_seed(seed % 2**63)


def _check_map(name: str, value: Tensor, kind: str) -> None:
    if value.ndim != 3 or value.shape[0] != 1:
        raise ValueError(f"{name}: shape {list(value.shape)}, expected [1, H, W]")
    if (kind == "bool") != (value.dtype == torch.bool) or (kind == "real" and not value.is_floating_point()):
        raise TypeError(
            f"{name}: found {value.dtype}, expected {'torch.bool' if kind == 'bool' else 'a floating-point type'}"
        )


def _check_depth(depth: Tensor, valid: Tensor) -> None:
    _check_map("depth", depth, "real")
    _check_map("valid", valid, "bool")
    if depth.shape != valid.shape:
        raise ValueError(f"valid: shape {list(valid.shape)}, expected that of depth {list(depth.shape)}")


def ordinal_pairs(
    depth: Tensor,
    valid: Tensor,
    seed: int,
    pairs: int = 1,
    *,
    symmetric: float = 0.5,
    equal_ratio: float = 0.0,
    keep_equal: bool = False,
) -> OrdinalPairs:
    """Draw pairs of points and their order in depth, as human annotators did for DIW.

    As in DIW (Chen et al. 2016, Sec. 3), half of the pairs lie in one row, symmetric about the image's vertical centre
    line, so that the prior "the lower point is nearer" or a central bias does not help; the others are two random
    points. DIW has no equal pairs: pairs closer than `equal_ratio` are drawn again, unless `keep_equal`, which labels
    them 0.

    Args:
        depth: [1, H, W] metres. valid: [1, H, W] bool; points are drawn from valid pixels alone.
        pairs: number of pairs; 1 an image in DIW.
        symmetric: share of mirrored pairs, 0 to 1.
        equal_ratio: A and B count as equally far where max / min <= 1 + equal_ratio.

    Returns:
        Exactly `pairs` pairs on the CPU.

    Raises:
        ValueError: wrong shapes or values, or an image without such a pair.
    """
    _check_depth(depth, valid)
    if isinstance(pairs, bool) or not isinstance(pairs, int) or pairs < 1:
        raise ValueError(f"pairs: found {pairs!r}, expected an integer of at least 1")
    if not 0 <= symmetric <= 1:
        raise ValueError(f"symmetric: found {symmetric!r}, expected 0 to 1")
    if not 0 <= equal_ratio < math.inf:
        raise ValueError(f"equal_ratio: found {equal_ratio!r}, expected a number of at least 0")
    generator = _generator(seed)
    depth, valid = depth[0].detach().cpu(), valid[0].cpu()
    usable = valid & (depth > 0)
    mirrored = torch.rand(pairs, generator=generator) < symmetric
    chosen = torch.full((pairs, 4), -1, dtype=torch.int64)
    relation = torch.zeros(pairs, dtype=torch.int64)
    rows, columns = usable.nonzero(as_tuple=True)
    both = usable & usable.flip(-1)
    both_rows, both_columns = both.nonzero(as_tuple=True)
    if both_rows.numel() == 0:
        mirrored[:] = False
    for _ in range(200):  # draw all open pairs again until each is settled
        open_pairs = (chosen[:, 0] < 0).nonzero()[:, 0]
        if open_pairs.numel() == 0 or rows.numel() == 0:
            break
        draw = torch.rand(open_pairs.numel(), 2, generator=generator, dtype=torch.float64)
        first, second = ((draw[:, i] * rows.numel()).long() for i in (0, 1))
        points = torch.stack([rows[first], columns[first], rows[second], columns[second]], dim=1)
        if both_rows.numel():
            pick = (draw[:, 0] * both_rows.numel()).long()
            y, x = both_rows[pick], both_columns[pick]
            points = torch.where(
                mirrored[open_pairs, None], torch.stack([y, x, y, depth.shape[1] - 1 - x], dim=1), points
            )
        a, b = depth[points[:, 0], points[:, 1]].double(), depth[points[:, 2], points[:, 3]].double()
        equal = torch.maximum(a, b) <= torch.minimum(a, b) * (1 + equal_ratio)
        fine = ((points[:, :2] != points[:, 2:]).any(1)) & (keep_equal | ~equal)
        chosen[open_pairs[fine]] = points[fine]
        relation[open_pairs[fine]] = torch.where(equal, 0, (a - b).sign().long())[fine]
    if bool((chosen[:, 0] < 0).any()):
        raise ValueError(
            f"depth: found {int(usable.sum())} usable pixels, expected {pairs} pairs that differ by more than "
            f"{equal_ratio:g}"
        )
    return OrdinalPairs(*chosen.unbind(1), relation)


def _smooth_field(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Blobs of a tenth to a third of the image, in [0, 1]."""
    total = torch.zeros(1, 1, *shape, dtype=torch.float64)
    for cells, weight in ((4, 0.6), (9, 0.4)):
        coarse = torch.rand(1, 1, cells, cells, generator=generator, dtype=torch.float64)
        total = total + weight * F.interpolate(coarse, size=shape, mode="bicubic", align_corners=True)
    return (total - total.min()) / (total.max() - total.min()).clamp(min=1e-12)


def defective_labels(
    depth: Tensor, valid: Tensor, seed: int, *, share: float, glossy: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Remove labels as real sensors do: in whole regions, on glossy surfaces first.

    Labels are missing on glossy surfaces (ANUW's data have depth 0 where light is not reflected; Sec. 3.3). If these
    are fewer than `share`, blobs of other surfaces are added; if they are more, blobs of them are selected, both in an
    order given by the seed. So the share is exact (to a pixel) and a larger share contains a smaller one.

    Args:
        depth: [1, H, W] metres, 0 where invalid. valid: [1, H, W] bool.
        share: of the valid pixels, 0 to 1.
        glossy: [1, H, W] bool, or None if no surface is.

    Returns:
        depth with zeros, valid without the defects, and the defects, bool; each [1, H, W].

    Raises:
        ValueError, TypeError: wrong shapes, types or share.
    """
    _check_depth(depth, valid)
    if not 0 <= share <= 1:
        raise ValueError(f"share: found {share!r}, expected 0 to 1")
    score = _smooth_field(tuple(depth.shape[1:]), _generator(seed))[0].to(depth.device)
    if glossy is not None:
        _check_map("glossy", glossy, "bool")
        if glossy.shape != depth.shape:
            raise ValueError(f"glossy: shape {list(glossy.shape)}, expected that of depth {list(depth.shape)}")
        score = score + 2 * glossy.to(score)
    score = torch.where(valid, score, -1.0).flatten()
    wanted = int(round(share * int(valid.sum())))
    defect = torch.zeros_like(score, dtype=torch.bool)
    defect[torch.sort(score, descending=True, stable=True).indices[:wanted]] = True
    defect = defect.view_as(depth)
    return torch.where(defect, torch.zeros_like(depth), depth), valid & ~defect, defect


def lidar_like(
    depth: Tensor,
    K: Tensor,
    seed: int,
    beams: int = 64,
    *,
    elevation: tuple[float, float] = (-24.8, 2.0),
    azimuth_step: float = 0.09,
    dropout: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """Sparse depth along the scan lines of a rotating laser scanner at the camera's place.

    Each beam has a fixed elevation above the camera's horizontal plane and sweeps in equal steps of azimuth; a pixel is
    measured if a ray of the scanner falls into it (Velodyne HDL-64E: 64 beams, -24.8 to 2 degrees, 0.09 degrees).

    Args:
        depth: [1, H, W] metres, 0 where invalid. K: [3, 3] pixels.
        beams: number of scan lines. elevation: lowest and highest, degrees above the horizon. azimuth_step: degrees.
        dropout: share of returns that are lost, drawn by `seed`, 0 to 1.

    Returns:
        depth [1, H, W], 0 where not measured, and valid [1, H, W] bool.

    Raises:
        ValueError, TypeError: wrong shapes, types or values.
    """
    _check_map("depth", depth, "real")
    if K.shape != (3, 3):
        raise ValueError(f"K: shape {list(K.shape)}, expected [3, 3]")
    if isinstance(beams, bool) or not isinstance(beams, int) or beams < 1:
        raise ValueError(f"beams: found {beams!r}, expected an integer of at least 1")
    low, high = elevation
    if not -90 < low <= high < 90:
        raise ValueError(f"elevation: found {elevation!r}, expected (low, high) in degrees with -90 < low <= high < 90")
    if not 0 < azimuth_step < 90:
        raise ValueError(f"azimuth_step: found {azimuth_step!r}, expected degrees above 0")
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout: found {dropout!r}, expected 0 to 1")
    height, width = depth.shape[1:]
    k = K.detach().cpu().double()
    up = torch.deg2rad(torch.linspace(low, high, beams, dtype=torch.float64))
    steps = int(89 / azimuth_step)
    side = torch.deg2rad(torch.arange(-steps, steps + 1, dtype=torch.float64) * azimuth_step)
    # a direction of length 1 in the plane y = 0
    x, y, z = side.sin()[None], -up.tan()[:, None], side.cos()[None]
    u = (k[0, 0] * x / z + k[0, 1] * y / z + k[0, 2]).round().long()
    v = (k[1, 1] * y / z + k[1, 2]).round().long()
    u = u.expand_as(v)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    measured = torch.zeros(height, width, dtype=torch.bool)
    measured[v[inside], u[inside]] = True
    kept = torch.rand(height, width, generator=_generator(seed), dtype=torch.float64) >= dropout
    valid = (measured & kept)[None].to(depth.device) & (depth > 0)
    return torch.where(valid, depth, torch.zeros_like(depth)), valid
