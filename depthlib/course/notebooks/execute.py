"""Run one notebook with papermill: plain parameters, atomic writes, no traces of the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from nbformat import NotebookNode

from depthlib.course.notebooks.cells import (
    INJECTED,
    at_profile,
    code_cells,
    keep_metadata,
    label,
    read_notebook,
    tags,
    write_notebook,
)
from depthlib.course.notebooks.key import notebook_key
from depthlib.course.notebooks.parameters import checked_parameters, declared_parameters

Progress = Callable[[int, int, str], None]  # cells done, cells in all, id of the cell that runs now ("" at the end)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
VERSIONS = ("depthlib", "torch", "torchvision", "numpy", "matplotlib", "pandas")


class NotebookFailed(RuntimeError):
    """A cell raised, ran out of time, or its kernel died.

    Attributes:
        cell: position and id of the cell.
        error: "Type: message".
        partial: the partly executed notebook, `<name>.failed.ipynb` in the folder of the result.
    """

    def __init__(self, notebook: str, cell: str, error: str, partial: Path) -> None:
        super().__init__(f"{notebook}, {cell}: {error}; everything up to there is in {partial}")
        self.cell, self.error, self.partial = cell, error, partial


def execute(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    parameters: Mapping[str, object] | None = None,
    *,
    runs: str | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
    cell_timeout: float | None = None,
) -> Path:
    """Execute `source` into `output`, which appears only when the last cell is done.

    The kernel is this interpreter, started in the folder of `output`; the current folder has no effect.
    The result carries `depthlib: {key, parts, parameters, profile, versions, runs}` in its metadata and no times, so
    that two runs of a notebook that prints no times are equal, byte for byte. An older result stays until the new one
    replaces it.

    Args:
        source: a notebook without outputs.
        output: the executed copy; its folder is made.
        parameters: values for names of the cell tagged `parameters`; numpy numbers, tuples and paths are converted.
        runs: digest of the runs it shows, kept for `is_current`.
        progress: called before each code cell with (cells done, cells in all, cell id), and once at the end.
        threads: for the kernel's numerical libraries (cores // jobs); None for no change.
        cell_timeout: seconds a cell may take; None: no limit.

    Raises:
        ValueError, TypeError: a parameter that the notebook does not have or of the wrong type.
        NotebookFailed: a cell failed.
    """
    source, output = Path(source).resolve(), Path(output).resolve()
    notebook = read_notebook(source)
    values = checked_parameters(notebook, parameters or {})
    stamp = _stamp(notebook, values) | ({} if runs is None else {"runs": runs})
    notebook = at_profile(notebook, stamp["profile"])
    failed = output.with_name(f"{output.stem}.failed.ipynb")
    output.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(output.parent, source.stem)
    with tempfile.TemporaryDirectory(prefix=f".running-{source.stem}-{os.getpid()}-", dir=output.parent) as folder:
        cells, partial = Path(folder) / "cells.ipynb", Path(folder) / source.name
        write_notebook(notebook, cells)
        running = _Running(notebook, progress)
        try:
            _papermill(cells, partial, values, running, threads, cell_timeout, cwd=output.parent)
        except Exception as error:
            if not partial.exists():  # the kernel did not even start
                raise
            write_notebook(_clean(read_notebook(partial)), failed)
            raise NotebookFailed(source.name, running.cell, _message(error), failed) from error
        result = _clean(read_notebook(partial))
    result.metadata["depthlib"] = stamp
    write_notebook(result, output)
    failed.unlink(missing_ok=True)
    running.finish()
    return output


def _remove_leftovers(folder: Path, name: str) -> None:
    """Remove the unfinished copies of killed processes."""
    for left in folder.glob(f".running-{name}-*-*"):
        if not psutil.pid_exists(int(left.name.split("-")[-2])):
            shutil.rmtree(left, ignore_errors=True)


class _Running:
    """State of an execution: stores the running cell, and reports it to the caller."""

    def __init__(self, notebook: NotebookNode, progress: Progress | None) -> None:
        self.cell = "before the first cell"
        self.done = -1
        self.total = len(code_cells(notebook))
        self.places = {cell.get("id"): label(notebook, cell) for cell in notebook.cells}
        self.report = progress or (lambda done, total, cell: None)

    def start(self, cell: NotebookNode, cell_index: int) -> None:
        if INJECTED in tags(cell):  # made by papermill; the author's notebook does not have it
            self.cell = "the cell with the given parameters"
            return
        self.done += 1
        self.cell = self.places.get(cell.get("id"), f"cell {cell_index + 1}")
        self.report(self.done, self.total, cell.get("id", ""))

    def finish(self) -> None:
        self.report(self.total, self.total, "")


def _papermill(
    source: Path,
    target: Path,
    values: dict[str, Any],
    running: _Running,
    threads: int | None,
    timeout: float | None,
    cwd: Path,
) -> None:
    import papermill
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="depthlib-") as sockets:
        # TCP ports race between kernels started at once. The sockets need a folder of their own: by default they lie in
        # the current one, under the same names for every kernel, and a kernel started elsewhere would look for them
        # there.
        ipc = {"KernelManager": {"transport": "ipc", "ip": str(Path(sockets) / "kernel")}} if os.name == "posix" else {}
        papermill.execute_notebook(
            _literal(source),
            _literal(target),
            values,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            execution_timeout=timeout,
            # what follows is passed on to nbclient
            kernel_manager_class=_kernel_manager(threads),
            config=Config(ipc),
            resources={"metadata": {"path": str(cwd)}},
            coalesce_streams=True,  # a progress bar is stored as its last line
            # all results are in the notebook; a regular shutdown of the kernel takes seconds
            shutdown_kernel="immediate",
            on_cell_execute=running.start,
        )


def _literal(path: Path) -> str:
    """papermill fills `{}` in paths with parameters; a folder may have braces in its name."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _kernel_manager(threads: int | None) -> type:
    """A kernel of this interpreter, whichever kernels the user has installed under the name "python3"."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    limits = {} if threads is None else dict.fromkeys(THREADS, str(threads))
    # its log reports only that it was stopped; output and errors of cells are separate
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"]
    spec = KernelSpec(argv=command, display_name="Python 3", language="python", env=limits)

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

    return ThisInterpreter


def _stamp(notebook: NotebookNode, values: dict[str, Any]) -> dict[str, Any]:
    key = notebook_key(notebook, values)
    versions = {name: importlib.metadata.version(name) for name in VERSIONS}
    return {
        "key": key.digest,
        "parts": asdict(key),
        "parameters": values,
        "profile": {**declared_parameters(notebook), **values}.get("profile"),
        "versions": {"python": platform.python_version(), **versions},
    }


def _clean(notebook: NotebookNode) -> NotebookNode:
    keep_metadata(notebook)
    for cell in notebook.cells:
        if INJECTED in tags(cell):
            cell["id"] = INJECTED  # papermill draws a new one each time
    return notebook


def _message(error: Exception) -> str:
    """One line: the error of the cell if papermill knows it, else the error that stopped the execution."""
    name = getattr(error, "ename", None) or type(error).__name__
    text = str(getattr(error, "evalue", None) or error).strip()
    return f"{name}: {text.splitlines()[0] if text else ''}".rstrip(": ")
