"""PoseNet of SfMLearner (Zhou et al. 2017), also in the dual networks (Sec. 4.3): camera motion between images."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from depthlib.geometry import pose_from_euler
from depthlib.models.blocks import check_image

KERNELS = (7, 5, 3, 3, 3, 3, 3)
GROWTH = (1, 2, 4, 8, 16, 16, 16)
SMALL = 0.01  # factor on the outputs: training starts near the identity pose


def check_triplet(target: Tensor, sources: Tensor, count: int) -> None:
    """Raise TypeError or ValueError unless target is [B,3,H,W] and sources is [B,count,3,H,W]."""
    check_image(target)
    expected = [target.shape[0], count, *target.shape[1:]]
    if not isinstance(sources, Tensor) or list(sources.shape) != expected:
        found = list(sources.shape) if isinstance(sources, Tensor) else type(sources).__name__
        raise ValueError(f"sources: found {found}, expected {expected}, the size of the target")


def spatial_mean(features: Tensor) -> Tensor:
    """[B,C,H,W] -> [B,C], at least in float32: a pose rounded to half precision moves the image by pixels."""
    return features.to(torch.promote_types(features.dtype, torch.float32)).mean(dim=(2, 3))


class PoseNet(nn.Module):
    """Seven stride-2 convolutions, 1x1 convolution, spatial mean; 1,590,668 parameters at width 16, two sources.

    forward: target [B,3,H,W] and sources [B,S,3,H,W], RGB in [0,1] -> T_source_target [B,S,4,4]: maps points of the
    target's camera into each source's. The translation has the scale of the depth that the network is trained with.

    Args:
        sources: S; the triplet of the dual networks has the previous and the next frame.
        width: channels of the first convolution; the last three have 16 times as many.
        reflect: reflection padding (dual networks, Sec. 4.5), for sides above 64; off: zeros, any size.
        contrast: None concatenates the images. A number replaces each source by its difference from the target times
            that number, which helps where training lasts a few hundred steps.
        scale: factor on the six outputs; 0.01 suits the paper's learning rates and 100,000 steps.

    Raises ValueError or TypeError for other shapes.
    """

    def __init__(
        self,
        *,
        sources: int = 2,
        width: int = 16,
        reflect: bool = True,
        contrast: float | None = None,
        scale: float = SMALL,
    ) -> None:
        super().__init__()
        self.sources, self.smallest, self.contrast, self.scale = sources, 65 if reflect else 1, contrast, scale
        widths = [3 * (1 + sources), *(width * factor for factor in GROWTH)]
        layers: list[nn.Module] = []
        for i, o, kernel in zip(widths[:-1], widths[1:], KERNELS, strict=True):
            padding_mode: Literal["reflect", "zeros"] = "reflect" if reflect else "zeros"
            layers += [nn.Conv2d(i, o, kernel, 2, kernel // 2, padding_mode=padding_mode), nn.ReLU(inplace=True)]
        self.convs = nn.Sequential(*layers)
        self.head = nn.Conv2d(widths[-1], 6 * sources, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Xavier's would fade over seven ReLU layers
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def vectors(self, target: Tensor, sources: Tensor) -> Tensor:
        """(tx, ty, tz, rx, ry, rz) of each source, [B,S,6], see `pose_from_euler`."""
        check_triplet(target, sources, self.sources)
        if min(target.shape[-2:]) < self.smallest:
            raise ValueError(
                f"target: found {list(target.shape[-2:])}, expected height and width of at least {self.smallest}"
            )
        others = sources * 2 - 1 if self.contrast is None else (sources - target.unsqueeze(1)) * self.contrast
        features = self.head(self.convs(torch.cat([target * 2 - 1, others.flatten(1, 2)], dim=1)))
        return self.scale * spatial_mean(features).unflatten(1, (self.sources, 6))

    def forward(self, target: Tensor, sources: Tensor) -> Tensor:
        return pose_from_euler(self.vectors(target, sources))
