"""What lens and sensor do to a rendered image: blur, shot noise and read noise.

Both belong to linear light, so an image is decoded by the sRGB curve (IEC 61966-2-1), spoiled, and encoded again. The
noise is a hash of pixel and seed, so it is the same on every device and needs no state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.scenes.noise import cell_value
from depthlib.scenes.rng import Dice

_READ = 0.02  # part of read noise in the variance at mid grey; the rest is shot noise
_GREY = 0.5  # mid grey, as stored


def sensor_seed(scene_seed: int, view: str) -> int:
    """Seed of the noise in a view of a scene."""
    return Dice(scene_seed).fork(f"sensor {view}").seed % 2**31


def sensed(image: Tensor, seeds: Sequence[int], noise: float, blur: float) -> Tensor:
    """Blur and noise of `SceneDistribution`.

    The variance in linear light L is a L + b (Foi et al. 2008, IEEE TIP 17(10), Eq. 7), with a and b such that the
    standard deviation in mid grey is `noise`.

    Args:
        image: [B, 3, H, W] in [0, 1], as stored. seeds: B, see `sensor_seed`.
        noise: steps of 8 bits. blur: pixels.

    Returns:
        [B, 3, H, W] in [0, 1].
    """
    if noise == blur == 0:
        return image
    light = _decoded(image)
    if blur > 0:
        light = _blurred(light, blur)
    if noise > 0:
        grey = torch.tensor(_GREY, dtype=torch.float64)
        slope = 2.4 / 1.055 * ((_GREY + 0.055) / 1.055) ** 1.4  # of the curve in mid grey
        spread = noise / 255 * slope * (_READ + (1 - _READ) * light / float(_decoded(grey))).sqrt()
        light = (light + spread * _normal(image.shape, seeds, image.device).to(light.dtype)).clamp(min=0)
    return _encoded(light).clamp(max=1)


def _encoded(light: Tensor) -> Tensor:
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


def _decoded(image: Tensor) -> Tensor:
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def _blurred(image: Tensor, sigma: float) -> Tensor:
    reach = max(1, math.ceil(3 * sigma))
    step = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-((step / sigma) ** 2) / 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    image = F.conv2d(F.pad(image, (reach, reach, 0, 0), mode="replicate"), kernel, groups=3)
    return F.conv2d(F.pad(image, (0, 0, reach, reach), mode="replicate"), kernel.mT, groups=3)


def _normal(shape: Sequence[int], seeds: Sequence[int], device: torch.device) -> Tensor:
    """Standard normal numbers [B, 3, H, W] float64 (Box and Muller 1958)."""
    _, channels, height, width = shape
    x, y = torch.arange(width, device=device), torch.arange(height, device=device)[:, None]
    seed = torch.tensor(seeds, device=device)[:, None] + 7919 * torch.arange(channels, device=device)
    seed = seed[..., None, None]
    first, second = (cell_value(x, y, seed + salt) for salt in (0, 104729))
    return (-2 * torch.log1p(-first)).sqrt() * torch.cos(2 * math.pi * second)
