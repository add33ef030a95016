"""Run records as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthlib.metrics.benchmark import HIGHER_IS_BETTER

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord


def runs_of(records: Sequence[RunRecord | None], variant: str, data: str | None = None) -> list[RunRecord]:
    """The records of one variant, in their order: one a seed where all were trained on the same data.

    Args:
        records: of one paper; None (a run that is missing) is passed over.
        data: only those that were trained on it.
    """
    specs = [(record, record.result["spec"]) for record in records if record is not None]
    return [record for record, spec in specs if spec["variant"] == variant and data in (None, spec["data"])]


def seed_means(records: Sequence[RunRecord], test: str, metric: str) -> np.ndarray:
    """Mean over the images of a test set, one value a record: [seeds]."""
    return np.array([record.means(test)[metric] for record in records])


def metric_table(rows: Mapping[str, tuple[Sequence[RunRecord], str]], metrics: Sequence[str]) -> pd.DataFrame:
    """One row a method: name -> (its records, one a seed; the test set).

    Cells read "mean ± standard deviation over seeds".

    A missing record (None) leaves a gap and is counted in the column `seeds`. An arrow says which way is better.
    """
    table = {}
    for name, (records, test) in rows.items():
        there = [record for record in records if record is not None]
        table[name] = {"seeds": f"{len(there)}" if len(there) == len(records) else f"{len(there)} of {len(records)}"}
        for metric in metrics:
            values = seed_means(there, test, metric)
            spread = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
            arrow = "↑" if metric in HIGHER_IS_BETTER else "↓"
            table[name][f"{metric} {arrow}"] = f"{values.mean():.3f}{spread}" if len(values) else None
    return pd.DataFrame(table).T


def protocol_card(*names: str) -> None:
    """Show what the protocols of those names measure, side by side: the card that belongs beside every table of
    errors.
    """
    from IPython.display import display

    from depthlib.protocols.protocol import load_protocol
    from depthlib.report.tables import html_text, markdown_text

    cards = pd.DataFrame({name: load_protocol(name).card() for name in names}).drop("name")
    cards.index.name = "protocol"
    display({"text/html": html_text(cards), "text/plain": markdown_text(cards)}, raw=True)
