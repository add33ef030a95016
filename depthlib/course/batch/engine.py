"""Running the workflow: start, progress, end, and a summary of what failed and why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from rich.console import Console

from depthlib.course.batch import fork_server
from depthlib.course.batch.plan import Plan
from depthlib.course.batch.progress import BatchProgress
from depthlib.course.batch.status import read_status, status_file

DONE, FAILED, REFUSED, OUT_OF_TIME = 0, 1, 2, 3      # exit statuses of a batch
SNAKEFILE = Path(__file__).with_name("Snakefile")
LOG_LINES = 12
# By default glibc returns every large block to the system, which clears it again at the next step; keeping them makes a
# training on the CPU a tenth faster.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(2 << 30), "MALLOC_TOP_PAD_": str(64 << 20)}


class AnotherBatch(RuntimeError):
    """Another batch works on the same store."""


def run_batch(
    plan: Plan, *, jobs: int, console: Console, max_minutes: float | None = None, options: Sequence[str] = (), dry_run: bool = False,
) -> int:
    """Carry out `plan` and return the status of the batch: DONE, FAILED (some job did), or OUT_OF_TIME.

    Every finished job is a file, and an interrupted training resumes from its checkpoint, so a batch may be stopped at
    any time and started again.

    Args:
        jobs: how many at once.
        max_minutes: stop then, cleanly; None: no limit.
        options: more options for Snakemake, such as ["--executor", "slurm"].
        dry_run: only print the jobs.

    Raises:
        AnotherBatch: the store is in use by another batch.
    """
    folder = Path(plan.folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AnotherBatch(
            f"{plan.store}: found another batch of profile {plan.profile}, expected none: wait for it, or set another "
            "store with DEPTHLIB_STORE"
        ) from None
    with lock:
        plan_file = plan.write()
        command = _command(plan, plan_file, jobs, [*options, *(["--dry-run"] if dry_run else [])])
        if dry_run:
            return subprocess.run([*command, "--quiet", "host", "reason"], cwd=folder).returncode
        watch = BatchProgress(plan, console)
        if not watch.missing:
            return DONE
        for name in watch.missing:
            status_file(plan, name).unlink(missing_ok=True)             # of an earlier batch
        with open(folder / "snakemake.log", "ab") as log:
            environment = MALLOC | os.environ
            helper = None if _elsewhere(options) else fork_server.start(plan, plan_file, log, environment)
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment)
        deadline = time.monotonic() + (float("inf") if max_minutes is None else 60 * max_minutes)
        watch.start()
        try:
            with _sigterm_raises():
                while process.poll() is None and time.monotonic() < deadline:
                    watch.look()
                    time.sleep(0.3)
            out_of_time = process.poll() is None
        finally:
            _end(process)                   # also after Ctrl-C and SIGTERM: no process of a batch outlives it
            if helper:
                helper.terminate()
                helper.communicate()
            watch.close()
    return _summary(plan, process.returncode, out_of_time, console)


def _command(plan: Plan, plan_file: Path, jobs: int, options: Sequence[str]) -> list[str]:
    # Cores and GPUs are assigned here; with another executor (in options) the cluster does that.
    here = ["--cores", str(jobs * plan.threads), "--resources", f"gpu={plan.gpus}"]
    last = plan.last_of_longest_chain()
    first = ["--prioritize", plan.runs[last].stamp] if last else []
    # Outputs are written atomically, so Snakemake's own locks and marks of incomplete files are not needed; after a
    # kill they would block a restart.
    return [
        plan.python, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--directory", plan.folder, "--config", f"plan={plan_file}",
        *first, "--keep-going", "--nolock", "--ignore-incomplete", "--rerun-triggers", "mtime", "--scheduler", "greedy",
        *([f"--jobs={jobs}", *options] if _elsewhere(options) else [*here, *options]),
    ]


def _elsewhere(options: Sequence[str]) -> bool:
    return any(option.startswith(("--executor", "--workflow-profile")) for option in options)


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Inside, SIGTERM (`kill`, `timeout`, a cluster's time limit) raises SystemExit instead of ending Python at once.
    """
    if threading.current_thread() is not threading.main_thread():       # only the main thread may set signal handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(process: subprocess.Popen) -> None:
    """Stop the workflow and its jobs; those that do not end within ten seconds are killed."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        try:
            member.terminate()
        except psutil.NoSuchProcess:
            continue
    for member in psutil.wait_procs(family, timeout=10)[1]:
        member.kill()
    process.wait()


def _summary(plan: Plan, returncode: int, out_of_time: bool, console: Console) -> int:
    """Print what is missing and why; returns the batch's status."""
    missing = [*plan.missing_runs(), *plan.missing_notebooks()]
    failed = [name for name in missing if (status := read_status(status_file(plan, name))) and status.state == "failed"]
    for name in failed:
        log = _log_of(plan, name)
        console.print(f"[red]failed[/] {name}: {read_status(status_file(plan, name)).error}", soft_wrap=True, highlight=False)
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.exists() else ():
            console.print(f"    {line}", soft_wrap=True, highlight=False, markup=False)
        console.print(f"    whole log: {log}", soft_wrap=True, highlight=False)
    if out_of_time:
        console.print(f"time is up: {len(missing)} jobs are left; the same command goes on where this one stopped", highlight=False)
        return OUT_OF_TIME
    if missing and not failed:              # the workflow itself, or an externally killed job
        tail = Path(plan.folder, "snakemake.log").read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        console.print(f"[red]stopped[/] {len(missing)} jobs are left, the first is {missing[0]}; the workflow's last words:")
        console.print("\n".join(f"    {line}" for line in tail), markup=False, highlight=False, soft_wrap=True)
    elif len(missing) > len(failed):
        waiting = [name for name in missing if name not in failed]
        console.print(f"not made, since they need what failed: {', '.join(waiting)}", soft_wrap=True, highlight=False)
    return FAILED if missing or returncode else DONE


def _log_of(plan: Plan, name: str) -> Path:
    if name in plan.runs:
        return Path(plan.runs[name].stamp).with_suffix(".log")
    return Path(plan.folder, name, Path(plan.notebooks[name].stamp).name.split(".")[1] + ".log")


def default_jobs(gpus: int) -> int:
    """As many jobs at once as there are GPUs; without one as many as there are cores, and 3 GiB of memory for each."""
    if gpus:
        return gpus
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(psutil.virtual_memory().available // (3 << 30))))


def gpu_count(device: str) -> int:
    """Number of CUDA devices that "auto", "cpu", ... selects here. Raises ValueError as `pick_device` does."""
    import torch

    from depthlib.base.devices import pick_device

    return torch.cuda.device_count() if pick_device(device).type == "cuda" else 0
