"""Table 7's last three rows: NetAdapt narrows "Ours" to 1.9, 1.5 and 1.0 M parameters, and each size is fine-tuned.

| variant | starts from | what it does | row |
|---|---|---|---|
| `search-1.9` | `hard-easy` | narrows the network, `depthlib.papers.mobile.pruning_task.Search`; no long fine-tuning | none: a link |
| `search-1.5`, `search-1.0` | the search of the size before | goes on narrowing | none |
| `pruned-1.9`, `pruned-1.5`, `pruned-1.0` | the search of its size | the training of `hard-easy`, intermediate heads anew | v1, v2, v3 |

A size is a share of the paper's 2.6 M network. "quick" has a student with half the channels, and prunes it to the same shares.
Besides the tests of a student, each has "size" (metrics parameters and macs, of inference, at the size of training) and
"rounds" (one entry a round of the search: width, parameters, score; entry 0 is the network before it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from depthlib.base.build import Build
from depthlib.runs.recipe import Recipe
from depthlib.runs.spec import RunSpec

UNPRUNED = 2_561_665        # parameters of the paper's network, as `MobileDepth` counts them
SIZES = {"1.9": 1_900_000, "1.5": 1_500_000, "1.0": 1_000_000}
SEARCHES = tuple(f"search-{size}" for size in SIZES)
PRUNED = tuple(f"pruned-{size}" for size in SIZES)


@dataclass(frozen=True)
class Effort:
    """How thorough the search is; the spec's counts of rounds (10, 17 and 26) belong to `first` 0.03.

    Attributes:
        tries: blocks that are tried in a round, None for all 34.
        first, decay: how much a round saves, see `next_target`.
        short: fields of the plan of a proposal's short fine-tuning.
        validation: scenes of each family whose pairs score a proposal.
    """

    tries: int | None
    first: float
    decay: float
    short: Mapping[str, Any] = field(default_factory=dict)
    validation: int = 200


# "quick" tries four blocks of 34 in a round, drawn at random, and tunes each for four steps: enough to see the search work, not to
# rank proposals well. The optimiser is the student's own, for four steps of SGD move nothing, and the rate that of its last steps.
QUICK = Effort(4, 0.06, 0.98, {"steps": 4, "batch_size": 8, "optimizer": "adam", "lr": 6e-4}, validation=12)
EFFORTS = {
    "smoke": replace(QUICK, tries=1, first=0.1, short={"steps": 1, "batch_size": 2}, validation=2),
    "quick": QUICK,
    "full": Effort(None, 0.03, 0.98),
}


def size_of(variant: str) -> str:
    """ "1.5" of "pruned-1.5" or "search-1.5"."""
    return variant.partition("-")[2]


def start_of(spec: RunSpec) -> RunSpec:
    """The run that a search or a pruned network goes on from."""
    size, sizes = size_of(spec.variant), list(SIZES)
    if spec.variant in PRUNED:
        return replace(spec, variant=f"search-{size}")
    before = sizes.index(size) - 1
    return replace(spec, variant=f"search-{sizes[before]}" if before >= 0 else "hard-easy")


def pruned_recipe(spec: RunSpec, student: Recipe) -> Recipe:
    """The recipe of a variant above. student: that of `hard-easy` with the same profile and seed."""
    start = start_of(spec)
    measured = _measured(student)
    if spec.variant in PRUNED:
        return replace(student, model="mobile_pruned", start=start, tests=student.tests | measured)
    effort = EFFORTS[spec.profile]
    terms = {"terms": student.task.options["terms"]}            # fixed weights: a few steps are no epoch to rebalance over
    search = {
        "task": {"target": student.task.target, "options": terms}, "share": SIZES[size_of(spec.variant)] / UNPRUNED,
        "validation": _validation(student.tests["diw"][0], effort.validation), "measure": student.tests["diw"][1],
        "short": dict(effort.short), "tries": effort.tries, "first": effort.first, "decay": effort.decay,
    }
    return replace(
        student, model="mobile_pruned", model_options={**student.model_options, "intermediate": 0}, start=start,
        task=Build("depthlib.papers.mobile.pruning_task:Search", search), tests={"diw": student.tests["diw"]} | measured,
        plan=replace(student.plan, steps=0), ship_weights=False, pictures={},
    )


def _validation(test: Build, count: int) -> Build:
    """The test set of pairs with scenes of the split "val" instead, `count` a family."""
    frames = test.options["frames"]
    parts = [{**part, "count": count} for part in frames.options["parts"]]
    return Build(test.target, {**test.options, "frames": Build(frames.target, {**frames.options, "parts": parts, "split": "val"})})


def _measured(student: Recipe) -> dict[str, tuple[Build, Build]]:
    data, module = student.tests["diw"][0], "depthlib.papers.mobile.pruning_measures"
    return {"size": (data, Build(f"{module}:Size")), "rounds": (data, Build(f"{module}:Rounds"))}
