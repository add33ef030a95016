"""JSON files of records: written atomically, one top-level entry per line, the same bytes for the same content. Files
that end in .xz are compressed.

The last entry is the SHA-256 of all that stands before it, so a changed character is found when the file is read.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from pathlib import Path
from typing import Any

from depthlib.base.paths import atomic_write

SEAL = ',\n"sha256": "'
UNSEALED = 2  # the last format of records without a checksum


def write_json(path: Path, content: dict[str, Any], digits: int = 9) -> None:
    """Write `content`; floats with so many digits: nine represent a float32 exactly."""
    lines = [f"{json.dumps(key)}: {json.dumps(_rounded(value, digits))}" for key, value in content.items()]
    text = "{\n" + ",\n".join(lines)
    written = f'{text}{SEAL}{_sha256(text)}"\n}}\n'.encode()
    with atomic_write(path) as temporary:
        temporary.write_bytes(lzma.compress(written) if path.suffix == ".xz" else written)


def read_json(path: Path, *, sealed: bool = True) -> dict[str, Any]:
    """What `write_json` has written. With `sealed` False the file may be one of an earlier version, without checksum.

    Raises:
        ValueError: the content is not what was written. OSError: the file cannot be read.
    """
    stored = path.read_bytes()
    try:
        text = (lzma.decompress(stored) if path.suffix == ".xz" else stored).decode()
    except lzma.LZMAError as error:
        raise ValueError("found another content than a whole compressed file") from error
    text = text.replace("\r\n", "\n")
    before, seal, digest = text.rpartition(SEAL)
    if seal and digest != f'{_sha256(before)}"\n}}\n':
        raise ValueError("found another content than that of its checksum")
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(f"found {type(content).__name__}, expected a JSON object")
    if content.pop("sha256", None) is None and (sealed or content.get("format", 0) > UNSEALED):
        raise ValueError("found no checksum as its last entry, expected one")
    return content


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):  # a count stays what it is
        return value if value.is_integer() else float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: _rounded(v, digits) for key, v in value.items()}
    return [_rounded(v, digits) for v in value] if isinstance(value, list) else value
