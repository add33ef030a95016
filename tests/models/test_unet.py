"""U-Net against its formula."""

from __future__ import annotations

import torch
from small_models import small
from torch import nn


def test_only_batch_norm_tells_training_from_evaluation() -> None:
    image = torch.rand(1, 3, 32, 32)
    for norm, same in (("bn", False), ("gn", True), ("in", True)):
        model = small("unet", norm=norm)
        assert torch.equal(model.train()(image), model.eval()(image)) == same, norm


def test_unet_is_its_formula() -> None:
    model = small("unet").eval()
    image = torch.rand(1, 3, 32, 32)

    def down(i: int) -> torch.Tensor:
        return model.encoder[i](nn.functional.max_pool2d(down(i - 1), 2) if i else image)

    def up(i: int) -> torch.Tensor:
        if i == 4:
            return down(4)
        below = nn.functional.interpolate(up(i + 1), scale_factor=2, mode="bilinear", align_corners=True)
        return model.decoder[i](torch.cat([down(i), below], dim=1))

    with torch.no_grad():
        assert torch.equal(model(image), model.head(up(0)))
