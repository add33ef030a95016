"""The networks, losses and optimisers of the mobile paper: its tables, timm, torch's own Adam, formulas written a second time."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from depthlib.losses.ranking import (
    hard_pair_weights,
    improved_ranking_loss,
    pair_losses,
    ranking_loss,
    relations,
    sample_pixels,
)
from depthlib.metrics.ordinal import whdr
from depthlib.models import create_model
from depthlib.models.diw_hourglass import DIWHourglass
from depthlib.models.enc_dec_resnet import ResidualUnit, twice
from depthlib.models.midas import Midas
from depthlib.papers.mobile.critic import Critic, SelfAttention
from depthlib.papers.mobile.encoders import BACKBONES, MobileEncoder
from depthlib.papers.mobile.fbnet import FBNetBlock
from depthlib.papers.mobile.latency import at_full_size
from depthlib.papers.mobile.loss import mobile_terms, over_predictions
from depthlib.papers.mobile.netadapt import Proposal, best_of, netadapt, next_target, widest
from depthlib.papers.mobile.network import MobileDepth
from depthlib.papers.mobile.nnconv5 import FastDepth, NNConv5, NNConv5Net
from depthlib.papers.mobile.rebalancing import LossRebalancer, initial_weights, lam_of_epoch, rebalanced
from depthlib.papers.mobile.scale_free import laplacian, mannequin_loss, multiscale_gradient_loss, si_mse_loss, smoothness_loss
from depthlib.papers.mobile.structured_distillation import affinity, critic_loss, holistic_loss, pairwise_loss, rmse_loss
from depthlib.papers.mobile.surgery import blocks_of, conv_weights, shrink
from depthlib.training.mtadam import MTAdam

F64 = torch.float64
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
B = {"skips": 4, "expansion": 4, "kernel": 3, "shortcut": False}
C = {"skips": 4, "expansion": 2, "middle": "output", "kernel": 3, "shortcut": False, "fuse": "add", "blocks": 2, "keep_head": True,
     "full": True}
SMALL = {
    "mobile": {"encoder": "mobilenet_v2_035"},
    "nnconv5": {"encoder": "mobilenet_v2_035", "width": 1 / 16},
    "fastdepth": {},
    "enc_dec_resnet": {"width": 1 / 16},
    "diw_hourglass": {"width": 1 / 8},
    "midas": {"width": 1 / 16},
}
LINEAR = {"nnconv5": {"output": "linear"}, "fastdepth": {"output": "linear"}}


def small(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, **SMALL.get(name, {}) | options)


def picture(batch: int = 1, height: int = 64, width: int = 96, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


# Tables 1, 2 and 7: sizes


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "count", "printed"), [
    ("shufflenet_v2", 2_007_558, 2.0),
    ("mnasnet", 3_994_250, 4.0),
    ("mobilenet_v2", 3_115_810, 3.1),
    ("mobilenet_v3", 5_093_970, 5.1),
    ("efficientnet_es", 5_049_330, 5.0),
    ("efficientnet_b0", 4_899_486, 4.9),
    ("ghostnet", 4_793_446, None),  # 5.4 is printed; no standard width with a head of 1280 channels has it
    ("mixnet_m", 4_507_304, 4.5),
    ("mixnet_s", 3_627_528, 3.6),
])
def test_table_1(encoder: str, count: int, printed: float | None) -> None:
    with torch.device("meta"):
        assert parameters(NNConv5Net(encoder=encoder)) == count
        assert parameters(NNConv5(BACKBONES[encoder].head_channels)) == {1024: 753_954, 1280: 891_938, 1536: 1_029_922}[
            BACKBONES[encoder].head_channels]
    assert printed is None or round(count / 1e6, 1) == printed


def test_the_row_of_fastdepth_in_table_1_is_quoted_from_fastdepth() -> None:
    with torch.device("meta"):
        model = FastDepth()
        assert parameters(model) == parameters(NNConv5Net(encoder="mobilenet_v1")) == 3_960_930
        assert sum(p.numel() for p in model.parameters() if p.ndim == 4) == 3_933_088  # its own 3.93 M: without norms
        assert parameters(FastDepth(skips="concat")) == 4_016_034


@pytest.mark.slow
@pytest.mark.parametrize(("options", "counts"), [
    ({}, [2_561_665, 4_769_009, 3_848_735, 3_085_157]),
    ({"full": True}, [2_569_457, 4_784_537, 3_864_263, 3_092_949]),
    ({"shortcut": False}, [2.512, 4.700, 3.795, 3.040]),
    ({"shortcut": False, "full": True}, [2.520]),
    ({"fuse": "add"}, [2.371, 4.358, 3.555, 2.819]),
    ({"fuse": "add", "full": True}, [2.374]),
    (B, [2.584, 4.660, 3.782, 3.00]),
    ({**B, "full": True}, [2.592]),
    ({**B, "kernel": 5}, [2.624, 4.701, 3.819, 3.03]),
    (C, [2.56, 4.71, 3.98, 4.30]),
])
def test_table_2(options: dict, counts: list[float]) -> None:
    with torch.device("meta"):
        for encoder, count in zip(("mobilenet_v2", "efficientnet_es", "mixnet_m", "ghostnet"), counts, strict=False):
            found = parameters(MobileDepth(encoder=encoder, **options))
            if isinstance(count, int):
                assert found == count
            else:
                assert found / 1e6 == pytest.approx(count, abs=0.005 if round(count, 2) == count else 0.0006)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "count", "printed", "gigamacs"), [
    ("mobile", {}, 2_561_665, 2.5, 0.68),
    ("enc_dec_resnet", {}, 53_158_977, 53.1, None),
    ("diw_hourglass", {}, 5_357_153, 5.3, 40.3),
    ("midas", {}, 21_320_545, 21.3, 4.6),
    ("midas", {"variant": "large"}, 105_362_945, 105.3, None),
])
def test_table_7_truncates(name: str, options: dict, count: int, printed: float, gigamacs: float | None) -> None:
    with FakeTensorMode(), torch.no_grad():
        model = create_model(name, **options).eval()
        assert parameters(model) == count
        if gigamacs is not None:  # Table 8: at 256x256
            with FlopCounterMode(display=False) as counter:
                depth = model(torch.rand(1, 3, 256, 256))
            assert depth.shape == (1, 1, 256, 256)
            assert counter.get_total_flops() / 2e9 == pytest.approx(gigamacs, rel=0.01)
    assert math.floor(10 * count / 1e6) / 10 == printed  # 2.6 of our own row is rounded


@pytest.mark.slow
def test_layers_of_the_student_are_those_of_the_spec() -> None:
    with FakeTensorMode(), torch.no_grad():
        model = MobileDepth(intermediate=2).eval()
        assert parameters(model.encoder) == 1_811_712
        assert [parameters(level) for level in model.decoder.levels] == [458_112, 176_576, 76_736, 24_048, 14_192]
        assert [parameters(head) for head in model.intermediate.values()] == [60_802, 18_114]
        assert parameters(model.out) == 289
        image = torch.rand(1, 3, 224, 448)
        outputs = model._decode(image)
        assert [tuple(x.shape[1:]) for x in outputs] == [(192, 14, 28), (128, 14, 28), (64, 28, 56), (48, 56, 112), (32, 112, 224)]


# Encoders


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
        if name == "efficientnet_lite0":        # the weights of the package are not those of timm
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


# Networks


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str, device: str) -> None:
    model = small(name, **LINEAR.get(name, {})).to(device)
    if name == "midas":
        nn.init.constant_(model.head[0].bias, 1.0)  # its ReLU is open
    depth = model(picture(2).to(device))
    assert (depth.shape, depth.dtype) == ((2, 1, 64, 96), torch.float32)
    assert depth.isfinite().all() and depth.std() > 0
    model.eval()
    with torch.no_grad():
        exact = model(picture(2).to(device))
        assert (exact[:1] - model(picture(2)[:1].to(device))).abs().max() < 1e-4 * exact.std()  # images do not mix
        last = model.to(memory_format=torch.channels_last)(picture(2).to(device, memory_format=torch.channels_last))
        assert (exact - last).abs().max() < 1e-3 * exact.std()
        with torch.autocast(device, torch.bfloat16):
            rough = model(picture(2).to(device))
    assert rough.dtype == torch.float32
    assert (rough.bfloat16() != rough).float().mean() > 0.5  # the last layer does not round to eight bits
    with pytest.raises(ValueError, match="multiples of"):
        model(picture(1, 50, 96).to(device))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name: str) -> None:
    model = small(name, **LINEAR.get(name, {})).double()
    if name == "midas":
        nn.init.constant_(model.head[0].bias, 1.0)  # its ReLU is open
    (model(picture(2, dtype=F64)) * randn(2, 1, 64, 96)).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.startswith("fusions.3.left"):
            assert parameter.grad is None  # never run in the published network either
        elif not (name in ("enc_dec_resnet", "diw_hourglass") and parameter_name.endswith("bias")):  # in front of a norm
            assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.slow
def test_metric_output_is_not_negative_and_relative_output_is_unbounded() -> None:
    assert (small("nnconv5")(picture()) >= 0).all() and (small("fastdepth")(picture()) >= 0).all()
    assert (small("midas")(picture()) <= 0).all()  # minus inverse depth: larger = farther
    for name in ("mobile", "nnconv5", "enc_dec_resnet", "diw_hourglass"):
        z = small(name, **LINEAR.get(name, {}))(picture())
        assert z.min() < z.mean() < z.max()
        assert (z - z.mean()).min() < 0
    assert any((small("mobile")(picture(seed)) < 0).any() for seed in (1, 2))


@pytest.mark.parametrize(("middle", "mid"), [("input", 24), ("output", 16)])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("shortcut", [True, False])
def test_fbnet_block_is_its_formula(up: bool, shortcut: bool, middle: str, mid: int) -> None:
    torch.manual_seed(0)
    block = FBNetBlock(8, 5, up=up, shortcut=shortcut, middle=middle, kernel=5).double().eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    x = randn(2, 8, 4, 6)

    def norm(x: Tensor, bn: nn.BatchNorm2d) -> Tensor:
        return (x - bn.running_mean.view(-1, 1, 1)) / (bn.running_var.view(-1, 1, 1) + bn.eps).sqrt()

    def larger(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) if up else x

    assert block.expand[0].out_channels == mid
    y = norm(torch.einsum("oi,bihw->bohw", block.expand[0].weight[..., 0, 0], x), block.expand[1]).relu()
    windows = F.unfold(larger(y), 5, padding=2).view(2, mid, 25, -1)
    y = torch.einsum("ck,bckn->bcn", block.project[0].weight.flatten(1), windows).view_as(larger(y))
    y = norm(y, block.project[1]).relu()
    y = norm(torch.einsum("oi,bihw->bohw", block.project[3].weight[..., 0, 0], y), block.project[4])
    if shortcut:
        y = y + larger(torch.einsum("oi,bihw->bohw", block.shortcut.weight[..., 0, 0], x))
    torch.testing.assert_close(block(x), y)


@pytest.mark.slow
def test_decoder_starts_as_he_normal_and_enlarges_as_it_is_told() -> None:
    torch.manual_seed(0)
    model = MobileDepth(intermediate=2)
    for conv, fan_in in ((model.decoder.levels[0][0].expand[0], 320), (model.decoder.levels[0][0].project[0], 25)):
        assert conv.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
    for depth in model.predict(picture(2)).depths:
        assert 0.5 < depth.std() < 10  # or the ranking loss would start where it is linear
    assert (model.out[0].bias == 0).all()
    x = torch.arange(4.0).view(1, 1, 2, 2)
    block = FBNetBlock(1, 1, up=True, enlarge="bilinear")
    torch.testing.assert_close(block._enlarged(x), F.interpolate(x, size=(4, 4), mode="bilinear"))


@pytest.mark.slow
def test_intermediate_predictions_are_only_for_training() -> None:
    model = small("mobile", intermediate=2).eval()
    image = picture(2)
    with torch.no_grad():
        depths, features = model.predict(image)
        alone = model(image)
    assert [d.shape for d in depths] == [(2, 1, 64, 96)] * 3
    assert features.shape == (2, 2 * BACKBONES["mobilenet_v2_035"].channels[0], 32, 48)
    assert torch.equal(depths[0], alone)
    # They look at the second and third level, at 1/16 and 1/8 of the image, and are enlarged twice.
    outputs = model._decode(image)
    for depth, level in zip(depths[1:], (1, 2), strict=True):
        expected = F.interpolate(model.intermediate[str(level)](outputs[level]), size=(64, 96), mode="bilinear")
        torch.testing.assert_close(depth, expected)
    trained = model.state_dict()
    kept = small("mobile").state_dict()
    assert {key for key in trained if key not in kept} == {key for key in trained if key.startswith("intermediate.")}
    assert model.drop_intermediate().state_dict().keys() == kept.keys()
    with torch.no_grad():
        assert torch.equal(model(image), alone) and len(model.predict(image).depths) == 1
    assert list(small("mobile", intermediate=1).intermediate) == ["2"]  # one: behind the third level


@pytest.mark.slow
def test_x112_enlarges_half_the_size_and_full_does_not() -> None:
    image = picture()
    model = small("mobile").eval()
    with torch.no_grad():
        half = model.out(model.predict(image).features)
        assert half.shape == (1, 1, 32, 48)
        torch.testing.assert_close(model(image), F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False))
        full = small("mobile", full=True).eval()
        assert full.predict(image).features.shape[-2:] == (64, 96)
        assert torch.equal(full(image), full.out(full.predict(image).features))


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
            up = F.interpolate(fusion.after(fusion.left(left) + fusion.below(up)), scale_factor=2, mode="bilinear", align_corners=True)
        expected = F.interpolate(model.head(model.near(up)), scale_factor=2, mode="bilinear", align_corners=True)
        torch.testing.assert_close(model(picture()), expected)


def test_hourglass_pools_by_maxima_outside_and_its_norms_have_no_parameters() -> None:
    model = small("diw_hourglass")
    pools = [type(m) for m in model.modules() if isinstance(m, nn.MaxPool2d | nn.AvgPool2d)]
    assert pools == [nn.MaxPool2d, nn.MaxPool2d, nn.AvgPool2d, nn.AvgPool2d]  # the outer ones first
    assert [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.affine] == [model.stem[1]]
    assert model(picture(1, 48, 80)).shape == (1, 1, 48, 80)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "options", "message"), [
    (MobileDepth, {"encoder": "vgg"}, "encoder: found .*, expected one of .*mobilenet_v2"),
    (MobileDepth, {"intermediate": 3}, "found 3, expected 0, 1 or 2"),
    (MobileDepth, {"skips": 3}, "found 3, expected 4 or 5"),
    (MobileDepth, {"fuse": "mul"}, "found 'mul', expected one of concat, add"),
    (MobileDepth, {"enlarge": "cubic"}, "found 'cubic', expected one of nearest, bilinear"),
    (MobileDepth, {"middle": "both"}, "found 'both', expected one of input, output"),
    (MobileDepth, {"kernel": 4}, "an odd number"),
    (NNConv5Net, {"skips": "add"}, "or skips='concat'"),
    (NNConv5Net, {"output": "exp"}, "found 'exp', expected one of relu, linear"),
    (DIWHourglass, {"width": 0.01}, "at least 1/16"),
    (Midas, {"variant": "huge"}, "variant: found 'huge', expected one of small, large"),
    (Critic, {"extra": -1}, "extra: found 64 and -1"),
])
def test_networks_refuse(model: type, options: dict, message: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        model(**options)
    with torch.device("meta"), pytest.raises(TypeError, match="expnsion"):
        MobileDepth(expnsion=4)


@pytest.mark.slow
def test_critic_scores_maps_of_the_papers_size_and_is_lipschitz() -> None:
    with FakeTensorMode(), torch.no_grad():
        assert Critic().eval()(torch.rand(2, 1, 224, 448)).shape == (2,)
    torch.manual_seed(0)
    critic = Critic(width=4, extra=0, image=True)
    depth = torch.rand(3, 1, 32, 48)
    for _ in range(30):
        scores = critic(depth, picture(3, 32, 48))
    assert scores.shape == (3,)
    convs = [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]
    assert [conv.stride for conv in convs] == [(2, 2)] * 4 + [(1, 1)]
    for conv in convs[:-1]:
        assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)
    with pytest.raises(ValueError, match="image: found none, expected one"):
        critic(depth)
    with pytest.raises(ValueError, match="sides of at least 64"):
        Critic(width=1)(torch.rand(1, 1, 32, 64))


def test_self_attention_starts_as_nothing_and_then_is_an_average() -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(8).double(), randn(2, 8, 3, 4)
    assert torch.equal(attention(x), x)
    attention.gamma.data.fill_(0.5)
    q, k, v = (conv(x).flatten(2) for conv in (attention.query, attention.key, attention.value))
    expected = x.flatten(2).clone()
    for b in range(2):
        for n in range(12):
            weight = torch.stack([(q[b, :, n] * k[b, :, m]).sum() for m in range(12)]).softmax(0)
            expected[b, :, n] += 0.5 * sum(weight[m] * v[b, :, m] for m in range(12))
    torch.testing.assert_close(attention(x), expected.view_as(x))


# Ranking


POINTS = torch.tensor([[[0, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 1]]])  # rows (yA, xA, yB, xB) of a 2x2 map


def test_ranking_loss_by_hand() -> None:
    z = torch.tensor([[[[3.0, 1.0], [0.0, 2.5]]]], dtype=F64)
    relation = torch.tensor([[1, -1, 0]])
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-1.0)) + 4) / 3
    assert ranking_loss(z, POINTS, relation).item() == pytest.approx(expected)
    assert ranking_loss(torch.zeros_like(z), POINTS[:, :2], relation[:, :2]).item() == pytest.approx(math.log(2))
    # Far from the border it is linear: no overflow, and no infinite gradient out of the branch that is not taken.
    far = torch.tensor([[[[-1e30, 0.0], [0.0, 1e30]]]], requires_grad=True)
    ranking_loss(far, POINTS[:, :1], relation[:, :1]).backward()
    assert far.grad.flatten().tolist() == [-1, 0, 0, 1]


def test_larger_is_farther_and_eq_2_to_the_letter_is_the_opposite() -> None:
    z = torch.zeros(1, 1, 2, 2, dtype=F64, requires_grad=True)
    a_is_farther = torch.tensor([[1]])
    for orientation, sign in (("depth", 1), ("inverse_depth", -1)):
        (gradient,) = torch.autograd.grad(ranking_loss(z, POINTS[:, :1], a_is_farther, orientation=orientation), z)
        assert gradient[0, 0, 0, 0] == -0.5 * sign and gradient[0, 0, 1, 1] == 0.5 * sign  # A rises with "depth"
        assert gradient[0, 0, 0, 1] == gradient[0, 0, 1, 0] == 0


def test_ranking_loss_agrees_with_whdr_and_has_its_symmetries() -> None:
    generator = torch.Generator().manual_seed(0)
    depth = randn(2, 1, 6, 7)
    points = torch.stack([torch.randint(0, n, (2, 40), generator=generator) for n in (6, 7, 6, 7)], dim=-1)
    a, b = (torch.stack([depth[i, 0, points[i, :, k], points[i, :, k + 1]] for i in range(2)]) for k in (0, 2))
    relation = (a - b).sign().long()
    assert whdr(depth, points, relation) == 0
    unequal = relation.abs().bool()
    assert ranking_loss(1e4 * depth, points, relation) < 1e-6 < 100 < ranking_loss(-1e4 * depth, points, relation)
    loss = ranking_loss(depth, points, relation)
    expected = torch.where(unequal, torch.log1p(torch.exp(-relation * (a - b))), (a - b) ** 2).mean()
    torch.testing.assert_close(loss, expected)
    swapped = points[..., [2, 3, 0, 1]]
    order = torch.randperm(40, generator=generator)
    offset = randn(2, 1, 1, 1, seed=3)
    for other in (ranking_loss(depth, swapped, -relation), ranking_loss(depth + offset, points, relation),
                  ranking_loss(depth[[1, 0]], points[[1, 0]][:, order], relation[[1, 0]][:, order]),
                  ranking_loss(depth.flip(-1), torch.stack([points[..., 0], 6 - points[..., 1], points[..., 2], 6 - points[..., 3]], -1),
                               relation)):
        torch.testing.assert_close(other, loss)
    assert torch.autograd.gradcheck(lambda z: ranking_loss(z, points, relation), depth[:].requires_grad_())


def test_relations_of_eight_bit_depth() -> None:
    a = torch.tensor([51, 50, 101, 100, 0, 0, 1, 255], dtype=torch.float32)
    b = torch.tensor([50, 51, 100, 101, 0, 1, 0, 255], dtype=torch.float32)
    expected = [1, -1, 0, 0, 0, -1, 1, 0]
    assert relations(a, b).tolist() == relations(a / 255, b / 255).tolist() == expected  # stored numbers, or between 0 and 1
    levels = torch.arange(256.0)
    exact = [[0 if p == q or 100 * max(p, q) < 102 * min(p, q) else (1 if p > q else -1) for q in range(256)] for p in range(256)]
    assert relations(levels[:, None] / 255, levels[None] / 255).tolist() == exact
    with pytest.raises(ValueError, match="relative: found a negative value"):
        relations(a - 1, b)


def test_the_easiest_quarter_of_the_unequal_pairs_has_no_weight() -> None:
    losses = torch.tensor([[0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.0, 0.6, 0.01], [1.0, 2, 3, 4, 5, 6, 7, 8, 9]])
    relation = torch.tensor([[1, -1, 1, -1, 1, 1, 0, -1, 1], [0] * 9])
    weights = hard_pair_weights(losses, relation, 0.25)  # 8 unequal pairs: two are dropped; equal ones never
    assert weights.tolist() == [[0, 1, 1, 1, 1, 1, 1, 1, 0], [1] * 9]
    assert hard_pair_weights(losses, relation, 0.0).all()


@pytest.mark.parametrize("device", DEVICES)
def test_pixels_are_drawn_from_the_valid_ones_alone_and_evenly(device: str) -> None:
    valid = torch.zeros(2, 1, 4, 5, dtype=torch.bool)
    valid[0, 0, 0, 0] = valid[0, 0, 3, 4] = valid[0, 0, 1, 2] = True
    valid[1, 0, 2] = True
    draws = sample_pixels(valid.to(device), 6000, torch.Generator(device).manual_seed(0)).cpu()
    for image, allowed in enumerate(([0, 7, 19], [10, 11, 12, 13, 14])):
        counts = draws[image].bincount(minlength=20)
        assert counts.nonzero().flatten().tolist() == allowed
        expected = 6000 / len(allowed)
        assert ((counts[allowed] - expected) ** 2 / expected).sum() < 20  # chi-squared
    again = sample_pixels(valid.to(device), 6000, torch.Generator(device).manual_seed(0)).cpu()
    assert torch.equal(draws, again)
    with pytest.raises(ValueError, match="found an image without a valid pixel"):
        sample_pixels(torch.zeros_like(valid), 3)


def test_improved_ranking_loss_is_its_formula() -> None:
    pred, relative = randn(3, 1, 6, 7), randn(3, 1, 6, 7, seed=1).abs()
    relative[0, 0, :3] = 1.0  # equal pairs
    valid = torch.rand(3, 1, 6, 7, generator=torch.Generator().manual_seed(2)) > 0.3
    valid[1] = False  # an image without labels does not count
    pred[~valid], relative[~valid] = torch.nan, torch.nan
    index = sample_pixels(valid[[0, 2]], 100, torch.Generator().manual_seed(5))
    means = []
    for image, row in zip((0, 2), index, strict=True):
        kept, unequal = [], []
        for p, q in zip(row[:50].tolist(), row[50:].tolist(), strict=True):
            d = (pred[image].flatten()[p] - pred[image].flatten()[q]).item()
            g, h = relative[image].flatten()[p].item(), relative[image].flatten()[q].item()
            if max(g, h) / min(g, h) < 1.02:
                kept.append(d**2)
            else:
                unequal.append(math.log1p(math.exp(-d if g > h else d)))
        kept += sorted(unequal)[math.floor(0.25 * len(unequal)):]
        assert 5 < len(unequal) < 50
        means.append(sum(kept) / len(kept))
    options = {"pairs": 50}
    loss = improved_ranking_loss(pred, relative, valid, generator=torch.Generator().manual_seed(5), **options)
    assert loss.item() == pytest.approx(sum(means) / 2)
    for other in (relative * 7, relative):
        again = improved_ranking_loss(pred + 3, other, valid, generator=torch.Generator().manual_seed(5), **options)
        torch.testing.assert_close(again, loss)
    everything = improved_ranking_loss(pred, relative, valid, dropped=0, generator=torch.Generator().manual_seed(5), **options)
    assert everything < loss
    z = torch.where(valid, pred, torch.nan).requires_grad_()
    improved_ranking_loss(z, relative, valid).backward()
    assert z.grad.isfinite().all() and (z.grad[~valid] == 0).all() and (z.grad[valid] != 0).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"pred": torch.zeros(1, 3, 4, 4)}, r"pred, points: found .* expected \[B,1,H,W\]"),
    ({"points": torch.zeros(1, 0, 4, dtype=torch.int64), "relation": torch.zeros(1, 0)}, "at least one pair"),
    ({"points": torch.tensor([[[0, 0, 4, 0]]])}, "outside 4x4, expected them counted from 0"),
    ({"points": torch.tensor([[[0, -1, 3, 0]]])}, "outside 4x4"),
    ({"relation": torch.tensor([[2]])}, r"relation: found \[2\], expected -1, 0 or 1"),
    ({"relation": torch.tensor([[1, 1]])}, "one relation per pair"),
    ({"orientation": "disparity"}, "orientation: found 'disparity', expected one of depth, inverse_depth"),
])
def test_ranking_loss_refuses(change: dict, message: str) -> None:
    arguments = {"pred": torch.zeros(1, 1, 4, 4), "points": torch.tensor([[[0, 0, 3, 3]]]), "relation": torch.tensor([[1]])} | change
    with pytest.raises(ValueError, match=message):
        ranking_loss(**arguments)
    with pytest.raises(TypeError, match="pred, points: found .* expected floating-point and int64"):
        ranking_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4), torch.tensor([[1]]))
    with pytest.raises(ValueError, match="dropped"):
        improved_ranking_loss(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2, dtype=torch.bool), dropped=1)
    assert pair_losses(torch.tensor([0.0]), torch.tensor([0])).item() == 0


# The Mannequin Challenge


def mannequins(size: tuple[int, int] = (17, 20)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "log_depth": randn(2, 1, *size),
        "target": randn(2, 1, *size, seed=1).exp(),
        "valid": torch.rand(2, 1, *size, generator=generator) > 0.3,
        "image": torch.rand(2, 3, *size, generator=generator, dtype=F64),
    }


def test_data_term_is_the_variance_of_the_log_ratio() -> None:
    case = mannequins()
    residual = case["log_depth"] - case["target"].log()
    variances = [residual[i][case["valid"][i]].var(correction=0) for i in range(2)]
    torch.testing.assert_close(si_mse_loss(residual, case["valid"]), sum(variances) / 2)
    case["valid"][1] = False
    torch.testing.assert_close(si_mse_loss(residual, case["valid"]), variances[0] / 2)
    far = si_mse_loss((residual + 1e4).float(), case["valid"])  # a network that is still far off
    assert far.item() == pytest.approx(variances[0].item() / 2, rel=1e-2)


def test_gradient_term_is_its_formula() -> None:
    case = mannequins()
    residual, valid = (case["log_depth"] - case["target"].log())[:, 0].numpy(), case["valid"][:, 0].numpy()
    total = 0.0
    for scale in range(5):
        r, m = residual[:, :: 2**scale, :: 2**scale], valid[:, :: 2**scale, :: 2**scale]
        terms = []
        for b, y, x in np.ndindex(r.shape):
            for dy, dx in ((2, 0), (0, 2)):
                if y + dy < r.shape[1] and x + dx < r.shape[2] and m[b, y, x] and m[b, y + dy, x + dx]:
                    terms.append(abs(r[b, y, x] - r[b, y + dy, x + dx]))
        total += np.mean(terms) if terms else 0
    found = multiscale_gradient_loss(torch.from_numpy(residual)[:, None], case["valid"])
    assert found.item() == pytest.approx(total, rel=1e-5)
    ramp = torch.arange(20.0, dtype=F64).expand(1, 1, 17, 20)
    everywhere = torch.ones(1, 1, 17, 20, dtype=torch.bool)
    # Half of the differences, those along x, are 2 * 2^s; of 17x20, 9x10 and 5x5 pixels those are counted exactly.
    pairs = [((17 * 18, 15 * 20), 2), ((9 * 8, 7 * 10), 4), ((5 * 3, 3 * 5), 8), ((3 * 1, 1 * 3), 16)]
    assert multiscale_gradient_loss(ramp, everywhere).item() == pytest.approx(sum(d * x / (x + y) for (x, y), d in pairs), rel=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_smoothness_term_is_its_formula(order: int) -> None:
    case = mannequins()
    total = 0.0
    for scale in range(3):
        p, i = (x[..., :: 2**scale, :: 2**scale].numpy() for x in (case["log_depth"], case["image"]))
        terms = []
        for b, _, y, x in np.ndindex(p.shape):
            if order == 1 and y + 1 < p.shape[2] and x + 1 < p.shape[3]:
                terms.append(sum(
                    abs(p[b, 0, v, u] - p[b, 0, y, x]) * np.exp(-np.abs(i[b, :, v, u] - i[b, :, y, x]).mean())
                    for v, u in ((y + 1, x), (y, x + 1))
                ))
            if order == 2 and 0 < y < p.shape[2] - 1 and 0 < x < p.shape[3] - 1:
                lap = [4 * a[b, :, y, x] - a[b, :, y - 1, x] - a[b, :, y + 1, x] - a[b, :, y, x - 1] - a[b, :, y, x + 1] for a in (p, i)]
                terms.append(abs(lap[0][0]) * np.exp(-np.abs(lap[1]).mean()))
        total += np.mean(terms) / 2**scale
    assert smoothness_loss(case["log_depth"], case["image"], order=order).item() == pytest.approx(total)


def test_laplacian_sees_curves_and_not_slopes() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    maps = torch.stack([2 * x - 3 * y, x**2 + y**2])[None]
    assert torch.equal(laplacian(maps)[:, 0], torch.zeros(1, 4, 5)) and torch.equal(laplacian(maps)[:, 1], torch.full((1, 4, 5), -4.0))
    flat = torch.zeros(1, 3, 12, 12)
    plane = (2 * torch.arange(12.0) - 3 * torch.arange(12.0)[:, None])[None, None]
    assert smoothness_loss(plane, flat, order=2) == 0 < smoothness_loss(plane, flat, order=1)
    assert smoothness_loss(plane, flat, scales=1).item() == 5


@pytest.mark.slow
def test_mannequin_loss_is_the_sum_of_its_parts() -> None:
    case = mannequins()
    residual = case["log_depth"] - case["target"].log()
    parts = {
        "mse": si_mse_loss(residual, case["valid"]),
        "gradient": 0.5 * multiscale_gradient_loss(residual, case["valid"]),
        "smooth": 0.05 * smoothness_loss(case["log_depth"], case["image"]),
    }
    total, terms = mannequin_loss(**case)
    assert terms.keys() == parts.keys()
    for name, part in parts.items():
        torch.testing.assert_close(terms[name], part)
    torch.testing.assert_close(total, sum(parts.values()))
    shifted, _ = mannequin_loss(**case | {"log_depth": case["log_depth"] + 2, "target": 5 * case["target"]})
    torch.testing.assert_close(shifted, total)  # depth up to scale
    perfect, terms = mannequin_loss(**case | {"log_depth": case["target"].log() + 1})
    assert terms["mse"] < 1e-12 and terms["gradient"] < 1e-12 < terms["smooth"]
    only = mannequin_loss(**case, weights={"mse": 2.0})[0]
    torch.testing.assert_close(only, 2 * parts["mse"])
    hidden = case["target"].masked_fill(~case["valid"], torch.nan)
    z = case["log_depth"].clone().requires_grad_()
    loss, _ = mannequin_loss(**case | {"target": hidden, "log_depth": z})
    loss.backward()
    torch.testing.assert_close(loss.detach(), total)
    assert z.grad.isfinite().all()
    tiny = mannequins((9, 9))
    assert torch.autograd.gradcheck(lambda z: mannequin_loss(**tiny | {"log_depth": z}, order=2)[0], tiny["log_depth"].requires_grad_())


@pytest.mark.parametrize(("options", "message"), [
    ({"weights": {"grad": 1.0}}, "mse, gradient, smooth"),
    ({"weights": {"mse": 0.0}}, "not all 0"),
    ({"order": 3}, "found 3, expected 1 or 2"),
    ({"target": torch.zeros(2, 1, 17, 20, dtype=F64)}, "expected positive depths"),
    ({"image": torch.rand(2, 3, 17, 19)}, "log_depth, image: found shapes"),
    ({"valid": torch.zeros(2, 1, 17, 20, dtype=torch.bool)}, "valid: found no valid pixel"),
])
def test_mannequin_loss_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mannequin_loss(**mannequins() | options)
    with pytest.raises(ValueError, match="found 4x9, expected at least 5x5 for 3 scales"):
        smoothness_loss(torch.zeros(1, 1, 4, 9), torch.zeros(1, 3, 4, 9))
    assert smoothness_loss(torch.zeros(1, 1, 5, 5), torch.zeros(1, 3, 5, 5)).isfinite()
    assert smoothness_loss(torch.zeros(1, 1, 9, 9), torch.zeros(1, 3, 9, 9), order=2).isfinite()


# Distillation


def test_rmse_by_hand_without_alignment() -> None:
    student, teacher = torch.zeros(2, 1, 1, 2, requires_grad=True), torch.tensor([[[[3.0, 4.0]]], [[[1.0, 1.0]]]], requires_grad=True)
    loss = rmse_loss(student, teacher)
    assert loss.item() == pytest.approx((12.5**0.5 + 1) / 2)
    loss.backward()
    assert teacher.grad is None and (student.grad < 0).all()
    assert rmse_loss(teacher + 1, teacher).item() == pytest.approx(1)  # a shift costs
    same = torch.ones(1, 1, 2, 2, requires_grad=True)
    rmse_loss(same, torch.ones(1, 1, 2, 2)).backward()
    assert same.grad.isfinite().all()
    assert torch.autograd.gradcheck(rmse_loss, (randn(2, 1, 3, 3).requires_grad_(), randn(2, 1, 3, 3, seed=1)))
    with pytest.raises(ValueError, match="expected one shape"):
        rmse_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2))


def test_pairwise_loss_is_its_formula() -> None:
    student, teacher = randn(2, 3, 6, 8), randn(2, 5, 6, 8, seed=1)

    def cosines(features: Tensor) -> np.ndarray:
        result = np.zeros((2, 4, 4))
        for b in range(2):
            nodes = [features[b, :, y : y + 3, x : x + 4].amax((1, 2)).numpy() for y in (0, 3) for x in (0, 4)]
            result[b] = [[p @ q / np.linalg.norm(p) / np.linalg.norm(q) for q in nodes] for p in nodes]
        return result

    expected = ((cosines(student) - cosines(teacher)) ** 2).sum() / 16 / 2
    assert pairwise_loss(student, teacher).item() == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(affinity(student), torch.from_numpy(cosines(student)), atol=1e-6, rtol=0)
    for other in (3 * student, student[:, [2, 0, 1]], student.flip(1)):
        torch.testing.assert_close(pairwise_loss(other, teacher), pairwise_loss(student, teacher), atol=1e-9, rtol=1e-6)
    assert pairwise_loss(student, 2 * student).item() == pytest.approx(0, abs=1e-12)
    assert affinity(torch.rand(1, 2, 7, 6)).shape == (1, 6, 6)  # an odd side has three nodes
    assert affinity(torch.rand(1, 2, 1, 1)).shape == (1, 1, 1)
    with pytest.raises(ValueError, match="numbers of nodes"):
        pairwise_loss(torch.rand(1, 2, 7, 6), torch.rand(1, 2, 6, 6))
    assert pairwise_loss(torch.rand(1, 2, 12, 6), torch.rand(1, 2, 6, 6)).isfinite()  # other sizes, as many nodes
    with pytest.raises(ValueError, match="expected above 0"):
        pairwise_loss(student, teacher, pool=0)


def test_gradient_of_the_pairwise_loss() -> None:
    student, teacher = randn(1, 3, 4, 4).requires_grad_(), randn(1, 2, 4, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: pairwise_loss(s, teacher, detach_norm=False), student)
    radial = {}
    for detach in (True, False):
        (gradient,) = torch.autograd.grad(pairwise_loss(student, teacher, detach_norm=detach), student)
        radial[detach] = (gradient * student).sum().abs().item()
    assert radial[False] < 1e-6 < 1e-3 < radial[True]  # what the detached length lets through
    zero = torch.zeros(1, 3, 4, 4, requires_grad=True)
    pairwise_loss(zero, teacher).backward()
    assert zero.grad.isfinite().all() and teacher.grad is None


def test_hinge_by_hand() -> None:
    of_teacher, of_student = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])
    assert critic_loss(of_teacher, of_student).item() == pytest.approx((0 + 0.5) / 2 + (0 + 2) / 2)
    assert holistic_loss(of_student).item() == pytest.approx(1)
    assert critic_loss(torch.tensor([1.0]), torch.tensor([-1.0])) == 0  # satisfied: nothing to learn


@pytest.mark.slow
def test_critic_learns_who_is_who_and_the_student_to_deceive_it() -> None:
    torch.manual_seed(0)
    critic = Critic(width=4, extra=0)
    teacher, student = torch.rand(4, 1, 16, 16) + torch.linspace(0, 3, 16), torch.rand(4, 1, 16, 16).requires_grad_()
    optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = critic_loss(critic(teacher), critic(student.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    critic.eval()
    before = critic(student)
    (gradient,) = torch.autograd.grad(holistic_loss(before), student)
    assert critic(student - 0.5 * gradient / gradient.norm()).mean() > before.mean()


# The whole loss


def test_sum_over_predictions() -> None:
    maps = [torch.full((1, 1, 2, 2), float(value)) for value in (1, 10, 100)]
    assert over_predictions(torch.mean, maps[:1]).item() == 1
    assert over_predictions(torch.mean, maps[:2]).item() == pytest.approx(5.5)
    assert over_predictions(torch.mean, maps).item() == pytest.approx(0.5 + 2.5 + 25)
    for predictions in ([], maps * 2):
        with pytest.raises(ValueError, match=f"predictions: found {len(predictions)}, expected 1 to 3"):
            over_predictions(torch.mean, predictions)


def lesson(dtype: torch.dtype = F64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = torch.randint(0, 64, (2, 5, 4), generator=generator)
    return {
        "points": points, "relation": torch.tensor([[1, -1, 1, -1, 1]] * 2),
        "teacher": randn(2, 1, 64, 96).to(dtype), "features": randn(2, 3, 32, 48, seed=1).to(dtype),
        "teacher_features": randn(2, 4, 32, 48, seed=2).to(dtype),
    }


def test_terms_are_those_of_eq_5() -> None:
    predictions, case = [randn(2, 1, 64, 96, seed=seed) for seed in (3, 4, 5)], lesson()
    expected = {
        "ranking": sum(w * ranking_loss(z, case["points"], case["relation"]) for w, z in zip((0.5, 0.25, 0.25), predictions, strict=True)),
        "rmse": sum(w * rmse_loss(z, case["teacher"]) for w, z in zip((0.5, 0.25, 0.25), predictions, strict=True)),
        "pairwise": pairwise_loss(case["features"], case["teacher_features"]),
    }
    terms = mobile_terms(predictions, **case)
    assert list(terms) == list(expected)  # ranking first: MTAdam's anchor
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name])
    separate = mobile_terms(predictions, **case, separate=True)
    assert list(separate) == ["ranking_0", "ranking_1", "ranking_2", "rmse_0", "rmse_1", "rmse_2", "pairwise"]
    torch.testing.assert_close(separate["rmse_1"], rmse_loss(predictions[1], case["teacher"]))
    assert list(mobile_terms(predictions[:1], teacher=case["teacher"])) == ["rmse"]  # "PI-only" of Table 5
    for arguments, message in (({}, "found none"), ({"points": case["points"]}, "points, relation: found one of them")):
        with pytest.raises(ValueError, match=message):
            mobile_terms(predictions, **arguments)


# Loss rebalancing


NAMES = ("ranking", "rmse", "pairwise")


@pytest.mark.parametrize("lam", [-3.0, -1.5, 0.0, 0.7, 3.0])
def test_rebalancing_keeps_the_weighted_sum(lam: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        w, now, before = (dict(zip(NAMES, (torch.rand(3, generator=generator) + 0.1).tolist(), strict=True)) for _ in range(3))
        total_before = sum(w[n] * before[n] for n in NAMES)
        new = rebalanced(w, now, before, total_before, lam, clip=False)
        assert sum(new[n] * now[n] for n in NAMES) == pytest.approx(sum(w[n] * now[n] for n in NAMES))
        clipped = rebalanced(w, now, before, total_before, lam)
        for name in NAMES:
            assert clipped[name] == pytest.approx(w[name] * min(max(new[name] / w[name], 0.5), 2))
        if lam == 0:
            assert new == w


def test_hard_losses_gain_while_lam_is_negative() -> None:
    w = dict.fromkeys(NAMES, 1 / 3)
    before, now = dict.fromkeys(NAMES, 1.0), {"ranking": 0.9, "rmse": 0.8, "pairwise": 0.7}  # ranking falls slowest: hard
    hard = rebalanced(w, now, before, 1.0, -1.0)
    easy = rebalanced(w, now, before, 1.0, 1.0)
    assert hard["ranking"] > hard["rmse"] > hard["pairwise"]
    assert easy["ranking"] < easy["rmse"] < easy["pairwise"]
    assert hard["ranking"] == pytest.approx((2 - 0.8 / 0.9) / 3)  # T / T' = 0.8
    assert [lam_of_epoch(e) for e in range(7)] == [-3, -1.5, 0, 1.5, 3, 3, 3]
    assert [lam_of_epoch(e, "easy_to_hard") for e in range(6)] == [3, 1.5, 0, -1.5, -3, -3]
    finished = rebalanced(w, now | {"rmse": 0.0}, before | {"rmse": 0.0}, 1.0, 3.0)
    assert all(math.isfinite(value) for value in finished.values())


def test_events_come_five_times_an_epoch_and_see_the_mean_since_the_last_one() -> None:
    rebalancer = LossRebalancer(NAMES, steps_per_epoch=12)
    events = [step for step in range(24) if rebalancer.observe(dict.fromkeys(NAMES, 1.0))]
    assert events == [2, 4, 7, 9, 11, 14, 16, 19, 21, 23]  # ceil(12 k / 5) - 1
    assert LossRebalancer(NAMES, steps_per_epoch=5).behind == {1, 2, 3, 4, 5}
    rebalancer = LossRebalancer(("a", "b"), steps_per_epoch=4, events=2)
    for losses, samples in (((1.0, 4.0), 1), ((4.0, 4.0), 3)):
        assert rebalancer.weights == {"a": 0.5, "b": 0.5}
        rebalancer.observe(dict(zip("ab", losses, strict=True)), samples)
    assert rebalancer.weights == {"a": 0.5, "b": 0.5}  # the first event only looks
    assert (rebalancer.before, rebalancer.total_before) == ({"a": 3.25, "b": 4.0}, 3.625)  # over samples
    for _ in range(2):
        rebalancer.observe({"a": 3.0, "b": 2.0})
    ratio = (0.5 * 3 + 0.5 * 2) / 3.625
    factors = [1 - 3 * (ratio * 3.25 / 3 - 1), 1 - 3 * (ratio * 4 / 2 - 1)]
    expected = {name: 0.5 * min(max(f, 0.5), 2) for name, f in zip("ab", factors, strict=True)}
    assert rebalancer.weights == pytest.approx(expected) and rebalancer.weights["a"] > rebalancer.weights["b"]
    assert rebalancer.total_before == pytest.approx(expected["a"] * 3 + expected["b"] * 2)  # with the new weights


def test_initialisation_evens_out_the_losses() -> None:
    w = initial_weights(dict.fromkeys(NAMES, 1 / 3), {"ranking": 0.5, "rmse": 10.0, "pairwise": 0.01})
    assert [w[n] * v for n, v in zip(NAMES, (0.5, 10.0, 0.01), strict=True)] == pytest.approx([10.51 / 9] * 3)
    rebalancer = LossRebalancer(NAMES, steps_per_epoch=1, events=1, initialise=True)
    rebalancer.observe(dict(zip(NAMES, (0.5, 10.0, 0.01), strict=True)))
    assert rebalancer.weights == pytest.approx(w) and rebalancer.total_before == pytest.approx(10.51 / 3)


def test_a_resumed_rebalancer_goes_on_in_the_same_way() -> None:
    values = torch.rand(40, 3, generator=torch.Generator().manual_seed(0)).tolist()
    whole, first = (LossRebalancer(NAMES, steps_per_epoch=10) for _ in range(2))
    for row in values[:17]:
        first.observe(dict(zip(NAMES, row, strict=True)))
    second = LossRebalancer(NAMES, steps_per_epoch=10)
    second.load_state_dict(first.state_dict())
    for row in values[17:]:
        second.observe(dict(zip(NAMES, row, strict=True)))
    for row in values:
        whole.observe(dict(zip(NAMES, row, strict=True)))
    assert whole.state_dict() == second.state_dict() and whole.weights != dict.fromkeys(NAMES, 1 / 3)
    terms = {name: torch.tensor(1.0, requires_grad=True) for name in reversed(NAMES)}
    whole.total(terms).backward()
    assert {name: term.grad.item() for name, term in terms.items()} == pytest.approx(whole.weights)


def test_rebalancer_refuses() -> None:
    for options, message in (({"events": 6, "steps_per_epoch": 5}, "1 to steps_per_epoch"), ({"order": "up"}, "hard_to_easy")):
        with pytest.raises(ValueError, match=message):
            LossRebalancer(NAMES, **{"steps_per_epoch": 9} | options)
    with pytest.raises(ValueError, match="distinct"):
        LossRebalancer(("a", "a"), steps_per_epoch=9)
    rebalancer = LossRebalancer(("a", "b"), steps_per_epoch=9)
    for terms, message in (
        ({"a": 1.0}, "terms: found a, expected a, b"), ({"a": 1.0, "b": -0.1}, "b: found the loss -0.1"),
        ({"a": math.nan, "b": 1.0}, "a: found the loss nan"),
    ):
        with pytest.raises(ValueError, match=message):
            rebalancer.observe(terms)


# MTAdam


def toy(seed: int = 0) -> tuple[list[Tensor], Tensor]:
    return [randn(3, 2, seed=seed).requires_grad_(), randn(seed=seed + 1).requires_grad_()], randn(2, 3, seed=seed + 2)


def toy_losses(parameters: list[Tensor], x: Tensor, scale: float = 1.0) -> list[Tensor]:
    w, b = parameters
    return [(x @ w + b).square().sum(), scale * (w.sin().sum() + 0.1 * b).square(), w.exp().mean()]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_mtadam_with_one_loss_is_adam(decay: float) -> None:
    (ours, x), (theirs, _) = toy(), toy()
    optimizer = MTAdam(ours, lr=0.01, weight_decay=decay)
    adam = torch.optim.Adam(theirs, lr=0.01, weight_decay=decay)
    for _ in range(30):
        optimizer.step(toy_losses(ours, x)[:1])
        adam.zero_grad()
        toy_losses(theirs, x)[0].backward()
        adam.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ranks", [None, (1.0, 2.0, 0.5)])
def test_mtadam_is_its_formula(ranks: tuple[float, ...] | None) -> None:
    parameters, x = toy()
    optimizer = MTAdam(parameters, lr=0.05, betas=(0.8, 0.95, 0.7), eps=1e-6, weight_decay=0.02)
    p = [parameter.detach().clone() for parameter in parameters]
    n = [[None] * 3 for _ in p]
    m, v = ([[torch.zeros_like(q) for _ in range(3)] for q in p] for _ in range(2))
    for t in range(1, 6):
        leaves = [q.clone().requires_grad_() for q in p]
        gradients = [torch.autograd.grad(loss, leaves, allow_unused=True) for loss in toy_losses(leaves, x)]
        for k in range(2):
            top, bottom = 0.0, torch.zeros_like(p[k])
            for i in range(3):
                g = torch.zeros_like(p[k]) if gradients[i][k] is None else gradients[i][k]
                length = g.norm()
                n[k][i] = length if t == 1 else 0.7 * n[k][i] + 0.3 * length
                if n[k][i] > 1e-10:
                    g = (1.0 if ranks is None else ranks[i]) * n[k][0] * g / n[k][i]
                g = g + 0.02 * p[k]
                m[k][i] = 0.8 * m[k][i] + 0.2 * g
                v[k][i] = 0.95 * v[k][i] + 0.05 * g**2
                bottom = torch.maximum(bottom, (v[k][i] / (1 - 0.95**t)).sqrt() + 1e-6)
                top = top + 0.05 / (1 - 0.8**t) * m[k][i]
            p[k] = p[k] - top / bottom
        optimizer.step(toy_losses(parameters, x), ranks)
    for a, b in zip(parameters, p, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_mtadam_does_not_see_the_scale_of_a_loss() -> None:
    (small_ones, x), (large, _) = toy(), toy()
    first, second = MTAdam(small_ones), MTAdam(large)
    for _ in range(10):
        first.step(toy_losses(small_ones, x))
        second.step(toy_losses(large, x, scale=1e5))
    for a, b in zip(small_ones, large, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_mtadam_stops_at_the_first_compromise_where_adam_serves_the_loudest() -> None:
    """(x - 1)^2 and 10^4 (x + 1)^2: from 1 to -1 the two equally long gradients cancel; the minimum of the sum is at -1."""
    ends = {}
    for kind in (MTAdam, torch.optim.Adam):
        x = torch.tensor(3.0, dtype=F64, requires_grad=True)
        optimizer = kind([x], lr=0.02)
        for _ in range(500):
            losses = [(x - 1) ** 2, 1e4 * (x + 1) ** 2]
            if kind is MTAdam:
                optimizer.step(losses)
            else:
                optimizer.zero_grad()
                sum(losses).backward()
                optimizer.step()
        ends[kind.__name__] = x.item()
    assert ends["MTAdam"] == pytest.approx(1, abs=0.1) and ends["Adam"] == pytest.approx(-1, abs=0.05)
    y = torch.zeros(2, dtype=F64, requires_grad=True)
    optimizer = MTAdam([y], lr=0.05)
    for _ in range(600):
        optimizer.step([(y[0] - 1) ** 2, 1e6 * (y[1] - 2) ** 2])
    assert y.tolist() == pytest.approx([1, 2], abs=0.02)  # no conflict: both minima


def test_mtadam_leaves_what_no_loss_reaches_and_can_be_resumed() -> None:
    (parameters, x), unused = toy(), torch.ones(2, requires_grad=True)
    optimizer = MTAdam([*parameters, unused], lr=0.1)
    for _ in range(3):
        optimizer.step(toy_losses(parameters, x))
    assert torch.equal(unused, torch.ones(2)) and parameters[0].grad is None
    copies = [p.detach().clone().requires_grad_() for p in parameters]
    resumed = MTAdam([*copies, unused], lr=0.1)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        optimizer.step(toy_losses(parameters, x))
        resumed.step(toy_losses(copies, x))
    for a, b in zip(parameters, copies, strict=True):
        assert torch.equal(a, b)
    flat = torch.zeros(2, dtype=F64, requires_grad=True)
    MTAdam([flat]).step([flat.sum() * 0, (flat - 1).square().sum()])  # the first loss says nothing: the second is the anchor
    assert (flat > 0).all()
    for losses, ranks, message in (([], None, "at least one"), (toy_losses(parameters, x), (1.0,), "as many ranks"),
                                   (toy_losses(parameters, x)[:2], None, "losses: found 2, expected 3 as before")):
        with pytest.raises(ValueError, match=message):
            optimizer.step(losses, ranks)
    for options in ({"lr": -1}, {"betas": (0.9, 0.999)}, {"betas": (0.9, 1.0, 0.9)}):
        with pytest.raises(ValueError):
            MTAdam(parameters, **options)


# Together


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("balance", ["rebalancing", "mtadam"])
def test_student_learns_from_pairs_and_a_teacher(balance: str, device: str) -> None:
    student = small("mobile", intermediate=2).to(device)
    teacher = small("enc_dec_resnet").to(device).eval()
    image, case = picture(2).to(device), lesson(torch.float32)
    points, relation = case["points"].to(device), case["relation"].to(device)
    with torch.no_grad():
        taught = teacher.estimate(image)
    rebalancer = LossRebalancer(NAMES, steps_per_epoch=4, events=2)
    optimizer = (MTAdam if balance == "mtadam" else torch.optim.Adam)(student.parameters(), lr=3e-3)
    history = []
    for _ in range(8):
        prediction = student.predict(image)
        terms = mobile_terms(
            prediction.depths, points=points, relation=relation, teacher=taught.depth, features=prediction.features,
            teacher_features=taught.features,
        )
        history.append({name: term.item() for name, term in terms.items()})
        if balance == "mtadam":
            optimizer.step(list(terms.values()))
            continue
        optimizer.zero_grad()
        rebalancer.total(terms).backward()
        optimizer.step()
        rebalancer.observe({name: term.detach() for name, term in terms.items()}, len(image))
        assert all(p.grad is not None and p.grad.isfinite().all() for p in student.parameters())
    assert all(p.isfinite().all() for p in student.parameters())
    for name in ("ranking", "rmse"):
        assert history[-1][name] < history[0][name]


# NetAdapt


@pytest.mark.parametrize(("steps", "iterations"), [((0.025, 0.96), [14, 27, 91]), ((0.03, 0.98), [10, 17, 26])])
def test_iterations_to_the_pruned_sizes_of_table_7(steps: tuple[float, float], iterations: list[int]) -> None:
    start = now = 2.5617
    reached = []
    for iteration in range(1, 100):
        now = next_target(now, start, iteration, first=steps[0], decay=steps[1])
        while len(reached) < 3 and now <= (1.9, 1.5, 1.0)[len(reached)]:
            reached.append(iteration)
    assert reached == iterations


def test_the_cheapest_proposal_wins() -> None:
    costly, cheap, big = Proposal("a", 8, 90, 0.70), Proposal("b", 8, 90, 0.78), Proposal("c", 8, 70, 0.72)
    assert best_of([costly, cheap, big], 100, 0.8) == cheap and best_of([costly, big], 100, 0.8) == big
    better, much_better = Proposal("d", 8, 80, 0.82), Proposal("e", 8, 95, 0.84)
    assert best_of([better, much_better], 100, 0.8) == much_better  # gains: the most a unit of saving


@pytest.mark.parametrize("target", [10, 11, 25, 26, 39, 40])
@pytest.mark.parametrize("power", [1, 2])
def test_widest_network_within_the_target(target: int, power: int) -> None:
    made = []

    def make(n: int) -> nn.Module:
        made.append(n)
        return nn.Conv2d(n**power, 1, 1)

    best = max((n for n in range(1, 50) if n**power <= target), default=None)
    found = widest(make, conv_weights, target, 49, 50**power)
    assert found is not None and found[1] == best and conv_weights(found[0]) == best**power
    assert power == 2 or len(made) <= 3  # linear: no search
    assert widest(make, conv_weights, 0, 49, 50**power) is None and widest(make, conv_weights, 1, 0, 1) is None


def test_pruning_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch_pruning", None)
    with pytest.raises(ImportError, match="pip install torch-pruning"):
        blocks_of(nn.Conv2d(3, 8, 1), picture())
    with pytest.raises(ValueError, match="budget: found 1, expected at least 9"):
        netadapt(nn.Conv2d(3, 8, 1), picture(), budget=1, first=0.025, decay=0.96, tune=lambda m: None, score=lambda m: 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "full"), [
    ("mobilenet_v2_035", "mobilenet_v2"), ("efficientnet_lite0", "efficientnet_lite0"),
])
def test_a_pruned_student_keeps_its_shares_at_full_size(encoder: str, full: str) -> None:
    pytest.importorskip("torch_pruning")
    image, name = picture(1, 32, 32), "decoder.levels.1.0.expand.0"
    narrow, wide = small("mobile", encoder=encoder).eval(), small("mobile", encoder=full).eval()
    pruned = small("mobile_pruned", encoder=encoder).eval()
    pruned.load_from(shrink(narrow, image, {name: blocks_of(narrow, image)[name] // 2}))
    before, after = blocks_of(wide, image), blocks_of(at_full_size(pruned), image)
    assert after.pop(name) == pytest.approx(before.pop(name) / 2, abs=8) and after == before


@pytest.mark.slow
def test_student_can_be_shrunk() -> None:
    pytest.importorskip("torch_pruning")
    model, image = small("mobile").eval(), picture(1, 32, 32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    blocks = blocks_of(model, image)
    assert blocks["decoder.levels.0.0.expand.0"] == 336 and "out.0" not in blocks
    assert not any("conv_dw" in name or "shortcut" in name for name in blocks)  # they follow
    with FakeTensorMode():
        full = MobileDepth()
    assert len([m for m in full.modules() if isinstance(m, nn.Conv2d) and m.groups == 1]) == 50 and len(blocks) == 34
    name = "decoder.levels.1.0.expand.0"
    smaller = shrink(model, image, {name: 8, "encoder.steps.3.0.conv_pwl": 8})
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])  # the original is as it was
    norms = model.get_submodule(name).weight.flatten(1).norm(dim=1)
    survivors = norms.topk(8).indices.sort().values
    kept = smaller.decoder.levels[1][0]
    assert torch.equal(kept.expand[0].weight, model.decoder.levels[1][0].expand[0].weight[survivors])
    assert (kept.project[0].groups, kept.project[3].in_channels) == (8, 8)
    assert conv_weights(smaller) < conv_weights(model) == sum(p.numel() for p in model.parameters() if p.ndim == 4)
    assert smaller(image).shape == (1, 1, 32, 32)
    again = shrink(small("mobile"), image, {name: 8, "encoder.steps.3.0.conv_pwl": 8})
    again.load_state_dict(smaller.state_dict())
    assert torch.equal(again.eval()(image), smaller.eval()(image))
    assert smaller.attach_intermediate(2).predict(image).depths[2].shape == (1, 1, 32, 32)
    with pytest.raises(ValueError, match="'out.0': found width 1, expected 1 to nothing"):
        shrink(model, image, {"out.0": 1})


class Chain(nn.Sequential):
    """Three convolutions: wide, narrow, and the output."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 64, 1, bias=False), nn.Conv2d(64, 16, 1, bias=False)
        self.out = nn.Conv2d(16, 1, 1, bias=False)


def test_netadapt_narrows_what_costs_least() -> None:
    pytest.importorskip("torch_pruning")
    tuned, rounds_seen = [], []
    model = Chain()

    def score(network: nn.Module) -> float:
        return -10.0 * (16 - network.narrow.out_channels)  # only the narrow one matters

    found, rounds = netadapt(
        model, picture(1, 8, 8), budget=700, tune=tuned.append, score=score, first=0.1, decay=1.0,
        on_round=lambda r, network: rounds_seen.append((r.taken.width, network.wide.out_channels)),
    )
    assert conv_weights(model) == 64 * 3 + 64 * 16 + 16 == 1232
    assert [r.taken.block for r in rounds] == ["wide"] * len(rounds)
    assert (found.wide.out_channels, found.narrow.out_channels) == (32, 16)  # 32 * 19 + 16 = 624, at most 700; 40 have 776
    assert [r.taken.width for r in rounds] == [56, 48, 40, 32] == [width for width, _ in rounds_seen]
    assert [r.target for r in rounds] == pytest.approx([1232 - 123.2, 1080 - 123.2, 928 - 123.2, 700])
    assert rounds[0].taken.resource == 56 * 19 + 16 and all(width == wide for width, wide in rounds_seen)
    assert len(tuned) == sum(len(r.proposals) for r in rounds)
    with pytest.raises(ValueError, match="multiple: found 8"):
        netadapt(model, picture(1, 8, 8), budget=1, tune=tuned.append, score=score, first=0.1, decay=1.0)
