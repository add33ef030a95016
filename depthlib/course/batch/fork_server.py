"""A process with all imports loaded, from which the jobs of a batch are forked.

Importing torch, its compiler (which every optimiser of torch imports) and the package, and computing the keys, takes
four seconds of CPU time, more than some small trainings. With a fork server this happens once per batch: `serve`
imports, then listens at a socket in the batch's folder; a job connects (`fork_client.ask`), passes its output, and
waits for its fork. Without a server, on the node of a cluster or with a GPU, whose context does not survive a fork, the
job runs directly.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from depthlib.course.batch.fork_client import BEGUN, SOCKET

if TYPE_CHECKING:
    from depthlib.course.batch.plan import Plan

GRACE = 8.0  # seconds that a training has to save its state


def start(plan: Plan, plan_file: Path, log: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen | None:
    """Start `serve` in a separate process, which ends with its standard input. None if it would not help or work."""
    if sys.platform != "linux" or plan.gpus or len(plan.missing_runs()) + len(plan.missing_notebooks()) < 2:
        return None
    command = [plan.python, "-m", "depthlib.course.batch.fork_server", str(plan_file)]
    return subprocess.Popen(
        command, cwd=plan.folder, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment
    )


def serve(plan_file: str) -> None:
    """Fork a process per job that connects, until SIGTERM or the end of standard input; then end the remaining
    forks.
    """
    from depthlib.course.batch.worker import set_threads

    set_threads(plan_file)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a batch that ends after Ctrl-C tells the forks to end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # runs the `finally` block
    address = Path(SOCKET)
    address.unlink(missing_ok=True)  # of a batch that was killed
    forks: set[int] = set()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(SOCKET)
        door.listen(64)  # from now on jobs wait here, also during the imports
        try:
            load(plan_file)
            while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
                forks = _alive(forks)
                connection, _ = door.accept()
                if not (fork := os.fork()):
                    door.close()
                    _work(connection, plan_file)
                forks.add(fork)
                connection.close()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            address.unlink(missing_ok=True)
            _end(_alive(forks))


def load(plan_file: str) -> None:
    """Import all code of the missing jobs, so that their keys and the executed code come from the same files.

    Only modules that start no thread and no event loop, which a fork would not have; a notebook's are started by its
    fork.
    """
    import papermill  # noqa: F401
    import torch._dynamo  # noqa: F401

    import depthlib.course.batch.publish  # noqa: F401
    from depthlib.base import paths
    from depthlib.base.fingerprint import SILENT, closure, code_fingerprint
    from depthlib.course.batch.plan import read_plan
    from depthlib.course.notebooks.cells import read_notebook
    from depthlib.course.notebooks.key import notebook_key
    from depthlib.runs.keys import score_modules, training_modules
    from depthlib.runs.spec import RunSpec

    plan = read_plan(plan_file)
    recipes = [RunSpec(**plan.runs[name].spec).recipe for name in plan.missing_runs()]
    modules = {training_modules(recipe) for recipe in recipes}
    modules |= {score_modules(recipe, test) for recipe in recipes for test in recipe.tests}
    for name in closure(name for names in modules for name in names):
        with contextlib.suppress(ImportError):  # a module that needs a package which is not installed
            importlib.import_module(name)
    for names in modules:
        code_fingerprint(names, without=SILENT)
    for name in plan.missing_notebooks():
        notebook_key(read_notebook(paths.notebooks_dir() / f"{name}.ipynb"), {})


def _alive(forks: set[int]) -> set[int]:
    """The running processes; the others are reaped."""
    return {fork for fork in forks if os.waitpid(fork, os.WNOHANG)[0] == 0}


def _work(connection: socket.socket, plan_file: str) -> None:
    """The fork: do one job with the output of the client, answer with the exit status, and end."""
    status = 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        job, outputs, _, _ = socket.recv_fds(connection, 4096, 2)
        for output, ours in zip(outputs, (1, 2), strict=True):
            os.dup2(output, ours)
            os.close(output)
        connection.send(BEGUN)
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        from depthlib.course.batch.worker import work

        kind, name = job.decode().split(" ", 1)
        status = work(kind, plan_file, name)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.send(bytes([status]))
        os._exit(status)  # without flushing what the parent process has open


def _end_with(connection: socket.socket) -> None:
    """End this process when its client is killed."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    _end({os.getpid()})


def _end(forks: set[int]) -> None:
    """End forks and their children. One that trains has no children, and some seconds to save its state.

    The kernel of a notebook would notice only after a second that its parent is gone, and its workers never.
    """
    processes = [psutil.Process(fork) for fork in forks]
    for process in processes:
        children = process.children(recursive=True)
        for member in [*children, process] if children else ():
            _send(member, signal.SIGKILL)
        _send(process, signal.SIGTERM)
    if os.getpid() in forks:
        time.sleep(GRACE)
    else:
        psutil.wait_procs(processes, GRACE)
    for process in processes:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(processes)


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


if __name__ == "__main__":
    serve(*sys.argv[1:])
