"""Verdicts as files: a paper is judged once, where its runs are, and everything else reads `verdicts/<paper>.json`.

The file holds the numbers exactly. What the claims say, and what is in print, stands in the paper's `claims.yaml`
alone; the lock of that file is kept beside the verdicts, so that no verdict is shown under a claim or a rule that it
was not made by.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from depthlib.base import paths
from depthlib.base.stats import Interval
from depthlib.report.claims import Claim, PublishedPaper
from depthlib.report.comparison import Comparison
from depthlib.report.verdicts import STATUSES, Judged, Verdict, not_run

AS_THEY_ARE = ("status", "why", "decides", "p_value", "p_adjusted", "level", "profile")  # of a verdict

PARTS = ("seed_part", "frame_part", "rest")  # of a comparison


def verdict_file(folder: Path, paper: str) -> Path:
    return folder / "verdicts" / f"{paper}.json"


def write_verdicts(folder: Path, judged: Judged) -> Path:
    """Write the verdicts of a paper into a results folder; returns the file."""
    content = {
        "paper": judged.paper.key,
        "lock": judged.paper.lock,
        "runs": judged.runs,
        "verdicts": {verdict.claim.key: _as_dict(verdict) for verdict in judged.verdicts},
    }
    path = verdict_file(folder, judged.paper.key)
    with paths.atomic_write(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def read_verdicts(paper: PublishedPaper, *folders: Path) -> Judged:
    """The verdicts of a paper from the first results folder that has them, equal to those that were written.

    Where no folder has them, or the file is damaged or was made under another lock, all claims are "not run" and `gap`
    says why.
    """
    path = next((path for folder in folders if (path := verdict_file(folder, paper.key)).is_file()), None)
    if path is None:
        return not_run(paper, "its lesson has left no verdicts")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["lock"] != paper.lock:
            locks = f"lock {content['lock']}, now {paper.lock}"
            return not_run(paper, f"its claims or their rule changed after they were judged: {locks}")
        verdicts = tuple(_from_dict(claim, content["verdicts"][claim.key]) for claim in paper.claims)
        return Judged(paper, verdicts, int(content["runs"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        return not_run(paper, f"its verdicts cannot be read ({type(error).__name__}: {error})")


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    compared = (dict(zip(("rival", "test", "metric"), names, strict=True)) for names in verdict.claim.comparisons())
    comparisons = [names | asdict(found) for names, found in zip(compared, verdict.comparisons, strict=False)]
    return {name: getattr(verdict, name) for name in AS_THEY_ARE} | {"comparisons": comparisons}


def _from_dict(claim: Claim, entry: dict[str, Any]) -> Verdict:
    if entry["status"] not in STATUSES:
        raise ValueError(f"claim {claim.key}: status is {entry['status']!r}, expected one of {', '.join(STATUSES)}")
    comparisons = tuple(_comparison(found) for found in entry["comparisons"])
    known = (None, *range(len(comparisons)))
    if entry["decides"] not in known:
        raise ValueError(f"claim {claim.key}: decides is {entry['decides']!r}, expected one of {known}")
    return Verdict(claim, comparisons=comparisons, **{name: entry[name] for name in AS_THEY_ARE})


def _comparison(entry: dict[str, Any]) -> Comparison:
    numbers = {name: entry[name] for name in ("rival_error", "margin", "printed", "detectable", *PARTS)}
    return Comparison(
        Interval(**{end: float(value) for end, value in entry["difference"].items()}),
        seeds=int(entry["seeds"]),
        images=int(entry["images"]),
        unlearned=tuple(entry["unlearned"]),
        **{name: None if value is None else float(value) for name, value in numbers.items()},
    )
