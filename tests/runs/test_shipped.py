"""Committed runs stand behind the default store: they are used without being asked for, and never written to."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from depthlib.base import catalogue, paths
from depthlib.course.batch.plan import RunJob, add_run
from depthlib.runs.keys import score_key
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store


@pytest.fixture
def spec() -> RunSpec:
    return next(spec for spec in catalogue.part("start", "rows").runs("smoke") if not spec.recipe.needs())


@pytest.fixture
def committed(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run among committed results; the store beside it is the default one, and empty."""
    folder = tmp_path / "results/smoke/runs" / spec.name
    (folder / "scores").mkdir(parents=True)
    (folder / "weights.safetensors").write_text("weights")
    (folder / "provenance.json").write_text("{}")
    (folder / "record.json").write_text(json.dumps({"key": spec.key, "weights": "weights"}))
    for test in spec.recipe.tests:
        scores = {"key": score_key(spec, test), "weights": "weights", "images": [], "metrics": {}}
        (folder / "scores" / f"{test}.json.xz").write_bytes(lzma.compress(json.dumps(scores).encode()))
    for variable in ("DEPTHLIB_STORE", "DEPTHLIB_TRAIN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(paths, "reference_dir", lambda profile: tmp_path / "results" / profile)
    monkeypatch.setattr(paths, "store_dir", lambda: tmp_path / "runs")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_default_store_finds_them(spec: RunSpec, committed: Path, tmp_path: Path) -> None:
    record = Store().get(spec)
    assert record is not None and record.folder == committed and not (tmp_path / "runs").exists()


def test_a_named_store_stands_alone(
    spec: RunSpec, committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `--verify` makes everything again, and a test sees what it put there."""
    assert Store(tmp_path / "other").get(spec) is None
    monkeypatch.setenv("DEPTHLIB_STORE", str(tmp_path / "runs"))
    assert Store().get(spec) is None
    assert Store(train=False).get(spec) is not None  # where training is forbidden they are all there is


def test_a_batch_copies_them_and_trains_nothing(spec: RunSpec, committed: Path, tmp_path: Path) -> None:
    before, jobs = contents(committed), dict[str, RunJob]()
    add_run(spec, jobs, Store(), tmp_path / "batch")
    assert jobs[spec.name].trained and Path(jobs[spec.name].stamp).exists()
    assert contents(tmp_path / "runs" / spec.name) == before == contents(committed)


def test_looking_copies_nothing(spec: RunSpec, committed: Path, tmp_path: Path) -> None:
    """`--dry-run`."""
    add_run(spec, {}, Store(), tmp_path / "elsewhere", touch=False)
    assert not (tmp_path / "runs").exists()


def test_results_of_a_user_are_ignored_by_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPTHLIB_OUT", raising=False)
    ignored = (paths.REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
    assert (
        paths.results_dir("quick") == paths.REPOSITORY / "out/quick" and "/out/" in ignored and "/lessons/" in ignored
    )
    assert paths.reference_dir("quick") == paths.REPOSITORY / "results/quick"


def test_the_cache_is_where_the_system_keeps_such_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DEPTHLIB_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.cache_dir() == tmp_path / "depthlib"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert paths.cache_dir() == Path("/home/somebody/.cache/depthlib")
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path / "own"))
    assert paths.cache_dir() == tmp_path / "own"
