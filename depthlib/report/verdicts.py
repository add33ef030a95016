"""Do our runs bear out what a paper claims? Verdicts by locked rules.

A verdict speaks of a mechanism at the scale it was run at. Whether a printed number was reproduced is another question,
see `depthlib.report.reproduction`.

A claim is judged by its paired differences over seeds and test frames (`depthlib.base.stats_paired`), by the seeds that
its rule names, all of them and no others, of networks that have learned (`depthlib.report.learned`), in one of three
ways (`depthlib.report.decide`), with Holm's correction within its family (`depthlib.base.stats_holm`). The claims of a
paper in one table are a family, questions of ours are families of their own, and a claim that hangs on another one is
asked only where that one is supported. A family counts all its claims that are estimated, also those that were not run:
leaving runs out makes nothing easier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats_holm import holm
from depthlib.base.stats_power import detectable
from depthlib.report.comparison import Comparison, compare, errors, slopes
from depthlib.report.decide import CONTRADICTED, DECIDED, NO_DIFFERENCE, SUPPORTED, answer, least_favourable, ways
from depthlib.report.error_scale import as_error
from depthlib.report.glance import glance
from depthlib.report.learned import floor_of, learned
from depthlib.report.matching import by_seed, here, one_profile, same_test
from depthlib.report.reasons import judged_why, too_small, unresolved_why
from depthlib.runs.pilot import FIRST_PILOT
from depthlib.runs.profiles import get_profile

if TYPE_CHECKING:
    from depthlib.report.claims import Claim, PublishedPaper
    from depthlib.runs.store import RunRecord

STATUSES = *_, UNRESOLVED, NOT_LEARNED, NOT_RUN, UNTESTABLE = (
    *DECIDED,
    "not resolved",
    "not learned",
    "not run",
    "not testable here",
)
Runs = Mapping[str, Sequence["RunRecord"]]


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes:
        status: one of `STATUSES`.
        why: in a sentence.
        comparisons: in the order of `claim.comparisons()`; a positive difference is on the claimed side.
        decides: position of the comparison on which the verdict hangs: that of the answer, else the least favourable.
        p_value: the smallest level at which the claim is decided by itself; `p_adjusted`: after Holm within the family.
        level: at which it was asked within its family; 0 where its turn did not come.
    """

    claim: Claim
    status: str
    why: str
    comparisons: tuple[Comparison, ...] = ()
    decides: int | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    level: float = 0.0
    profile: str | None = None

    @property
    def deciding(self) -> Comparison | None:
        return None if self.decides is None else self.comparisons[self.decides]

    @property
    def compared(self) -> str:
        """Whom the deciding comparison compares, and by what: "b against a: si_rmse on streets"."""
        if self.decides is None:
            return ""
        rival, test, metric = self.claim.comparisons()[self.decides]
        return f"{self.claim.better} against {rival}: {metric} on {here(self.claim.stand_ins, test, self.profile)}"


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


def judge_all(paper: PublishedPaper, records: Sequence[RunRecord | None], stored: Judged | None = None) -> Judged:
    """The verdicts on all claims of a paper.

    At a profile that does not decide, claims are "not run", with a look at the effects (`depthlib.report.glance`).

    Args:
        records: runs of the paper, floors among them, in any order; None (a run that is missing) is passed over.
        stored: verdicts to compare with, at such a profile.

    Raises:
        ValueError: records that cannot be compared: of several profiles or overrides, the same run twice, or with
            different test images or protocols.
    """
    there = [record for record in records if record is not None and record.result["spec"]["seed"] < FIRST_PILOT]
    profile = one_profile(there)
    kept = {} if stored is None else {verdict.claim.key: verdict for verdict in stored.verdicts}
    verdicts = {claim.key: _measured(paper, claim, there, profile, kept.get(claim.key)) for claim in paper.claims}
    for family in {(claim.family, claim.whose) for claim in paper.claims}:
        members = [claim for claim in paper.claims if (claim.family, claim.whose) == family and claim.is_estimated]
        verdicts |= _judged_together(members, verdicts, members[0].rule.level) if members else {}
    return Judged(paper, tuple(verdicts.values()), len(there))


def not_run(paper: PublishedPaper, why: str) -> Judged:
    """All claims of a paper without a verdict for the same reason, but those that cannot be tested here anyway."""
    verdicts = (
        Verdict(claim, UNTESTABLE, claim.untestable) if claim.untestable is not None else Verdict(claim, NOT_RUN, why)
        for claim in paper.claims
    )
    return Judged(paper, tuple(verdicts), gap=why)


def _measured(
    paper: PublishedPaper, claim: Claim, records: Sequence[RunRecord], profile: str | None, stored: Verdict | None
) -> Verdict:
    """The comparisons of a claim, not yet decided; or why there are none."""
    if claim.untestable is not None:
        return Verdict(claim, UNTESTABLE, claim.untestable)
    data = here(claim.stand_ins, claim.data, profile)
    sides = [v for v in (claim.better, *claim.than) if isinstance(v, str)]
    runs = {v: by_seed(records, v, data) for v in sides}
    at_doses = {(v, dose): by_seed(records, v, dose) for v in sides for dose in claim.doses}
    if missing := [name for name, found in runs.items() if not found]:
        return Verdict(claim, NOT_RUN, f"no runs of {', '.join(missing)} on {data}", profile=profile)
    if missing := [" on ".join(names) for names, found in at_doses.items() if not found]:
        return Verdict(claim, NOT_RUN, f"no runs of {', '.join(missing)}", profile=profile)
    if not get_profile(profile).meaningful:
        return Verdict(claim, NOT_RUN, f"profile {profile} only proves that the code runs", profile=profile)
    if claim.extra_parameters is not None:
        return _count_parameters(claim, runs, profile)
    common = set(claim.seeds).intersection(*runs.values(), *at_doses.values())
    decides = get_profile(profile).decides
    if len(common) < (len(claim.seeds) if decides else 1):
        why = f"needs {len(claim.seeds)} seeds, 0 to {claim.seeds[-1]}, of every method; has {len(common)}"
        return Verdict(claim, UNRESOLVED, why, profile=profile)
    chosen, dosed = (
        {name: [found[seed] for seed in sorted(common)] for name, found in all_.items()} for all_ in (runs, at_doses)
    )
    try:
        floors = {place: _floor(claim, records, data, place, profile) for place in _gates(claim)}
    except LookupError as error:
        return Verdict(claim, NOT_RUN, str(error), profile=profile)
    if not decides:
        why = f"no verdict at profile {profile}; {glance(claim, chosen, floors, profile, stored)}"
        return Verdict(claim, NOT_RUN, why, profile=profile)
    found = tuple(_compared(paper, claim, chosen, dosed, names, floors, profile) for names in claim.comparisons())
    return Verdict(claim, UNRESOLVED, "", found, least_favourable(found), profile=profile)


def _gates(claim: Claim) -> set[tuple[str, str]]:
    """The (test, metric) pairs, under the paper's names, on which the networks of a claim must have learned."""
    if claim.learned_by is not None:
        return {tuple(claim.learned_by.split("/"))}
    return {(test, metric) for _, test, metric in claim.comparisons()}


def _floor(claim: Claim, records: Sequence[RunRecord], data: str, place: tuple[str, str], profile: str) -> RunRecord:
    test, metric = here(claim.stand_ins, place[0], profile), place[1]
    floor = floor_of(records, data, test, metric)
    if floor is None:
        raise LookupError(f"no floor was measured by {metric} on {test}")
    return floor


def _compared(
    paper: PublishedPaper,
    claim: Claim,
    runs: Runs,
    dosed: Mapping[tuple[str, str], Sequence[RunRecord]],
    names: tuple[str | float, str, str],
    floors: Mapping[tuple[str, str], RunRecord],
    profile: str,
) -> Comparison:
    rival, test, metric = names
    place = here(claim.stand_ins, test, profile)
    sides = [claim.better, *([rival] if isinstance(rival, str) else [])]
    same_test([record for side in sides for record in runs[side]], place)
    must = sides[:1] if claim.rival_may_fail else sides
    gate = next(iter(floors)) if claim.learned_by is not None else (test, metric)
    unlearned = tuple(
        side
        for side in must
        if not learned(runs[side], floors[gate], here(claim.stand_ins, gate[0], profile), gate[1], claim.rule.learned)
    )
    ours = errors(runs[claim.better], place, metric)
    theirs = errors(runs[rival], place, metric) if isinstance(rival, str) else as_error(metric, rival)
    if claim.doses:
        same_test([record for group in dosed.values() for record in group], place)
        ours, theirs = (
            slopes([errors(dosed[side, data], place, metric) for data in claim.doses], claim.doses.values())
            for side in sides
        )
    scale = theirs
    if claim.margin_of is not None:
        of, by = claim.margin_of.split("/")
        scale = errors(runs[sides[-1]], here(claim.stand_ins, of, profile), by)
    return compare(
        ours,
        theirs,
        level=claim.rule.level,
        margin=max(0.0, claim.rule.margin * float(np.mean(scale))),
        relative=claim.margin_of is None,
        printed=paper.printed_effect(claim, *names),
        unlearned=unlearned,
    )


def _judged_together(members: Sequence[Claim], verdicts: Mapping[str, Verdict], level: float) -> dict[str, Verdict]:
    """The verdicts of one family, by key."""
    found = {claim.key: ways(verdicts[claim.key].comparisons) for claim in members}
    smallest = {key: min(p for p, _ in one.values()) for key, one in found.items()}
    keys = list(found)
    after = [None if claim.after is None else keys.index(claim.after) for claim in members]
    adjusted = dict(zip(keys, holm(list(smallest.values()), after, level=level), strict=True))
    judged = dict(verdicts)
    for claim in sorted(members, key=lambda claim: _depth(claim, members)):
        verdict, one = verdicts[claim.key], adjusted[claim.key]
        if verdict.comparisons:
            has_turn = claim.after is None or judged[claim.after].status == SUPPORTED
            p, share = (one.p, one.share) if has_turn else (1.0, 0.0)
            verdict = replace(verdict, p_value=smallest[claim.key], p_adjusted=p, level=level * share)
            judged[claim.key] = _decided(verdict, found[claim.key])
    return {key: judged[key] for key in keys}


def _depth(claim: Claim, members: Sequence[Claim]) -> int:
    """How many claims a claim hangs on, one on the other."""
    return 0 if claim.after is None else 1 + _depth(next(one for one in members if one.key == claim.after), members)


def _decided(verdict: Verdict, found: Mapping[str, tuple[float, int]]) -> Verdict:
    """Status, reason and detectable differences at the level at which the claim was asked."""
    level = verdict.level or verdict.claim.rule.level
    comparisons = tuple(replace(one, detectable=detectable(one.paired, level)) for one in verdict.comparisons)
    verdict = replace(verdict, comparisons=comparisons)
    said = answer(found, verdict.level) if verdict.p_adjusted <= verdict.claim.rule.level else None
    if said is not None:
        verdict = replace(verdict, decides=found[said][1])
    if said == NO_DIFFERENCE and too_small(verdict):
        said = None
    if said is not None:
        return replace(verdict, status=said, why=judged_why(verdict, said))
    if failed := sorted({side for one in comparisons for side in one.unlearned}):
        why = f"{' and '.join(failed)} {'is' if len(failed) == 1 else 'are'} not far enough below the floor"
        return replace(verdict, status=NOT_LEARNED, why=why)
    return replace(verdict, status=UNRESOLVED, why=unresolved_why(verdict))


def _count_parameters(claim: Claim, runs: Mapping[str, Mapping[int, RunRecord]], profile: str) -> Verdict:
    """Counts have no interval: the rule is met or not."""
    size = {name: next(iter(found.values())).result["parameters"] for name, found in runs.items()}
    extra, most = max(size[claim.better] / size[rival] - 1 for rival in claim.than), claim.extra_parameters
    found, allowed = (f"% {'more' if share >= 0 else 'fewer'}" for share in (extra, most))
    why = f"{size[claim.better]:,} parameters, {100 * abs(extra):.2f} {found}"
    why += f"; the rule allows {100 * abs(most):g} {allowed}"
    return Verdict(claim, SUPPORTED if extra <= most else CONTRADICTED, why, profile=profile)
