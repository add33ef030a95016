"""Running the workflow: start, progress, end, and a summary of what failed and why."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from rich.console import Console

from depthlib.base.yaml_files import read_yaml
from depthlib.course.batch import fork_server
from depthlib.course.batch.plan import Plan
from depthlib.course.batch.progress import BatchProgress
from depthlib.course.batch.status import read_status, status_file
from depthlib.training.stopping import SIGNALS, sigterm_raises

DONE, FAILED, REFUSED, OUT_OF_TIME = 0, 1, 2, 3  # exit statuses of a batch
SNAKEFILE = Path(__file__).with_name("Snakefile")
LOG_LINES = 12
MOVES = tuple(f"DEPTHLIB_{name}" for name in ("OUT", "STORE", "CACHE", "DATA", "SAMPLES"))  # folders, see `base.paths`
BUILT_IN = ("local", "dryrun", "touch")  # executors of Snakemake itself
# By default glibc returns every large block to the system, which clears it again at the next step; keeping them makes a
# training on the CPU a tenth faster.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(2 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}


class AnotherBatch(RuntimeError):
    """Another batch works on the same store."""


def run_batch(
    plan: Plan, *, jobs: int, console: Console, max_minutes: float | None = None, options: Sequence[str] = ()
) -> int:
    """Carry out `plan` and return the status of the batch: DONE, FAILED (some job did), or OUT_OF_TIME.

    Every finished job is a file, and an interrupted training resumes from its checkpoint, so a batch may be stopped at
    any time and started again. On Ctrl-C and SIGTERM the running trainings save their state, and no process is left.

    Args:
        jobs: how many at once.
        max_minutes: stop then, cleanly; None: no limit.
        options: more options for Snakemake, such as ["--executor=slurm"].

    Raises:
        AnotherBatch: the store is in use by another batch.
        KeyboardInterrupt, SystemExit: it was told to end.
    """
    folder = Path(plan.folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        raise AnotherBatch(
            f"{plan.store}: found another batch of profile {plan.profile}, expected none: wait for it, or set another "
            "store with DEPTHLIB_STORE"
        ) from None
    with held:
        plan_file = plan.write()
        watch = BatchProgress(plan, console)
        if not watch.missing:
            return DONE
        for name in watch.missing:
            status_file(plan, name).unlink(missing_ok=True)  # of an earlier batch
        with sigterm_raises(), open(folder / "snakemake.log", "ab") as log:
            environment = MALLOC | os.environ | absolute(os.environ)
            command = _command(plan, plan_file, jobs, options)
            helper = process = None
            try:
                helper = None if elsewhere(options) else fork_server.start(plan, plan_file, log, environment)
                process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment)
                deadline = time.monotonic() + (float("inf") if max_minutes is None else 60 * max_minutes)
                watch.start()
                while process.poll() is None and time.monotonic() < deadline:
                    watch.look()
                    time.sleep(0.3)
                out_of_time = process.poll() is None
            finally:
                with _undisturbed():  # no process of a batch outlives it
                    if process:
                        here = [] if elsewhere(options) else [*_at_work(plan), *([helper.pid] if helper else [])]
                        _end(process, here)
                    if helper:
                        helper.communicate()
                    watch.close()
    return _summary(plan, process.returncode, out_of_time, console)


def absolute(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that move folders, for processes that work in another folder than this one."""
    return {name: os.path.abspath(Path(value).expanduser()) for name in MOVES if (value := environment.get(name))}


def _command(plan: Plan, plan_file: Path, jobs: int, options: Sequence[str]) -> list[str]:
    # Cores and GPUs are assigned here; with another executor (in options) the cluster does that.
    here = ["--cores", str(jobs * plan.threads), "--resources", f"gpu={plan.gpus}"]
    last = plan.last_of_longest_chain()
    first = ["--prioritize", plan.runs[last].stamp] if last else []
    # Outputs are written atomically, so Snakemake's own locks and marks of incomplete files are not needed; after a
    # kill they would block a restart.
    return [
        plan.python,
        "-m",
        "snakemake",
        "--snakefile",
        str(SNAKEFILE),
        "--directory",
        plan.folder,
        "--config",
        f"plan={plan_file}",
        *first,
        "--keep-going",
        "--nolock",
        "--ignore-incomplete",
        "--rerun-triggers",
        "mtime",
        "--scheduler",
        "greedy",
        *([f"--jobs={jobs}", *options] if elsewhere(options) else [*here, *options]),
    ]


def elsewhere(options: Sequence[str]) -> bool:
    """Whether jobs go to a cluster."""
    return any(option.startswith(("--executor", "--workflow-profile")) for option in options)


def dry_run(plan: Plan, *, jobs: int, options: Sequence[str] = ()) -> int:
    """Let Snakemake print all jobs of a plan, and carry out none; its exit status. Writes into the plan's folder."""
    command = _command(plan, plan.write(), jobs, [*options, "--dry-run"])
    return subprocess.run([*command, "--quiet", "host", "reason"], cwd=plan.folder).returncode


def check_executor(executor: str | None, workflow_profile: Path | None) -> list[str]:
    """Snakemake's options for these.

    Raises:
        ValueError: no such profile, or the executor's plugin is not installed; names the extra of depthlib for Slurm's.
    """
    options = []
    if workflow_profile is not None:
        file = workflow_profile / "config.yaml"
        if not file.is_file():
            raise ValueError(f"workflow-profile: found no {file}, expected a folder with a config.yaml of Snakemake")
        executor = executor or (read_yaml(file) or {}).get("executor")
        options = [f"--workflow-profile={workflow_profile.resolve()}"]
    module = f"snakemake_executor_plugin_{(executor or 'local').replace('-', '_')}"
    if executor not in (None, *BUILT_IN) and importlib.util.find_spec(module) is None:
        how = "the extra 'cluster': `uv sync --inexact --extra cluster`, or `pip install 'depthlib[cluster]'`"
        how = how if executor == "slurm" else f"`pip install {module.replace('_', '-')}`, if there is such a plugin"
        raise ValueError(f"executor: found {executor!r}, whose plugin is not installed, expected {how}")
    return [*([f"--executor={executor}"] if executor else []), *options]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM have no effect: the batch ends already."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set signal handlers
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen, jobs: Iterable[int]) -> None:
    """Stop the workflow and its jobs. A training saves its state; what does not end within ten seconds is killed.

    After Ctrl-C the workflow may have ended before its jobs, so these are named.
    """
    family: set[psutil.Process] = set()
    for pid in (process.pid, *jobs):
        with suppress(psutil.Error):
            member = psutil.Process(pid)
            if pid == process.pid or any("depthlib.course.batch" in word for word in member.cmdline()):
                family |= {member, *member.children(recursive=True)}
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    for member in psutil.wait_procs(family, timeout=10)[1]:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def _at_work(plan: Plan) -> Iterator[int]:
    """The processes of the running jobs."""
    for name in (*plan.runs, *plan.notebooks):
        if (status := read_status(status_file(plan, name))) and status.state == "running":
            yield status.pid


def _summary(plan: Plan, returncode: int, out_of_time: bool, console: Console) -> int:
    """Print what is missing and why; returns the batch's status."""
    missing = [*plan.missing_runs(), *plan.missing_notebooks()]
    failed = [name for name in missing if (status := read_status(status_file(plan, name))) and status.state == "failed"]
    for name in failed:
        log = _log_of(plan, name)
        console.print(
            f"[red]failed[/] {name}: {read_status(status_file(plan, name)).error}", soft_wrap=True, highlight=False
        )
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.exists() else ():
            console.print(f"    {line}", soft_wrap=True, highlight=False, markup=False)
        console.print(f"    whole log: {log}", soft_wrap=True, highlight=False)
    if out_of_time:
        console.print(
            f"time is up: {len(missing)} jobs are left; the same command goes on where this one stopped",
            highlight=False,
        )
        return OUT_OF_TIME
    if missing and not failed:  # the workflow itself, or an externally killed job
        tail = (
            Path(plan.folder, "snakemake.log").read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        )
        console.print(
            f"[red]stopped[/] {len(missing)} jobs are left, the first is {missing[0]}; the workflow's last words:"
        )
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
