"""The student: the parameters of Table 2, its layers, and what is only there for its training."""

from __future__ import annotations

import math

import pytest
import torch
from mobile_parts import DECODER_C as C
from mobile_parts import picture, small, student
from sizes import parameters
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from depthlib.losses.ranking import ranking_loss
from depthlib.models import create_model
from depthlib.papers.mobile.encoders import BACKBONES
from depthlib.papers.mobile.fbnet import FBNetBlock
from depthlib.papers.mobile.network import MobileDepth

B = {"skips": 4, "expansion": 4, "kernel": 3, "shortcut": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "counts"),
    [
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
    ],
)
def test_table_2(options: dict, counts: list[float]) -> None:
    with torch.device("meta"):
        for encoder, count in zip(("mobilenet_v2", "efficientnet_es", "mixnet_m", "ghostnet"), counts, strict=False):
            found = parameters(MobileDepth(encoder=encoder, **options))
            if isinstance(count, int):
                assert found == count
            else:
                assert found / 1e6 == pytest.approx(count, abs=0.005 if round(count, 2) == count else 0.0006)


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
        assert [tuple(x.shape[1:]) for x in outputs] == [
            (192, 14, 28),
            (128, 14, 28),
            (64, 28, 56),
            (48, 56, 112),
            (32, 112, 224),
        ]


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
@pytest.mark.parametrize("heads", [0, 2])
def test_a_small_first_output_starts_near_the_loss_of_a_map_that_is_the_same_everywhere(heads: int) -> None:
    """He et al.'s initial weights do not: before the first step the loss of pairs is far above log 2."""
    generator = torch.Generator().manual_seed(0)
    points = torch.stack([torch.randint(side, (2, 200), generator=generator) for side in (64, 96, 64, 96)], dim=-1)
    relation = torch.randint(2, (2, 200), generator=generator) * 2 - 1
    losses = {}
    for first in (1.0, 0.01):
        torch.manual_seed(0)
        model = create_model("mobile", encoder="mobilenet_v2_035", intermediate=heads, first_output=first).train()
        depths = model.predict(picture(2)).depths
        assert len(depths) == 1 + heads and all(depth.std() > 0 for depth in depths)
        losses[first] = [ranking_loss(depth, points, relation).item() for depth in depths]
    assert losses[0.01] == pytest.approx([math.log(2)] * (1 + heads), abs=0.01)
    assert min(losses[1.0]) > math.log(2) + 0.05
    with torch.no_grad():
        assert model.attach_intermediate(2).predict(picture(2)).depths[1].abs().max() < 0.5, "of new heads, too"


@pytest.mark.slow
def test_a_student_takes_over_all_of_another_but_heads_that_one_of_them_lacks() -> None:
    plain, other = student(seed=1), student(heads=2, seed=2)
    heads = {name: value.clone() for name, value in other.intermediate.state_dict().items()}
    other.load_from(plain)
    assert torch.equal(other.out[0].weight, plain.out[0].weight)
    assert all(torch.equal(value, heads[name]) for name, value in other.intermediate.state_dict().items())
    plain.load_from(student(heads=2, seed=3))
    assert torch.equal(plain.out[0].weight, student(heads=2, seed=3).out[0].weight)
    with pytest.raises(ValueError, match="found another encoder or decoder"):
        create_model("mobile", encoder="mobilenet_v2_050").load_from(plain)


@pytest.mark.slow
def test_x112_enlarges_half_the_size_and_full_does_not() -> None:
    image = picture()
    model = small("mobile").eval()
    with torch.no_grad():
        half = model.out(model.predict(image).features)
        assert half.shape == (1, 1, 32, 48)
        torch.testing.assert_close(
            model(image), F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
        )
        full = small("mobile", full=True).eval()
        assert full.predict(image).features.shape[-2:] == (64, 96)
        assert torch.equal(full(image), full.out(full.predict(image).features))
