"""Depth of a large image from a network that was trained on crops: overlapping windows of the crop's size. DACNN Sec.
4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor, nn

WINDOW = (256, 512)  # the crops of DACNN


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """Where the windows along one axis begin: 0, stride, 2 stride, ..., and the last one at `length` - `window`.

    Raises ValueError unless 1 <= stride <= window <= length: with a larger stride some pixels would be in no window.
    """
    if not 1 <= stride <= window <= length:
        raise ValueError(
            f"windows: found stride {stride}, window {window}, length {length}, expected "
            "1 <= stride <= window <= length"
        )
    return sorted({*range(0, length - window, stride), length - window})


@torch.no_grad()
def predict_windows(
    model: Callable[..., Tensor],
    *views: Tensor,
    window: tuple[int, int] = WINDOW,
    stride: tuple[int, int] | None = None,
    batch_size: int = 8,
) -> Tensor:
    """Mean depth of the windows that see a pixel, all with the same weight. DACNN Sec. 4.2, erratum D16.

    An image that is smaller than the window is mirrored at its lower and right border, and the depth cropped. The mean
    is kept as a running one, so windows that agree reproduce their value to the last bit.

    Args:
        model: as many views [N,3,h,w] as there are here -> [N,1,h,w], in evaluation mode.
        views: each [B,3,H,W], RGB in [0,1], such as an image and its stereo partner; a window is one place in all.
        window: height and width of a window.
        stride: rows and columns from one window to the next; half a window by default, which the paper does not state.
        batch_size: windows that go through the model at once; all the images of the batch at least.

    Returns:
        [B,1,H,W] metres.

    Raises ValueError for another shape of image or of the model's depth, a stride that leaves gaps, or a model in
    training.
    """
    for view in views:
        if view.ndim != 4 or view.shape[1] != 3:
            raise ValueError(f"image: found shape {list(view.shape)}, expected [B, 3, H, W]")
    if getattr(model, "training", False):
        raise ValueError("model: found it in training mode, expected evaluation mode: call model.eval() first")
    size = views[0].shape[-2:]
    image = mirrored(torch.cat(views, dim=1), window)
    stride = stride or (max(1, window[0] // 2), max(1, window[1] // 2))
    corners = list(product(*map(window_starts, image.shape[-2:], window, stride)))
    mean = image.new_zeros(image.shape[0], 1, *image.shape[-2:])
    count = torch.zeros_like(mean[:1])
    step = max(1, batch_size // image.shape[0])
    for some in (corners[i : i + step] for i in range(0, len(corners), step)):
        places = [(..., slice(y, y + window[0]), slice(x, x + window[1])) for y, x in some]
        seen = torch.cat([image[place] for place in places])
        depths = _checked(model(*seen.split(3, dim=1)), len(places) * image.shape[0], window)
        for place, depth in zip(places, depths.chunk(len(places)), strict=True):
            count[place] += 1
            mean[place] += (depth - mean[place]) / count[place]
    return mean[..., : size[0], : size[1]]


def mirrored(image: Tensor, window: tuple[int, int]) -> Tensor:
    """`image` continued below and to the right as in a mirror, without repeating the border, up to the size of
    `window`.
    """
    for axis, side in ((2, window[0]), (3, window[1])):
        length = image.shape[axis]
        if length < side:
            period = max(1, 2 * (length - 1))
            position = torch.arange(side, device=image.device) % period
            image = image.index_select(axis, torch.minimum(position, period - position))
    return image


class Windowed(nn.Module):
    """A network that looks at its images through windows of `window` (rows, columns), half a window apart.

    forward: as many views as `model` takes, each [B,3,H,W] of any size -> depth [B,1,H,W] in metres, see
    `predict_windows`. Its `inputs` are those of `model`.
    """

    def __init__(self, model: nn.Module, window: Sequence[int]) -> None:
        super().__init__()
        self.model, self.window, self.inputs = model, tuple(window), getattr(model, "inputs", ("image",))

    def forward(self, *views: Tensor) -> Tensor:
        return predict_windows(self.model, *views, window=self.window)


def _checked(depth: Tensor, batch: int, window: tuple[int, int]) -> Tensor:
    if list(depth.shape) != [batch, 1, *window]:
        raise ValueError(f"model: returned shape {list(depth.shape)}, expected {[batch, 1, *window]}")
    return depth
