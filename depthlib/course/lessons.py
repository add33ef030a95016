"""The lessons, in the order of the course."""

from __future__ import annotations

from dataclasses import dataclass

from depthlib.base import catalogue
from depthlib.course.at_paper_scale import declared
from depthlib.runs.spec import RunSpec


@dataclass(frozen=True)
class Lesson:
    """A notebook and the paper whose runs it shows.

    One that `sums_up` also looks at the runs and verdicts of all others, as far as they are there.
    """

    notebook: str
    paper: str
    sums_up: bool = False

    def runs(self, profile: str) -> list[RunSpec]:
        """Of a profile that the paper has no settings for yet, none."""
        rows = catalogue.part(self.paper, "rows")
        known = profile in rows.SCALES or profile == "paper" and declared(self.paper)
        return rows.runs(profile) if known else []


COURSE = (
    Lesson("00_start_here", "start"),
    Lesson("01_anuw", "anuw"),
    Lesson("02_dacnn", "dacnn"),
    Lesson("03_mobile", "mobile"),
    Lesson("04_dual_networks", "dual"),
    Lesson("05_synergy", "synergy"),
    Lesson("06_verdicts", "comparison", sums_up=True),
    Lesson("07_real_data", "start"),
)


def pick_lessons(names: list[str]) -> list[Lesson]:
    """Lessons by notebook name, number or paper key; all of them when `names` is empty.

    Raises ValueError for another name.
    """
    if not names:
        return list(COURSE)
    chosen = []
    for name in names:
        key = catalogue.RENAMED.get(name, name)
        found = [lesson for lesson in COURSE if key in (lesson.notebook, lesson.notebook[:2], lesson.paper)]
        if not found:
            raise ValueError(
                f"unknown lesson {name!r}: expected one of {', '.join(lesson.notebook for lesson in COURSE)}"
            )
        chosen += [lesson for lesson in found if lesson not in chosen]
    return chosen
