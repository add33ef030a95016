"""The synergy network, its losses and its semantic metrics: against FCRN, kornia, scipy, torchmetrics, and by hand."""

from __future__ import annotations

import math
from pathlib import Path

import kornia
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.base.filters import sobel
from depthlib.losses import berhu_loss
from depthlib.losses.regression import berhu
from depthlib.metrics import class_accuracy, confusion_matrix, mean_iou, pixel_accuracy
from depthlib.metrics.semantic import class_accuracies, intersections_over_union
from depthlib.metrics.semantic_aggregate import SemanticMetrics
from depthlib.models import create_model
from depthlib.models.fcrn import FCRN
from depthlib.models.weights import load_weights, round_to_half, save_weights
from depthlib.papers.synergy.attention_driven import attention_driven_loss, labels_at
from depthlib.papers.synergy.attention_maps import activation_attention, for_display
from depthlib.papers.synergy.depth_aware import depth_attention, depth_aware_loss, learning_state
from depthlib.papers.synergy.joint_gradient import class_edges, joint_gradient_loss, semantic_gradient_loss, sobel_loss
from depthlib.papers.synergy.lateral_sharing import LateralSharing
from depthlib.papers.synergy.network import PARTS, SynergyNet
from depthlib.papers.synergy.semantic_focal import inverse_frequency, label_counts, semantic_focal_loss
from depthlib.papers.synergy.stages import STAGES, Stage
from depthlib.papers.synergy.upskip import UpSkip

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
DEPTH_ONLY = {"classes": 0, "sharing": "none"}


def small(**options) -> SynergyNet:
    torch.manual_seed(0)
    return create_model("synergy", **{"width": 1 / 16, **options})


def picture(batch: int = 2, height: int = 64, width: int = 64, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


# The network


@pytest.mark.parametrize(("options", "count"), [
    ({}, 62_715_536),
    ({"up": "projection"}, 103_806_096),
    ({**DEPTH_ONLY, "skips": False}, 43_017_728),  # FCRN with up-convolutions: 43.02 M
    ({**DEPTH_ONLY, "skips": False, "up": "projection"}, 63_563_008),
    (DEPTH_ONLY, 43_017_728 + 9 * 64 * (1024 + 512 + 256 + 128 + 64)),
    ({"sharing": "none"}, 62_715_536 - 3 * 4),
    ({"sharing": "cross_stitch"}, 62_715_536),
    ({"per_channel": True}, 62_715_536 + 4 * (512 + 256 + 128 - 3)),
    ({"classes": 40}, 62_715_536 + 36 * (9 * 64 + 1)),
    ({"depth": False, "sharing": "none"}, 43_017_728 + 1_142_784 - 9 * 64 + 4 * (9 * 64 + 1)),
])
def test_parameter_counts(options: dict, count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in SynergyNet(**options).parameters()) == count


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("up", ["conv", "projection"])
def test_contract(up: str, device: str) -> None:
    model = small(up=up, classes=13).to(device)
    depth = model(picture(height=49, width=70).to(device))
    assert (depth.shape, depth.dtype) == ((2, 1, 49, 70), torch.float32)
    assert (depth > 0.999e-3).all()
    out = model.outputs(picture(1, 228, 304).to(device))
    assert (out.depth.shape, out.logits.shape) == ((1, 1, 128, 160), (1, 13, 128, 160))  # the paper's sizes
    assert model.outputs(picture(height=49, width=70).to(device), full_size=True).logits.shape == (2, 13, 49, 70)


@pytest.mark.slow
def test_depth_branch_without_skips_is_fcrn() -> None:
    ours = small(**DEPTH_ONLY, skips=False, up="projection", min_depth=0.0).eval()
    theirs = FCRN(width=1 / 16).eval()
    for module in theirs.modules():  # statistics that matter
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
    values = list(theirs.state_dict().values())
    names = [name for name in ours.state_dict() if name != "bypassed"]
    ours.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    with torch.no_grad():
        depth = theirs(picture())
        assert depth.std() > 0
        assert torch.equal(ours(picture()), depth)


@pytest.mark.parametrize("sharing", ["lsu", "cross_stitch", "none"])
def test_network_is_its_formula(sharing: str) -> None:
    model = small(sharing=sharing).eval().double()
    image = picture(dtype=torch.float64)
    identity = sharing == "lsu"
    for unit in model.sharing:
        for parameter in unit.parameters():
            nn.init.normal_(parameter)
    d_branch, s_branch = model.branches["depth"], model.branches["semantics"]
    with torch.no_grad():
        f = model.bridge(model.trunk(model.normalise(image))[-1])
        d_next, s_next, d_all, s_all = f, f, [f], [f]
        for step in range(4):
            d, s = d_branch.ups[step](d_next), s_branch.ups[step](s_next)
            d_all.append(d)  # before sharing
            s_all.append(s)
            d_next, s_next = d, s
            if step < 3 and sharing != "none":  # between up-convolutions only
                w = model.sharing[step]
                d_next = identity * d + w.phi_d * d + w.phi_s * s
                s_next = identity * s + w.gamma_d * d + w.gamma_s * s
        out = model.outputs(image)
        torch.testing.assert_close(out.depth, d_branch.head(d_branch.skips(d_all)))
        torch.testing.assert_close(out.logits, s_branch.head(s_branch.skips(s_all)))
        expected = F.interpolate(out.depth, size=(64, 64), mode="bilinear", align_corners=False)
        torch.testing.assert_close(model(image), expected)


@pytest.mark.slow
def test_every_parameter_learns() -> None:
    model = small(activation="sigmoid").double()
    out = model.outputs(picture(dtype=torch.float64))
    generator = torch.Generator().manual_seed(2)
    loss = sum((x * torch.rand(x.shape, generator=generator, dtype=x.dtype)).sum() for x in out)
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.slow
def test_a_branch_that_nobody_listens_to_is_not_run() -> None:
    class Refusing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("not to be run")

    alone = small(sharing="none")
    alone.branches["semantics"].ups[0] = Refusing()
    assert alone.outputs(picture(), tasks=("depth",)).logits is None
    shared = small()
    shared.branches["semantics"].ups[3] = Refusing()
    shared(picture())
    shared.branches["semantics"].ups[2] = Refusing()
    with pytest.raises(AssertionError, match="not to be run"):
        shared(picture())


@pytest.mark.slow
def test_channels_last_and_autocast() -> None:
    model = small().eval()
    with torch.no_grad():
        exact = model.outputs(picture())
        with torch.autocast("cpu", torch.bfloat16):
            rough = model.outputs(picture())
        last = model.to(memory_format=torch.channels_last).outputs(picture().to(memory_format=torch.channels_last))
    for a, b in zip(exact, last, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
    assert rough.depth.dtype == torch.float32
    assert (rough.depth - exact.depth).abs().mean() < 0.05 * exact.depth.mean()


@pytest.mark.slow
def test_pretrained_trunk_is_the_resnet_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet50_Weights, resnet50

    theirs = resnet50().eval()
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", lambda self, **options: theirs.state_dict())
    ours = SynergyNet(pretrained=True, **DEPTH_ONLY).eval()
    theirs.avgpool = theirs.fc = nn.Identity()
    with torch.no_grad():
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        normalised = kornia.enhance.normalize(picture(1), mean, std)
        torch.testing.assert_close(ours.levels(picture(1), ())[0].flatten(1), theirs(normalised))


@pytest.mark.parametrize(("options", "message"), [
    ({"width": 0.01}, "at least 1/64"),
    ({"pretrained": True, "width": 0.5}, "width: found 0.5, expected 1 for pretrained weights"),
    ({"classes": 1}, "found 1, expected 0 .* or at least 2"),
    ({"sharing": "sluice"}, "found 'sluice', expected one of lsu, cross_stitch, none"),
    ({"up": "deconv"}, "found 'deconv', expected one of conv, projection"),
    ({"classes": 0}, "sharing: found 'lsu' with one branch, expected 'none'"),
    ({"depth": False}, "with one branch"),
    ({"depth": False, "classes": 0, "sharing": "none"}, "expected at least one branch"),
])
def test_network_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_network_names_the_branches_it_has() -> None:
    with pytest.raises(ValueError, match="tasks: found depth, expected some of semantics"):
        small(depth=False, sharing="none")(picture())
    with pytest.raises(ValueError, match="tasks: found none, expected some of"):
        small().outputs(picture(), tasks=())


# Sharing


@pytest.mark.parametrize("per_channel", [False, True])
def test_sharing_unit_by_hand(per_channel: bool) -> None:
    unit = LateralSharing(2, per_channel=per_channel).double()
    for name, value in (("phi_d", 0.5), ("phi_s", -2.0), ("gamma_d", 3.0), ("gamma_s", 0.25)):
        nn.init.constant_(getattr(unit, name), value)
    d, s = torch.tensor([[1.0, 10.0], [4.0, 20.0]], dtype=torch.float64)[:, None, :, None, None]  # [1,2,1,1] each
    d2, s2 = unit(d, s)
    assert d2.flatten().tolist() == [1.5 - 8, 15 - 40]
    assert s2.flatten().tolist() == [3 + 5, 30 + 25]
    if per_channel:
        unit.phi_s.data[0] = 0.0
        assert unit(d, s)[0].flatten().tolist() == [1.5, 15 - 40]


def test_sharing_unit_without_weights_is_the_identity_and_a_cross_stitch_cuts() -> None:
    d, s = torch.randn(2, 2, 3, 4, 5)
    for kind in ("lsu", "cross_stitch"):
        unit = LateralSharing(3, kind)
        for parameter in unit.parameters():
            nn.init.zeros_(parameter)
        d2, s2 = unit(d, s)
        if kind == "lsu":
            assert torch.equal(d2, d)
            assert torch.equal(s2, s)
        else:
            assert not d2.any()
            assert not s2.any()


def test_sharing_unit_is_a_cross_stitch_with_one_added_to_the_diagonal() -> None:
    lsu, stitch = LateralSharing(3, per_channel=True).double(), LateralSharing(3, "cross_stitch", per_channel=True).double()
    for parameter in lsu.parameters():
        nn.init.normal_(parameter)
    stitch.load_state_dict({name: value + (name in ("phi_d", "gamma_s")) for name, value in lsu.state_dict().items()})
    d, s = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64)
    for ours, theirs in zip(lsu(d, s), stitch(d, s), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_sharing_units_start_as_specified_and_are_not_tied() -> None:
    expected = {"lsu": [0.0, 0.1, 0.1, 0.0], "cross_stitch": [0.9, 0.1, 0.1, 0.9]}
    for kind, start in expected.items():
        weights = small(sharing=kind).sharing_weights()
        assert len(weights) == 3
        for unit in weights:
            assert list(unit) == ["phi_d", "phi_s", "gamma_d", "gamma_s"]
            assert [value.item() for value in unit.values()] == pytest.approx(start)
    per_channel = small(per_channel=True).sharing
    assert [len(unit.weights()["phi_s"]) for unit in per_channel] == [32, 16, 8]
    assert len({id(parameter) for parameter in per_channel.parameters()}) == 12
    with pytest.raises(ValueError, match="kind: found 'none', expected one of lsu, cross_stitch"):
        LateralSharing(2, "none")
    with pytest.raises(ValueError, match=r"found shapes \[1, 2, 3, 4\] .* expected equal shapes"):
        LateralSharing(2)(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 5))


@pytest.mark.slow
def test_network_with_zero_sharing_weights_is_two_branches_to_the_bit() -> None:
    shared, separate = small().eval(), small(sharing="none").eval()
    for parameter in shared.sharing.parameters():
        nn.init.zeros_(parameter)
    separate.load_state_dict(shared.state_dict(), strict=False)
    with torch.no_grad():
        for ours, theirs in zip(shared.outputs(picture()), separate.outputs(picture()), strict=True):
            assert torch.equal(ours, theirs)


def moved(branch: nn.Module) -> dict[str, bool]:
    """Which parts of a branch have a gradient that is not 0."""
    parts = {**{f"up{i}": up for i, up in enumerate(branch.ups)}, "skips": branch.skips, "head": branch.head}
    return {name: any(p.grad is not None and p.grad.any() for p in part.parameters()) for name, part in parts.items()}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["depth", "semantics"])
@pytest.mark.parametrize("open_unit", [None, 0, 2])
def test_gradient_crosses_to_the_other_branch_only_through_its_weight(task: str, open_unit: int | None) -> None:
    model = small(activation="sigmoid")
    gate, other = ("phi_s", "semantics") if task == "depth" else ("gamma_d", "depth")
    for index, unit in enumerate(model.sharing):
        for parameter in unit.parameters():
            nn.init.constant_(parameter, 0.3)  # all the other weights open
        nn.init.constant_(getattr(unit, gate), 0.3 if index == open_unit else 0.0)
    out = model.outputs(picture())
    (out.depth if task == "depth" else out.logits).square().sum().backward()
    reached = -1 if open_unit is None else open_unit
    assert moved(model.branches[other]) == {**{f"up{i}": i <= reached for i in range(4)}, "skips": False, "head": False}
    assert all(moved(model.branches[task]).values())
    assert all(getattr(unit, gate).grad != 0 for unit in model.sharing)  # a closed gate can open


# Up-skip connections


def test_up_skip_sums_the_resized_levels() -> None:
    block = UpSkip([3, 2, 2]).double()
    for conv in block.convs:
        nn.init.zeros_(conv.weight)
        for channel in range(2):  # the middle tap alone: the convolution passes channels on as they are
            conv.weight.data[channel, channel, 1, 1] = 1.0
    levels = [torch.randn(1, c, h, w, dtype=torch.float64) for c, h, w in ((3, 2, 3), (2, 4, 6), (2, 8, 12))]
    expected = sum(
        ndimage.zoom(f[0, :2].numpy(), (1, factor, factor), order=1, mode="nearest", grid_mode=True)
        for f, factor in zip(levels, (4, 2, 1), strict=True)
    )
    np.testing.assert_allclose(block(levels)[0].detach().numpy(), expected, rtol=1e-12, atol=1e-12)


def test_up_skip_resizes_before_it_convolves() -> None:
    block = UpSkip([1, 1]).double()
    nn.init.zeros_(block.convs[1].weight)
    nn.init.zeros_(block.convs[0].weight)
    block.convs[0].weight.data[0, 0, 1, 2] = 1.0  # one pixel to the left, of the large map
    level = torch.arange(4.0, dtype=torch.float64).view(1, 1, 1, 4)
    expected = ndimage.zoom(level[0, 0].numpy(), (1, 2), order=1, mode="nearest", grid_mode=True)
    out = block([level, torch.zeros(1, 1, 1, 8, dtype=torch.float64)])
    np.testing.assert_allclose(out[0, 0].detach().numpy()[:, :-1], expected[:, 1:], rtol=1e-12)


# Stages


def snapshot(modules: list[nn.Module]) -> list[Tensor]:
    return [value.clone() for module in modules for value in module.state_dict().values()]


def statistics(modules: list[nn.Module]) -> list[Tensor]:
    norms = [m for module in modules for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    return [norm.running_mean.clone() for norm in norms]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_moves_its_parts_and_nothing_else(stage: Stage) -> None:
    model = small(activation="sigmoid")
    optimizer = torch.optim.Adam(model.enter(stage))
    model.train()  # what a training loop does afterwards must not wake the frozen parts
    before = {name: snapshot(model.part(name)) for name in PARTS}
    norms = {name: statistics(model.part(name)) for name in before}
    for _ in range(2):
        out = model.outputs(picture())
        terms = {"depth": out.depth.square().mean(), "semantics": out.logits.square().mean()}
        optimizer.zero_grad()
        sum(term for branch, term in terms.items() if branch in stage.rates).backward()
        optimizer.step()
    for name, old in before.items():
        same = [torch.equal(a, b) for a, b in zip(old, snapshot(model.part(name)), strict=True)]
        still = [torch.equal(a, b) for a, b in zip(norms[name], statistics(model.part(name)), strict=True)]
        assert all(same) == (name not in stage.rates), name
        if name in stage.rates:
            assert not any(still), name


def test_the_schedule_is_the_paper_s() -> None:
    assert [stage.rates for stage in STAGES] == [
        {"backbone": 1e-3, "depth": 1e-3},
        {"backbone": 1e-5, "semantics": 1e-3, "sharing": 1e-3},
        {"backbone": 1e-4, "depth": 1e-3, "semantics": 1e-3, "sharing": 1e-3},      # 1e-3 for the paper's 1e-2 (LD-11)
    ]
    assert [stage.bypass for stage in STAGES] == [True, False, False]
    model = small()
    for stage in STAGES:
        groups = model.enter(stage)
        assert {group["name"]: group["lr"] for group in groups} == stage.rates
        for name in PARTS:  # at once, and not only after the next train()
            assert all(module.training == (name in stage.rates) for module in model.part(name)), name
        trained = {id(parameter) for group in groups for parameter in group["params"]}
        assert trained == {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    assert len(trained) == len(list(model.parameters()))  # the last stage trains all, also what was frozen before
    alone = small(**DEPTH_ONLY)
    assert [group["name"] for group in alone.enter(STAGES[2])] == ["backbone", "depth"]
    with pytest.raises(ValueError, match="part: found 'encoder', expected one of backbone, depth, semantics, sharing"):
        model.enter(Stage("x", {"encoder": 1.0}))


@pytest.mark.slow
def test_bypass_separates_the_branches_and_is_stored_with_the_weights(tmp_path: Path) -> None:
    model, separate = small().eval(), small(sharing="none").eval()
    round_to_half(model)
    separate.load_state_dict(model.state_dict(), strict=False)
    options = {"width": 1 / 16}
    with torch.no_grad():
        shared, apart = model(picture()), separate(picture())
        assert not torch.equal(shared, apart)
        model.enter(STAGES[0])
        assert torch.equal(model(picture()), apart)
        save_weights(model, tmp_path / "stage1.safetensors", model_name="synergy", options=options)
        loaded, _ = load_weights(tmp_path / "stage1.safetensors")
        assert loaded.bypassed
        assert torch.equal(loaded(picture()), apart)
        model.enter(STAGES[1])
        assert torch.equal(model(picture()), shared)


# Attention maps


@pytest.mark.slow
def test_attention_maps_are_sums_of_powers_of_the_first_up_convolution() -> None:
    model = small().eval()
    trunk, levels = model.levels(picture(), ("depth", "semantics"))
    maps = model.attention_maps(picture())
    assert list(maps) == ["backbone", "depth", "semantics"]
    for name, features in (("backbone", trunk), ("depth", levels["depth"][1]), ("semantics", levels["semantics"][1])):
        assert maps[name].shape == (2, 1, 64, 64)
        assert not maps[name].requires_grad
        large = F.interpolate((features.detach() ** 2).sum(1, keepdim=True), size=(64, 64), mode="bilinear")
        for ours, theirs in zip(maps[name], large, strict=True):
            torch.testing.assert_close(ours, (theirs - theirs.min()) / (theirs.max() - theirs.min()))
    assert not torch.equal(model.attention_maps(picture(), power=4)["depth"], maps["depth"])
    with pytest.raises(ValueError, match="power: found 0, expected a positive number"):
        activation_attention(trunk, 0)


def test_attention_map_by_hand() -> None:
    features = torch.tensor([1.0, -2.0, 3.0, 4.0]).view(1, 2, 1, 2)  # channels: (1, -2) and (3, 4)
    assert activation_attention(features).flatten().tolist() == [10.0, 20.0]
    assert activation_attention(features, 1).flatten().tolist() == [4.0, 6.0]
    assert for_display(torch.full((1, 1, 2, 2), 7.0), (4, 4)).unique().tolist() == [0.0]


# Depth-aware loss


def as_map(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


def random_maps(height: int = 9, width: int = 10, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Depths of 0.3 to 9 m, below and above the metre where the literal form breaks; some pixels invalid."""
    generator = torch.Generator().manual_seed(0)
    pred, target = 0.3 + 8.7 * torch.rand(2, batch, 1, height, width, generator=generator, dtype=torch.float64)
    valid = torch.ones(batch, 1, height, width, dtype=torch.bool)
    valid[0, 0, 0, :3] = False
    valid[:, 0, 5, 6] = False
    return pred, target, valid


def random_logits(classes: int = 5, height: int = 9, width: int = 10, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Scores, and labels of which some are missing."""
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(batch, classes, height, width, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (batch, height, width), generator=generator)
    labels[:, 2:4, 1:3] = 255
    return logits, labels


@pytest.mark.parametrize(("pred", "target", "literal", "log1p", "ratio"), [  # the table of the spec
    (2, 4, 0.500, 0.317, 0.500),
    (8, 9, 0.054, 0.046, 0.111),
    (1, 1, math.nan, 0, 0),
    (0.9, 1.1, 2.105, 0.135, 0.182),
    (0.5, 0.99, -67.97, 0.411, 0.495),
    (1.01, 0.5, 70.66, 0.419, 0.505),
    (0.01, 5, 3.86, 0.994, 0.998),
    (0, 5, 1 - math.log(1e-3) / math.log(5), 1, 1),
])
def test_learning_state_where_the_literal_form_breaks(pred, target, literal, log1p, ratio) -> None:
    pred, target = torch.tensor(pred, dtype=torch.float64), torch.tensor(target, dtype=torch.float64)
    for mode, expected, tolerance in (("literal", literal, 5e-3), ("log1p", log1p, 6e-4), ("ratio", ratio, 6e-4)):
        for a, b in ((pred, target), (target, pred)):
            assert learning_state(a, b, mode).item() == pytest.approx(expected, abs=tolerance, nan_ok=True), mode
    safe = 0.0 if math.isnan(literal) else min(max(literal, 0.0), 1.0)
    assert learning_state(pred, target, "literal_safe").item() == pytest.approx(safe, abs=5e-3)


@pytest.mark.parametrize("mode", ["log1p", "ratio"])
def test_learning_state_does_what_the_text_says(mode: str) -> None:
    depth = torch.logspace(-3, 2, 60, dtype=torch.float64)
    state = learning_state(depth[:, None], depth[None, :], mode)
    assert ((state >= 0) & (state < 1)).all()
    assert torch.equal(state == 0, torch.eye(60, dtype=torch.bool))
    assert (state.diff(dim=1)[torch.ones(60, 59).triu().bool()] > 0).all()  # grows with the distance
    assert state[0, -1] > 0.99
    far = torch.tensor([1e4, 3e5], dtype=torch.float64)
    if mode == "log1p":
        literal = learning_state(far[0], far[1], "literal")
        torch.testing.assert_close(learning_state(far[0], far[1], mode), literal, rtol=1e-4, atol=0)
    with pytest.raises(ValueError, match="mode: found 'log', expected one of log1p, ratio, literal, literal_safe"):
        learning_state(far, far, "log")


def test_depth_aware_loss_weighs_each_pixel_before_the_mean() -> None:
    pred, target, valid = random_maps()
    pairs = list(zip(pred[valid].tolist(), target[valid].tolist(), strict=True))
    c = 0.2 * max(abs(p - t) for p, t in pairs)
    total = 0.0
    for p, t in pairs:
        e = abs(p - t)
        state = 1 - math.log(1 + min(p, t)) / math.log(1 + max(p, t))
        total += (min(t / 6, 1) + state) * (e if e <= c else (e * e + c * c) / (2 * c))
    assert depth_aware_loss(pred, target, valid, max_depth=6.0).item() == pytest.approx(total / len(pairs), rel=1e-12)


def test_depth_attention_is_of_the_data_set_and_bounded() -> None:
    assert depth_attention(as_map([[2, 5, 20]]), 10.0).flatten().tolist() == [0.2, 0.5, 1.0]
    pred, target, valid = random_maps()
    for image in (slice(0, 1), slice(1, 2)):
        near, far = (depth_aware_loss(pred[image], target[image], valid[image], max_depth=k) for k in (9, 90))
        assert near > far


def test_berhu_of_pixels_has_the_mean_of_berhu_loss() -> None:
    pred, target, _ = random_maps()
    for fraction in (0.2, 0.7):
        expected = berhu_loss(pred, target, target > 0, fraction=fraction)
        torch.testing.assert_close(berhu(pred - target, fraction).mean(), expected)


def test_gradient_does_not_pass_the_learning_state_unless_asked() -> None:
    pred, target, valid = random_maps()
    slopes = {}
    for detach in (True, False):
        p = pred.clone().requires_grad_()
        depth_aware_loss(p, target, valid, max_depth=10.0, detach=detach).backward()
        slopes[detach] = p.grad
    p = pred.clone().requires_grad_()
    berhu_loss(p, target, valid).backward()
    weight = target / 10 + learning_state(pred, target)
    torch.testing.assert_close(slopes[True], weight * p.grad)
    assert not torch.allclose(slopes[True], slopes[False])
    # c is detached, so it must not move while a difference is taken: the largest error belongs to a pixel that is fixed.
    fixed = torch.zeros_like(valid)
    fixed[0, 0, 4, 4] = True
    target[0, 0, 4, 4] = 50.0

    def loss(moving: Tensor) -> Tensor:
        return depth_aware_loss(torch.where(fixed, pred, moving), target, valid, max_depth=10.0, detach=False)

    assert torch.autograd.gradcheck(loss, (pred.clone().requires_grad_(),))


def test_depth_aware_loss_refuses() -> None:
    pred, target, valid = random_maps()
    with pytest.raises(ValueError, match="max_depth: found 0, expected a positive depth"):
        depth_aware_loss(pred, target, valid, max_depth=0)
    target[1, 0, 3, 3] = 0
    with pytest.raises(ValueError, match="target: found a value <= 0"):
        depth_aware_loss(pred, target, valid, max_depth=10)
    with pytest.raises(ValueError, match="valid: found no valid pixel"):
        depth_aware_loss(pred, target, torch.zeros_like(valid), max_depth=10)


# Joint gradient loss


@pytest.mark.parametrize("normalized", [False, True])
def test_sobel_is_that_of_kornia_and_scipy(normalized: bool) -> None:
    maps = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    theirs = kornia.filters.spatial_gradient(maps, mode="sobel", normalized=normalized)
    for ours, expected in zip(sobel(maps, normalized=normalized), theirs.unbind(2), strict=True):
        torch.testing.assert_close(ours, expected)
    for ours, axis in zip(sobel(maps), (-1, -2), strict=True):
        np.testing.assert_allclose(ours[1, 2].numpy(), ndimage.sobel(maps[1, 2].numpy(), axis=axis, mode="nearest"), rtol=1e-12)


def test_sobel_loss_counts_pixels_whose_neighbours_are_valid() -> None:
    pred, target, valid = random_maps()
    total, count = 0.0, 0
    for p, t, v in zip(pred[:, 0].numpy(), target[:, 0].numpy(), valid[:, 0].numpy(), strict=True):
        inside = ndimage.binary_erosion(v, np.ones((3, 3)), border_value=1)
        slopes = [ndimage.sobel(p, axis=axis, mode="nearest") - ndimage.sobel(t, axis=axis, mode="nearest") for axis in (0, 1)]
        total, count = total + np.abs(slopes)[:, inside].sum(), count + inside.sum()
    assert 0 < count < valid.sum()
    assert sobel_loss(pred, target, valid).item() == pytest.approx(total / count, rel=1e-12)
    assert sobel_loss(pred, target, valid, normalized=True).item() == pytest.approx(total / count / 8, rel=1e-12)
    assert sobel_loss(target + 3, target, valid).item() == pytest.approx(0, abs=1e-12)
    chess = ((torch.arange(9)[:, None] + torch.arange(10)) % 2 == 0).expand_as(valid)
    assert sobel_loss(pred.requires_grad_(), target, chess) == 0


def two_rooms(depths: tuple[float, float], classes: tuple[int, int], count: int = 4) -> tuple[Tensor, Tensor]:
    """A depth map and certain class scores, both with one upright edge in the middle of 6x8."""
    left = torch.arange(8) < 4
    depth = torch.where(left, *(torch.tensor(d, dtype=torch.float64) for d in depths)).expand(1, 1, 6, 8)
    labels = torch.where(left, *map(torch.tensor, classes)).expand(1, 6, 8)
    return depth, 1e3 * F.one_hot(labels, count).movedim(-1, 1).double()


def test_class_edges_of_a_certain_step_are_those_of_a_step_of_one() -> None:
    for classes in ((0, 1), (3, 0), (2, 1)):
        step, logits = two_rooms((0.0, 1.0), classes)
        for edge, expected in zip(class_edges(logits), sobel(step), strict=True):
            torch.testing.assert_close(edge, expected.abs())


def test_semantic_gradient_by_hand_and_the_number_of_a_class() -> None:
    valid = torch.ones(1, 1, 6, 8, dtype=torch.bool)
    options = {"max_depth": 10.0}
    for classes in ((0, 1), (3, 0)):
        for depths, expected in (((2.0, 12.0), 0.0), ((2.0, 7.0), 0.5), ((3.0, 3.0), 1.0)):
            depth, logits = two_rooms(depths, classes)
            value = semantic_gradient_loss(depth, logits, valid, **options)  # 4 in two of eight columns
            assert value.item() == pytest.approx(expected * 4 * 2 / 8, abs=1e-9)
    depth, logits = two_rooms((3.0, 3.0), (0, 1))
    assert semantic_gradient_loss(depth, logits, valid, mode="argmax", **options).item() == pytest.approx(1 / 3)
    renumbered = logits[:, [0, 2, 3, 1]]  # class 1 is now called 3
    assert semantic_gradient_loss(depth, renumbered, valid, mode="argmax", **options).item() == pytest.approx(1.0)


def test_edges_of_probabilities_do_not_depend_on_the_numbering_and_learn_nothing() -> None:
    pred, _, valid = random_maps()
    logits = random_logits()[0].requires_grad_()
    values = [semantic_gradient_loss(pred, logits[:, order], valid, max_depth=10) for order in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1])]
    torch.testing.assert_close(*values)
    pred.requires_grad_()
    for mode in ("prob_edge", "argmax"):
        loss = semantic_gradient_loss(pred, logits, valid, max_depth=10, mode=mode)
        slope, nothing = torch.autograd.grad(loss, (pred, logits), allow_unused=True)
        assert slope.any()
        assert nothing is None


def test_joint_gradient_loss_is_the_sum_of_its_parts() -> None:
    pred, target, valid = random_maps()
    logits = random_logits()[0]
    first = sobel_loss(pred, target, valid)
    assert torch.equal(joint_gradient_loss(pred, target, valid, max_depth=10, mode="none"), first)
    for mode, weight in (("prob_edge", 0.1), ("argmax", 1.0)):
        second = semantic_gradient_loss(pred, logits, valid, max_depth=10, mode=mode)
        joint = joint_gradient_loss(pred, target, valid, logits, max_depth=10, mode=mode, semantic_weight=weight)
        torch.testing.assert_close(joint, first + weight * second)
    torch.testing.assert_close(
        joint_gradient_loss(pred, target, valid, logits, max_depth=10),
        joint_gradient_loss(pred, target, valid, logits, max_depth=10, mode="prob_edge", semantic_weight=0.1),
    )
    with pytest.raises(ValueError, match="logits: found None"):
        joint_gradient_loss(pred, target, valid, max_depth=10)
    with pytest.raises(ValueError, match="mode: found 'edges', expected one of prob_edge, argmax, none"):
        joint_gradient_loss(pred, target, valid, logits, max_depth=10, mode="edges")
    with pytest.raises(ValueError, match=r"found shape \[2, 5, 9, 9\], expected \[2, K >= 2, 9, 10\]"):
        joint_gradient_loss(pred, target, valid, logits[..., 1:], max_depth=10)


# Semantic focal loss


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 2.0, 0.1, 3.0]])
@pytest.mark.parametrize("gamma", [1.0, 2.0, 2.5])
def test_focal_loss_is_that_of_kornia(gamma: float, weights: list[float] | None) -> None:
    logits, labels = random_logits()
    labels = labels.where(labels != 255, 0)
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    pixels = kornia.losses.focal_loss(logits, labels, alpha=None, gamma=gamma, reduction="none", weight=weight)
    ours = semantic_focal_loss(logits, labels, gamma=gamma, alpha=1.0 if weights is None else weights)
    torch.testing.assert_close(ours, pixels.sum() / labels.numel(), rtol=1e-6, atol=1e-8)
    if weights is None:
        torch.testing.assert_close(semantic_focal_loss(logits, labels, gamma=gamma), 0.25 * ours)


def test_focal_loss_without_focus_is_the_cross_entropy_of_the_labelled() -> None:
    logits, labels = random_logits()
    for ignore in (255, 0):
        labels = labels.where(labels != 255, ignore)
        ours = semantic_focal_loss(logits, labels, gamma=0, alpha=1, ignore=ignore)
        torch.testing.assert_close(ours, F.cross_entropy(logits, labels, ignore_index=ignore))


def test_focal_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([0.9, 0.1], dtype=torch.float64)).view(1, 2, 1, 1).expand(1, 2, 1, 2)
    easy, hard = 0.1**2 * -math.log(0.9), 0.9**2 * -math.log(0.1)
    assert semantic_focal_loss(logits, torch.tensor([[[0, 1]]])).item() == pytest.approx(0.25 * (easy + hard) / 2)


def test_focal_loss_gradients_and_pixels_without_a_label() -> None:
    logits, labels = random_logits(3, 3, 4)
    labels[0, 0, 0] = 255
    moving = logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: semantic_focal_loss(x, labels, alpha=[1.0, 2.0, 0.5]), (moving,))
    expected = semantic_focal_loss(logits, labels)
    dirty = torch.where((labels == 255)[:, None], math.nan, logits).requires_grad_()
    loss = semantic_focal_loss(dirty, labels)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    assert dirty.grad.isfinite().all()
    certain = torch.tensor([1e4, -1e4]).view(1, 2, 1, 1).requires_grad_()
    for label, value in ((0, 0.0), (1, 0.25 * 2e4)):
        loss = semantic_focal_loss(certain, torch.tensor([[[label]]]))
        assert loss.item() == pytest.approx(value)
        assert torch.autograd.grad(loss, certain)[0].isfinite().all()


def test_inverse_frequency_lifts_the_tail() -> None:
    labels = torch.tensor([[0] * 8 + [1] * 4 + [2] * 1 + [255] * 3])
    counts = label_counts(labels, 4)
    assert counts.tolist() == [8, 4, 1, 0]
    assert inverse_frequency(counts).tolist() == [0.125, 0.25, 1.0, 0.0]
    assert inverse_frequency(counts * 1000, scale=1.0).tolist() == [0.5, 1.0, 4.0, 0.0]
    with pytest.raises(ValueError, match="not all 0"):
        inverse_frequency(torch.zeros(3))
    with pytest.raises(ValueError, match="found 2, expected 0 to 1, or 255"):
        label_counts(labels, 2)


@pytest.mark.parametrize(("change", "error", "message"), [
    (lambda x, y: (x, y, {"gamma": 0.5}), ValueError, "gamma: found 0.5, expected 0 or at least 1"),
    (lambda x, y: (x, y, {"alpha": [1.0, 2.0]}), ValueError, r"found shape \[2\], expected a number or \[5\]"),
    (lambda x, y: (x[:, :4], y, {}), ValueError, "found 4, expected 0 to 3, or 255"),
    (lambda x, y: (x, torch.full_like(y, 255), {}), ValueError, "no labelled pixel"),
    (lambda x, y: (x, y[:, None], {}), ValueError, r"found shapes \[2, 5, 9, 10\] and \[2, 1, 9, 10\]"),
    (lambda x, y: (x, y.double(), {}), TypeError, "expected floating-point and integer"),
])
def test_focal_loss_refuses(change, error: type[Exception], message: str) -> None:
    logits, labels, options = change(*random_logits())
    with pytest.raises(error, match=message):
        semantic_focal_loss(logits, labels, **options)


# The sum


def test_attention_driven_loss_is_the_weighted_sum() -> None:
    pred, target, valid = random_maps()
    logits, labels = random_logits()
    total, terms = attention_driven_loss(pred.requires_grad_(), logits, target, valid, labels, max_depth=10.0)
    expected = {
        "depth_aware": depth_aware_loss(pred, target, valid, max_depth=10.0),
        "joint_gradient": joint_gradient_loss(pred, target, valid, logits, max_depth=10.0),
        "semantic_focal": semantic_focal_loss(logits, labels),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx({n: t.item() for n, t in expected.items()})
    assert total.item() == pytest.approx(sum(t.item() for t in expected.values()))
    assert total.requires_grad
    assert not any(term.requires_grad for term in terms.values())
    weights = {"depth_aware": 2.0, "semantic_focal": 0.5, "joint_gradient": 0.0}
    options = {"lambda_mode": "ratio", "gamma": 0.0, "alpha": 1.0}
    total, terms = attention_driven_loss(pred, logits, target, valid, labels, max_depth=10.0, weights=weights, **options)
    assert list(terms) == ["depth_aware", "semantic_focal"]
    ratio = depth_aware_loss(pred, target, valid, max_depth=10.0, mode="ratio")
    assert total.item() == pytest.approx(2 * ratio.item() + 0.5 * F.cross_entropy(logits, labels, ignore_index=255).item())


def test_attention_driven_loss_needs_only_what_its_terms_need() -> None:
    pred, target, valid = random_maps()
    logits, labels = random_logits()
    only = {"semantic_focal": 1.0}
    total, _ = attention_driven_loss(None, logits, target, valid, labels, max_depth=10.0, weights=only)
    assert total == semantic_focal_loss(logits, labels)
    depth = {"depth_aware": 1.0, "joint_gradient": 1.0}
    attention_driven_loss(pred, None, target, valid, None, max_depth=10.0, weights=depth, gradient_mode="none")
    for arguments, weights, message in (
        ((None, logits, target, valid, labels), {"depth_aware": 1.0}, "pred: found None, .* depth_aware"),
        ((pred, logits, target, valid, None), only, "labels: found None"),
        ((pred, logits, target, valid, labels), {"l1": 1.0}, "found l1, expected some of depth_aware, joint_gradient"),
        ((pred, logits, target, valid, labels), {}, "found none"),
        ((pred, logits, target, valid, labels), {"depth_aware": 0.0}, "found only 0"),
    ):
        with pytest.raises(ValueError, match=message):
            attention_driven_loss(*arguments, max_depth=10.0, weights=weights)


@pytest.mark.parametrize("size", [(128, 160), (114, 152), (57, 76), (228, 304), (500, 7)])
def test_labels_at_takes_the_nearest_centre(size: tuple[int, int]) -> None:
    depth = torch.rand(1, 1, 228, 304)
    labels = torch.randint(40, (1, 228, 304))
    small_depth, mask, small_labels = labels_at(size, depth, depth > 0.5, labels)
    expected = F.interpolate(depth, size=size, mode="nearest-exact")
    assert torch.equal(small_depth, expected)
    assert torch.equal(mask, expected > 0.5)
    assert torch.equal(small_labels.float(), F.interpolate(labels[None].float(), size=size, mode="nearest-exact")[0])


MASKED = {
    "depth_aware": lambda pred, target, valid: depth_aware_loss(pred, target, valid, max_depth=10.0),
    "sobel": sobel_loss,
    "prob_edge": lambda p, t, v: joint_gradient_loss(p, t, v, random_logits()[0], max_depth=10.0, semantic_weight=1.0),
    "argmax": lambda p, t, v: semantic_gradient_loss(p, random_logits()[0], v, max_depth=10.0, mode="argmax"),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MASKED)
def test_what_lies_in_invalid_pixels_does_not_matter(name: str, device: str) -> None:
    pred, target, valid = random_maps()
    expected = MASKED[name](pred, target, valid)
    assert (expected.shape, expected.dtype) == ((), torch.float64)
    if device == "cpu":
        for junk in (0.0, 1e9, math.nan, math.inf):
            p = torch.where(valid, pred, junk).requires_grad_()
            loss = MASKED[name](p, torch.where(valid, target, junk), valid)
            loss.backward()
            assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
            assert p.grad.isfinite().all()
            assert (p.grad[~valid] == 0).all()
    else:
        loss = depth_aware_loss(pred.to(device), target.to(device), valid.to(device), max_depth=10.0)
        assert loss.item() == pytest.approx(depth_aware_loss(pred, target, valid, max_depth=10.0).item())
    single = MASKED[name](pred.float(), target.float(), valid)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected.item(), rel=1e-5)


# Semantic metrics


def test_semantic_scores_by_hand() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 255])
    pred = torch.tensor([0, 0, 2, 1, 0, 3])
    matrix = confusion_matrix(pred, labels, 4)
    assert matrix.tolist() == [[2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert pixel_accuracy(matrix).item() == pytest.approx(3 / 5)
    assert class_accuracy(matrix).item() == pytest.approx((2 / 3 + 1 / 2) / 2)  # two classes have pixels
    assert mean_iou(matrix).item() == pytest.approx((2 / 4 + 1 / 2 + 0 / 1) / 3)  # three are in one of the maps
    assert class_accuracies(matrix).isnan().tolist() == [False, False, True, True]
    assert intersections_over_union(matrix).isnan().tolist() == [False, False, False, True]


def test_semantic_scores_are_those_of_torchmetrics() -> None:
    from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix, multiclass_jaccard_index

    logits, labels = random_logits(7)
    pred = torch.where(labels < 4, labels, logits.argmax(dim=1))  # right now and then
    matrix = confusion_matrix(pred, labels, 7)
    known = labels != 255
    assert torch.equal(matrix, multiclass_confusion_matrix(pred[known], labels[known], 7))
    for ours, theirs in (
        (pixel_accuracy(matrix), multiclass_accuracy(pred[known], labels[known], 7, average="micro")),
        (class_accuracy(matrix), multiclass_accuracy(pred[known], labels[known], 7, average="macro")),
        (mean_iou(matrix), multiclass_jaccard_index(pred[known], labels[known], 7)),
    ):
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_semantic_metrics_pool_pixels_and_merge_exactly() -> None:
    logits, labels = random_logits(5, 8, 9, batch=6)
    labels[0] = 255  # an image without a label counts nothing
    pred = logits.argmax(dim=1)
    whole, parts = SemanticMetrics(5), [SemanticMetrics(5) for _ in range(2)]
    whole.update(pred, labels)
    for part, rows in ((parts[0], slice(0, 1)), (parts[1], slice(1, 3)), (parts[1], slice(3, 6))):
        part.update(pred[rows], labels[rows])
    assert torch.equal(parts[0].matrix + parts[1].matrix, whole.matrix)
    assert whole.matrix.sum() == (labels != 255).sum()
    scores = whole.compute()
    assert list(scores) == ["pixel_accuracy", "class_accuracy", "mean_iou"]
    assert scores["mean_iou"] == mean_iou(confusion_matrix(pred, labels, 5))
    assert scores["pixel_accuracy"].item() == pytest.approx((pred == labels)[labels != 255].double().mean().item())
    with pytest.raises(ValueError, match="no pixel"):
        parts[0].compute()
    whole.reset()
    assert not whole.matrix.any()


@pytest.mark.parametrize(("pred", "labels", "classes", "error", "message"), [
    ([0, 3], [0, 1], 3, ValueError, "pred: found 3 at a labelled pixel, expected 0 to 2"),
    ([0, -1], [0, 1], 3, ValueError, "pred: found -1"),
    ([0, 1], [0, 7], 3, ValueError, "labels: found 7"),
    ([0], [0, 1], 3, ValueError, r"pred: found shape \[1\], expected that of labels, \[2\]"),
    ([0, 1], [0, 1], 1, ValueError, "classes: found 1, expected at least 2"),
    ([0.0, 1.0], [0, 1], 3, TypeError, "pred: found torch.float32"),
])
def test_confusion_matrix_refuses(pred, labels, classes: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        confusion_matrix(torch.tensor(pred), torch.tensor(labels), classes)
