"""JSON files of records: written atomically, one top-level entry per line, the same bytes for the same content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from depthlib.base.paths import atomic_write


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content`, floats with nine digits, which represent a float32 exactly."""
    lines = [f"{json.dumps(key)}: {json.dumps(_nine_digits(value))}" for key, value in content.items()]
    with atomic_write(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _nine_digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _nine_digits(v) for key, v in value.items()}
    return [_nine_digits(v) for v in value] if isinstance(value, list) else value
