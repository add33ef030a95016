"""Encoders against the classifiers of timm and torchvision."""

from __future__ import annotations

import pytest
import timm
import torch
from mobile_parts import picture
from torch import nn

from depthlib.papers.mobile.encoders import BACKBONES, MobileEncoder


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_encoder_is_the_classifier_of_timm_or_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    library = "torchvision.models.get_model" if name == "shufflenet_v2" else "timm.create_model"
    if name == "shufflenet_v2":
        from torchvision.models import shufflenet_v2_x1_0

        theirs, mean, std = shufflenet_v2_x1_0(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        theirs.fc = nn.Identity()
    else:
        theirs = timm.create_model(BACKBONES[name].source, num_classes=0)
        mean, std = theirs.pretrained_cfg["mean"], theirs.pretrained_cfg["std"]
        if name == "efficientnet_lite0":  # the weights of the package are not those of timm
            mean = std = (0.5, 0.5, 0.5)
    monkeypatch.setattr(library, lambda *a, **k: theirs)
    ours = MobileEncoder(name).eval()
    theirs.eval()
    image = picture(2, 32, 32)
    with torch.no_grad():
        normalised = (image - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        # One position is left at 1/32, so that the mean over the image, before or after the head, changes nothing.
        torch.testing.assert_close(ours(image).deepest.flatten(1), theirs(normalised), rtol=1e-4, atol=1e-5)
        skips, deepest = ours(picture(1, 64, 96))
    backbone = BACKBONES[name]
    assert [tuple(x.shape[1:]) for x in skips] == [
        (c, 64 // s, 96 // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)
    ]
    assert deepest.shape == (1, backbone.head_channels, 2, 3)
    short = MobileEncoder(name, head=False).eval()
    with torch.no_grad():
        assert short(picture(1, 64, 96)).deepest.shape == (1, backbone.top_channels, 2, 3)
