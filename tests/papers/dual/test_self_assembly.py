"""SA-Attention: Equations 3 and 4, and what follows from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sizes import gigamacs
from tensors import F64
from torch._subclasses.fake_tensor import FakeTensorMode

from depthlib.papers.dual.self_assembly import SAAttention, self_assemble, self_assemble_literal


@pytest.mark.parametrize("normaliser", ["mean", "none", "softmax"])
def test_self_assembly_is_equations_3_and_4(normaliser: str) -> None:
    f = np.random.default_rng(0).normal(size=(5, 9))  # C x N
    expected = np.zeros_like(f)
    for j in range(9):
        w = np.array([f[:, i] @ f[:, j] for i in range(9)])
        w = {"mean": w / 9, "none": w, "softmax": np.exp(w) / np.exp(w).sum()}[normaliser]
        expected[:, j] = sum(w[i] * f[:, i] for i in range(9))
    for function in (self_assemble, self_assemble_literal):
        np.testing.assert_allclose(function(torch.tensor(f)[None], normaliser)[0].numpy(), expected, rtol=1e-10)


def test_the_c_by_c_identity_holds_for_many_positions_and_needs_no_n_by_n_matrix() -> None:
    f = torch.randn(2, 64, 468, dtype=F64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(self_assemble(f, "none"), self_assemble_literal(f, "none"), rtol=1e-12, atol=1e-9)
    with FakeTensorMode():
        wide = torch.rand(1, 64, 30_000)
        assert gigamacs(lambda image: self_assemble(wide), 1, 1) == pytest.approx(2 * 64 * 64 * 30_000 / 1e9)
    # What the missing normaliser costs (spec 1.4): the literal output is some hundred times the input.
    for positions, literal in ((52, 129), (468, 568)):
        f = torch.randn(8, 64, positions, generator=torch.Generator().manual_seed(1))
        gain = {n: (self_assemble(f, n).norm(dim=1) / f.norm(dim=1)).mean().item() for n in ("none", "mean")}
        assert gain["none"] == pytest.approx(literal, rel=0.03)
        assert gain["mean"] < 3


def test_self_assembly_commutes_with_permutations_and_is_cubic() -> None:
    f = torch.randn(2, 6, 12, dtype=F64, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    for normaliser in ("mean", "none", "softmax"):
        torch.testing.assert_close(self_assemble(f, normaliser)[..., order], self_assemble(f[..., order], normaliser))
    torch.testing.assert_close(self_assemble(1.7 * f, "none"), 1.7**3 * self_assemble(f, "none"))
    tripled = f.repeat(1, 1, 3)  # a finer grid of the same image: only a normalised form gives the same
    for normaliser, same in (("mean", True), ("softmax", True), ("none", False)):
        assert torch.allclose(self_assemble(tripled, normaliser)[..., :12], self_assemble(f, normaliser)) == same


def test_embedding_sees_features_colour_and_place() -> None:
    module = SAAttention(2, 7).double()
    with torch.no_grad():
        module.embed.weight.copy_(torch.eye(7, dtype=F64).view(7, 7, 1, 1))
        module.embed.bias.zero_()
    features, image = torch.rand(2, 2, 3, 5, dtype=F64), torch.rand(2, 3, 12, 20, dtype=F64)
    f = module.embedding(features, image)
    torch.testing.assert_close(f[:, :2], features)
    torch.testing.assert_close(f[:, 2:5], image.view(2, 3, 3, 4, 5, 4).mean(dim=(3, 5)))
    assert f[0, 5, 1].tolist() == [-1, -0.5, 0, 0.5, 1]  # x grows to the right
    assert f[1, 6, :, 2].tolist() == [-1, 0, 1]  # y grows downwards


@pytest.mark.parametrize("normaliser", ["mean", "none", "softmax"])
def test_attention_map_holds_the_weights_that_forward_uses(normaliser: str) -> None:
    torch.manual_seed(0)
    module = SAAttention(6, 4, normaliser=normaliser).double()
    features, image = torch.randn(2, 6, 3, 5, dtype=F64), torch.rand(2, 3, 12, 20, dtype=F64)
    weights = module.attention_map(features, image, 1, 3)
    assert weights.shape == (2, 1, 3, 5)
    gathered = (weights * module.embedding(features, image)).sum(dim=(2, 3))
    torch.testing.assert_close(gathered, module(features, image)[:, :, 1, 3])
    with pytest.raises(ValueError, match=r"position: found \(3, 0\), expected one inside the map of 3x5"):
        module.attention_map(features, image, 3, 0)
    with pytest.raises(ValueError, match="normaliser: found 'l2', expected one of mean, none, softmax"):
        SAAttention(6, normaliser="l2")
    with pytest.raises(ValueError, match="normaliser: found 'l2'"):
        self_assemble(features.flatten(2), "l2")


def test_self_assembly_ignores_autocast() -> None:
    module = SAAttention(6, 4)
    f = torch.randn(1, 4, 3, 5)
    module.embedding = lambda features, image: f
    expected = module(f, f)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(f, f), expected)
