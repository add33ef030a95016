"""Table 7's last three rows: NetAdapt narrows "Ours" to 1.9, 1.5 and 1.0 M parameters, and each size is fine-tuned.

| variant | starts from | what it does | row |
|---|---|---|---|
| `search-1.9` | `hard-easy` | narrows the network, see `Search`; no long fine-tuning | none: a link |
| `search-1.5`, `search-1.0` | the search of the size before | continues narrowing | none: a link |
| `pruned-1.9`, `pruned-1.5`, `pruned-1.0` | the search of its size | training as `hard-easy`, new heads | v1, v2, v3 |
| `unpruned` | `hard-easy` | the same training, nothing narrowed | ours: the control |

A pruned network has learned twice as long as the one that it came from; `unpruned` has, too. A size is a share of the
paper's 2.6 M network; students with another encoder are pruned to the same shares. Besides the tests of a student, each
has "size" (metrics parameters and macs, of inference, at the size of training) and "rounds" (one entry per round of the
search: width, parameters, score; entry 0 is the network before it); a search has these two alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.papers.mobile.pruning_measures import Rounds, Size
from depthlib.papers.mobile.pruning_task import Search
from depthlib.runs.pilot import on_val
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

UNPRUNED = 2_561_665  # parameters of the paper's network, as `MobileDepth` counts them
SIZES = {"1.9": 1_900_000, "1.5": 1_500_000, "1.0": 1_000_000}
SEARCHES = tuple(f"search-{size}" for size in SIZES)
PRUNED = tuple(f"pruned-{size}" for size in SIZES)
LONGER = "unpruned"


@dataclass(frozen=True)
class Effort:
    """The effort of the search. With `first` 0.03 and `decay` 0.98 the sizes are reached after 10, 17 and 26 rounds.

    Attributes:
        tries: blocks tried in a round, None for all 33 or 34.
        first, decay: savings of a round, see `next_target`.
        short: fields of the plan of a proposal's short fine-tuning.
        validation: scenes per family of the split "val" whose pairs score a proposal.
    """

    tries: int | None
    first: float
    decay: float
    short: Mapping[str, Any] = field(default_factory=dict)
    validation: int = 200


# A few random blocks a round, each tuned for a few steps: enough to demonstrate the search, too few to rank proposals
# well. So few steps of SGD have hardly any effect, so the optimiser is the student's, at a rate late in its schedule.
QUICK = Effort(3, 0.1, 0.96, {"steps": 2, "batch_size": 8, "optimizer": "adamw", "lr": 1e-3}, validation=12)
EFFORTS = {
    "smoke": replace(QUICK, tries=1, first=0.1, short={"steps": 1, "batch_size": 2}, validation=2),
    "quick": QUICK,
    "standard": replace(
        QUICK, tries=4, first=0.06, decay=0.98, short={**QUICK.short, "steps": 10, "batch_size": 4}, validation=32
    ),
    "full": Effort(None, 0.03, 0.98),
    "paper": Effort(None, 0.03, 0.98),  # scored on its own validation pictures (erratum MB-29)
}


def size_of(variant: str) -> str:
    """The size in a name: "1.5" of "pruned-1.5" or "search-1.5"."""
    return variant.partition("-")[2]


def start_of(spec: RunSpec) -> RunSpec:
    """The run that a search or a pruned network starts from."""
    size, sizes = size_of(spec.variant), list(SIZES)
    if spec.variant in PRUNED:
        return replace(spec, variant=f"search-{size}")
    if spec.variant == LONGER:
        return replace(spec, variant="hard-easy")
    before = sizes.index(size) - 1
    return replace(spec, variant=f"search-{sizes[before]}" if before >= 0 else "hard-easy")


def pruned_recipe(spec: RunSpec, student: Recipe, *, val: Build | None = None, effort: str | None = None) -> Recipe:
    """The recipe of a variant above.

    Args:
        student: the recipe of `hard-easy` with the same profile and seed.
        val: pictures that score a proposal; None for those of the split "val" of the student's test.
        effort: a key of `EFFORTS`; None for the profile.
    """
    start, (pairs, order) = start_of(spec), student.tests["diw"]
    own = EFFORTS[effort or spec.profile]
    val = val or on_val(pairs, own.validation)
    measured = {"size": (val, Build.of(Size)), "rounds": (val, Build.of(Rounds))}
    if spec.variant not in SEARCHES:
        return replace(student, model="mobile_pruned", start=start, tests=student.tests | measured)
    # Weights of the loss are fixed, since so few steps are less than an epoch.
    inner = {"target": student.task.target, "options": {"terms": student.task.options["terms"]}}
    search = Build.of(
        Search,
        task=inner,
        share=SIZES[size_of(spec.variant)] / UNPRUNED,
        validation=val,
        measure=order,
        short=own.short,
        tries=own.tries,
        first=own.first,
        decay=own.decay,
    )
    return replace(
        student,
        model="mobile_pruned",
        model_options={**student.model_options, "intermediate": 0},
        start=start,
        task=search,
        tests=measured,
        plan=replace(student.plan, steps=0, warmup=0),
    )
