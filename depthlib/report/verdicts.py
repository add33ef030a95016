"""Do our runs bear out what a paper claims? Verdicts by locked rules, which may be "not resolved".

A verdict speaks of a mechanism at the scale it was run at. Whether a printed number was reproduced is another question,
asked by `reproduction_table`, and at a reduced profile never answered.

What the intervals cover: images and seeds are resampled together (`depthlib.base.stats.bootstrap_means`). For two or
three seeds that is not enough. Two seeds that happen to agree leave nothing to resample: where the seed of a training
matters more than the choice of images, every second comparison of equal methods would be "found". So the spread between
the seeds of one method, pooled over all methods that were trained, gives a second interval (Student's t), and the wider
of the two counts. It assumes that the seed moves all methods about equally, and it too knows only the seeds that were
run. With one seed an interval would cover images alone; such runs decide nothing. The column `covers` says which it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthlib.base.stats import Comparison, Interval, compare, holm, interval
from depthlib.metrics.benchmark import HIGHER_IS_BETTER
from depthlib.runs.profiles import get_profile

if TYPE_CHECKING:
    from depthlib.report.claims import Claim, PublishedPaper
    from depthlib.runs.store import RunRecord

STATUSES = SUPPORTED, CONTRADICTED, UNRESOLVED, NOT_RUN, UNTESTABLE = (
    "supported", "contradicted", "not resolved", "not run", "not testable here",
)
REDUCED = "not comparable: reduced profile, other data"


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes:
        status: one of `STATUSES`.
        why: in a sentence.
        comparisons: in the order of `claim.comparisons()`; a positive difference is on the claimed side.
        decides: position of the comparison on which the verdict hangs: the least favourable, or for a contradiction the
            worst.
        p_value: two-sided, over all comparisons; `p_adjusted`: after Holm over the family.
        freedom: degrees of freedom of the spread between seeds.
    """

    claim: Claim
    status: str
    why: str
    comparisons: tuple[Comparison, ...] = ()
    decides: int | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    profile: str | None = None
    freedom: int = 0

    @property
    def deciding(self) -> Comparison | None:
        return None if self.decides is None else self.comparisons[self.decides]

    @property
    def compared(self) -> str:
        """Whom the deciding comparison compares, and by what: "b against a: si_rmse on streets"."""
        if self.decides is None:
            return ""
        rival, test, metric = self.claim.comparisons()[self.decides]
        return f"{self.claim.better} against {rival}: {metric} on {_here(self.claim.stand_ins, test, self.profile)}"

    @property
    def covers(self) -> str:
        """What the interval of the deciding comparison covers."""
        if self.deciding is None:
            return ""
        if self.deciding.seeds == 1:
            return "images only (1 seed)"
        return f"images and training seeds ({self.deciding.seeds} seeds; {self.freedom} degrees of freedom)"


@dataclass(frozen=True)
class Judged:
    """The verdicts on all claims of a paper, in their order.

    Attributes:
        runs: how many runs they rest on.
        gap: why there are no verdicts, where there should be some.
    """

    paper: PublishedPaper
    verdicts: tuple[Verdict, ...]
    runs: int = 0
    gap: str | None = None


def judge(claim: Claim, records: Sequence[RunRecord | None]) -> Verdict:
    """The verdict on one claim, by itself. `judge_all` adjusts for the other claims of its family.

    Args:
        claim: from `load_paper(...).claims`.
        records: runs of the paper, in any order; others are passed over, as is None (a run that is missing).
    Raises:
        ValueError: records that cannot be compared: of several profiles or overrides, the same run twice, or with
            different test images or protocols.
    """
    if claim.untestable is not None:
        return Verdict(claim, UNTESTABLE, claim.untestable)
    records = [record for record in records if record is not None]
    profile = _one_profile(records)
    data = _here(claim.stand_ins, claim.data, profile)
    runs = {v: _by_seed(records, v, data) for v in (claim.better, *claim.than) if isinstance(v, str)}
    if missing := [name for name, found in runs.items() if not found]:
        return Verdict(claim, NOT_RUN, f"no runs of {', '.join(missing)} on {data}", profile=profile)
    if not get_profile(profile).meaningful:
        return Verdict(claim, NOT_RUN, f"profile {profile} only proves that the code runs", profile=profile)
    if claim.extra_parameters is not None:
        return _judge_parameters(claim, runs, profile)
    seeds = sorted(set.intersection(*(set(found) for found in runs.values())))
    if not seeds:
        return Verdict(claim, NOT_RUN, f"{', '.join(runs)} have no seed in common", profile=profile)
    found, freedom = [], 0
    for rival, test, metric in claim.comparisons():
        ours = [runs[claim.better][seed] for seed in seeds]
        theirs = [runs[rival][seed] for seed in seeds] if isinstance(rival, str) else None
        here = _here(claim.stand_ins, test, profile)
        variance, freedom = seed_variance(records, data, here, metric)
        found.append(_compare(claim, ours, theirs, rival, here, metric, variance, freedom))
    return _decide(Verdict(claim, UNRESOLVED, "", tuple(found), profile=profile, freedom=freedom))


def judge_all(paper: PublishedPaper, records: Sequence[RunRecord | None]) -> Judged:
    """The verdicts on all claims of a paper, Holm-adjusted within each family. Raises ValueError as `judge` does.

    A family counts all its claims that can be tested, also those that were not run: leaving runs out makes nothing
    easier.
    """
    verdicts = {claim.key: judge(claim, records) for claim in paper.claims}
    for family in {claim.family for claim in paper.claims}:
        estimated = [
            v for v in verdicts.values()
            if v.claim.family == family and v.status != UNTESTABLE and v.claim.extra_parameters is None
        ]
        adjusted = holm([1.0 if v.p_value is None else v.p_value for v in estimated])
        for verdict, p in zip(estimated, adjusted, strict=True):
            if verdict.p_value is not None:
                verdicts[verdict.claim.key] = _decide(verdict, p)
    return Judged(paper, tuple(verdicts.values()), sum(record is not None for record in records))


def not_run(paper: PublishedPaper, why: str) -> Judged:
    """All claims of a paper without a verdict for the same reason, but those that cannot be tested here anyway."""
    verdicts = (
        Verdict(claim, UNTESTABLE, claim.untestable) if claim.untestable is not None else Verdict(claim, NOT_RUN, why)
        for claim in paper.claims
    )
    return Judged(paper, tuple(verdicts), gap=why)


def verdict_table(judged: Judged) -> pd.DataFrame:
    """One row a claim.

    `advantage` is how much better, in units of the metric, the claimed side is in the deciding comparison.
    """
    rows = []
    for verdict in judged.verdicts:
        claim, c = verdict.claim, verdict.deciding
        rows.append({
            "claim": claim.key, "says": claim.says, "where": claim.where, "whose": claim.whose,
            "in print": "; ".join(f"{better:g} against {rival:g}" for better, rival in judged.paper.printed(claim)),
            "verdict": verdict.status, "why": verdict.why,
            "advantage": c and c.difference.mean, "low": c and c.difference.low, "high": c and c.difference.high,
            "p (Holm)": verdict.p_adjusted, "detectable": c and c.detectable,
            "seeds": c and c.seeds, "images": c and c.images, "covers": verdict.covers,
            "profile": verdict.profile, "remark": claim.remark, "rule": claim.digest,
        })
    table = pd.DataFrame(rows)
    floats = ("advantage", "low", "high", "p (Holm)", "detectable")
    return table.astype(dict.fromkeys(floats, float) | {"seeds": "Int64", "images": "Int64"})


def _decide(verdict: Verdict, p_adjusted: float | None = None) -> Verdict:
    """Status and reason from the comparisons.

    Supported: all are on the claimed side; contradicted: one is on the other side.

    The p of "all" is the largest of the single ones (an intersection of claims needs no correction), that of "one
    against" is the smallest times their number (Bonferroni); the claim's two-sided p is twice the smaller of the two.
    """
    comparisons, level = verdict.comparisons, verdict.claim.rule.level
    favourable = [c.p_value / 2 if c.difference.mean > 0 else 1 - c.p_value / 2 for c in comparisons]
    support = max(favourable)
    against = min(1.0, len(comparisons) * min(1 - p for p in favourable))
    p = min(1.0, 2 * min(support, against))
    adjusted = p if p_adjusted is None else p_adjusted
    verdict = replace(verdict, decides=int(np.argmax(favourable)), p_value=p, p_adjusted=adjusted)
    deciding = verdict.deciding
    above, below = (sum(c.difference.low > 0 for c in comparisons), sum(c.difference.high < 0 for c in comparisons))
    status = UNRESOLVED
    if deciding.seeds < verdict.claim.rule.min_seeds:
        why = f"{deciding.seeds} seed; the rule asks for {verdict.claim.rule.min_seeds}"
    elif adjusted <= 1 - level and above == len(comparisons):
        status, why = SUPPORTED, "the whole interval is on the claimed side"
    elif adjusted <= 1 - level and deciding.difference.high < 0:
        status, why = CONTRADICTED, "a whole interval is on the other side"
    elif above == len(comparisons) or below:
        why = "the interval leaves out 0, but not after adjusting for the other claims of its family"
    else:
        smallest = f"{deciding.detectable:.3g}"
        why = f"the interval holds 0; it takes a difference of {smallest} to be found with 80 % probability"
    if len(comparisons) > 1:
        why += f" ({above} of {len(comparisons)} comparisons on the claimed side, {below} on the other)"
    return replace(verdict, status=status, why=why)


def _compare(
    claim: Claim, ours: list[RunRecord], theirs: list[RunRecord] | None, rival: str | float, test: str, metric: str,
    variance: float, freedom: int,
) -> Comparison:
    """The paired difference, positive where the claimed side is better."""
    _same_test(ours + (theirs or []), test)
    better = np.array([record.per_image(test, metric) for record in ours])
    other = np.full_like(better, rival) if theirs is None else np.array([r.per_image(test, metric) for r in theirs])
    pair = (better, other) if metric in HIGHER_IS_BETTER else (other, better)
    found = compare(*pair, level=claim.rule.level, draws=claim.rule.draws)
    trainings = 1 if theirs is None else 2
    return widen(found, pair[0] - pair[1], trainings * variance / len(ours), freedom, claim.rule.level)


def seed_variance(records: Sequence[RunRecord], data: str, test: str, metric: str) -> tuple[float, int]:
    """Variance between the seeds of one method, of its mean error on a test, pooled over all methods trained on `data`;
    and its degrees of freedom, 0 where no method has two seeds."""
    groups: dict[str, list[float]] = {}
    for record in records:
        if record.result["spec"]["data"] == data and test in record.result["tests"]:
            groups.setdefault(record.result["spec"]["variant"], []).append(record.means(test)[metric])
    freedom = sum(len(means) - 1 for means in groups.values())
    squares = sum(float(np.square(np.array(means) - np.mean(means)).sum()) for means in groups.values())
    return (squares / freedom, freedom) if freedom else (0.0, 0)


def widen(comparison: Comparison, differences: np.ndarray, seed_part: float, freedom: int, level: float) -> Comparison:
    """The wider of the bootstrap interval and Student's, and the larger of both p.

    Args:
        differences: [seeds, images], as they were compared.
        seed_part: variance of the mean difference that comes from the seeds; `freedom`: its degrees of freedom.
    """
    from scipy.stats import t

    if not freedom:
        return comparison
    image_part = differences.mean(axis=0).var(ddof=1) / differences.shape[1] if differences.shape[1] > 1 else 0.0
    error = max(float(np.sqrt(image_part + seed_part)), np.finfo(float).tiny)
    mean, half = comparison.difference.mean, float(t.isf((1 - level) / 2, freedom)) * error
    wider = Interval(mean, min(comparison.difference.low, mean - half), max(comparison.difference.high, mean + half))
    return replace(
        comparison, difference=wider, p_value=max(comparison.p_value, float(2 * t.sf(abs(mean) / error, freedom))),
        detectable=max(comparison.detectable, half + float(t.isf(0.2, freedom)) * error),
    )


def _judge_parameters(claim: Claim, runs: dict[str, dict[int, RunRecord]], profile: str) -> Verdict:
    """Counts have no interval: the rule is met or not."""
    size = {name: next(iter(found.values())).result["parameters"] for name, found in runs.items()}
    extra, most = max(size[claim.better] / size[rival] - 1 for rival in claim.than), claim.extra_parameters
    found, allowed = (f"% {'more' if share >= 0 else 'fewer'}" for share in (extra, most))
    why = f"{size[claim.better]:,} parameters, {100 * abs(extra):.2f} {found}"
    why += f"; the rule allows {100 * abs(most):g} {allowed}"
    return Verdict(claim, SUPPORTED if extra <= most else CONTRADICTED, why, profile=profile)


def reproduction_table(paper: PublishedPaper, table: str, records: Sequence[RunRecord | None]) -> pd.DataFrame:
    """The printed numbers of a table beside ours, one row a cell.

    `verdict`: with the paper's own data at a profile that is not reduced, "reproduced" if the printed number lies in
    our interval widened by 3 % of it, "close" by 10 %, else "not reproduced". Reduced: "not comparable", whatever the
    numbers.
    """
    records = [record for record in records if record is not None]
    profile = _one_profile(records)
    reduced = profile is None or get_profile(profile).reduced
    data = _here(paper.stand_ins, paper.trained_on, profile)
    rows = []
    for row in paper.table(table).rows:
        found = _by_seed(records, row.variant, data)
        for column, printed in zip(paper.table(table).columns, row.values, strict=True):
            test = _here(paper.stand_ins, column.data, profile)
            ours, verdict = Interval(np.nan, np.nan, np.nan), row.gap or NOT_RUN
            if found:
                ours = interval(np.array([record.per_image(test, column.metric) for record in found.values()]))
                verdict = REDUCED if reduced else band(printed, ours.low, ours.high)
            rows.append({
                "method": row.label, "data": column.data, "metric": column.metric, "printed": printed,
                "measured on": test, "ours": ours.mean, "low": ours.low, "high": ours.high, "seeds": len(found),
                "verdict": verdict,
            })
    return pd.DataFrame(rows)


def band(printed: float | None, low: float, high: float) -> str:
    """How near a printed number is to our interval: see `reproduction_table`."""
    if printed is None:
        return "nothing printed"
    for word, share in (("reproduced", 0.03), ("close", 0.10)):
        if low - share * abs(printed) <= printed <= high + share * abs(printed):
            return word
    return "not reproduced"


def _here(stand_ins: Mapping[str, str], name: str, profile: str | None) -> str:
    """The name of one of the paper's data sets in our records: its stand-in unless the profile is not reduced."""
    return stand_ins.get(name, name) if profile is None or get_profile(profile).reduced else name


def _one_profile(records: Sequence[RunRecord]) -> str | None:
    specs = [record.result["spec"] for record in records]
    scales = {(spec["profile"], str(sorted(spec["overrides"].items()))) for spec in specs}
    if len(scales) > 1:
        found = " and ".join(f"profile {name} with overrides {overrides}" for name, overrides in sorted(scales))
        raise ValueError(f"records mix {found}: expected one scale")
    return next(iter(scales))[0] if scales else None


def _by_seed(records: Sequence[RunRecord], variant: str | None, data: str) -> dict[int, RunRecord]:
    found: dict[int, RunRecord] = {}
    for record in records:
        spec = record.result["spec"]
        if (spec["variant"], spec["data"]) == (variant, data):
            if spec["seed"] in found:
                raise ValueError(f"two records of {variant} on {data} with seed {spec['seed']}: expected one")
            found[spec["seed"]] = record
    return dict(sorted(found.items()))


def _same_test(records: Sequence[RunRecord], test: str) -> None:
    for record in records[1:]:
        other, first = (r.result["tests"][test] for r in (record, records[0]))
        if differing := [name for name in ("protocol", "data", "images") if other[name] != first[name]]:
            names = f"{records[0].folder.name} and {record.folder.name}"
            raise ValueError(f"records differ in {', '.join(differing)} of test {test!r}: {names}")
