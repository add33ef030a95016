"""Checks of executed notebooks, whose metadata do not suffice: a killed execution can look finished."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode

from depthlib.base import paths
from depthlib.course.notebooks.cells import INJECTED, at_profile, code_cells, label, read_notebook, tags
from depthlib.course.notebooks.key import notebook_key

MEANING = {
    "source": "the notebook changed after this run",
    "parameters": "the parameters or their defaults changed after this run",
    "code": "depthlib's code changed after this run",
    "data": "depthlib's protocols, tables or claims changed after this run",
    "manifests": "the data manifests changed after this run",
}


def check_executed(executed: str | os.PathLike[str], source: str | os.PathLike[str]) -> list[str]:
    """The faults of an executed notebook, one sentence each; an empty list if there are none.

    Checks that every code cell ran, once and in order, that none raised, that the sources and the key over
    source, parameters, code, tables and manifests are current, and that no output shows a path of this machine.
    """
    if not Path(executed).is_file():
        return [f"missing: no executed notebook {Path(executed).name}"]
    if not Path(source).is_file():
        return [f"no source notebook {Path(source).name} for this result"]
    result, origin = read_notebook(executed), read_notebook(source)
    return [*_unfinished(result), *_raised(result), *_stale(result, origin), *_local_paths(result)]


def is_current(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    parameters: Mapping[str, object] | None = None,
    *,
    runs: str | None = None,
) -> bool:
    """Whether `output` is a finished execution of the current `source` with exactly these parameters and runs."""
    if check_executed(output, source):
        return False
    stored = read_notebook(output).metadata["depthlib"]
    key = notebook_key(read_notebook(source), parameters or {}).digest
    return (stored["key"], stored.get("runs")) == (key, runs)


def _unfinished(notebook: NotebookNode) -> list[str]:
    cells = code_cells(notebook)
    for number, cell in enumerate(cells, start=1):
        if cell.execution_count != number:
            found = (
                "was never executed" if cell.execution_count is None else f"has execution count {cell.execution_count}"
            )
            return [f"unfinished or out of order: {label(notebook, cell)} {found}, expected {number} of {len(cells)}"]
    return []


def _raised(notebook: NotebookNode) -> list[str]:
    return [
        f"error output: {label(notebook, cell)} raised {output.ename}: {output.evalue}"
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def _stale(result: NotebookNode, origin: NotebookNode) -> list[str]:
    own = [cell for cell in result.cells if INJECTED not in tags(cell)]
    stamp = result.metadata.get("depthlib")
    expected = at_profile(origin, stamp.get("profile") if stamp else None)
    if [cell.source for cell in own] != [cell.source for cell in expected.cells]:
        return [f"stale: {MEANING['source']}"]  # the key would only repeat it
    if not stamp:
        return ["no key: this file was not made by `depthlib reproduce`"]
    try:
        key = notebook_key(origin, stamp["parameters"])
    except (ValueError, TypeError) as error:
        return [f"stale: the stored parameters no longer fit the notebook ({error})"]
    changed = key.differences(stamp["parts"]) or (["source"] if key.digest != stamp["key"] else [])
    return [f"stale: {MEANING[name]}" for name in changed]


def _local_paths(notebook: NotebookNode) -> list[str]:
    places = {str(paths.REPOSITORY), str(Path.home())} - {"/"}
    return [
        f"{label(notebook, cell)} shows a path of this machine: print paths relative to the repository"
        for cell in code_cells(notebook)
        if any(place in str(cell.outputs) for place in places)
    ]
