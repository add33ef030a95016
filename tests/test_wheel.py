"""The wheel, installed in an environment that has the packages it asks for and nothing of the course."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from depthlib.base.paths import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv builds and installs the wheel"),
]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment `venv`, in the versions of the lock, and a photograph."""
    folder = tmp_path_factory.mktemp("wheel")
    run("uv", "build", "--wheel", "--out-dir", folder, REPOSITORY, cwd=folder)
    run(
        "uv",
        "export",
        "--frozen",
        "--no-emit-project",
        "--no-dev",
        "--no-hashes",
        "-q",
        "-o",
        folder / "needs.txt",
        cwd=REPOSITORY,
    )
    run("uv", "venv", "-q", folder / "venv", cwd=folder)
    (wheel,) = folder.glob("*.whl")
    run("uv", "pip", "install", "-q", "--python", folder / "venv", "-r", "needs.txt", wheel, cwd=folder)
    shutil.copy(REPOSITORY / "docs" / "report.png", folder / "photo.png")
    return folder


def test_models_losses_and_metrics_need_no_extra(installed):
    code = (
        "import torch; from depthlib.losses import berhu_loss; from depthlib.metrics import depth_errors\n"
        "from depthlib.models import create_model\n"
        "net = create_model('unet', width=4); p = net(torch.rand(1, 3, 32, 32)); t = p + 1\n"
        "print(berhu_loss(p, t, t > 0).item() > 0)"
    )
    assert run("venv/bin/python", "-c", code, cwd=installed).strip() == "True"


def test_predict_and_the_manifests_come_along(installed):
    said = run("venv/bin/depthlib", "predict", "photo.png", cwd=installed)
    assert (installed / "depth" / "photo_depth.png").is_file(), said
    assert "kitti" in run("venv/bin/depthlib", "data", "list", cwd=installed)


def test_what_the_course_needs_is_named(installed):
    done = subprocess.run(
        [installed / "venv/bin/depthlib", "reproduce", "--dry-run"], cwd=installed, capture_output=True, text=True
    )
    assert done.returncode == 1 and "pip install 'depthlib[course]'" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in installed.iterdir() if path.name in ("out", "runs")) == []
