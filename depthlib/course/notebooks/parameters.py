"""Parameters of a notebook: their declarations, and values with their types preserved in the kernel.

papermill silently turns numpy numbers, tuples and paths into strings, and only warns of an unknown name; both would run
another experiment than requested. Here they are converted or rejected before the start.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from nbformat import NotebookNode

from depthlib.course.notebooks.cells import label, tags


def declared_parameters(notebook: NotebookNode) -> dict[str, Any]:
    """Names and defaults of the cell tagged `parameters`; empty if there is no such cell.

    Raises:
        ValueError: more than one such cell, or a line that is not `name = literal`: a computed value would use the
            default.
    """
    found = [cell for cell in notebook.cells if cell.cell_type == "code" and "parameters" in tags(cell)]
    if len(found) > 1:
        raise ValueError(
            f"found {len(found)} cells tagged 'parameters', expected one: "
            + ", ".join(label(notebook, cell) for cell in found)
        )
    declared: dict[str, Any] = {}
    for cell in found:
        for statement in ast.parse(cell.source).body:
            try:
                (target,) = statement.targets if isinstance(statement, ast.Assign) else (statement.target,)
                declared[target.id] = ast.literal_eval(statement.value)
            except (AttributeError, ValueError, TypeError):
                raise ValueError(
                    f"{label(notebook, cell)}, tagged 'parameters': found {ast.unparse(statement)!r}, expected one "
                    "'name = literal' a line; compute with parameters in the next cell"
                ) from None
    return declared


def plain(value: object, name: str) -> Any:
    """`value` in types that survive injection: None, bool, int, float, str, list, dict with string keys.

    Numpy scalars become numbers, tuples lists, paths strings with forward slashes. Raises TypeError that names `name`
    for anything else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): plain(item, f"{name}[{key!r}]") for key, item in value.items()}
    raise TypeError(
        f"parameter {name}: found {type(value).__module__}.{type(value).__name__}, expected None, bool, int, "
        "float, str, path, list or dict with string keys"
    )


def checked_parameters(notebook: NotebookNode, parameters: Mapping[str, object]) -> dict[str, Any]:
    """The given values, plain, after a check of their names and types against the notebook.

    Raises:
        ValueError: a name that the notebook does not declare.
        TypeError: a value of another type than its default (None fits everything, an int fits a float).
    """
    declared = declared_parameters(notebook)
    if unknown := sorted(set(parameters) - set(declared)):
        raise ValueError(
            f"parameters: found the unknown {', '.join(unknown)}, expected some of {', '.join(declared) or 'none'}"
        )
    values = {name: plain(value, name) for name, value in parameters.items()}
    for name, value in values.items():
        default = declared[name]
        fits = value is None or default is None or type(value) is type(default)
        if not fits and not (type(default) is float and type(value) is int):
            raise TypeError(
                f"parameter {name}: found {value!r} ({type(value).__name__}), "
                f"expected {type(default).__name__} like its default {default!r}"
            )
    return values
