"""NetAdapt: its targets, its choice, and the network that it finds."""

from __future__ import annotations

import pytest
from mobile_parts import picture
from torch import nn

from depthlib.papers.mobile.netadapt import Proposal, best_of, netadapt, next_target, widest
from depthlib.papers.mobile.surgery import blocks_of, conv_weights


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
        netadapt(
            nn.Conv2d(3, 8, 1), picture(), budget=1, first=0.025, decay=0.96, tune=lambda m: None, score=lambda m: 0.0
        )


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
        model,
        picture(1, 8, 8),
        budget=700,
        tune=tuned.append,
        score=score,
        first=0.1,
        decay=1.0,
        on_round=lambda r, network: rounds_seen.append((r.taken.width, network.wide.out_channels)),
    )
    assert conv_weights(model) == 64 * 3 + 64 * 16 + 16 == 1232
    assert [r.taken.block for r in rounds] == ["wide"] * len(rounds)
    assert (found.wide.out_channels, found.narrow.out_channels) == (
        32,
        16,
    )  # 32 * 19 + 16 = 624, at most 700; 40 have 776
    assert [r.taken.width for r in rounds] == [56, 48, 40, 32] == [width for width, _ in rounds_seen]
    assert [r.target for r in rounds] == pytest.approx([1232 - 123.2, 1080 - 123.2, 928 - 123.2, 700])
    assert rounds[0].taken.resource == 56 * 19 + 16 and all(width == wide for width, wide in rounds_seen)
    assert len(tuned) == sum(len(r.proposals) for r in rounds)
    with pytest.raises(ValueError, match="multiple: found 8"):
        netadapt(model, picture(1, 8, 8), budget=1, tune=tuned.append, score=score, first=0.1, decay=1.0)
