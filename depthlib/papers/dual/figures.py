"""Figures of lesson 04: the two networks, photometric errors over the depth of a plane, crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor
from torch.nn import functional as F

from depthlib.geometry import scale_intrinsics
from depthlib.geometry.sources import project_into_sources, sample_sources
from depthlib.losses.photometric import photometric_error
from depthlib.protocols.scaling import median_ratio
from depthlib.report.style import FULL_WIDTH, LINES, style

VIEWS = ("previous", "next")


def triplet(item: Mapping[str, Any], ratio: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Target [1,3,H,W], sources [1,2,3,H,W], K [1,3,3] and true poses [1,2,4,4] of a scene, `ratio` times smaller."""
    images = torch.stack([item["image"], *(item[view] for view in VIEWS)])
    small = F.avg_pool2d(images, ratio) if ratio > 1 else images
    poses = torch.stack([item[f"T_{view}_current"] for view in VIEWS])
    return small[:1], small[None, 1:], scale_intrinsics(item["K"][None], 1 / ratio, 1 / ratio), poses[None]


def warped(item: Mapping[str, Any], depth: Tensor, ratio: int = 1) -> tuple[Tensor, Tensor]:
    """The neighbours warped to the target with a depth [1,1,H,W]: images [2,3,H,W] and their errors [2,H,W]."""
    target, sources, K, poses = triplet(item, ratio)
    images = sample_sources(sources, project_into_sources(depth, K, poses))[0]
    return images, photometric_error(target.expand_as(images), images)[:, 0]


def plane_errors(
    item: Mapping[str, Any], pixels: Sequence[tuple[int, int]], depths: Sequence[float], ratio: int = 1
) -> Tensor:
    """Error at single pixels (row, column of the large frame) with a constant depth: [pixels, depths, neighbours]."""
    height, width = (side // ratio for side in item["image"].shape[-2:])
    found = []
    for depth in depths:
        _, errors = warped(item, torch.full((1, 1, height, width), float(depth)), ratio)
        found.append(torch.stack([errors[:, row // ratio, column // ratio] for row, column in pixels]))
    return torch.stack(found, dim=1)


def plane_curves(
    curves: Mapping[str, Tensor], truths: Mapping[str, float], depths: Sequence[float], *, height: float = 2.7
) -> Figure:
    """For each pixel the smaller of its two errors over the depth of a plane; the true depth is a vertical line."""
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(1, len(curves), figsize=(FULL_WIDTH, height), sharey=False)
        for axis, (name, lines) in zip(np.atleast_1d(axes), curves.items(), strict=True):
            for (label, values), colour, mark in zip(lines.items(), LINES, ("-", "--", ":"), strict=False):
                axis.plot(depths, values, label=label, color=colour, linestyle=mark)
            axis.axvline(truths[name], color="#777777", linewidth=1)
            axis.set(title=name, xlabel="depth of the plane (m)", xscale="log")
            axis.set_xticks([3, 5, 10, 20, 40, 80], labels=["3", "5", "10", "20", "40", "80"])
            axis.minorticks_off()
        np.atleast_1d(axes)[0].set_ylabel("photometric error")
        np.atleast_1d(axes)[0].legend()
    return figure


def dual_diagram(parts: Mapping[str, str]) -> Figure:
    """Diagram of the dual networks. `parts`: notes below "LR-Net", "SA", "HR-Net" and "PoseNet"."""
    from matplotlib import pyplot

    boxes = {
        "image": (0.0, 1.2, 1.5, 0.9, "large frame", "#EEEEEE"),
        "small": (0.0, 0.0, 1.5, 0.7, "small frame", "#EEEEEE"),
        "LR-Net": (2.3, -0.1, 2.2, 0.9, "LR-Net", "#BFD7EA"),
        "SA": (5.2, 0.45, 1.9, 0.8, "SA-Attention", "#F3D9A4"),
        "HR-Net": (5.0, 1.75, 2.4, 0.9, "HR-Net", "#BFD7EA"),
        "low": (5.4, -0.75, 1.5, 0.6, "small depth", "#EEEEEE"),
        "high": (8.3, 1.85, 1.5, 0.7, "large depth", "#EEEEEE"),
        "PoseNet": (2.3, -1.7, 2.2, 0.8, "PoseNet", "#DDDDDD"),
        "triplet": (0.0, -1.65, 1.5, 0.7, "small triplet", "#EEEEEE"),
        "motion": (5.4, -1.6, 1.5, 0.6, "motion", "#EEEEEE"),
        "loss": (8.3, -0.2, 1.5, 1.0, "warp,\ncompare", "#F0C8C0"),
    }
    arrows = (
        ("image", "small"),
        ("small", "LR-Net"),
        ("LR-Net", "SA"),
        ("SA", "HR-Net"),
        ("image", "HR-Net"),
        ("HR-Net", "high"),
        ("LR-Net", "low"),
        ("triplet", "PoseNet"),
        ("PoseNet", "motion"),
        ("motion", "loss"),
        ("low", "loss"),
        ("high", "loss"),
    )
    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 3.4))
        axis.set(xlim=(-0.2, 10.0), ylim=(-1.9, 2.9))
        axis.axis("off")
        centre = {name: (x + w / 2, y + h / 2) for name, (x, y, w, h, _, _) in boxes.items()}
        patches = {}
        for name, (x, y, w, h, text, colour) in boxes.items():
            patches[name] = axis.add_patch(
                FancyBboxPatch(
                    (x, y),
                    w,
                    h,
                    boxstyle="round,pad=0.02",
                    facecolor=colour,
                    edgecolor="#555555",
                    linewidth=0.8,
                    zorder=2,
                )
            )
            note = parts.get(name)
            axis.text(
                *centre[name], text + (f"\n{note}" if note else ""), ha="center", va="center", fontsize=7.5, zorder=3
            )
        for start, end in arrows:
            axis.add_patch(
                FancyArrowPatch(
                    centre[start],
                    centre[end],
                    arrowstyle="-|>",
                    mutation_scale=9,
                    color="#555555",
                    patchA=patches[start],
                    patchB=patches[end],
                    linewidth=1,
                    zorder=1,
                )
            )
    return figure


def cut(map_or_image: Tensor, centre: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """A window of `size` (rows, columns) about a pixel of [...,H,W], shifted to lie inside the map."""
    height, width = map_or_image.shape[-2:]
    top = min(max(centre[0] - size[0] // 2, 0), height - size[0])
    left = min(max(centre[1] - size[1] // 2, 0), width - size[1])
    return map_or_image[..., top : top + size[0], left : left + size[1]]


def scaled_like(prediction: Tensor, truth: Tensor) -> Tensor:
    """A prediction [h,w] at the size of the truth [H,W], times the ratio of the medians where the truth is known."""
    large = F.interpolate(prediction[None, None], size=truth.shape[-2:], mode="bilinear", align_corners=False)[0, 0]
    return large * median_ratio(large[None, None], truth[None, None], truth[None, None] > 0).item()


def cross_section(lines: Mapping[str, Tensor], truth: Tensor, *, height: float = 2.7) -> Figure:
    """Inverse depth along a part of one row of the frame: the truth as a band, each map as a line.

    Args:
        lines: name -> depth [N] in metres of N neighbouring columns. truth: the true depth [N], 0 where it has none.
    """
    from matplotlib import pyplot

    columns = range(len(truth))
    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, height))
        known = torch.where(truth > 0, 1 / truth.clamp(min=1e-3), 0)
        axis.fill_between(columns, known, step="mid", color="#CCCCCC", label="truth")
        marks = cycle(("-", "--", ":", "-."))
        for (name, depth), colour, mark in zip(lines.items(), cycle(LINES), marks, strict=False):
            axis.plot(columns, 1 / depth, label=name, color=colour, linestyle=mark)
        axis.set(xlabel="column of the large frame (px)", ylabel="inverse depth (1/m)")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def enlarged_cells(row: Tensor, factor: int) -> Tensor:
    """What is left of a row [N] of a map in a frame `factor` times smaller: means of cells, each as wide as before."""
    return F.avg_pool1d(row[None, None], factor).repeat_interleave(factor, dim=-1)[0, 0]
