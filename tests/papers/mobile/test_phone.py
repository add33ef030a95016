"""A student in float32 and int8 as ONNX Runtime runs it, against torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mobile_parts import NARROW

from depthlib.models import create_model
from depthlib.models.weights import save_weights
from depthlib.papers.mobile.measures import PairOrder
from depthlib.papers.mobile.phone import exported_networks
from depthlib.protocols.inference import measure
from depthlib.scenes.variants import Frames, OrdinalFrames

pytest.importorskip("onnxruntime")


@pytest.mark.slow
def test_both_precisions_are_scored_on_the_same_pairs(tmp_path: Path, rooms: Frames) -> None:
    torch.manual_seed(0)
    model = create_model("mobile", **NARROW).eval()
    save_weights(model, tmp_path / "w.safetensors", model_name="mobile", options=NARROW, input_size=[32, 64])
    asked = OrdinalFrames(rooms, pairs=200)
    images = [rooms[i]["image"] for i in range(2)]
    table = exported_networks({"student": tmp_path / "w.safetensors"}, tmp_path, calibrate=images, asked=asked, count=3)
    assert table.index.tolist() == [("student", "float32"), ("student", "int8")]
    exact, rounded = (table.loc["student", name] for name in ("float32", "int8"))
    by_torch = measure(model, torch.utils.data.Subset(asked, range(3)), {"pairs": PairOrder()})["pairs"].means()["whdr"]
    assert exact["whdr"] == pytest.approx(by_torch, abs=0.002) and exact["differs from torch"] < 1e-4
    assert rounded["megabytes"] < 0.5 * exact["megabytes"] and rounded["whdr"] == pytest.approx(by_torch, abs=0.1)
    assert (table["milliseconds"] > 0).all()
