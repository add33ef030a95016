"""Merging runs of several machines: folders are copied, and contradicting runs are reported."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from depthlib.runs.compare import compare_records
from depthlib.runs.files import CHECKPOINT, RECORD, WEIGHTS, damaged, mend, score_files
from depthlib.runs.store import Store, copy_run, read_record


@dataclass
class Merged:
    """The result of `merge`: names of runs.

    Attributes:
        copied: new in the store. without_weights: these too, published without their weights; what needs the network
            trains it. same: present with the same bits. agree: present from another machine, equal within rounding.
        conflicts: present and different; the store keeps its own. damaged: sentences; nothing of such a run is copied.
    """

    copied: list[str] = field(default_factory=list)
    without_weights: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    agree: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def summary(self) -> str:
        counts = [f"{len(names)} {kind.replace('_', ' ')}" for kind, names in vars(self).items() if names]
        lines = [", ".join(counts) or "no runs found"]
        lines += [
            f"conflict: {name} is there already, with other numbers; the store keeps its own" for name in self.conflicts
        ]
        return "\n".join(lines + [f"not copied: {sentence}" for sentence in self.damaged])


def merge(source: str | os.PathLike[str], store: Store) -> Merged:
    """Copy the finished runs of another store, or of `results/<profile>/runs`, into `store`: whole ones only.

    Existing runs are not replaced, unless they are damaged; their damaged files are set aside.

    Raises:
        FileNotFoundError: no such folder. OSError: the store cannot be written.
    """
    source, merged = Path(source), Merged()
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: found no folder, expected one with runs in it")
    for file in sorted(source.glob(f"*/{RECORD}")):
        name, target = file.parent.name, store.root / file.parent.name
        if wrong := damaged(file.parent, key=name.rpartition("-")[2]):
            merged.damaged.append("; ".join(f"{error.file}: {error.reason}" for error in wrong))
            continue
        if not (file.parent / WEIGHTS).exists() and not score_files(file.parent):
            merged.damaged.append(f"{file.parent}: found neither weights nor scores, expected a whole run")
            continue
        if mend(target) or not (target / RECORD).exists():
            copy_run(file.parent, target)
            (target / CHECKPOINT).unlink(missing_ok=True)  # of an interrupted training here
            (merged.copied if (target / WEIGHTS).exists() else merged.without_weights).append(name)
            continue
        difference = compare_records(read_record(target), read_record(file.parent))
        (merged.same if difference.same_bits else merged.agree if difference.agrees else merged.conflicts).append(name)
    return merged
