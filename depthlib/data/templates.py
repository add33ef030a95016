"""Templates of paths, "{drive}/image_{camera}/data/{frame:010d}.png": filled from a list's entry, or searched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter

from depthlib.data.errors import DataError


def _pieces(template: str) -> list[tuple[str, str | None, str]]:
    """(text, field or None, its format) in order."""
    try:
        pieces = [(text, name, spec or "") for text, name, spec, _ in Formatter().parse(template)]
    except ValueError as error:
        raise DataError(f"path template {template!r}: {error}") from None
    for _, name, spec in pieces:
        if name is not None and not (re.fullmatch(r"[a-z_][a-z0-9_]*", name) and re.fullmatch(r"(0?\d+)?d|", spec)):
            raise DataError(
                f"path template {template!r}: found the field {{{name}:{spec}}}, expected {{word}} or {{word:010d}}"
            )
    return pieces


def field_names(template: str) -> list[str]:
    """Fields of a template, in order, without repeats.

    Raises:
        DataError: the template is malformed.
    """
    return list(dict.fromkeys(name for _, name, _ in _pieces(template) if name is not None))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The path for these values; a field with a number format takes digits.

    Raises:
        DataError: a field is missing, or is not a number where the template has a number format.
    """
    done = ""
    for text, name, spec in _pieces(template):
        done += text
        if name is None:
            continue
        if name not in values:
            raise DataError(f"path template {template!r}: found values of {', '.join(values)}, expected {name!r} too")
        value = values[name]
        if spec and not re.fullmatch(r"\d+", value):
            raise DataError(f"path template {template!r}: found {name} {value!r}, expected digits")
        done += format(int(value), spec) if spec else value
    return done


def pattern(template: str) -> re.Pattern[str]:
    """A regular expression that a relative path (with "/") matches as a whole, with the fields as groups."""
    expression, seen = "", set()
    for text, name, spec in _pieces(template):
        expression += re.escape(text)
        if name is None:
            continue
        if name in seen:
            expression += f"(?P={name})"
        elif spec:
            width = spec[:-1].lstrip("0")
            expression += f"(?P<{name}>\\d{{{width},}})" if width else f"(?P<{name}>\\d+)"
        else:
            expression += f"(?P<{name}>.+)" if name.endswith("path") else f"(?P<{name}>[^/]+)"
        seen.add(name)
    return re.compile(expression)
