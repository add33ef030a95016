"""Diagnosis of this machine: packages, devices, folders and data, with advice on each problem."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from depthlib.base import paths

FREE_GIB = 2.0  # more than the scenes, runs and executed notebooks of `quick` need
KEY_PACKAGES = (
    "torch",
    "torchvision",
    "torchmetrics",
    "numpy",
    "scikit-image",
    "pillow",
    "matplotlib",
    "pandas",
    "papermill",
    "nbval",
    "jupyterlab",
)


@dataclass(frozen=True)
class Finding:
    """The result of one check. `advice`: the remedy if `ok` is False; otherwise a hint, or empty."""

    what: str
    value: str
    ok: bool = True
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Check Python, packages, devices, threads, folders and data, one after the other, as some take seconds.

    Never raises: a failed check is a finding.
    """
    for look in (_python, _packages, _torchvision, _device, _threads, _instructions, _folders, _samples, _weights):
        try:
            yield from look()
        except Exception as error:  # a broken installation may fail in any way
            found = f"could not be determined ({type(error).__name__}: {error})"
            yield Finding(look.__name__.strip("_"), found, False, "install the project again: `uv sync`")


def report() -> int:
    """Print each finding as soon as it is made, and what to do next; return how many need attention."""
    from rich.console import Console
    from rich.markup import escape

    console, problems = Console(soft_wrap=True, highlight=False), 0
    for finding in examine():
        mark = "[green]ok  [/]" if finding.ok else "[red]look[/]"
        console.print(f"{mark}  {escape(finding.what):20}  {escape(finding.value)}")
        if finding.advice:
            console.print(f"{'':26}  -> {escape(finding.advice)}")
        problems += not finding.ok
    if problems:
        console.print(f"{problems} to look at, marked `look`; then run `depthlib doctor` again")
    else:
        console.print(
            "everything is in order; next: `depthlib learn`, your copies of the lessons, or `depthlib reproduce`, "
            "everything"
        )
    return problems


def line() -> str:
    """Versions, device, threads and instruction set in one line, for the top of a notebook."""
    try:
        import torch

        return (
            f"Python {platform.python_version()}, torch {torch.__version__} on {_device_name()}, "
            f"{torch.get_num_threads()} of {usable_cores():g} cores, {torch.backends.cpu.get_cpu_capability()}"
        )
    except Exception as error:
        return (
            f"Python {platform.python_version()}, torch cannot be used ({type(error).__name__}): run `depthlib doctor`"
        )


def usable_cores() -> float:
    """Cores this process may use: the smallest of the machine's, the affinity mask and the container's quota."""
    cores = float(os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else min(cores, int(quota) / int(period))
    except (OSError, ValueError):  # no control groups, or their older form
        return cores


def _python() -> Iterator[Finding]:
    version = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    new_enough = sys.version_info >= (3, 11)
    yield Finding("Python", version, new_enough, "" if new_enough else "use Python 3.11 or newer")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[Finding]:
    """Versions of the key packages, and every requirement that is absent or too old; apart those of the course."""
    from packaging.requirements import Requirement

    yield Finding("packages", ", ".join(f"{name} {_version(name) or 'absent'}" for name in KEY_PACKAGES))
    if (own := _version("depthlib")) is None:
        yield Finding("depthlib", "not installed", False, "install the project: `uv sync`, or `pip install -e .`")
        return
    yield Finding("depthlib", own)
    left_out = []
    for text in metadata.requires("depthlib") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": "course"}):
            continue
        found = _version(requirement.name)
        if found is None and requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            left_out.append(requirement.name)
        elif found is None or not requirement.specifier.contains(found, prereleases=True):
            needed = f"{requirement.name}{requirement.specifier}"
            yield Finding(
                requirement.name, found or "absent", False, f"needs {needed}: `uv sync`, or `pip install '{needed}'`"
            )
    if left_out:
        advice = "lessons and batch need them: `uv sync`, or `pip install 'depthlib[course]'`"
        yield Finding("course", f"absent: {', '.join(left_out)}", advice=advice)


def _torchvision() -> Iterator[Finding]:
    """torchvision is compiled against one version of torch, so one of its operators is called."""
    if (torch_version := _version("torch")) is None or (version := _version("torchvision")) is None:
        return  # reported among the packages
    import torch

    value = f"{version} beside torch {torch_version}"
    try:
        from torchvision.ops import nms

        nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
        yield Finding("torchvision", value)
    except Exception as error:
        advice = "install torch and torchvision anew, both from one index: `uv sync --reinstall-package torchvision`"
        yield Finding("torchvision", f"{value}: {type(error).__name__}: {str(error)[:80]}", False, advice)


def _device_name() -> str:
    import torch

    if torch.cuda.is_available():
        return ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return "Apple MPS" if torch.backends.mps.is_available() else "CPU"


def _device() -> Iterator[Finding]:
    import torch

    build = f"CUDA {torch.version.cuda} build" if torch.version.cuda else "CPU build"
    lost = shutil.which("nvidia-smi") is not None and not torch.cuda.is_available()
    advice = (
        (
            "an NVIDIA driver is here, but torch cannot use it: check `nvidia-smi`, CUDA_VISIBLE_DEVICES, and that "
            "torch is a CUDA build no newer than the driver"
        )
        if lost
        else ""
    )
    yield Finding("device", f"{_device_name()} ({build})", not lost, advice)


def _threads() -> Iterator[Finding]:
    import torch

    threads, cores = torch.get_num_threads(), usable_cores()
    advice = (
        ""
        if threads <= max(cores, 1)
        else f"set OMP_NUM_THREADS={max(int(cores), 1)}: more threads than cores are slower"
    )
    yield Finding(
        "threads", f"{threads} of {cores:g} usable cores ({os.cpu_count()} in the machine)", not advice, advice
    )


def _instructions() -> Iterator[Finding]:
    import torch

    found = torch.backends.cpu.get_cpu_capability()
    slow = platform.machine().lower() in ("x86_64", "amd64") and not found.startswith("AVX")
    advice = (
        "no AVX, so runs take several times longer: check ATEN_CPU_CAPABILITY and the virtual machine's CPU"
        if slow
        else ""
    )
    yield Finding("CPU instructions", found, not slow, advice)


def _folders() -> Iterator[Finding]:
    folders = {
        "results": ("OUT", paths.results_dir("quick")),
        "run store": ("STORE", paths.store_dir()),
        "cache": ("CACHE", paths.cache_dir()),
    }
    for name, (variable, folder) in folders.items():
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            reason = error.strerror or type(error).__name__
            yield Finding(
                name, f"{folder}: cannot write ({reason})", False, f"set DEPTHLIB_{variable} to another folder"
            )
            continue
        free = shutil.disk_usage(existing).free / 2**30
        advice = f"less than {FREE_GIB:g} GiB free: make room, or set DEPTHLIB_{variable} to another disk"
        advice = "" if free >= FREE_GIB else advice
        yield Finding(name, f"{folder}: {free:.1f} GiB free", not advice, advice)


def _samples() -> Iterator[Finding]:
    value = os.environ.get("DEPTHLIB_SAMPLES")
    if not value:
        yield Finding(
            "real samples", "not set", advice="optional: DEPTHLIB_SAMPLES names a folder of real RGB-D frames"
        )
    elif paths.samples_dir() is None:
        yield Finding("real samples", f"{value}: no such folder", False, "correct or unset DEPTHLIB_SAMPLES")
    else:
        yield Finding("real samples", str(paths.samples_dir()))


def _weights() -> Iterator[Finding]:
    from depthlib.protocols.photograph import WeightsError, default_weights

    try:
        yield Finding("weights for predict", str(default_weights()))
    except WeightsError:
        yield Finding("weights for predict", "none yet", advice="`depthlib reproduce` makes them")
