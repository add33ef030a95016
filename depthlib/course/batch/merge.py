"""Merging runs of several machines: folders are copied, and contradicting runs are reported."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from depthlib.runs.compare import compare_records
from depthlib.runs.store import CHECKPOINT, RECORD, CorruptRecord, Store, copy_run, read_record


@dataclass
class Merged:
    """The result of `merge`: names of runs.

    Attributes:
        copied: new in the store. same: present with the same bits. agree: present from another machine, equal within
            rounding.
        conflicts: present and different; the store keeps its own. unreadable: sentences.
    """

    copied: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    agree: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def summary(self) -> str:
        counts = [f"{len(names)} {kind}" for kind, names in vars(self).items() if names]
        lines = [", ".join(counts) or "no runs found"]
        lines += [f"conflict: {name} is there already, with other numbers; the store keeps its own" for name in self.conflicts]
        return "\n".join(lines + [f"unreadable: {sentence}" for sentence in self.unreadable])


def merge(source: str | os.PathLike[str], store: Store) -> Merged:
    """Copy the finished runs of another store, or of `results/<profile>/runs`, into `store`. Existing runs are not
    replaced.

    Raises:
        FileNotFoundError: no such folder.
    """
    source, merged = Path(source), Merged()
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: found no folder, expected one with runs in it")
    for file in sorted(source.glob(f"*/{RECORD}")):
        name, target = file.parent.name, store.root / file.parent.name
        try:
            theirs = read_record(file.parent, key=name.rpartition("-")[2])
            ours = read_record(target) if (target / RECORD).exists() else None
        except CorruptRecord as error:
            merged.unreadable.append(str(error))
            continue
        if ours is None:
            copy_run(file.parent, target)
            (target / CHECKPOINT).unlink(missing_ok=True)           # of an interrupted training here
            merged.copied.append(name)
            continue
        difference = compare_records(ours, theirs)
        (merged.same if difference.same_bits else merged.agree if difference.agrees else merged.conflicts).append(name)
    return merged
