"""Pictures of the scenes: all that is known of one, its depths, its points, and depth maps spoiled on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from depthlib.base.colour import INVALID_LIGHT, PALETTE, colour_classes
from depthlib.geometry.camera import backproject
from depthlib.report.figures import Map, panels
from depthlib.report.style import FULL_WIDTH, style


def ground_truth_figure(*samples: Mapping[str, Any]) -> Figure:
    """One row a scene: image, depth, normals, classes, instances. Needs the extras "normals" and "instances"."""
    rows = []
    for sample in samples:
        known = sample["depth"][0] > 0
        upright = sample["normals"] * torch.tensor([1.0, -1.0, -1.0]).view(3, 1, 1)
        normals = torch.where(known, (upright + 1) / 2, INVALID_LIGHT / 255)
        _, instances = torch.unique(sample["instances"], return_inverse=True)
        rows.append(
            [
                sample["image"],
                Map(sample["depth"][0]),
                normals,
                colour_classes(sample["semantics"].numpy(), len(PALETTE)),
                # neighbours in number get distant colours
                colour_classes(instances.numpy() * 5 % len(PALETTE), len(PALETTE)),
            ]
        )
    return panels(rows, titles=["image", "depth", "normals", "classes", "instances"])


def depth_histogram(depths: Mapping[str, Tensor]) -> Figure:
    """Share of pixels over depth for each data set, its median and 95th percentile marked.

    Depths in metres, valid ones only.
    """
    from matplotlib import pyplot

    with style():
        figure, axis = pyplot.subplots(figsize=(FULL_WIDTH, 2.6))
        for (name, values), colour in zip(depths.items(), PALETTE, strict=False):
            metres = values.flatten().double().numpy()
            bins = np.linspace(0, np.quantile(metres, 0.999), 80)
            look = {"histtype": "stepfilled", "alpha": 0.45, "color": colour, "label": name}
            axis.hist(metres, bins=bins, weights=np.full(metres.size, 100 / metres.size), **look)
            for share, dashes in ((0.5, "-"), (0.95, "--")):
                at = np.quantile(metres, share)
                axis.axvline(at, color=colour, linestyle=dashes, linewidth=1.2)
                text = f" {100 * share:.0f} % nearer than {at:.1f} m"
                axis.text(at, axis.get_ylim()[1] * 0.97, text, color=colour, va="top", fontsize=8)
        axis.set(xlabel="depth (m)", ylabel="% of the pixels", xlim=(0, None))
        if len(depths) > 1:
            axis.legend()
    return figure


def point_cloud_figure(sample: Mapping[str, Any]) -> Figure:
    """The points of one depth map in their own colours: through the camera, from above, from the left."""
    from matplotlib import pyplot

    points = backproject(sample["depth"][None], sample["K"][None])[0].flatten(1)
    keep = (sample["depth"] > 0).flatten()
    (x, y, z), colours = points[:, keep].numpy(), sample["image"].flatten(1)[:, keep].T.numpy()
    views = (
        ("through the camera", x / z, -y / z, "x / z", "-y / z", -z),
        ("from above", x, z, "x (m)", "z (m)", -y),
        ("from the left", z, -y, "z (m)", "-y (m)", -x),
    )
    with style():
        figure, axes = pyplot.subplots(1, 3, figsize=(FULL_WIDTH, 2.5))
        for axis, (title, horizontal, vertical, xlabel, ylabel, near) in zip(axes, views, strict=True):
            order = np.argsort(near, kind="stable")  # what is nearer to the eye of this view is drawn last
            axis.scatter(horizontal[order], vertical[order], c=colours[order], s=1.2, linewidths=0, rasterized=True)
            axis.set(title=title, xlabel=xlabel, ylabel=ylabel, aspect="equal")
            axis.grid(False)
    return figure


def _smoothed(depth: Tensor, valid: Tensor) -> Tensor:
    """Mean over 13 x 13 valid pixels."""
    weight = F.avg_pool2d(valid.to(depth.dtype), 13, 1, 6)
    return F.avg_pool2d(depth * valid, 13, 1, 6) / weight.clamp(min=1e-6)


def _noisy(depth: Tensor, valid: Tensor) -> Tensor:
    noise = torch.rand(depth.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(depth)
    return depth * (0.8 + 0.4 * noise)


DISTORTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "30 % too far": lambda depth, valid: 1.3 * depth,
    "0.5 m too far": lambda depth, valid: depth + 0.5,
    "smoothed": _smoothed,
    "noisy": _noisy,
    "background lost": lambda depth, valid: depth.clamp(max=depth[valid].quantile(0.8).item()),
}
"""(depth [B,1,H,W], valid) -> a prediction with one kind of error."""
