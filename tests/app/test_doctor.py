"""The doctor finds what is wrong, says what to do, and survives any installation."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from pathlib import Path

import pytest
import torch

from depthlib.app import doctor


def found(what: str) -> doctor.Finding:
    return next(finding for finding in doctor.examine() if finding.what == what)


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("DEPTHLIB_OUT", "DEPTHLIB_STORE", "DEPTHLIB_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / variable / "not" / "made" / "yet"))
    monkeypatch.delenv("DEPTHLIB_SAMPLES", raising=False)


def test_every_part_is_looked_at() -> None:
    findings = list(doctor.examine())
    assert {
        "Python",
        "packages",
        "depthlib",
        "torchvision",
        "device",
        "threads",
        "CPU instructions",
        "results",
        "run store",
        "cache",
        "real samples",
        "weights for predict",
    } <= {finding.what for finding in findings}
    assert all(finding.advice for finding in findings if not finding.ok)
    assert torch.__version__.split("+")[0] in next(finding.value for finding in findings if finding.what == "packages")


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    list(doctor.examine())
    assert list(tmp_path.iterdir()) == []


def test_a_failing_look_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OSError("library not loaded")

    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", broken)
    finding = found("instructions")
    assert not finding.ok and "library not loaded" in finding.value and finding.advice
    assert "doctor" in doctor.line()


def test_absent_and_old_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(package: str) -> str:
        if package in ("papermill", "pillow"):
            raise importlib.metadata.PackageNotFoundError(package)
        return "0.1" if package == "torchmetrics" else real(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert found("pillow").value == "absent" and "pillow>=" in found("pillow").advice and not found("pillow").ok
    assert found("course").value == "absent: papermill" and found("course").ok
    assert "depthlib[course]" in found("course").advice
    assert found("torchmetrics").value == "0.1" and not found("torchmetrics").ok


def test_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "usable_cores", lambda: 3.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    assert not found("threads").ok and "OMP_NUM_THREADS=3" in found("threads").advice
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert found("threads").ok


@pytest.mark.parametrize(
    "quota, cores", [("150000 100000\n", 1.5), ("max 100000\n", 4), ("900000 100000\n", 4), ("odd\n", 4)]
)
def test_usable_cores(monkeypatch: pytest.MonkeyPatch, quota: str, cores: float) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(4)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda self: quota)
    assert doctor.usable_cores() == cores


def test_a_gpu_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: "nvidia-smi")
    assert not found("device").ok and "CUDA_VISIBLE_DEVICES" in found("device").advice
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert found("device").ok


@pytest.mark.slow
def test_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "file" / "runs"))
    assert not found("run store").ok and "DEPTHLIB_STORE" in found("run store").advice
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    assert (
        "1.0 GiB free" in found("cache").value and "DEPTHLIB_CACHE" in found("cache").advice and not found("cache").ok
    )


def test_samples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert found("real samples").ok
    monkeypatch.setenv("DEPTHLIB_SAMPLES", str(tmp_path / "absent"))
    assert not found("real samples").ok
    monkeypatch.setenv("DEPTHLIB_SAMPLES", str(tmp_path))
    assert found("real samples").ok


def test_findings_are_printed_as_they_come(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch takes seconds, in which something should stand on the screen; and the last line is a next
    step.
    """
    seen = []

    def slow() -> list:
        seen.append(capsys.readouterr().out)
        return []

    slow.__name__ = "_device"
    monkeypatch.setattr(doctor, "_device", slow)
    status = doctor.report()
    assert "Python" in seen[0] and "torchvision" in seen[0]
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert "depthlib doctor" in last if status else "depthlib learn" in last and "depthlib reproduce" in last


def test_report_and_line(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.report() == sum(not finding.ok for finding in doctor.examine())
    assert "Python" in capsys.readouterr().out
    monkeypatch.setenv("DEPTHLIB_SAMPLES", "/[red]no")  # brackets are no markup
    assert doctor.report() >= 1
    assert "[red]no" in capsys.readouterr().out
    line = doctor.line()
    assert "\n" not in line and torch.__version__ in line and "cores" in line
