"""The hourglass of DIW: its pools and its norms."""

from __future__ import annotations

from mobile_parts import picture, small
from torch import nn


def test_hourglass_pools_by_maxima_outside_and_its_norms_have_no_parameters() -> None:
    model = small("diw_hourglass")
    pools = [type(m) for m in model.modules() if isinstance(m, nn.MaxPool2d | nn.AvgPool2d)]
    assert pools == [nn.MaxPool2d, nn.MaxPool2d, nn.AvgPool2d, nn.AvgPool2d]  # the outer ones first
    assert [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.affine] == [model.stem[1]]
    assert model(picture(1, 48, 80)).shape == (1, 1, 48, 80)
