"""Student and teacher: their parts put together, their contract, and what reaches the head."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from dacnn_parts import IMAGE, settled, small, views
from devices import DEVICES
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models import create_model
from depthlib.papers.dacnn.network import Encoder, scaled


@pytest.mark.parametrize(("name", "count"), [("dacnn", 42_916_449), ("dacnn_teacher", 43_142_817)])
def test_parameter_counts(name: str, count: int) -> None:
    def parameters(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    with torch.device("meta"):
        model = create_model(name)
    assert parameters(model) == count
    assert parameters(model.encoder.trunk) == 25_434_240
    assert parameters(model.encoder.aspp) == 15_535_104
    assert parameters(model.source) == (230_912 if name == "dacnn" else 457_280)
    assert model.guidance.scale == pytest.approx(32**-0.5)
    assert [branch.dilation for branch in model.decoder.blocks[0].branches] == [(d, d) for d in (1, 6, 12, 18)]
    if name == "dacnn_teacher":
        assert model.source.matching[0].in_channels == 25


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["dacnn", "dacnn_teacher"])
def test_contract(name: str, device: str) -> None:
    model = small(name, max_depth=10.0).to(device)
    images = views(name, device=device)
    depth = model(*images)
    assert depth.shape == (2, 1, *IMAGE)
    assert depth.dtype == torch.float32
    assert ((depth > 0) & (depth <= 10)).all()
    model.eval()
    estimate = model.estimate(*images)
    assert torch.equal(estimate.depth, model(*images))
    assert [tuple(g.shape) for g in estimate.guidance] == [(2, 4, 4, 6), (2, 4, 8, 12), (2, 4, 16, 24)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dacnn", "dacnn_teacher"])
def test_every_parameter_learns(name: str) -> None:
    model = small(name, dilations=(1, 2, 3, 4)).double()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith(("bn3.weight", "source.w.weight")):  # start at 0 and would hide the rest
            nn.init.normal_(parameter)
    model(*views(name, size=(64, 96), dtype=torch.float64)).square().sum().backward()
    unused = {n for n, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12}
    # K sees differences of the guidance only. A constant in front of a norm has no effect.
    constants = {f"guidance.outputs.{i}.bias" for i in range(3)} | {
        f"source.{n}.bias" for n in ("query_key.0", "w", "merge.0")
    }
    assert {n for n in unused if ".fc1.bias" not in n} <= constants


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dacnn", "dacnn_teacher"])
def test_channels_last_and_autocast_change_little(name: str) -> None:
    images = views(name)
    model = settled(small(name), images)
    with torch.no_grad():
        expected = model(*images)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(*images)
        last = model.to(memory_format=torch.channels_last)(*(x.to(memory_format=torch.channels_last) for x in images))
    torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-5)
    assert mixed.dtype == torch.float32
    assert ((mixed - expected).abs() / expected).median() < 0.03


@pytest.mark.slow
def test_depth_follows_the_guidance_only_if_the_blocks_are_depth_aware() -> None:
    image = views("dacnn")[0]
    depths = {}
    for depth_aware in (True, False):
        model = small(depth_aware=depth_aware)
        for factor in (0.0, 5.0):
            model.guidance.scale = factor
            depths[depth_aware, factor] = settled(model, [image])(image)
    assert torch.equal(depths[False, 0.0], depths[False, 5.0])
    torch.testing.assert_close(
        depths[True, 0.0], depths[False, 0.0], rtol=1e-5, atol=1e-5
    )  # no cues: ordinary convolutions
    assert (depths[True, 0.0] - depths[True, 5.0]).abs().mean() > 0.1
    model.load_state_dict(small().state_dict())  # strict: the ablation has the same parameters
    assert small(guidance_scale=1.0).guidance.scale == 1


@pytest.mark.slow
def test_networks_are_their_parts() -> None:
    """Fig. 2, put together once more from the modules."""
    image = views("dacnn")[0]
    model = settled(small(), [image])

    def up(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    with torch.no_grad():
        half, quarter, deep = model.encoder.trunk(model.encoder.normalise(image))
        assert [x.shape[-1] for x in (half, quarter, deep)] == [24, 12, 6]
        f = model.encoder.aspp(deep)
        a = model.guidance.stages[0](model.source(f))
        b = model.guidance.stages[1](up(a))
        e = model.guidance.stages[2](up(b))
        g1, g2, g3 = (0.5 * conv(x) for conv, x in zip(model.guidance.outputs, (a, b, e), strict=True))  # 4 ** -0.5
        d = model.decoder
        x = d.fuse[0](torch.cat([up(d.blocks[0](d.stem(f), g1)), quarter], 1)).relu()
        x = d.fuse[1](torch.cat([up(d.blocks[1](x, g2)), half], 1)).relu()
        x = d.fuse[2](up(d.blocks[2](x, g3))).relu()
        estimate = model.estimate(image)
    torch.testing.assert_close(estimate.depth, d.head(x))
    torch.testing.assert_close(estimate.guidance, (g1, g2, g3))


@pytest.mark.slow
def test_teacher_sees_both_views_and_mixes_no_pairs() -> None:
    left, right = views("dacnn_teacher")
    model = settled(small("dacnn_teacher", guidance_scale=5.0), [left, right])
    with torch.no_grad():
        both = model(left, right)
        torch.testing.assert_close(model(left[:1], right[:1]), both[:1], rtol=1e-4, atol=1e-5)
        assert (model(left, right.flip(0)) - both).abs().mean() > 0.03
        f, of_right = model.encoder(left), model.encoder(right)
        estimate = model.finish(f, model.source(f.top, f.top, of_right.top))
        torch.testing.assert_close(estimate.depth, both, rtol=1e-4, atol=1e-5)
    assert small("dacnn_teacher").train()(left[:1], right[:1]).shape == (1, 1, *IMAGE)  # a pair is a batch of two


@pytest.mark.slow
def test_a_trunk_of_stride_16_gives_the_same_sizes_from_fewer_cells() -> None:
    images = views("dacnn_teacher")
    for name in ("dacnn", "dacnn_teacher"):
        model, inputs = small(name, output_stride=16), images if name == "dacnn_teacher" else images[:1]
        cells = []
        model.encoder.aspp.register_forward_pre_hook(lambda _, given, to=cells: to.append(given[0].shape[-2:]))
        depth, guidance = model.estimate(*inputs)
        height, width = images[0].shape[-2:]
        assert cells[0] == (height // 16, width // 16) and depth.shape[-2:] == (height, width)
        assert [tuple(g.shape[-2:]) for g in guidance] == [(height // s, width // s) for s in (8, 4, 2)]
    with pytest.raises(ValueError, match="output_stride: found 32, expected 8 or 16"):
        small(output_stride=32)


@pytest.mark.slow
def test_fine_matching_resolves_a_shift_of_half_a_cell_at_an_eighth() -> None:
    """A second view moved by 4 pixels matches at displacement 1 as exactly as an equal one at 0, off the borders."""
    left = torch.rand(2, 3, 32, 96)
    model, volumes = settled(small("dacnn_teacher", fine_matching=True, max_displacement=4), [left, left]), []
    model.source.matching[0].register_forward_pre_hook(lambda module, given: volumes.append(given[0][..., 4:-4]))
    with torch.no_grad():
        for shift in (0, 4):
            model(left, left.roll(-shift, 3))
    equal, moved = volumes
    assert equal.shape[1:] == (5, 8, 16)
    torch.testing.assert_close(moved[:, 1], equal[:, 0], rtol=1e-3, atol=1e-3)
    assert (moved[:, 0] - equal[:, 0]).abs().mean() > 0.1 * equal[:, 0].abs().mean()


@pytest.mark.slow
def test_the_depth_branch_gets_the_source_where_it_is_told_to() -> None:
    image = views("dacnn")[0]
    for told in (False, True):
        model, seen = settled(small(source_to_depth=told), [image]), []
        model.decoder.stem.register_forward_pre_hook(lambda module, given, to=seen: to.append(given[0]))
        with torch.no_grad():
            model(image)
            top = model.encoder(image).top
            torch.testing.assert_close(seen[0], model.source(top) if told else top)


def test_a_learned_guidance_scale_starts_at_the_fixed_one_and_has_a_gradient() -> None:
    model = small(learned_scale=True)
    assert model.guidance.scale.item() == pytest.approx(0.5)  # 4 ** -0.5
    model(views("dacnn")[0]).sum().backward()
    assert model.guidance.scale.grad.abs() > 0


def test_what_the_blocks_make_reaches_the_head_at_the_start() -> None:
    """An untrained branch whose signal is lost between its skips learns from the skips alone."""
    model, seen = small(width=0.25, dilations=(1, 2, 3, 4)), []
    for module in (*model.decoder.fuse, model.decoder.head.conv):
        module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(views("dacnn", size=(64, 96))[0])
    own = [x[:, : x.shape[1] - skip].std() for x, skip in zip(seen, (64, 16, 0, 0), strict=True)]
    assert min(own) > 0.05


def test_encoder_normalises_the_image() -> None:
    model = small().eval()
    seen = []
    model.encoder.trunk.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(torch.ones(1, 3, 16, 16))
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))


def test_width_scales_every_part() -> None:
    assert [scaled(c, 1.0) for c in (32, 64, 128, 256)] == [32, 64, 128, 256]
    assert [scaled(c, 0.3) for c in (32, 64, 128, 256)] == [8, 16, 40, 80]
    with torch.device("meta"):
        encoder = Encoder("resnest26d", 0.5, (1, 6, 12, 18), False)
    assert (encoder.half, encoder.quarter, encoder.top) == (32, 128, 128)
    assert encoder.trunk.feature_info.channels() == [32, 128, 1024]


def test_networks_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="backbone: found 'resnet50', expected one of resnest50d, "):
        small(backbone="resnet50")
    with pytest.raises(ValueError, match="width: found 0.125, expected 1 with pretrained=True"):
        small(pretrained=True)
    with pytest.raises(ValueError, match="width: found 0, expected a positive factor"):
        small(width=0)
    model = small()
    with pytest.raises(ValueError, match="image: found batch size 1, expected 2 or more"):
        model(torch.rand(1, 3, 16, 16))
    with pytest.raises(ValueError, match="found 20x16, expected .* multiples of 8: .* 24x16"):
        model.eval()(torch.rand(1, 3, 20, 16))
    with pytest.raises(ValueError, match="left, right: found shapes .* expected equal shapes"):
        small("dacnn_teacher")(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 24))


def test_pretrained_trunk_is_that_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm
    from timm.models import _builder

    torch.manual_seed(3)
    theirs = timm.create_model("resnest14d", output_stride=8).eval()
    monkeypatch.setattr(_builder, "load_state_dict_from_hf", lambda *args, **options: dict(theirs.state_dict()))
    ours = Encoder("resnest14d", 1.0, (1,), pretrained=True).trunk.eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        assert torch.equal(ours(image)[-1], theirs.forward_features(image))


@pytest.mark.slow
def test_importing_the_network_does_not_import_timm() -> None:
    code = (
        "import sys, depthlib.papers.dacnn.network, depthlib.protocols.sliding_window, depthlib.losses; assert "
        "'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
