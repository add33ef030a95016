"""Reading YAML files, with the parser in C where PyYAML has it: ten times faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """The content of a file as plain values; executes nothing. Raises OSError, YAMLError."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
