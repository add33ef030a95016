"""One job of a batch, in a process of its own: `python -m depthlib.course.batch.worker run|notebook PLAN NAME`.

A run is trained and scored, unless both are current. The state of the job is in its `Status`, its output in its log. On
the machine of the batch it is forked from a process with all imports loaded, see `depthlib.course.batch.fork_server`;
so no slow module is imported here.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from depthlib.base import paths
from depthlib.base.text import one_line, told
from depthlib.course.batch.status import Status, news_file, status_file

if TYPE_CHECKING:
    from depthlib.course.batch.plan import Plan

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def work(kind: str, plan_file: str, name: str) -> int:
    """Carry out one job; 0 if it worked. The status file of a job that worked is removed."""
    set_threads(plan_file)
    from depthlib.course.batch.plan import read_plan

    plan = read_plan(plan_file)
    file = status_file(plan, name)
    status = Status(pid=os.getpid())
    for stream in (logging.StreamHandler(), logging.FileHandler(news_file(plan), encoding="utf-8", delay=True)):
        logging.getLogger("depthlib").addHandler(stream)
    try:
        status.write(file)
        with ExitStack() as stack:
            if plan.gpus > 1:
                stack.enter_context(_a_gpu(plan))
            {"run": _run, "notebook": _notebook}[kind](plan, name, status, file)
    except Exception as error:
        if isinstance(error, OSError):  # of the disk: the cause is not in the code
            print(told(error), file=sys.stderr)
            status.error = told(error)
        else:
            traceback.print_exc()
            status.error = f"{type(error).__name__}: {one_line(error)}"
        status.state = "failed"
        with suppress(OSError):  # a full disk
            status.write(file)
        return 1
    file.unlink(missing_ok=True)
    return 0


def set_threads(plan_file: str) -> None:
    """Give each job its share of the cores. Only works before torch is imported, as `read_plan` does."""
    threads = json.loads(Path(plan_file).read_text(encoding="utf-8"))["threads"]
    os.environ.update(dict.fromkeys(THREADS, str(threads)))


def _run(plan: Plan, name: str, status: Status, file: Path) -> None:
    from depthlib.course.batch.publish import publish
    from depthlib.runs.execute import ensure
    from depthlib.runs.spec import RunSpec
    from depthlib.runs.store import Store

    spec = RunSpec(**plan.runs[name].spec)
    if spec.name != name:
        raise RuntimeError(
            f"{name}: found changed code (the run would now be {spec.name}), expected that of the plan: "
            "start the batch again"
        )
    shown = [time.monotonic()]

    def show(done: int, total: int, note: str) -> None:
        if time.monotonic() - shown[0] > 1:
            shown[0] = time.monotonic()
            status.done, status.total, status.note = done, total, note
            status.write(file)

    def on_step(step: int, loss: float, speed: float) -> None:
        show(step, plan.runs[name].steps, f"loss {loss:.4f}, {speed:.1f} images/s")

    def on_image(done: int, total: int) -> None:
        show(done, total, "images scored")

    status.total, status.note = plan.runs[name].steps, "preparing the data"
    status.write(file)
    store = Store(plan.store, train=True)
    ensure(
        spec, store, device=plan.device, on_step=on_step, on_image=on_image, checkpoint_seconds=plan.checkpoint_seconds
    )
    publish([spec], store)
    _mark(plan.runs[name].stamp, name)


def _notebook(plan: Plan, name: str, status: Status, file: Path) -> None:
    from depthlib.course.batch.publish import render

    def progress(done: int, total: int, cell: str) -> None:
        status.done, status.total, status.note = done, total, f"cell {cell}"
        status.write(file)

    render(name, profile=plan.profile, device=plan.device, store=plan.store, threads=plan.threads, progress=progress)
    _mark(plan.notebooks[name].stamp, name)


def _mark(stamp: str, name: str) -> None:
    """Write the stamp that the workflow waits for."""
    with paths.atomic_write(stamp) as temporary:
        temporary.write_text(name, encoding="utf-8")


@contextmanager
def _a_gpu(plan: Plan) -> Iterator[None]:
    """Claim one of several GPUs for this process; the workflow starts no more jobs than there are GPUs."""
    from filelock import FileLock, Timeout

    while True:
        for number in range(plan.gpus):
            lock = FileLock(Path(plan.folder, f".gpu{number}.lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = str(number)
            with lock:
                yield
            return
        time.sleep(1)


if __name__ == "__main__":
    from depthlib.course.batch.fork_client import ask

    answer = ask(*sys.argv[1:])
    sys.exit(work(*sys.argv[1:]) if answer is None else answer)
