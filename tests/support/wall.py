"""A slanted wall seen by four cameras, with everything that a sample can hold, for the tests of transforms."""

import math

import torch
from torch import Tensor

from depthlib.data.transforms import (
    ColourJitter,
    Compose,
    Drop,
    RandomCrop,
    RandomFlip,
    RandomRotate,
    RandomScaleCrop,
    RandomTranslate,
    Resize,
)
from depthlib.geometry import backproject, invert_pose, normals_from_depth, pixel_grid, project, viewing_rays

H, W = 48, 72
NORMAL, DISTANCE = (0.12, -0.08, -1.0), -4.0  # of the wall: NORMAL . X = DISTANCE in the current camera
BASELINE = 0.3
RANDOM = Compose(
    (
        RandomFlip(0.5),
        RandomRotate(),
        RandomTranslate(),
        RandomScaleCrop(),
        RandomCrop((40, 60)),
        ColourJitter((0.8, 1.2), (0.8, 1.2), (0.7, 1.3), (-0.1, 0.1), (0.9, 1.1), p=0.7),
        Resize((30, 44), {"low": (15, 22)}),
    )
)


def _pose(x: float, y: float, z: float, yaw: float) -> Tensor:
    c, s = math.cos(yaw), math.sin(yaw)
    return torch.tensor([[c, 0, s, x], [0, 1, 0, y], [-s, 0, c, z], [0, 0, 0, 1]], dtype=torch.float64)


def _seen(T_camera_current: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """Picture and depth of the wall from a camera, in closed form; the colour is a smooth function of the place."""
    T = invert_pose(T_camera_current)  # camera into current
    rays = viewing_rays(K[None], H, W)[0]
    normal = torch.tensor(NORMAL, dtype=torch.float64)
    turned = torch.einsum("ij,jhw->ihw", T[:3, :3], rays)
    depth = (DISTANCE - normal @ T[:3, 3]) / torch.einsum("i,ihw->hw", normal, turned)
    x, y, z = turned * depth + T[:3, 3, None, None]
    colour = [0.5 + 0.4 * torch.sin(a * x + b * y + a * z) for a, b in ((2.1, 0.7), (-1.3, 1.9), (0.6, 2.3))]
    return torch.stack(colour), depth[None]


def _outside(pixels: Tensor, size: tuple[int, int] = (H, W), by: float = 0.01) -> Tensor:
    """Whether pixels (u, v) [2,...] lie beyond the outermost centres by more than rounding, [1,...]."""
    (u, v), (height, width) = pixels, size
    return ((u < -by) | (u > width - 1 + by) | (v < -by) | (v > height - 1 + by))[None]


def wall(dtype: torch.dtype = torch.float64) -> dict:
    """A slanted wall with holes in its labels, seen by four cameras. `instances` numbers the pixels, so that every test
    can see from where a pixel came.
    """
    K = torch.tensor([[60.0, 0.4, 33.7], [0, 55.0, 25.2], [0, 0, 1]], dtype=torch.float64)
    poses = {
        "previous": _pose(0.05, 0.02, 0.15, 0.02),
        "next": _pose(-0.06, 0.01, -0.12, -0.03),
        "right": _pose(-BASELINE, 0, 0, 0),
    }
    image, depth = _seen(torch.eye(4, dtype=torch.float64), K)
    valid = torch.rand(1, H, W, generator=torch.Generator().manual_seed(3)) > 0.2
    points = torch.randint(0, H, (40, 4), generator=torch.Generator().manual_seed(4))
    far = (depth[0, points[:, 0], points[:, 1]] - depth[0, points[:, 2], points[:, 3]]).sign().long()
    sample = {
        "image": image,
        "K": K,
        "depth": torch.where(valid, depth, 0),
        "valid": valid,
        "depth_true": depth,
        "defect": ~valid,
        "semantics": (torch.arange(H * W).view(H, W) // 7) % 5,
        "instances": torch.arange(H * W).view(H, W) + 2**24,
        "normals": normals_from_depth(depth[None], K[None])[0],
        "disparity": K[0, 0] * BASELINE / depth,
        "baseline": torch.tensor(BASELINE, dtype=torch.float64),
        "name": "wall",
        "pairs": torch.cat([points, far[:, None]], dim=1),
    }
    for view, T in poses.items():
        sample |= {view: _seen(T, K)[0], f"T_{view}_current": T}
    points = backproject(depth[None], K[None])
    for view in ("previous", "next"):
        pixels = project(points, K[None], poses[view][None])[0][0]
        hidden = torch.rand(1, H, W, generator=torch.Generator().manual_seed(5)) < 0.1
        flow = pixels - pixel_grid(H, W, dtype=torch.float64)[0]
        sample |= {f"flow_{view}": flow, f"occluded_{view}": _outside(pixels) | hidden}
    sample["moving"] = (torch.arange(H * W).view(1, H, W) // 11) % 3 == 0
    return {k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in sample.items()}


def mono(dtype: torch.dtype = torch.float64) -> dict:
    return Drop(("right", "disparity", "T_right_current"))(wall(dtype))


def pair(dtype: torch.dtype = torch.float64) -> dict:
    times = [f"{name}_{view}" for name in ("flow", "occluded") for view in ("previous", "next")]
    return Drop(("previous", "next", "T_previous_current", "T_next_current", *times))(wall(dtype))


def batch_of(*samples: dict) -> dict:
    return torch.utils.data.default_collate(samples)


def _turn(degrees: float) -> Tensor:
    """Points turned counter-clockwise in the picture, y pointing down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]], dtype=torch.float64)
