"""Figures of lesson 01: labels as points, soft labels from visit to visit, pulls of the loss, and the seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from torch import Tensor, nn

from depthlib.base.colour import colour_depth, scale_of
from depthlib.geometry.point_cloud import points_of
from depthlib.papers.anuw.loss import WEIGHTS, anuw_loss
from depthlib.papers.anuw.measures import near_steps
from depthlib.papers.anuw.task import SoftLabels
from depthlib.report.figures import DEPTH, colour_bar
from depthlib.report.grid import BAR_RIGHT, picture_grid
from depthlib.report.style import BLUE, FULL_WIDTH, GREY, ORANGE, style

PURPLE = "#CC79A7"
IN_CAMERA = 0.5  # metres; no surface of a street is nearer


def label_clouds(item: Mapping[str, Any], labels: Mapping[str, Tensor]) -> Figure:
    """Where labels put the pixels of a frame, seen from the side and from above: a row a label.

    Args:
        item: of a set whose labels have gaps: `K`, `valid`, `depth_true`.
        labels: name -> depth [H,W] in metres; 0 is a statement, NaN is none.
    """
    from matplotlib import pyplot

    known, surface = item["valid"][0], item["depth_true"][0] > 0
    groups = {"with a label": (known, GREY), "surface without": (~known & surface, ORANGE)}
    groups["sky"] = (~known & ~surface, PURPLE)
    with style():
        size = (FULL_WIDTH, 0.8 + 1.4 * len(labels))
        figure, axes = pyplot.subplots(len(labels), 2, figsize=size, sharex=True, sharey="col", squeeze=False)
        for row, (name, depth) in zip(axes, labels.items(), strict=True):
            said = ~depth.isnan()
            for group, (where, colour) in groups.items():
                x, y, z = points_of(depth, item["K"], said & where).T
                for axis, side in zip(row, (-y, x), strict=True):
                    axis.plot(z, side, ".", color=colour, markersize=2, markeredgewidth=0, linestyle="", label=group)
            inside = (depth[said] < IN_CAMERA).float().mean().item()
            row[0].set(title=f"{name}: {100 * inside:.0f} % of its points in the camera", ylabel="up (m)")
            row[1].set(ylabel="right (m)")
            for axis in row:  # the area of the disc goes with the number of points
                axis.plot(0, 0, "o", color=ORANGE, alpha=0.5, markersize=40 * inside**0.5, clip_on=False)
                axis.plot(0, 0, ">", color="#000000", markersize=6, clip_on=False)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, markerscale=4, handlelength=0.8)
        for axis in axes[-1]:
            axis.set(xlabel="away from the camera (m)", xlim=(-4, None))
    return figure


@dataclass(frozen=True)
class Visit:
    """One step of a training with soft labels on one frame: target, prediction [H,W], and which pixels of the target
    count; the loss outside the gaps, and whether the prediction became the soft label.
    """

    target: Tensor
    counted: Tensor
    prediction: Tensor
    outside: float
    renewed: bool


def visits(model: nn.Module, task: SoftLabels, item: Mapping[str, Any], count: int, rate: float) -> list[Visit]:
    """Train `model` on one frame, again and again, with Adam at a learning `rate`; `task` is asked each time."""
    batch = {key: item[key][None] for key in ("image", "depth", "valid")} | {"name": [item["name"]]}
    optimiser, found, seen = torch.optim.Adam(model.train().parameters(), lr=rate), [], []
    hook = model.register_forward_hook(lambda *call: seen.append(call[2].detach()[0, 0]))
    for _ in range(count):
        target, counted = task.targets(batch)
        loss, terms = task.loss(model, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        outside, renewed = terms["outside"].item(), bool(terms["updated"])
        found.append(Visit(target[0, 0], counted[0, 0], seen[-1], outside, renewed))
    hook.remove()
    return found


def visit_diagram(found: Sequence[Visit], *, width: float = 9.0) -> Figure:
    """The loop of Figs. 1 and 6 unrolled, visit by visit: the target above, the prediction below.

    A blue arrow: the prediction fills the gaps of the next targets. Hatched: no part of the loss.
    """
    ends = scale_of([one.prediction.numpy() for one in found])
    with style():
        aspect = found[0].target.shape[0] / found[0].target.shape[1]
        grid = picture_grid(
            2, len(found), aspect, width, titles=True, names=True, row_gap=0.4, right=BAR_RIGHT, below=0.5
        )
        for number, one in enumerate(found):
            upper, lower = grid.axes[:, number]
            upper.imshow(colour_depth(one.target, one.counted, *ends), aspect="auto")
            lower.imshow(colour_depth(one.prediction, None, *ends), aspect="auto")
            upper.set_title(f"visit {number + 1}")
            fate = "lowest so far:\nnew soft label" if one.renewed else "not the lowest:\nlabel kept"
            lower.set_xlabel(f"loss outside {one.outside:.3f}\n{fate}", fontsize=8)
        for axis, name in zip(grid.axes[:, 0], ("target", "prediction"), strict=True):
            axis.set_ylabel(name)
        for number, _ in enumerate(pairwise(found)):
            if found[number].renewed:
                lower, upper = grid.axes[1, number], grid.axes[0, number + 1]
                look = {"arrowstyle": "-|>", "mutation_scale": 10, "color": BLUE, "linewidth": 1.4, "zorder": 5}
                grid.figure.add_artist(
                    ConnectionPatch(
                        (0.7, 1.0), (0.3, 0.0), "axes fraction", "axes fraction", axesA=lower, axesB=upper, **look
                    )
                )
        colour_bar(grid.figure, grid.beside(0, 1), DEPTH, ends, extend="both", extendfrac=0.03)
    return grid.figure


def by_visit(curve: Sequence[float | None], steps: float) -> np.ndarray:
    """Means of the steps of each visit, which takes `steps` of them; NaN where no step has a value."""
    of_visit: dict[int, list[float]] = {int(i // steps): [] for i in range(len(curve))}
    for i, value in enumerate(curve):
        if value is not None:
            of_visit[int(i // steps)].append(value)
    return np.array([np.mean(values) if values else np.nan for values in of_visit.values()])


def soft_label_curves(curves: Sequence[Mapping[str, Sequence[float | None]]], steps: float) -> Figure:
    """Over the visits of a frame: the share of soft labels in use that are wrong, and how many frames got new ones.

    Args:
        curves: of the seeds, with `label_wrong` and `updated`. steps: of one visit, frames / batch.
    """
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(1, 2, figsize=(FULL_WIDTH, 2.5))
        names = {"label_wrong": "soft labels in use off by more than 1.25", "updated": "frames with new soft labels"}
        for axis, (key, name) in zip(axes, names.items(), strict=True):
            seeds = np.stack([by_visit(curve[key], steps) for curve in curves])
            visit = np.arange(1, seeds.shape[1] + 1)
            axis.plot(visit, seeds.mean(axis=0), marker="o")
            axis.fill_between(visit, seeds.min(axis=0), seeds.max(axis=0), alpha=0.2)
            axis.set(title=name, xlabel="visit", ylabel="share", ylim=(0, 1.05), xlim=(0.8, visit[-1] + 0.2))
            axis.xaxis.get_major_locator().set_params(integer=True)
        axes[0].axhline(1, color="#777777", linewidth=1, linestyle="--")
        axes[0].text(visit[-1], 0.97, "the label 0", color="#555555", ha="right", va="top", fontsize=8)
    return figure


def pulls(guess: Tensor, target: Tensor, valid: Tensor, max_depth: float) -> dict[str, Tensor]:
    """How strongly each weighted term of the loss pulls at each pixel of a prediction, [H,W]: |dL / dp|."""
    found = {}
    for name, weight in WEIGHTS.items():
        variable = guess.clone().requires_grad_()
        anuw_loss(variable, target, valid, max_depth=max_depth, weights={name: weight})[0].backward()
        found[name] = variable.grad[0, 0].abs()
    return found


def beside_steps(pull: Tensor, depth: Tensor) -> float:
    """Mean of `pull` [H,W] within two pixels of a step in depth [1,H,W], over its mean on other known pixels."""
    near = near_steps(depth, 2)[0]
    return (pull[near].mean() / pull[~near & (depth[0] > 0)].mean()).item()


def seam(depths: Tensor, known: Tensor) -> dict[str, float]:
    """Mean relative step of depth between neighbouring rows and columns: across the middle, and near it.

    Args:
        depths: [N,H,W]. known: bool, of the pixels that count.
    """

    def step(maps: Tensor, mask: Tensor, offset: int) -> float:
        at = maps.shape[-2] // 2 + offset
        one, other, both = maps[..., at, :], maps[..., at - 1, :], mask[..., at, :] & mask[..., at - 1, :]
        return ((one - other).abs() / one.clamp(min=1))[both].mean().item()

    found = {}
    for name, maps, mask in (("rows", depths, known), ("columns", depths.mT, known.mT)):
        found[f"{name}: middle"] = step(maps, mask, 0)
        found[f"{name}: nearby"] = float(np.mean([step(maps, mask, offset) for offset in (-4, -3, -2, 2, 3, 4)]))
    return found
