"""DACNN's loss: its terms by hand, and what learns from the teacher."""

from __future__ import annotations

import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import Tensor

from depthlib.papers.dacnn.loss import WEIGHTS, dacnn_loss, guidance_loss, pixel_loss, proxy_loss

PRED, TARGET, VALID = (
    torch.tensor(rows, dtype=torch.float64)[None, None]
    for rows in ([[1, 2, 4], [3, 5, 6]], [[1, 4, 1], [2, 5, 9]], [[1, 1, 0], [1, 1, 1]])
)


def test_pixel_and_proxy_loss_by_hand() -> None:
    # pred - target: 0 -2 (3); 1 0 -3
    for distance, labels, everywhere in (
        ("absolute", 6 / 5, 9 / 6),
        ("squared", 14 / 5, 23 / 6),
        ("signed", -4 / 5, -1 / 6),
    ):
        assert pixel_loss(PRED, TARGET, VALID.bool(), distance=distance).item() == pytest.approx(labels)
        assert proxy_loss(PRED, TARGET, distance=distance).item() == pytest.approx(everywhere)
    with pytest.raises(ValueError, match="distance: found 'l1', expected one of absolute, squared, signed"):
        pixel_loss(PRED, TARGET, VALID.bool(), distance="l1")
    with pytest.raises(TypeError, match="bool"):
        pixel_loss(PRED, TARGET, VALID, distance="signed")


def random_guidance(channels: int = 32) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((8, 16), (16, 32), (32, 64))
    student, teacher = ([torch.randn(2, channels, *s, generator=generator).double() for s in sizes] for _ in range(2))
    return student, teacher


@pytest.mark.parametrize(
    ("axis", "reduction", "magnitude"),
    [
        ("channel", "element", 0.029),
        ("channel", "distribution", 0.93),
        ("spatial", "element", 0.00049),
        ("spatial", "distribution", 1.0),
    ],
)
def test_guidance_loss_is_the_kl_divergence(axis: str, reduction: str, magnitude: float) -> None:
    student, teacher = random_guidance()
    expected, per_scale = 0.0, []
    for g_s, g_t in zip(student, teacher, strict=True):
        shape = g_s.shape if axis == "channel" else (2, 32, -1)
        dim = 1 if axis == "channel" else 2
        p_s, p_t = (softmax(g.numpy().reshape(shape), axis=dim) for g in (g_s, g_t))
        divergence = rel_entr(p_t, p_s)
        per_scale.append(divergence.mean() if reduction == "element" else divergence.sum(axis=dim).mean())
        expected += per_scale[-1]
    result = guidance_loss(student, teacher, axis=axis, reduction=reduction)
    assert result.item() == pytest.approx(expected, rel=1e-9)
    assert per_scale[-1] == pytest.approx(magnitude, rel=0.1)
    assert guidance_loss(student, student, axis=axis, reduction=reduction).item() == 0
    shifted = [g + 3 for g in student]  # a softmax does not see it
    assert guidance_loss(student, shifted, axis=axis, reduction=reduction).item() == pytest.approx(0, abs=1e-9)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = ([g.requires_grad_() for g in maps] for maps in random_guidance(4))
    depth, taught = PRED.clone().requires_grad_(), TARGET.clone().requires_grad_()
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64)
    total, _ = dacnn_loss(
        depth, TARGET, VALID.bool(), image, guidance=student, teacher_depth=taught, teacher_guidance=teacher
    )
    total.backward()
    assert taught.grad is None
    assert all(g.grad is None for g in teacher)
    assert all(g.grad.abs().max() > 0 for g in student)
    assert depth.grad.abs().max() > 0


def test_dacnn_loss_adds_its_weighted_terms() -> None:
    student, teacher = random_guidance(4)
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64)
    options = {"guidance": student, "teacher_depth": TARGET, "teacher_guidance": teacher}
    total, terms = dacnn_loss(PRED, TARGET, VALID.bool(), image, **options)
    assert WEIGHTS == {"pixel": 1, "smooth": 0.01, "proxy": 0.01, "guidance": 1000}
    slopes = [
        (d.abs() * torch.exp(-i.abs().mean(dim=1, keepdim=True))).mean()
        for d, i in ((PRED.diff(dim=k), image.diff(dim=k)) for k in (2, 3))
    ]
    expected = {
        "pixel": 6 / 5,
        "smooth": 0.01 * sum(slopes).item(),
        "proxy": 0.01 * 9 / 6,
        "guidance": 1000 * guidance_loss(student, teacher).item(),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)
    assert total.item() == pytest.approx(sum(expected.values()))
    literal = {"distance": "squared", "axis": "spatial", "reduction": "distribution"}
    _, terms = dacnn_loss(PRED, TARGET, VALID.bool(), image, **options, **literal)
    assert terms["pixel"].item() == pytest.approx(14 / 5)
    assert terms["proxy"].item() == pytest.approx(0.01 * 23 / 6)
    assert terms["guidance"].item() == pytest.approx(
        1000 * guidance_loss(student, teacher, axis="spatial", reduction="distribution").item()
    )


def test_without_distillation_no_teacher_is_needed() -> None:
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64)
    total, terms = dacnn_loss(PRED, TARGET, VALID.bool(), image, weights={"pixel": 1.0, "proxy": 0.0})
    assert list(terms) == ["pixel"]
    assert total.item() == pytest.approx(6 / 5)
    with pytest.raises(ValueError, match="teacher_depth: found None"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image)
    with pytest.raises(ValueError, match="guidance of shapes .* expected equal shapes"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image, teacher_depth=TARGET, guidance=[torch.rand(1, 2, 3, 3)])
    with pytest.raises(ValueError, match="weights: found l1, expected some of pixel, smooth, proxy, guidance"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image, weights={"l1": 1.0})
    with pytest.raises(ValueError, match="weights: found only 0"):
        dacnn_loss(PRED, TARGET, VALID.bool(), image, weights={"pixel": 0.0})
    with pytest.raises(ValueError, match="axis: found 'row', expected one of channel, spatial"):
        guidance_loss([image], [image], axis="row")
    with pytest.raises(ValueError, match="reduction: found 'sum', expected one of element, distribution"):
        guidance_loss([image], [image], reduction="sum")
