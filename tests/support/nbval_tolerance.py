"""pytest plugin: run executed notebooks again with nbval, compare numbers within a stated tolerance, believe no stale
file.

    pytest --nbval --nbval-current-env --nbval-cell-timeout 300 -n 2 --dist loadscope results/smoke

- A cell tagged `nbval-rtol=1e-2` may print numbers that differ by 1 % of the stored ones; `nbval-atol=1e-8` adds an
  absolute margin, for differences that ought to be zero. Nothing else of the cell may change. Cells without such a tag
  stay exact. Write a number apart from its unit ("0.12 m"): what is glued to letters is text.
- Before anything runs, the gate refuses files that are unfinished, failed or stale.
- Results are written to a fresh folder (`DEPTHLIB_OUT`), the runs of `--notebook-runs` or else the committed ones are
  used, none is trained again (`DEPTHLIB_TRAIN=never`).
- Pictures are not compared, nor is their size; that there is one, and the caption under it, is.

nbval has no hook for this: `compare_outputs` and `collect` are replaced, which is why its version is pinned.
"""

from __future__ import annotations

import copy
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from depthlib.base import paths
from depthlib.course.notebooks.gate import check_executed

NUMBER = r"(?<![\w.#])[-+\u2212]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN|inf|Infinity)(?!\w|\.\d)"
IN_TEXT = re.compile(f"(?P<number>{NUMBER})")
IN_HTML = re.compile(f"<[^<>]*>|(?P<number>{NUMBER})")  # what stands inside a tag is not a result
TEXT = {"text/plain": IN_TEXT, "text/markdown": IN_TEXT, "text/latex": IN_TEXT, "text/html": IN_HTML}
TAG = re.compile(r"nbval-(?P<kind>[ra]tol)=(?P<value>.*)")
PICTURES = ("image/png", "image/jpeg")


@dataclass(frozen=True)
class Tolerance:
    """|new - stored| <= rtol * |stored| + atol."""

    rtol: float = 0.0
    atol: float = 0.0

    @classmethod
    def of(cls, tags: Iterable[str]) -> Tolerance | None:
        """What a cell's tags say; None if they say nothing. Raises ValueError for a tag that is not a number in [0,
        1).
        """
        given: dict[str, float] = {}
        for tag in tags:
            if match := TAG.fullmatch(tag):
                try:
                    given[match["kind"]] = float(match["value"])
                except ValueError:
                    given[match["kind"]] = math.nan
                if not 0 <= given[match["kind"]] < 1:
                    raise ValueError(f"tag {tag!r}: expected a number from 0 to below 1, for example nbval-rtol=1e-2")
        return cls(**given) if given else None

    def accepts(self, new: str, stored: str) -> bool:
        a, b = _value(new), _value(stored)
        if math.isfinite(a) and math.isfinite(b):
            return abs(a - b) <= self.rtol * abs(b) + self.atol
        return a == b or (math.isnan(a) and math.isnan(b))


def snap(new: str, stored: str, tolerance: Tolerance, pattern: re.Pattern[str] = IN_TEXT) -> tuple[str, str, list[str]]:
    """Both texts with runs of blanks and rules shortened, and with the stored spelling for numbers that are close
    enough.

    They are equal exactly if nothing but such numbers differed. The list says which numbers were too far off.
    """
    new, stored = _shortened(new), _shortened(stored)
    kept = [match["number"] for match in pattern.finditer(stored) if match["number"]]
    count = sum(1 for match in pattern.finditer(new) if match["number"])
    if count != len(kept):
        return new, stored, [f"stored {len(kept)} numbers, new {count}"]
    remaining, wrong = iter(kept), []

    def settle(match: re.Match[str]) -> str:
        if match["number"] is None:
            return match[0]
        reference = next(remaining)
        if tolerance.accepts(match[0], reference):
            return reference
        wrong.append(f"stored {reference}, new {match[0]}: beyond rtol={tolerance.rtol:g}, atol={tolerance.atol:g}")
        return match[0]

    return pattern.sub(settle, new), stored, wrong


def compare_outputs(cell: IPyNbCell, new: list, stored: list, skip_compare: tuple[str, ...] | None = None) -> bool:
    """nbval's comparison after numbers within the cell's tolerance were made equal."""
    tolerance = Tolerance.of(cell.cell.metadata.get("tags", []))
    new, stored = ([copy.deepcopy(o) for o in outputs if not _is_wiped_bar(o)] for outputs in (new, stored))
    wrong: list[str] = []
    for a, b in zip(new, stored, strict=False):  # other lengths fail in nbval's own comparison
        _forget_picture(a, b)
        if tolerance is None:
            continue
        if a.output_type == b.output_type == "stream":
            a.text, b.text, found = snap(a.text, b.text, tolerance)
            wrong += found
        for mime, pattern in TEXT.items():
            if mime in a.get("data", {}) and mime in b.get("data", {}):
                a.data[mime], b.data[mime], found = snap(
                    _joined(a.data[mime]), _joined(b.data[mime]), tolerance, pattern
                )
                wrong += found
    equal = exact_comparison(cell, new, stored, skip_compare)
    if not equal:
        cell.comparison_traceback += wrong
    return equal


def _is_wiped_bar(output: object) -> bool:
    """A progress bar that has taken itself away again: it appears where frames are rendered, and not where they are in
    the cache.
    """
    if output.output_type != "stream" or output.name != "stderr" or "\n" in output.text:
        return False
    return not output.text.rstrip("\r").rpartition("\r")[2].strip()


def collect(file: IPyNbFile):
    """nbval's collection, if the gate has no objection."""
    path = Path(file.path)
    source = Path(file.config.getoption("notebook_sources") or paths.notebooks_dir()) / path.name
    if problems := check_executed(path, source):
        raise pytest.Collector.CollectError(
            f"{path.name} is refused\n" + "\n".join(f"- {problem}" for problem in problems)
        )
    yield from all_cells(file)


exact_comparison, all_cells = IPyNbCell.compare_outputs, IPyNbFile.collect


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--notebook-sources", default=None, help="folder of the source notebooks (default: notebooks/)")
    parser.addoption(
        "--notebook-runs", default=None, help="run store of the notebooks (default: none, the committed runs serve)"
    )


def pytest_configure(config: pytest.Config) -> None:
    IPyNbCell.compare_outputs, IPyNbFile.collect = compare_outputs, collect
    config.stash[OUT] = tempfile.mkdtemp(prefix="depthlib-check-")
    os.environ |= {
        "DEPTHLIB_OUT": config.stash[OUT],
        "DEPTHLIB_TRAIN": "never",
        "DEPTHLIB_STORE": config.getoption("notebook_runs") or os.path.join(config.stash[OUT], "runs"),
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    IPyNbCell.compare_outputs, IPyNbFile.collect = exact_comparison, all_cells
    shutil.rmtree(config.stash[OUT], ignore_errors=True)


OUT = pytest.StashKey[str]()


def _value(number: str) -> float:
    return float(number.replace("\u2212", "-"))


def _shortened(text: str) -> str:
    """Widths of columns follow the numbers in them, so blanks and rules may be longer or shorter."""
    text = re.sub(r"[ \t]+", " ", re.sub(r"([-=─═])\1{2,}", r"\1\1\1", text))
    return re.sub(r" ?\n ?", "\n", text).strip(" ")


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _forget_picture(new: dict, stored: dict) -> None:
    """Where both show a picture, its repr ("<Figure size 720x300 with 2 Axes>") says nothing that has to be equal."""
    both = (new.get("data", {}), stored.get("data", {}))
    for data in both:
        if all(any(name in d for name in PICTURES) for d in both) and re.fullmatch(
            r"<.*>", _joined(data.get("text/plain", ""))
        ):
            data["text/plain"] = "<picture>"
