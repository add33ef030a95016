"""Which run records can be compared: of one scale, one a seed, scored on the same test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from depthlib.runs.profiles import get_profile

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord


def here(stand_ins: Mapping[str, str], name: str, profile: str | None) -> str:
    """The name of one of the paper's data sets in our records: its stand-in unless the profile is not reduced."""
    return stand_ins.get(name, name) if profile is None or get_profile(profile).reduced else name


def one_profile(records: Sequence[RunRecord]) -> str | None:
    """The profile of all records, None without records. Raises ValueError where profiles or overrides differ."""
    specs = [record.result["spec"] for record in records]
    scales = {(spec["profile"], str(sorted(spec["overrides"].items()))) for spec in specs}
    if len(scales) > 1:
        found = " and ".join(f"profile {name} with overrides {overrides}" for name, overrides in sorted(scales))
        raise ValueError(f"records mix {found}: expected one scale")
    return next(iter(scales))[0] if scales else None


def by_seed(records: Sequence[RunRecord], variant: str | None, data: str) -> dict[int, RunRecord]:
    """The records of a variant that was trained on `data`, by seed. Raises ValueError for two of one seed."""
    found: dict[int, RunRecord] = {}
    for record in records:
        spec = record.result["spec"]
        if (spec["variant"], spec["data"]) == (variant, data):
            if spec["seed"] in found:
                raise ValueError(f"two records of {variant} on {data} with seed {spec['seed']}: expected one")
            found[spec["seed"]] = record
    return dict(sorted(found.items()))


def same_test(records: Sequence[RunRecord], test: str) -> None:
    """Raises ValueError unless all records have the same images, data and protocol in a test."""
    for record in records[1:]:
        other, first = (r.result["tests"][test] for r in (record, records[0]))
        if differing := [name for name in ("protocol", "data", "images") if other[name] != first[name]]:
            names = f"{records[0].folder.name} and {record.folder.name}"
            raise ValueError(f"records differ in {', '.join(differing)} of test {test!r}: {names}")
