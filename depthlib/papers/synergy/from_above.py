"""Rooms from above: does the far wall stand where it should?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from depthlib.base.colour import PALETTE
from depthlib.geometry import backproject
from depthlib.report.style import FULL_WIDTH, style


def plan(depth: Tensor, K: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Across and ahead, metres [W] each, of the pixels in the row of the principal point: a cut at the camera's height.

    Pixels without a depth are NaN.

    Args:
        depth: [1,H,W] metres; K: [3,3].
    """
    row = round(K[1, 2].item())
    points = backproject(depth[None], K[None])[0, :, row].double().cpu().numpy()
    points[:, points[2] <= 0] = np.nan
    return points[0], points[2]


def rooms_from_above(rooms: Sequence[tuple[Tensor, Mapping[str, Tensor]]]) -> Figure:
    """Plans of rooms side by side, the truth as dots, predictions as lines; the camera stands at the origin.

    Args:
        rooms: K [3,3] and name -> depth [1,H,W] of each; the first name is the truth.
    """
    from matplotlib import pyplot

    with style():
        figure, axes = pyplot.subplots(
            1, len(rooms), figsize=(FULL_WIDTH, 2.9), sharey=True, layout="constrained", squeeze=False
        )
        for axis, (K, depths) in zip(axes[0], rooms, strict=True):
            for number, (name, depth) in enumerate(depths.items()):
                across, ahead = plan(depth, K)
                if number:
                    axis.plot(across, ahead, "-", color=PALETTE[number - 1], linewidth=1.2, marker="", label=name)
                else:
                    axis.plot(across, ahead, ".", color="#1a1a1a", markersize=2.5, label=name)
            axis.plot([0], [0], "^", color="#1a1a1a", markersize=5)
            axis.set(xlabel="across (m)", aspect="equal", ylim=(-0.3, None))
        axes[0, 0].set_ylabel("ahead (m)")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure
