"""NNConv5 and FastDepth: the parameters of Table 1, and the formula."""

from __future__ import annotations

import pytest
import torch
from mobile_parts import picture
from sizes import parameters

from depthlib.papers.mobile.encoders import BACKBONES
from depthlib.papers.mobile.nnconv5 import FastDepth, NNConv5, NNConv5Net


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "count", "printed"),
    [
        ("shufflenet_v2", 2_007_558, 2.0),
        ("mnasnet", 3_994_250, 4.0),
        ("mobilenet_v2", 3_115_810, 3.1),
        ("mobilenet_v3", 5_093_970, 5.1),
        ("efficientnet_es", 5_049_330, 5.0),
        ("efficientnet_b0", 4_899_486, 4.9),
        ("ghostnet", 4_793_446, None),  # 5.4 is printed; no standard width with a head of 1280 channels has it
        ("mixnet_m", 4_507_304, 4.5),
        ("mixnet_s", 3_627_528, 3.6),
    ],
)
def test_table_1(encoder: str, count: int, printed: float | None) -> None:
    with torch.device("meta"):
        assert parameters(NNConv5Net(encoder=encoder)) == count
        assert (
            parameters(NNConv5(BACKBONES[encoder].head_channels))
            == {1024: 753_954, 1280: 891_938, 1536: 1_029_922}[BACKBONES[encoder].head_channels]
        )
    assert printed is None or round(count / 1e6, 1) == printed


def test_the_row_of_fastdepth_in_table_1_is_quoted_from_fastdepth() -> None:
    with torch.device("meta"):
        model = FastDepth()
        assert parameters(model) == parameters(NNConv5Net(encoder="mobilenet_v1")) == 3_960_930
        assert sum(p.numel() for p in model.parameters() if p.ndim == 4) == 3_933_088  # its own 3.93 M: without norms
        assert parameters(FastDepth(skips="concat")) == 4_016_034


@pytest.mark.slow
@pytest.mark.parametrize("skips", ["none", "add", "concat"])
def test_fastdepth_is_its_formula(skips: str) -> None:
    torch.manual_seed(0)
    model = FastDepth(skips=skips).eval()
    image = picture()
    with torch.no_grad():
        (s2, s4, s8, _), x = model.encoder(image)
        for index, block in enumerate(model.decoder.blocks):
            x = block(x).repeat_interleave(2, 2).repeat_interleave(2, 3)
            if skips != "none" and index in (1, 2, 3):
                skip = {1: s8, 2: s4, 3: s2}[index]
                x = x + skip if skips == "add" else torch.cat((x, skip), 1)
        torch.testing.assert_close(model(image), model.decoder.last(x))
