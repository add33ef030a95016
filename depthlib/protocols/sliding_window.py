"""Depth of a large image from a network that was trained on crops: overlapping windows of the crop's size. DACNN Sec. 4.2."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn

WINDOW = (256, 512)  # the crops of DACNN


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """Where the windows along one axis begin: 0, stride, 2 stride, ..., and the last one at `length` - `window`.

    Raises ValueError unless 1 <= stride <= window <= length: with a larger stride some pixels would be in no window.
    """
    if not 1 <= stride <= window <= length:
        raise ValueError(f"expected 1 <= stride <= window <= length, got stride {stride}, window {window}, length {length}")
    return sorted({*range(0, length - window, stride), length - window})


@torch.no_grad()
def predict_windows(
    model: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    window: tuple[int, int] = WINDOW,
    stride: tuple[int, int] | None = None,
    batch_size: int = 8,
) -> Tensor:
    """Mean depth of the windows that see a pixel, all with the same weight. DACNN Sec. 4.2, erratum D16.

    An image that is smaller than the window is mirrored at its lower and right border, and the depth cropped. The mean is
    kept as a running one, so windows that agree reproduce their value to the last bit.

    Args:
        model: [N,3,h,w] -> [N,1,h,w], in evaluation mode.
        image: [B,3,H,W], RGB in [0,1].
        window: height and width of a window.
        stride: rows and columns from one window to the next; half a window by default, which the paper does not state.
        batch_size: windows that go through the model at once; all the images of the batch at least.

    Returns:
        [B,1,H,W] metres.

    Raises ValueError for another shape of image or of the model's depth, a stride that leaves gaps, or a model in training.
    """
    if image.ndim != 4:
        raise ValueError(f"image must have shape [B, 3, H, W], got {list(image.shape)}")
    if getattr(model, "training", False):
        raise ValueError("model is in training mode: call model.eval() first")
    size = image.shape[-2:]
    image = mirrored(image, window)
    stride = stride or (max(1, window[0] // 2), max(1, window[1] // 2))
    corners = list(product(*map(window_starts, image.shape[-2:], window, stride)))
    mean = image.new_zeros(image.shape[0], 1, *image.shape[-2:])
    count = torch.zeros_like(mean[:1])
    step = max(1, batch_size // image.shape[0])
    for some in (corners[i : i + step] for i in range(0, len(corners), step)):
        views = [(..., slice(y, y + window[0]), slice(x, x + window[1])) for y, x in some]
        depths = _checked(model(torch.cat([image[view] for view in views])), len(views) * image.shape[0], window)
        for view, depth in zip(views, depths.chunk(len(views)), strict=True):
            count[view] += 1
            mean[view] += (depth - mean[view]) / count[view]
    return mean[..., : size[0], : size[1]]


def mirrored(image: Tensor, window: tuple[int, int]) -> Tensor:
    """`image` continued below and to the right as in a mirror, without repeating the border, up to the size of `window`."""
    for axis, side in ((2, window[0]), (3, window[1])):
        length = image.shape[axis]
        if length < side:
            period = max(1, 2 * (length - 1))
            position = torch.arange(side, device=image.device) % period
            image = image.index_select(axis, torch.minimum(position, period - position))
    return image


class SlidingWindow(nn.Module):
    """A network that looks at its images through windows, for `evaluate` and whatever else takes a network.

    forward: image [B,3,H,W], any size -> depth [B,1,H,W] in metres. Arguments as for `predict_windows`.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        window: tuple[int, int] = WINDOW,
        stride: tuple[int, int] | None = None,
        batch_size: int = 8,
    ) -> None:
        super().__init__()
        self.model, self.window, self.stride, self.batch_size = model, window, stride, batch_size

    def forward(self, image: Tensor) -> Tensor:
        return predict_windows(self.model, image, window=self.window, stride=self.stride, batch_size=self.batch_size)


def _checked(depth: Tensor, batch: int, window: tuple[int, int]) -> Tensor:
    if list(depth.shape) != [batch, 1, *window]:
        raise ValueError(f"model: returned shape {list(depth.shape)}, expected {[batch, 1, *window]}")
    return depth
