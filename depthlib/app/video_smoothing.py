"""`depthlib predict --smooth`: steadier depth of a video, from maps that were predicted frame by frame.

Three steps, all along an optical flow that is estimated from the images:

1. The change of scale between consecutive frames is the median change of the depth of the points that both show.
2. Each frame is multiplied by one factor, so that its scale follows a moving average of the scales around it. A steady
   change, as of a camera that drives on, is its own average and stays.
3. Each pixel's logarithm moves towards that of its point in the frame before, carried on by the change of scale that is
   left: by `KEEP` where both agree, less where they differ by more than `AGREE` (another surface), and not at all where
   the images do not look alike.

A cut, where hardly anything looks alike, starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from depthlib.app.array_file import ArrayFile
from depthlib.data.images import resize
from depthlib.metrics.temporal import flicker, log_change, looks_alike, scale_change, scale_drift

SIDE = 128  # pixels of the longer side at which the flow is estimated
WINDOW = 15  # frames of the moving average
KEEP = 0.6
AGREE = 0.1  # of the logarithm
CUT = 0.3  # share of pixels that look alike, below which a new shot begins
MISSING = "smooth: found no scikit-image, expected the extra 'video': pip install 'depthlib[video]'"


@dataclass(frozen=True)
class Steadiness:
    """Of the pairs of consecutive frames: scale drift, see `scale_drift`, and the mean `flicker`; of logarithms.

    What camera and objects really move is part of both. NaN where there is no pair.
    """

    drift: float
    flicker: float

    def __str__(self) -> str:
        return f"scale drift {self.drift:.4f}, flicker {self.flicker:.4f}"


def require_flow() -> None:
    """Raise ImportError, with what to install, where optical flow cannot be estimated."""
    try:
        import skimage.registration  # noqa: F401
    except ImportError as error:
        raise ImportError(MISSING) from error


def motion(image: Tensor, previous: Tensor) -> Tensor:
    """Where the points of a frame are in the one before: [3, h, w], flow (u, v) in pixels, and 1 where they look alike.

    TV-L1 flow (Zach, Pock and Bischof 2007) of scikit-image, of the grey images, after the one before was brought to
    the mean brightness of this one.

    Args:
        image, previous: [3, H, W] in [0, 1]. They are resized so that the longer side is `SIDE`.
    """
    from skimage.registration import optical_flow_tvl1

    shrink = SIDE / max(image.shape[1:])
    size = [max(8, round(side * shrink)) for side in image.shape[1:]]
    here, before = (resize(frame[None], size) for frame in (image, previous))
    before = before * (here.mean() / before.mean().clamp(min=1e-3))  # another exposure is no cut
    v, u = optical_flow_tvl1(here[0].mean(0).numpy(), before[0].mean(0).numpy())
    flow = torch.from_numpy(np.stack((u, v))).float()
    return torch.cat((flow, looks_alike(here, before, flow[None])[0].float()))


def smooth(depths: ArrayFile, motions: ArrayFile) -> tuple[ArrayFile, Steadiness, Steadiness]:
    """Steadier depth, and how steady it was before and is after, by the same flow.

    Args:
        depths: N maps [1, h, w] above 0. motions: N - 1 of `motion`, from each frame but the first to the one before.

    Raises:
        ValueError: another number of motions, or depth that is not above 0.
    """
    if len(motions) != max(0, len(depths) - 1):
        raise ValueError(f"motions: found {len(motions)}, expected {max(0, len(depths) - 1)} for {len(depths)} maps")
    pairs = _Pairs(motions)
    for index, depth in enumerate(depths):
        if not depth.min() > 0:
            raise ValueError(
                f"smooth: found a depth of {float(depth.min()):g} in frame {index}, expected depths above 0"
            )
        if index:
            pairs.add(depth, depths[index - 1], index)
    factors = steady_factors(pairs.steps)
    steadier, after = ArrayFile(), _Pairs(motions)
    for index, depth in enumerate(depths):
        depth = depth * factors[index]
        if index and pairs.steps[index - 1] is not None:
            trend = pairs.steps[index - 1] + float(np.log(factors[index] / factors[index - 1]))
            depth = _along(depth, steadier[index - 1], motions[index - 1], trend)
        steadier.append(depth)
        if index:
            after.add(depth, steadier[index - 1], index)
    return steadier, pairs.steadiness(), after.steadiness()


def steady_factors(steps: Sequence[float | None]) -> np.ndarray:
    """Factors [N] of N frames whose scale changes by `steps` [N - 1], of logarithms, None at a cut: step 2 above.

    At the ends of a shot the average is the line fitted to its first or last `WINDOW` frames.
    """
    from scipy.signal import savgol_filter

    factors, begin = np.ones(len(steps) + 1), 0
    ends = [index + 1 for index, step in enumerate(steps) if step is None]
    for end in (*ends, len(factors)):
        scales = np.cumsum([0.0, *steps[begin : end - 1]])
        window = min(WINDOW, len(scales) - 1 + len(scales) % 2)
        if window >= 3:
            factors[begin:end] = np.exp(savgol_filter(scales, window, polyorder=1) - scales)
        begin = end
    return factors


def _along(depth: Tensor, before: Tensor, moved: Tensor, trend: float) -> Tensor:
    """Step 3 above for a frame [1, h, w]; `before` is the smoothed frame before it."""
    flow, alike = _at(moved, depth)
    change, counted = log_change(depth[None], before[None], flow, alike)
    apart = change + trend
    weight = KEEP * counted * torch.exp(-0.5 * (apart / AGREE).square())
    return (depth[None] * torch.exp(weight * apart))[0]


def _at(moved: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Flow [1, 2, h, w] and visibility [1, 1, h, w] of `motion` at the size of a depth map."""
    height, width = depth.shape[1:]
    scale = torch.tensor([width / moved.shape[2], height / moved.shape[1]]).view(1, 2, 1, 1)
    grown = resize(moved[None], (height, width))
    return grown[:, :2] * scale, grown[:, 2:] > 0.5


class _Pairs:
    """The changes between consecutive frames, in time: `steps` holds those of scale, None at cuts."""

    def __init__(self, motions: ArrayFile) -> None:
        self.motions, self.steps, self.flickers = motions, [], []

    def add(self, depth: Tensor, before: Tensor, index: int) -> None:
        flow, alike = _at(self.motions[index - 1], depth)
        change, counted = log_change(depth[None], before[None], flow, alike)
        if counted.float().mean() < CUT:
            self.steps.append(None)
            return
        self.steps.append(-float(scale_change(change, counted)))
        self.flickers.append(float(flicker(change, counted)))

    def steadiness(self) -> Steadiness:
        steps = [step for step in self.steps if step is not None]
        if not steps:
            return Steadiness(float("nan"), float("nan"))
        return Steadiness(float(scale_drift(torch.tensor(steps))), float(np.mean(self.flickers)))
