"""What was tried before the rows of a paper were locked, as a table: see `depthlib.runs.pilot`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from depthlib.runs import pilot

if TYPE_CHECKING:
    import pandas as pd


def trials_table(paper: str, *folders: Path) -> pd.DataFrame | None:
    """The learning rates that were tried, a row a variant: the mean error at each, and the rate in use; from the first
    results folder that keeps trials. None where none does.
    """
    import pandas as pd

    found = next((trials for folder in folders if (trials := pilot.read(pilot.file_in(folder, paper)))), None)
    if not found:
        return None
    rows, rates = {}, sorted({trial.rate for trial in found})
    for variant, errors in pilot.mean_errors(found).items():
        own = [trial for trial in found if trial.variant == variant]
        told = {f"at {rate:g}": _error(errors.get(rate)) for rate in rates}
        steps = ", ".join(sorted({f"{trial.steps}" for trial in own}))
        seeds = ", ".join(sorted({f"{trial.seed}" for trial in own}))
        in_use = pilot.rate_in_use(paper, variant, own[0].profile)
        rows[variant] = {"profile": own[0].profile, "steps": steps, "seeds": seeds, **told, "in use": f"{in_use:g}"}
    return pd.DataFrame(rows).T.rename_axis("variant")


def _error(found: float | None) -> str | None:
    return None if found is None else f"{found:.4f}" if math.isfinite(found) else "diverged"
