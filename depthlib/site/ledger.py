"""Every claim of every paper with what became of it, as the lessons have left it: the rows of the ledger.

Nothing is judged here. A paper without verdicts leaves its claims at "not run" and is named as a gap.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import inf
from pathlib import Path

from depthlib.report.claims import FOLDER, KINDS, PublishedPaper, load_paper
from depthlib.report.verdict_files import read_verdicts
from depthlib.report.verdicts import STATUSES, Verdict
from depthlib.site.lesson import Gap

NAMES = {  # the five papers of the course, in its order; one that is not built yet is a gap
    "anuw": "ANUW",
    "dacnn": "DACNN",
    "mobile": "Depth on phones",
    "dual": "Dual networks",
    "synergy": "Look Deeper",
}


@dataclass(frozen=True)
class Row:
    """One claim.

    Attributes:
        printed: the paper's own numbers, one text a comparison, better side first.
    """

    verdict: Verdict
    printed: list[str]

    @property
    def worth(self) -> tuple[float, float, float] | None:
        """Effect, low and high end in units of the detectable difference, for the drawing; None without an effect."""
        found = self.verdict.deciding
        if found is None or not 0 < found.detectable < inf:
            return None
        return tuple(
            end / found.detectable for end in (found.difference.mean, found.difference.low, found.difference.high)
        )


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
        """Verdict -> number of claims."""
        found = Counter(row.verdict.status for row in self.rows)
        return {word: found[word] for word in STATUSES}

    @property
    def by_kind(self) -> dict[str, dict[str, int]]:
        """The paper's claims, our questions and mere counts apart: kind -> verdict -> number."""
        found = Counter((row.verdict.claim.kind, row.verdict.status) for row in self.rows)
        return {kind: {word: found[kind, word] for word in STATUSES} for kind in KINDS}


def read_ledger(folder: Path, papers: Path = FOLDER) -> tuple[list[PaperLedger], list[Gap]]:
    """The ledgers of all papers and what is missing.

    Args:
        folder: `results/<profile>`, whose `verdicts/` the lessons have written.
        papers: folder with a folder a paper, in it `claims.yaml`.
    """
    gaps: list[Gap] = []
    keys = {path.parent.name for path in papers.glob("*/claims.yaml")}
    ledgers = []
    for key in [*NAMES, *sorted(keys - set(NAMES))]:
        name = NAMES.get(key, key)
        paper = _paper(key, name, papers, gaps) if key in keys else None
        if key not in keys:
            gaps.append(Gap(name, "its claims are not entered yet; not run"))
        rows, runs = [], 0
        if paper:
            judged = read_verdicts(paper, folder)
            if judged.gap:
                gaps.append(Gap(name, f"{judged.gap}; its claims are not run"))
            rows = [Row(verdict, _printed(paper, verdict)) for verdict in judged.verdicts]
            runs = judged.runs
        ledgers.append(PaperLedger(key, name, paper, rows, runs))
    return ledgers, gaps


def _paper(key: str, name: str, papers: Path, gaps: list[Gap]) -> PublishedPaper | None:
    try:
        return load_paper(key, papers)
    except Exception as error:  # whatever is wrong with one file must not cost the page of the others
        gaps.append(Gap(name, f"its claims cannot be read: {error}"))
        return None


def _printed(paper: PublishedPaper, verdict: Verdict) -> list[str]:
    return [f"{better:g} against {rival:g}" for better, rival in paper.printed(verdict.claim)]
