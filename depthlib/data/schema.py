"""From the mappings of a YAML file to frozen dataclasses, every field checked: messages name the file and the field."""

from __future__ import annotations

import types
from collections.abc import Hashable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from depthlib.data.errors import DataError

T = TypeVar("T")


class _StrictLoader(yaml.SafeLoader):
    """A repeated key in a mapping is an error: YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                line = node.value[position][0].start_mark.line + 1
                raise DataError(f"line {line}: found key {key!r} twice, expected once")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        DataError: no such file, not YAML, a repeated key, or not a mapping.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(data, dict):
        raise DataError(f"{path}: found {type(data).__name__}, expected a mapping")
    return data


def build(kind: type[T], data: Any, where: str) -> T:
    """An instance of the dataclass `kind` from a mapping; `where` begins the messages ("kitti.yaml: splits.val").

    Raises:
        DataError: an unknown or missing field, a value of the wrong type, or one that `__post_init__` refuses.
    """
    if not isinstance(data, dict):
        raise DataError(f"{where}: found {_show(data)}, expected a mapping")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]
    if unknown := [str(key) for key in data if key not in known]:
        raise DataError(f"{where}: found the unknown field {unknown[0]!r}, expected any of {', '.join(known)}")
    required = [name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    if missing := [name for name in required if name not in data]:
        raise DataError(f"{where}: found no field {missing[0]!r}, expected one")
    values = {name: _convert(hints[name], value, f"{where}.{name}") for name, value in data.items()}
    try:
        return kind(**values)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _convert(next(item for item in arguments if item is not type(None)), value, where)
    if origin is Literal:
        if value not in arguments:
            raise DataError(f"{where}: found {_show(value)}, expected one of {', '.join(map(repr, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise DataError(f"{where}: found {_show(value)}, expected a list")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise DataError(f"{where}: found {len(value)} values, expected {len(arguments)}")
        return tuple(_convert(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise DataError(f"{where}: found {_show(value)}, expected a mapping")
        if odd := [key for key in value if not isinstance(key, str)]:
            raise DataError(f"{where}: found the key {odd[0]!r}, expected text (quote it)")
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise DataError(f"{where}: found {_show(value)}, expected {hint.__name__}")
    return value.strip() if hint is str else value


def _show(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
