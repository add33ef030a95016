"""The teacher of the mobile paper against its formula, and its residual unit against the published code."""

from __future__ import annotations

import torch
from mobile_parts import picture, small
from torch.nn import functional as F

from depthlib.models.enc_dec_resnet import ResidualUnit, twice


def test_teacher_adds_what_its_relu_left() -> None:
    model = small("enc_dec_resnet").eval()
    with torch.no_grad():
        depth, features = model.estimate(picture())
        assert features.shape == (1, 8, 32, 48)
        assert torch.equal(depth, model(picture()))
    torch.manual_seed(0)
    unit = ResidualUnit(3).eval()
    x = torch.randn(1, 3, 5, 5)
    published = x.clone()
    out = published.relu_()  # in place, as in the published code
    for layer in unit.body:
        out = layer(out.clone())
    torch.testing.assert_close(unit(x), out + published)
    assert torch.equal(twice(x)[..., 0, 0], x[..., 0, 0]) and torch.equal(twice(x)[..., -1, -1], x[..., -1, -1])


def test_teacher_is_its_formula() -> None:
    model = small("enc_dec_resnet").eval()
    with torch.no_grad():
        trunk, fusions = model.trunk, model.fusions
        x = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(model.normalise(picture())))))
        c2 = trunk.layer1(x)
        c3 = trunk.layer2(c2)
        c4 = trunk.layer3(c3)
        up = F.interpolate(trunk.layer4(c4), scale_factor=2, mode="bilinear", align_corners=True)
        for fusion, left in zip(fusions, (c4, c3, c2), strict=True):
            up = F.interpolate(
                fusion.after(fusion.left(left) + fusion.below(up)), scale_factor=2, mode="bilinear", align_corners=True
            )
        expected = F.interpolate(model.head(model.near(up)), scale_factor=2, mode="bilinear", align_corners=True)
        torch.testing.assert_close(model(picture()), expected)
