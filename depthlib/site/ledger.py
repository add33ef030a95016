"""Every claim of every paper with what became of it in the published runs of a profile: the rows of the ledger.

Whatever is missing (a paper, its runs, a record that cannot be read) leaves its claims at "not run" and is named as a gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depthlib.report.claims import FOLDER, Claim, PublishedPaper, load_paper
from depthlib.report.verdicts import CONTRADICTED, NOT_RUN, SUPPORTED, UNRESOLVED, UNTESTABLE, Verdict, judge_all
from depthlib.runs.profiles import get_profile
from depthlib.runs.store import RECORD, CorruptRecord, RunRecord, read_record
from depthlib.site.lesson import Gap

WORDS = (SUPPORTED, CONTRADICTED, UNRESOLVED, NOT_RUN, UNTESTABLE)
NAMES = {       # the five papers of the course, in its order; one that is not built yet is a gap
    "anuw": "ANUW", "dacnn": "DACNN", "mobile": "Depth on phones", "dual": "Dual networks", "synergy": "Look Deeper",
}


@dataclass(frozen=True)
class Row:
    """One claim.

    Attributes:
        printed: the paper's own numbers, one text a comparison, better side first.
        measured: whom the effect compares, and by what, "b against a: si_rmse on streets".
        worth: effect, low and high end in units of the detectable difference, for the drawing; None without an effect.
    """

    claim: Claim
    verdict: Verdict
    printed: list[str]
    measured: str
    worth: tuple[float, float, float] | None


@dataclass(frozen=True)
class PaperLedger:
    """A paper's claims; `paper` is None where its file is missing or cannot be read."""

    key: str
    name: str
    paper: PublishedPaper | None
    rows: list[Row]
    runs: int

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(row.verdict.status for row in self.rows)
        return {word: found[word] for word in WORDS}


def read_ledger(folder: Path, profile: str, papers: Path = FOLDER) -> tuple[list[PaperLedger], list[Gap]]:
    """The ledgers of all papers and what is missing.

    Args:
        folder: `results/<profile>`, whose `runs/` holds the published records.
        papers: folder of the papers' YAML files.
    """
    gaps: list[Gap] = []
    records = read_records(folder / "runs", profile, gaps)
    keys = {path.stem for path in papers.glob("*.yaml")}
    ledgers = []
    for key in [*NAMES, *sorted(keys - set(NAMES))]:
        mine = [record for record in records if record.result["spec"]["paper"] == key]
        paper = _paper(key, papers, gaps) if key in keys else None
        if key not in keys:
            gaps.append(Gap(NAMES[key], "its claims are not entered yet; not run"))
        elif paper and not mine:
            gaps.append(Gap(NAMES.get(key, key), f"no runs of profile {profile} are published; its claims are not run"))
        rows = [_row(paper, verdict) for verdict in _verdicts(paper, mine, gaps)] if paper else []
        ledgers.append(PaperLedger(key, NAMES.get(key, key), paper, rows, len(mine)))
    return ledgers, gaps


def read_records(folder: Path, profile: str, gaps: list[Gap]) -> list[RunRecord]:
    """All records of a folder that can be read and are of this profile, in the order of their names."""
    found = []
    for path in sorted(folder.glob(f"*/{RECORD}")):
        try:
            record = read_record(path.parent)
            if record.result["spec"]["profile"] != profile:
                raise ValueError(f"it is of profile {record.result['spec']['profile']}")
            found.append(record)
        except (CorruptRecord, ValueError, KeyError, TypeError) as error:
            why = "its record cannot be read" if isinstance(error, CorruptRecord) else str(error)
            gaps.append(Gap(f"run {path.parent.name}", f"left out: {why}"))
    return found


def _paper(key: str, papers: Path, gaps: list[Gap]) -> PublishedPaper | None:
    try:
        return load_paper(key, papers)
    except Exception as error:          # whatever is wrong with one file must not cost the page of the others
        gaps.append(Gap(NAMES.get(key, key), f"its claims cannot be read: {error}"))
        return None


def _verdicts(paper: PublishedPaper, records: Sequence[RunRecord], gaps: list[Gap]) -> list[Verdict]:
    """The verdicts; if the records do not fit together, nothing is judged, for a claim less would make the others easier."""
    try:
        return judge_all(paper, records)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        why = f"its runs cannot be judged ({type(error).__name__}: {error})"
        gaps.append(Gap(NAMES.get(paper.key, paper.key), why))
        return [
            Verdict(claim, UNTESTABLE, claim.untestable, digest=claim.digest) if claim.untestable
            else Verdict(claim, NOT_RUN, why, digest=claim.digest)
            for claim in paper.claims
        ]


def _row(paper: PublishedPaper, verdict: Verdict) -> Row:
    claim, found = verdict.claim, verdict.deciding
    printed = [f"{better:g} against {rival:g}" for better, rival in paper.printed(claim)]
    if found is None:
        return Row(claim, verdict, printed, "", None)
    # by identity: two comparisons may be equal in all numbers
    rival, test, metric = claim.comparisons()[next(i for i, c in enumerate(verdict.comparisons) if c is found)]
    here = paper.stand_ins.get(test, test) if get_profile(verdict.profile).reduced else test
    ends = (found.difference.mean, found.difference.low, found.difference.high)
    worth = tuple(end / found.detectable for end in ends) if found.detectable > 0 else None
    return Row(claim, verdict, printed, f"{claim.better} against {rival}: {metric} on {here}", worth)
