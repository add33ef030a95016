"""The critic of holistic distillation, which tells the teacher's depth maps from the student's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class SelfAttention(nn.Module):
    """x + gamma * attention(x) over all positions: [B,C,h,w] -> the same. gamma starts at 0. Zhang et al. 2019."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        reduced = max(1, channels // 8)
        self.query, self.key, self.value = (nn.Conv2d(channels, out, 1) for out in (reduced, reduced, channels))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (conv(x).flatten(2) for conv in (self.query, self.key, self.value))
        attention = (query.mT @ key).softmax(dim=-1)  # rows: queries; columns: keys
        return x + self.gamma * (value @ attention.mT).view_as(x)


class Critic(nn.Module):
    """Scores of depth maps, high for the teacher's: [B,1,H,W] -> [B]. Liu et al. 2020, quoted in Sec. 3.3.

    The published critic is made for 65x65 score maps. Two more layers of stride 2 in front adapt it to 224x448; the
    scores of all remaining positions are averaged, so any sides of at least 2^(4 + extra) are allowed.

    Args:
        width: channels of the first layers; then 2, 4 and 8 times as many.
        extra: layers of stride 2 in front; 2 for 224x448, 0 or 1 for small images.
        image: condition on the image, the second argument of forward. The published code does not.

    Raises ValueError for unfit options, and in forward for unfit shapes.
    """

    def __init__(self, *, width: int = 64, extra: int = 2, image: bool = False) -> None:
        super().__init__()
        if width < 1 or extra < 0:
            raise ValueError(f"width, extra: found {width} and {extra}, expected at least 1 and at least 0")
        inputs = 4 if image else 1
        self.image, self.smallest = image, 2 ** (4 + extra)
        channels = [inputs, *[width] * (extra + 1), 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = [nn.BatchNorm2d(inputs)]
        for index, (i, o) in enumerate(zip(channels[:-1], channels[1:], strict=True)):
            layers += [spectral_norm(nn.Conv2d(i, o, 4, stride=2, padding=1)), nn.LeakyReLU(0.1, inplace=True)]
            if index >= len(channels) - 3:  # behind the last two
                layers.append(SelfAttention(o))
        layers.append(nn.Conv2d(channels[-1], 1, 4, padding=2))
        self.layers = nn.Sequential(*layers)

    def forward(self, depth: Tensor, image: Tensor | None = None) -> Tensor:
        if depth.ndim != 4 or depth.shape[1] != 1 or min(depth.shape[-2:]) < self.smallest:
            raise ValueError(
                f"depth: found shape {list(depth.shape)}, expected [B, 1, H, W] with sides of at least {self.smallest}"
            )
        if self.image != (image is not None):
            raise ValueError(
                f"image: found {'one' if image is not None else 'none'}, expected {'one' if self.image else 'none'}"
            )
        x = depth if image is None else torch.cat([depth, image], dim=1)
        return self.layers(x).mean(dim=(1, 2, 3))
