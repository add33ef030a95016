"""Times of networks, and the pruned student at full size."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from mobile_parts import NARROW, picture, small

from depthlib.models import create_model
from depthlib.papers.mobile.latency import FEWEST, OURS, at_full_size, ratios, time_networks
from depthlib.papers.mobile.surgery import blocks_of, shrink
from depthlib.report.claims import load_paper


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "full"), [("mobilenet_v2_035", "mobilenet_v2"), ("efficientnet_lite0", "efficientnet_lite0")]
)
def test_a_pruned_student_keeps_its_shares_at_full_size(encoder: str, full: str) -> None:
    pytest.importorskip("torch_pruning")
    image, name = picture(1, 32, 32), "decoder.levels.1.0.expand.0"
    narrow, wide = small("mobile", encoder=encoder).eval(), small("mobile", encoder=full).eval()
    pruned = small("mobile_pruned", encoder=encoder).eval()
    pruned.load_from(shrink(narrow, image, {name: blocks_of(narrow, image)[name] // 2}))
    before, after = blocks_of(wide, image), blocks_of(at_full_size(pruned), image)
    assert after.pop(name) == pytest.approx(before.pop(name) / 2, abs=8) and after == before


@pytest.mark.slow
def test_times_are_of_the_networks_named() -> None:
    """The narrow network is faster than the wide one by far more than a busy machine can hide."""
    table = time_networks(
        {"small": create_model("mobile", **NARROW), "large": create_model("nnconv5", encoder="efficientnet_b0")},
        size=(128, 128),
        runs=9,
        warm_up=2,
    )
    assert table.loc["small", "milliseconds"] < table.loc["large", "milliseconds"]
    assert table.loc["small", "parameters"] == sum(p.numel() for p in create_model("mobile", **NARROW).parameters())
    assert (table["low"] <= table["milliseconds"]).all() and (table["milliseconds"] <= table["high"]).all()
    assert table.loc["small", "GMACs"] == pytest.approx(4 * 17_056_640 / 2 / 1e9)  # 64x128 has half of the pixels
    assert table["runs"].tolist() == [9, 9]
    with pytest.raises(ValueError, match="runs, threads, warm_up: found 0, 1 and 5"):
        time_networks({}, runs=0)


@pytest.mark.slow
def test_a_network_whose_time_is_used_up_waits_for_the_others() -> None:
    networks = {"first": create_model("mobile", **NARROW), "second": create_model("mobile", **NARROW)}
    table = time_networks(networks, size=(32, 32), runs=9, warm_up=1, seconds=1e-6)
    assert table["runs"].tolist() == [FEWEST, FEWEST]
    assert time_networks(networks, size=(32, 32), runs=2, warm_up=0, seconds=1e-6)["runs"].tolist() == [2, 2]


@pytest.mark.slow
def test_a_slow_network_warms_up_with_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class Counted:
        def __init__(self, *_: object) -> None:
            self.images = 0
            opened.append(self)

        def run(self, *_: object) -> None:
            self.images += 1

    monkeypatch.setattr("depthlib.papers.mobile.latency.onnx_session", Counted)
    networks = {"one": create_model("mobile", **NARROW)}
    for seconds, images in ((0.0, 1 + FEWEST), (math.inf, 3 + 9)):
        table = time_networks(networks, size=(32, 32), runs=9, warm_up=3, seconds=seconds)
        assert opened[-1].images == images and table["runs"].item() == (FEWEST if seconds == 0 else 9)


@pytest.mark.slow
def test_ratios_of_table_8() -> None:
    times = pd.DataFrame({"milliseconds": {OURS: 20.0, "MiDaS small": 90.0, "somebody else": 10.0}})
    table = ratios(times, load_paper("mobile"), here="one thread")
    assert table.loc["MiDaS small"].tolist() == pytest.approx([274 / 116, 215 / 54, 4.5])
    assert table.loc[OURS].tolist() == [1, 1, 1] and table.loc["somebody else"].isna().tolist() == [True, True, False]
