"""Inverse warping by depth and pose, against the usual layers with matrix products over homogeneous pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.bench.peers.comparison import Comparison, Sides
from depthlib.geometry import pixel_grid, pose_from_axis_angle, reproject, sample_pixels, warp

BATCH, HEIGHT, WIDTH = 2, 192, 640
PEER = "the usual layers"


def usual(image: Tensor, K: Tensor) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(depth, pose) -> the warped image and its normalised positions; what does not change is computed in advance."""
    batch, _, height, width = image.shape
    ones = image.new_ones(batch, 1, height * width)
    grid = pixel_grid(height, width, device=image.device).expand(batch, -1, -1, -1)
    pixels = torch.cat([grid.flatten(2), ones], dim=1)
    K_inverse, last = torch.linalg.inv(K), image.new_tensor([width - 1, height - 1])

    def layers(depth: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        points = torch.cat([depth.flatten(2) * (K_inverse @ pixels), ones], dim=1)
        projected = K @ pose[:, :3] @ points
        positions = (projected[:, :2] / (projected[:, 2:] + 1e-7)).view(batch, 2, height, width).permute(0, 2, 3, 1)
        positions = (positions / last - 0.5) * 2
        return F.grid_sample(image, positions, padding_mode="border", align_corners=True), positions

    return layers


def sides(device: torch.device, *, backward: bool = False, mask: bool = False) -> Sides:
    """A smooth image, so that the agreement does not hang on roundings of the positions."""
    u, v = pixel_grid(HEIGHT, WIDTH, device=device).split(1, dim=1)
    image = torch.cat([0.5 + 0.5 * torch.sin(u / 80 + v / 50 + c) for c in range(3)], dim=1).repeat(BATCH, 1, 1, 1)
    K = torch.tensor([[0.6 * WIDTH, 0, WIDTH / 2], [0, 2 * HEIGHT, HEIGHT / 2], [0, 0, 1]], device=device)
    K = K.repeat(BATCH, 1, 1)
    pose = pose_from_axis_angle(torch.tensor([[0.01, 0.02, -0.01, 0.1, 0.05, 0.4]], device=device)).repeat(BATCH, 1, 1)
    depth = (10 + 5 * torch.sin(u / 60) + v / 50).repeat(BATCH, 1, 1, 1)
    leaves = [depth.requires_grad_(backward), pose.requires_grad_(backward)]
    upstream, layers = torch.cos(image), usual(image, K)

    def ours(depth: Tensor, pose: Tensor) -> Tensor:
        return sample_pixels(image, reproject(depth, K, pose)[0])

    def ours_and_mask(depth: Tensor, pose: Tensor) -> Tensor:
        return warp(image, depth, K, pose)[0]

    def peer(depth: Tensor, pose: Tensor) -> Tensor:
        return layers(depth, pose)[0]

    def peer_and_mask(depth: Tensor, pose: Tensor) -> Tensor:
        warped, positions = layers(depth, pose)
        u, v = positions.unbind(-1)
        (u.abs() <= 1) & (v.abs() <= 1)  # without our slack: not compared
        return warped

    def call(form) -> list[Tensor]:
        warped = form(*leaves)
        return [warped, *(torch.autograd.grad(warped, leaves, upstream) if backward else ())]

    pair = (ours_and_mask, peer_and_mask) if mask else (ours, peer)
    return Sides(*(partial(call, form) for form in pair))


SIZE = f"{BATCH}x3x{HEIGHT}x{WIDTH}"
COMPARISONS = [
    Comparison(f"warp, {SIZE}, forward", PEER, sides),
    Comparison(f"warp, {SIZE}, gradients of depth and pose", PEER, partial(sides, backward=True)),
    Comparison(f"warp and visible pixels, {SIZE}, forward", f"{PEER} and mask", partial(sides, mask=True)),
]
