"""Prints the rule of commit a05edcc beside today's, on the scores stored with it.

`python tests/support/compare_rules.py` says how many claims each decides there, how often each tells equal methods
apart on simulated tables with their spreads, also where one method's seeds differ three times as much as the others',
and what difference it finds.
"""

from __future__ import annotations

import numpy as np
from rules_before import decided_before
from simulated_tables import PAPERS, spreads, stored_pairs
from stored_scores import records

from depthlib.base.stats_holm import holm
from depthlib.base.stats_paired import Paired, critical, paired
from depthlib.base.stats_power import detectable
from depthlib.report.claims import load_paper
from depthlib.report.comparison import compare
from depthlib.report.decide import ways
from depthlib.report.verdicts import CONTRADICTED, NO_DIFFERENCE, SUPPORTED, judge_all

DECIDED_BEFORE = 9  # of 151 claims: eight supported, one contradicted, counts among them
METHODS = 5


def decided_now() -> int:
    """Claims that the rules decide on the stored scores, which have at most three seeds and no floors."""
    judged = (judge_all(load_paper(key), [r for r in records() if r.result["spec"]["paper"] == key]) for key in PAPERS)
    return sum(verdict.status in (SUPPORTED, CONTRADICTED, NO_DIFFERENCE) for one in judged for verdict in one.verdicts)


def decided_with_few_seeds() -> tuple[int, int]:
    """(Claims that today's intervals and families would decide, claims that they could judge) on the stored scores, if
    two seeds were enough and nothing had to be learned."""
    decided = asked = 0
    for key in PAPERS:
        paper, comparisons = load_paper(key), {}
        for claim_key, table in stored_pairs():
            if any(claim.key == claim_key for claim in paper.claims):
                comparisons.setdefault(claim_key, []).append(compare(-table, 0.0, level=0.05, margin=0.02))
        claims = [claim for claim in paper.claims if claim.key in comparisons]
        for family in {(claim.family, claim.whose) for claim in claims}:
            members = [claim for claim in claims if (claim.family, claim.whose) == family]
            smallest = [min(p for p, _ in ways(comparisons[claim.key]).values()) for claim in members]
            decided += sum(one.p <= 0.05 for one in holm(smallest))
            asked += len(members)
    return decided, asked


def equal_methods(seeds: int, frames: int, wide: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Errors [count, methods, seeds, frames] of equal methods; the seeds of the first spread `wide` times as much."""
    spread = spreads() / np.sqrt(2)
    seed, frame, rest = spread[rng.integers(len(spread), size=count)].T[..., None, None, None]
    widths = np.array([wide] + [1.0] * (METHODS - 1))[None, :, None, None]
    return (
        seed * widths * rng.normal(size=(count, METHODS, seeds, 1))
        + frame * rng.normal(size=(count, METHODS, 1, frames))
        + rest * rng.normal(size=(count, METHODS, seeds, frames))
    )


def false_before(wide: float, count: int = 1500, seeds: int = 2, frames: int = 32) -> float:
    """Share of comparisons of the first method with another that the former rule decides."""
    tables = equal_methods(seeds, frames, wide, count, np.random.default_rng(0))
    return float(np.mean([decided_before(one) for one in tables]))


def false_now(wide: float, count: int = 3000, seeds: int = 6, frames: int = 128) -> float:
    """The same of today's rule."""
    methods = equal_methods(seeds, frames, wide, count, np.random.default_rng(0))
    found = paired(methods[:, 1:] - methods[:, :1])
    return float((np.abs(found.mean) > critical(found, 0.05) * found.error).mean())


def found_now(seeds: int, frames: int) -> float:
    """Median over the stored spreads of the difference that is found with 80 % probability, as a share of the error."""
    return float(
        np.median(
            [
                detectable(
                    Paired(0.0, s**2 / seeds + e**2 / (seeds * frames), f**2 / frames, e**2, seeds, frames), 0.05
                )
                for s, f, e in spreads()
            ]
        )
    )


def main() -> None:
    print(f"decided on the stored scores: {DECIDED_BEFORE} of 151 before, {decided_now()} now")
    few, asked = decided_with_few_seeds()
    print(f"if two seeds were enough and no network had to learn: {few} of {asked} claims that compare networks, now")
    for wide, words in ((1.0, "equal spreads"), (3.0, "one spread three times the others'")):
        before, now = false_before(wide), false_now(wide)
        print(f"equal methods told apart, {words}:")
        print(f"    {100 * before:.1f} % before (2 seeds, 32 frames), {100 * now:.1f} % now (6 seeds, 128 frames)")
    for seeds, frames in ((2, 32), (6, 128), (6, 512)):
        share = 100 * found_now(seeds, frames)
        print(f"found with 80 % probability by {seeds} seeds and {frames} frames: {share:.1f} % of the error (median)")


if __name__ == "__main__":
    main()
