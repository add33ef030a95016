"""Lists of splits: their fingerprint, and the files that each of their lines requires."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from depthlib.data.errors import DataError
from depthlib.data.manifest import Manifest, Split
from depthlib.data.templates import fill


def read_list(path: Path, split: Split) -> list[str]:
    """The lines of a list without blank ones, after its count and sha256 were compared with the manifest.

    Raises:
        DataError: no such file, not text, or another list than the manifest's.
    """
    try:
        data = path.read_bytes()
        lines = [line for line in data.decode("utf-8").splitlines() if line.strip()] if split.entry else []
    except FileNotFoundError:
        raise DataError(f"{path}: no such list") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list ({' '.join(str(error).split())})") from error
    if split.entry and len(lines) != split.lines:
        raise DataError(f"{path}: found {len(lines)} lines, expected {split.lines}")
    if (found := hashlib.sha256(data).hexdigest()) != split.sha256:
        unix = data.replace(b"\r\n", b"\n")
        why = (
            "only the line ends differ"
            if hashlib.sha256(unix).hexdigest() == split.sha256
            else "another list or an edited one"
        )
        raise DataError(f"{path}: found sha256 {found[:12]}..., expected {split.sha256[:12]}... ({why})")
    return lines


def needed_files(manifest: Manifest, split: Split, lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """(number of the line, kind of file, the relative paths of which one must exist) for each line and kind it needs.

    Raises:
        DataError: a line has another number of fields than `split.entry`, or a field has no value in `split.values`.
    """
    names = (split.entry or "").split()
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if len(fields) != len(names):
            raise DataError(f"{split.list}, entry {number}: found {line!r}, expected {split.entry!r}")
        values = dict(zip(names, fields, strict=True))
        for name, known in split.values.items():
            if values[name] not in known:
                found = f"{name} {values[name]!r}"
                raise DataError(f"{split.list}, entry {number}: found {found}, expected one of {', '.join(known)}")
            values[name] = known[values[name]]
        for kind in split.needs:
            yield number, kind, [fill(template, values) for template in manifest.layout[kind].paths]
