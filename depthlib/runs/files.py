"""The files of a run: their names, and whether they are as they were written.

A file that is not is set aside under another name, so that whoever makes missing runs makes it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from depthlib.base.paths import cannot_set_aside, set_aside
from depthlib.base.text import one_line
from depthlib.runs.json_files import UNSEALED, read_json

RECORD, PROVENANCE, WEIGHTS, CHECKPOINT, SCORES = (
    "record.json",
    "provenance.json",
    "weights.safetensors",
    "checkpoint.pt",
    "scores",
)
SCORE, TENSORS = ".json.xz", ".safetensors"  # after the name of a test
DAMAGED = ".damaged-"  # after the name of a file that was set aside; a number follows


class CorruptRecord(RuntimeError):
    """A file of a run is not what was written: damaged, changed, or that of another run.

    Attributes:
        file: the file. reason: what is wrong with it.
    """

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: damaged ({reason}); `depthlib reproduce` sets it aside and makes it again")
        self.file, self.reason = file, reason


def read_part(file: Path, *, key: str | None = None, sealed: bool = False) -> dict[str, Any]:
    """One JSON file of a run: record, provenance or scores.

    Args:
        key: that the record must have. sealed: the file must hold a checksum, see `read_json`.

    Raises:
        CorruptRecord: the file cannot be read, or is not what was written.
    """
    try:
        content = read_json(file, sealed=sealed)
        if file.name == RECORD and key not in (None, content["key"]):
            raise ValueError(f"key: found {content['key']}, expected {key}")
        if file.parent.name == SCORES:
            count = len(content["images"])
            if any(len(values) != count for values in content["metrics"].values()):
                raise ValueError("metrics: found a metric of another length than images, expected one value per image")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRecord(file, getattr(error, "strerror", None) or one_line(error)) from error
    return content


def is_sealed(record: dict[str, Any]) -> bool:
    """Whether all files of a run hold checksums; those of earlier versions do not."""
    sealed: bool = record.get("format", 0) > UNSEALED
    return sealed


def check(file: Path, digest: str | None) -> None:
    """Raise CorruptRecord unless `digest`, where there is one, is the SHA-256 of the file; a missing file passes."""
    if digest is not None and file.exists():
        state = file.stat()
        if _sha256(file, state.st_mtime_ns, state.st_size) != digest:
            raise CorruptRecord(file, "found another content than that of its checksum")


@cache
def _sha256(file: Path, changed: int, size: int) -> str:
    """SHA-256 of a file; time and size let each state of it be read once a process."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def score_files(folder: Path) -> list[Path]:
    """The scores and tensors in a run's folder, without partial and damaged files."""
    return [path for path in sorted((folder / SCORES).glob("[!.]*")) if path.name.endswith((SCORE, TENSORS))]


def test_of(file: Path) -> str:
    """The test whose scores or tensors a file holds."""
    return file.name.removesuffix(SCORE).removesuffix(TENSORS)


def tensors_beside(scores: Path) -> Path:
    """The file of the tensors that belong to a file of scores."""
    return scores.with_name(test_of(scores) + TENSORS)


def damaged(folder: Path, key: str | None = None) -> list[CorruptRecord]:
    """What is wrong with the files of a finished run; nothing for a whole one, and for one without a record.

    A record without its provenance counts as damaged, since nothing but a training makes one.
    """
    if not (folder / RECORD).exists():
        return []
    found: list[CorruptRecord] = []

    def attempt(look: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            return look(*arguments, **options) or {}
        except CorruptRecord as error:
            found.append(error)
            return {}

    record = attempt(read_part, folder / RECORD, key=key)
    sealed = is_sealed(record)
    attempt(read_part, folder / PROVENANCE, sealed=sealed)
    if record and found:
        found.append(CorruptRecord(folder / RECORD, f"its {PROVENANCE} is"))
    attempt(check, folder / WEIGHTS, record.get("weights"))
    for file in score_files(folder):
        if file.name.endswith(SCORE):
            attempt(check, tensors_beside(file), attempt(read_part, file, sealed=sealed).get("tensors"))
    return found


def mend(folder: Path, key: str | None = None) -> bool:
    """Set the damaged files of a finished run aside, and say so, one line each. Returns whether there were any.

    Raises:
        OSError: the folder cannot be written; names the first damaged file.
    """
    if not (found := damaged(folder, key)):
        return False
    from filelock import FileLock

    lock = FileLock(folder / ".lock")  # a process that scores this run replaces several files
    try:
        held = lock.acquire()
    except OSError as error:
        raise cannot_set_aside(found[0].file, found[0].reason, error) from error
    with held:
        for wrong in damaged(folder, key):
            if wrong.file.exists():
                set_aside(wrong.file, wrong.reason)
    return True


def runs_digest(folders: Iterable[Path]) -> str:
    """SHA-256 over the records and scores of runs, in this order."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in (folder / RECORD, *sorted((folder / SCORES).glob(f"*{SCORE}"))):
            digest.update(f"{path.relative_to(folder.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
