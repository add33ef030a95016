"""Sharing units by hand and as cross-stitches, and which gradients cross them."""

from __future__ import annotations

import pytest
import torch
from synergy_parts import picture, small
from torch import nn

from depthlib.papers.synergy.lateral_sharing import LateralSharing


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
    for kind in ("lsu", "lsu_without_identity", "cross_stitch"):
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
    lsu, stitch = (
        LateralSharing(3, per_channel=True).double(),
        LateralSharing(3, "cross_stitch", per_channel=True).double(),
    )
    for parameter in lsu.parameters():
        nn.init.normal_(parameter)
    stitch.load_state_dict({name: value + (name in ("phi_d", "gamma_s")) for name, value in lsu.state_dict().items()})
    d, s = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64)
    for ours, theirs in zip(lsu(d, s), stitch(d, s), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_sharing_units_start_as_specified_and_are_not_tied() -> None:
    lsu = [0.0, 0.1, 0.1, 0.0]
    expected = {"lsu": lsu, "lsu_without_identity": lsu, "cross_stitch": [0.9, 0.1, 0.1, 0.9]}
    for kind, start in expected.items():
        weights = small(sharing=kind).sharing_weights()
        assert len(weights) == 3
        for unit in weights:
            assert list(unit) == ["phi_d", "phi_s", "gamma_d", "gamma_s"]
            assert [value.item() for value in unit.values()] == pytest.approx(start)
    per_channel = small(per_channel=True).sharing
    assert [len(unit.weights()["phi_s"]) for unit in per_channel] == [32, 16, 8]
    assert len({id(parameter) for parameter in per_channel.parameters()}) == 12
    with pytest.raises(ValueError, match="kind: found 'none', expected one of lsu, lsu_without_identity, cross_stitch"):
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
