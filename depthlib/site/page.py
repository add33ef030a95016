"""`results/<profile>/index.html`: all claims, figures and tables on one page that opens from disk.

Everything the page needs is inside it, and its content security policy lets a browser fetch nothing. Missing or broken
results are named as gaps. The same inputs give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from depthlib.base import paths
from depthlib.report.claims import FOLDER, KINDS
from depthlib.report.verdicts import STATUSES
from depthlib.runs.profiles import Profile, get_profile
from depthlib.site.interval_svg import interval_svg
from depthlib.site.ledger import PaperLedger, Row, read_ledger
from depthlib.site.lesson import Gap, Item, LessonResults, read_lesson
from depthlib.site.notebook_html import policy, script, stylesheet, templates, write_notebook_html
from depthlib.site.pictures import embed
from depthlib.site.prose import to_html

if TYPE_CHECKING:
    from depthlib.course.lessons import Lesson

PAGE = "index.html"
PICTURES_LIMIT = 4_800_000  # characters of all pictures: the whole page stays below 6 MB
KIND_WORDS = ("claims of the papers", "our questions", "counts of parameters and operations")
KIND_NAMES = dict(zip(KINDS, KIND_WORDS, strict=True))
SLUGS = {word: word.replace(" ", "-") for word in STATUSES}


@dataclass(frozen=True)
class LessonView:
    """A lesson as the template shows it: `page` and `file` are links, or None where there is nothing to link to."""

    results: LessonResults
    paper: str
    page: str | None
    file: str | None
    versions: str


def write_page(profile: str, *, lessons: Sequence[Lesson] | None = None, papers: Path = FOLDER) -> Path:
    """Write the report of `results/<profile>` and the executed notebooks as pages; returns the path of the report.

    Args:
        profile: "quick", ...; where its results lie is for `depthlib.base.paths` to say.
        lessons: in order; those of the course by default. papers: folder with a folder a paper.
    Raises:
        ValueError: an unknown profile. Missing and broken results raise nothing.
    """
    if lessons is None:
        from depthlib.course.lessons import COURSE as lessons

    folder, scale = paths.results_dir(profile), get_profile(profile)
    ledgers, gaps = read_ledger(folder, papers)
    views = []
    for lesson, results in [(lesson, read_lesson(folder, lesson.notebook)) for lesson in lessons]:
        gaps += results.gaps
        views.append(_view(folder, lesson, results, lessons, gaps))
    target = folder / PAGE
    with paths.atomic_write(target) as temporary:
        temporary.write_text(render(folder, scale, ledgers, views, gaps), encoding="utf-8", newline="\n")
    return target


def render(folder: Path, scale: Profile, ledgers: list[PaperLedger], views: list[LessonView], gaps: list[Gap]) -> str:
    """The page as text."""
    images = {anchor(view, item): item.image for view in views for item in view.results.items if item.image is not None}
    code = script("page.js")
    counts = {word: sum(ledger.counts[word] for ledger in ledgers) for word in STATUSES}
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            profile=scale,
            ledgers=ledgers,
            lessons=views,
            gaps=gaps,
            counts=counts,
            total=sum(counts.values()),
            by_kind={
                KIND_NAMES[kind]: {word: sum(ledger.by_kind[kind][word] for ledger in ledgers) for word in STATUSES}
                for kind in KINDS
            },
            slugs=SLUGS,
            runs=sum(ledger.runs for ledger in ledgers),
            pictures=embed(images, PICTURES_LIMIT),
            policy=policy(code),
            css=Markup(stylesheet("page.css")),
            script=Markup(code),
            anchor=anchor,
            href=lambda name: quote(name),
            prose=lambda text: Markup(to_html(text, folder)),
            drawing=lambda row: Markup(interval_svg(row.worth)),
            sample=Markup(interval_svg((0.6, 0.1, 1.1))),
            effect=effect,
            looks=lambda ledger, row: looks(views, ledger, row),
        )
    )


def anchor(view: LessonView, item: Item | None = None) -> str:
    """The id of a lesson, or of one of its figures or tables; different names have different ids."""
    parts = [view.results.name] + ([item.shown.kind, item.shown.name] if item else [])
    return ".".join(quote(part, safe="") for part in parts)


def looks(views: list[LessonView], ledger: PaperLedger, row: Row) -> list[tuple[str, str]]:
    """Where to read more of a claim, as (words, id): its table in the paper's lesson or all verdicts, and the
    lesson.
    """
    view = next((view for view in views if view.paper == ledger.key), None)
    if view is None:
        return []
    found = [(name, view.results.find("table", name)) for name in (row.verdict.claim.family, "verdicts")]
    places = [
        ("the paper's table" if name != "verdicts" else "all verdicts", anchor(view, item))
        for name, item in found
        if item
    ]
    return [*places[:1], ("lesson", anchor(view))]


def numbers(*values: float, sign: bool = True) -> list[str]:
    """Numbers that are read together, in as many decimals as give the largest three digits, with real minus signs."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    decimals = min(max(2 - math.floor(math.log10(largest)), 0), 6) if largest else 2
    return [f"{value:{'+' if sign else ''}.{decimals}f}".replace("-", "−") for value in values]


def effect(row: Row) -> dict[str, str]:
    """The numbers of a row's effect as text."""
    found = row.verdict.deciding
    ends = (found.difference.mean, found.difference.low, found.difference.high)
    names = ("mean", "low", "high", "detectable")
    texts = dict(zip(names, numbers(*ends, found.detectable), strict=True))
    return texts | {"detectable": texts["detectable"].lstrip("+")}


def _view(
    folder: Path, lesson: Lesson, results: LessonResults, lessons: Sequence[Lesson], gaps: list[Gap]
) -> LessonView:
    """Renders the lesson's notebook as a page too."""
    name, page = lesson.notebook, None
    if results.notebook is not None:
        names = [other.notebook for other in lessons if (folder / f"{other.notebook}.ipynb").is_file()]
        there = {f"{other}.ipynb": f"{other}.html" for other in names}
        try:
            write_notebook_html(folder / f"{name}.ipynb", folder / "html" / f"{name}.html", there)
            page = f"html/{name}.html"
        except Exception as error:  # one notebook that cannot be shown must not cost the report
            gaps.append(Gap(name, f"the notebook cannot be rendered as a page: {type(error).__name__}: {error}"))
    versions = (results.notebook.metadata.get("depthlib", {}).get("versions", {}) if results.notebook else {}) or {}
    shown = ", ".join(f"{key} {versions[key]}" for key in ("python", "torch", "numpy") if key in versions)
    file = f"{name}.ipynb" if (folder / f"{name}.ipynb").is_file() else None
    return LessonView(results, lesson.paper, page, file, shown)
