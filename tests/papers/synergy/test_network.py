"""The synergy network against FCRN, torchvision and its formula, and what it adopts from another one."""

from __future__ import annotations

import kornia
import pytest
import torch
from devices import DEVICES
from synergy_parts import DEPTH_ONLY, picture, small, state
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.fcrn import FCRN
from depthlib.papers.synergy.network import SynergyNet


@pytest.mark.parametrize(
    ("options", "count"),
    [
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
    ],
)
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0.01}, "at least 1/64"),
        ({"pretrained": True, "width": 0.5}, "width: found 0.5, expected 1 for pretrained weights"),
        ({"classes": 1}, "found 1, expected 0 .* or at least 2"),
        ({"sharing": "sluice"}, "found 'sluice', expected one of lsu, lsu_without_identity, cross_stitch, none"),
        ({"up": "deconv"}, "found 'deconv', expected one of conv, projection"),
        ({"classes": 0}, "sharing: found 'lsu' with one branch, expected 'none'"),
        ({"depth": False}, "with one branch"),
        ({"depth": False, "classes": 0, "sharing": "none"}, "expected at least one branch"),
    ],
)
def test_network_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_network_names_the_branches_it_has() -> None:
    with pytest.raises(ValueError, match="tasks: found depth, expected some of semantics"):
        small(depth=False, sharing="none")(picture())
    with pytest.raises(ValueError, match="tasks: found none, expected some of"):
        small().outputs(picture(), tasks=())


def test_what_a_network_adopts():
    earlier, later = small(classes=0, sharing="none"), small(classes=13)
    nn.init.constant_(earlier.branches["depth"].head.conv.weight, 7.0)
    drawn = state(later.branches["semantics"])
    later.load_from(earlier)
    for name in ("trunk", "bridge"):
        taken, given = state(getattr(later, name)), state(getattr(earlier, name))
        assert all(torch.equal(taken[key], given[key]) for key in given)
    assert (later.branches["depth"].head.conv.weight == 7).all()
    assert all(torch.equal(drawn[name], value) for name, value in state(later.branches["semantics"]).items())
    streets = small(classes=8, depth=False, sharing="none")
    later.load_from(streets)  # another number of classes: the branch stays, the trunk comes
    assert all(torch.equal(drawn[name], value) for name, value in state(later.branches["semantics"]).items())
    shared, stitched = small(), small(sharing="cross_stitch")
    nn.init.constant_(shared.sharing[1].phi_s, 0.7)
    same = small()
    same.load_from(shared)
    stitched.load_from(shared)
    assert [net.sharing[1].phi_s.item() for net in (same, stitched)] == pytest.approx([0.7, 0.1])
