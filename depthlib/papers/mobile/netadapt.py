"""NetAdapt (Yang et al. 2018): narrow one block at a time, the one with the best ratio of accuracy to savings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from depthlib.papers.mobile.surgery import blocks_of, conv_weights, shrink

LEAST_SAVING = 1e-3  # smallest saving of a round, as a share of the current network


class Proposal(NamedTuple):
    """A block narrowed to `width`: resource of the network, and its score after the short fine-tuning."""

    block: str
    width: int
    resource: float
    score: float


class Round(NamedTuple):
    """One iteration: the target resource, the proposals, and the chosen one."""

    target: float
    proposals: list[Proposal]
    taken: Proposal


def next_target(resource: float, start: float, iteration: int, *, first: float = 0.03, decay: float = 0.98) -> float:
    """R - first * decay^(iteration - 1) * R_0; iterations count from 1, R is the current resource.

    NetAdapt's own 0.025 and 0.96 cannot go below 0.375 of R_0; 0.03 and 0.98 lead from 2.56 M to 1.9, 1.5 and 1.0 M in
    10, 17 and 26 iterations.
    """
    return resource - first * decay ** (iteration - 1) * start


def best_of(proposals: Sequence[Proposal], resource: float, score: float) -> Proposal:
    """The smallest (loss of score + 1e-6) / (saving + 1e-5), both relative to the current network."""
    return min(proposals, key=lambda p: (score - p.score + 1e-6) / (resource - p.resource + 1e-5))


def netadapt(
    model: nn.Module,
    example: Tensor,
    *,
    budget: float,
    tune: Callable[[nn.Module], None],
    score: Callable[[nn.Module], float],
    resource: Callable[[nn.Module], float] = conv_weights,
    first: float = 0.03,
    decay: float = 0.98,
    multiple: int = 8,
    keep: tuple[str, ...] = ("out",),
    tries: int | None = None,
    start: float | None = None,
    done: int = 0,
    seed: int = 0,
    on_round: Callable[[Round, nn.Module], None] | None = None,
) -> tuple[nn.Module, list[Round]]:
    """Narrow `model` until it needs at most `budget`; the long fine-tuning afterwards is left to the caller.

    Each iteration makes one proposal per block: its width decreases in multiples of `multiple` until the network needs
    at most `next_target`, the filters of largest norm are kept, `tune` trains it shortly. Blocks that cannot save
    enough are skipped; if all are, the saving is halved, repeatedly, which NetAdapt does not specify.

    Args:
        model: not changed. Drop the intermediate heads beforehand (`MobileDepth.drop_intermediate`).
        example: an image to trace the dependencies with, on the device of the model.
        budget: in the unit of `resource`.
        tune: trains the given network in place. score: of a network, larger is better: 1 - WHDR.
        keep: see `blocks_of`.
        tries: number of blocks proposed in an iteration, drawn by `seed` from those that can save enough. Default: all,
            as in the paper.
        start, done: initial resource of the network, and iterations since, to continue an earlier search.
        on_round: called with each finished round and the network that it chose, to save both.

    Returns:
        The narrowed network, and the rounds. `shrink` rebuilds it from the last width of each block in them.

    Raises ValueError if no block can save enough, or if the steps end above the budget; ImportError without
    Torch-Pruning.
    """
    if not 0 < first < 1 or not 0 < decay <= 1 or multiple < 1 or (tries is not None and tries < 1):
        found = f"{first}, {decay}, {multiple} and {tries}"
        raise ValueError(
            f"first, decay, multiple, tries: found {found}, "
            "expected 0 < first < 1, 0 < decay <= 1, multiple >= 1 and tries >= 1 or None"
        )
    now = resource(model)
    start = now if start is None else start
    least = 0.0 if decay == 1 else start * (1 - first / (1 - decay))
    if budget < least:
        raise ValueError(
            f"budget: found {budget:g}, expected at least {least:g}, where first {first:g} and decay {decay:g} end"
        )
    at, rounds = score(model), []
    while now > budget:
        target = max(next_target(now, start, done + len(rounds) + 1, first=first, decay=decay), budget)
        order = _shuffled(blocks_of(model, example, keep), tries is not None, seed, done + len(rounds))
        proposals: list[Proposal] = []
        while not proposals and now - target > LEAST_SAVING * now:
            networks = {}
            for block, width in order:
                if len(proposals) == tries:
                    break
                make = partial(_with_width, model, example, block, multiple, keep)
                found = widest(make, resource, target, (width - 1) // multiple, now)
                if found is not None:
                    candidate, multiples = found
                    tune(candidate)
                    proposals.append(Proposal(block, multiples * multiple, resource(candidate), score(candidate)))
                    networks[block] = candidate
            target = target if proposals else (now + target) / 2
        if not proposals:
            raise ValueError(
                f"multiple: found {multiple}, expected one with which a block can go from {now:g} to {target:g}"
            )
        taken = best_of(proposals, now, at)
        model, now, at = networks[taken.block], taken.resource, taken.score
        rounds.append(Round(target, proposals, taken))
        if on_round is not None:
            on_round(rounds[-1], model)
    return model, rounds


def widest(
    make: Callable[[int], nn.Module], resource: Callable[[nn.Module], float], target: float, most: int, now: float
) -> tuple[nn.Module, int] | None:
    """The network make(n) of the largest n from 1 to `most` that needs at most `target`, and n; None if there is none.

    `resource` must increase with n; make(most + 1) needs `now`, above the target. Weights and MACs are linear in the
    width of a block, so interpolation makes fewer networks than bisection.
    """
    if most < 1:
        return None
    low, best = 1, make(1)
    if (at_low := resource(best)) > target:
        return None
    high, at_high = most + 1, now
    while high - low > 1:
        guess = max(low + 1, low + int((target - at_low) / (at_high - at_low) * (high - low)))
        candidate = make(guess)
        needs = resource(candidate)
        if needs <= target:
            low, at_low, best = guess, needs, candidate
        else:
            high, at_high = guess, needs
    return best, low


def _shuffled(blocks: dict[str, int], shuffle: bool, seed: int, iteration: int) -> list[tuple[str, int]]:
    """The blocks with their widths, in the network's order, or shuffled by `seed` and iteration."""
    items = list(blocks.items())
    if not shuffle:
        return items
    generator = torch.Generator().manual_seed((seed * 1_000_003 + iteration) % 2**63)
    return [items[i] for i in torch.randperm(len(items), generator=generator)]


def _with_width(
    model: nn.Module, example: Tensor, block: str, multiple: int, keep: tuple[str, ...], multiples: int
) -> nn.Module:
    return shrink(model, example, {block: multiples * multiple}, keep)
