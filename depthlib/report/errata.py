"""What is wrong or open in a paper, as a table for its notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from depthlib.report.claims import PublishedPaper


def errata_table(paper: PublishedPaper) -> pd.DataFrame:
    """One row an erratum, in the order of the file: its number, what is printed, what is done here, and why."""
    rows = [(e.key, e.in_print, e.here, e.why) for e in paper.errata]
    return pd.DataFrame(rows, columns=["erratum", "in print", "here", "why"])
