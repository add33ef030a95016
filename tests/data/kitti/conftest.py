"""Streets, written as raw data of KITTI."""

from __future__ import annotations

from pathlib import Path

import pytest

from depthlib.data.kitti import parse_raw
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.dataset import VIEWS
from depthlib.scenes.writers.kitti import write_kitti_raw
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_annotated


@pytest.fixture(scope="module")
def scenes() -> SceneDataset:
    distribution = SceneDistribution("streets", height=48, width=96, antialias=1)
    return SceneDataset(distribution, "val", 2, views=VIEWS, extras=("disparity",), cache=False)


@pytest.fixture(scope="module")
def raw(scenes: SceneDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw data with a list and annotated depth beside it; the tests that damage something copy it first."""
    root = tmp_path_factory.mktemp("kitti")
    lines = write_kitti_raw(root, scenes)
    (root / "list.txt").write_text("\n".join(lines) + "\n")
    write_kitti_annotated(root / "annotated", scenes, parse_raw(lines, "lines"))
    return root


@pytest.fixture
def copy(raw: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(raw, tmp_path / "kitti"))
