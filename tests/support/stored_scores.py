"""The per-image scores of the 151 runs of profile quick at commit a05edcc, for tests of verdicts: `records()`.

They bear the name of the profile that has verdicts today.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

from depthlib.runs.store import RunRecord

FILE = Path(__file__).parents[1] / "fixtures" / "quick_scores.npz"


@cache
def records() -> tuple[RunRecord, ...]:
    """With spec, number of parameters and scores (rounded to float32), and nothing else."""
    with np.load(FILE, allow_pickle=False) as archive:
        values, index = archive["values"].astype(np.float64), json.loads(archive["index"].tobytes())

    def scores(test: dict) -> dict:
        metrics = {name: values[start : start + count].tolist() for name, (start, count) in test["metrics"].items()}
        return test | {"images": index["images"][test["images"]], "metrics": metrics}

    return tuple(
        RunRecord(
            Path(),
            run
            | {"spec": run["spec"] | {"profile": "standard"}}
            | {"tests": {name: scores(test) for name, test in run["tests"].items()}},
            {},
        )
        for run in index["runs"]
    )
