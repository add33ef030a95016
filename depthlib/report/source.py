"""Show a function of the package in a notebook, so that the text and the tested code cannot differ."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path

from depthlib.base.paths import REPOSITORY


def show_source(obj: Callable | type, *, docstring: bool = False) -> None:
    """Display the source of a function, method or class, under a line that says where it lives.

    Args:
        obj: what to show.
        docstring: show docstrings too; a lesson's text usually says the same at more length.

    Raises:
        TypeError: `obj` is no function, method or class with Python source.
    """
    from IPython.display import Markdown, display

    display(Markdown(f"`{place(obj)}`\n\n```python\n{source_text(obj, docstring=docstring)}\n```"))


def source_text(obj: Callable | type, *, docstring: bool = False) -> str:
    """The source as it is shown: dedented, decorators kept, docstrings left out unless asked for."""
    text = textwrap.dedent("".join(inspect.getsourcelines(_plain(obj))[0])).rstrip()
    return text if docstring else _without_docstrings(text)


def place(obj: Callable | type) -> str:
    """`depthlib/metrics/depth.py: abs_rel`, the path being relative to the repository."""
    obj = _plain(obj)
    path = Path(inspect.getsourcefile(obj)).resolve()
    shown = path.relative_to(REPOSITORY).as_posix() if path.is_relative_to(REPOSITORY) else path.name
    return f"{shown}: {obj.__qualname__}"


def _plain(obj: object) -> Callable | type:
    obj = inspect.unwrap(obj) if callable(obj) else obj
    if not (inspect.isfunction(obj) or inspect.ismethod(obj) or inspect.isclass(obj)):
        raise TypeError(f"obj: found {type(obj).__name__} {obj!r:.60}, expected a function, a method or a class")
    return obj


def _without_docstrings(text: str) -> str:
    lines = text.splitlines()
    dropped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if len(node.body) > 1 and ast.get_docstring(node, clean=False) is not None:
            first, last = node.body[0].lineno, node.body[0].end_lineno
            blank = last < len(lines) and not lines[last].strip()  # the empty line after it goes with it
            dropped.update(range(first, last + 1 + blank))
    return "\n".join(line for number, line in enumerate(lines, start=1) if number not in dropped)
