"""Every writer against the manifest of its data set."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from depthlib.data.manifest import load_manifest
from depthlib.data.verify import verify
from depthlib.scenes import SceneDataset, SceneDistribution


@pytest.fixture(scope="module")
def rooms() -> SceneDataset:
    return SceneDataset(SceneDistribution("rooms", height=48, width=64, antialias=1), "val", 2, cache=False)


@pytest.mark.parametrize(
    "name, kinds",
    [
        ("nyu", ("labelled", "split")),
        ("nyu48k", ("train",)),
        ("nyuraw", ("image", "depth")),
        ("sunrgbd", ("image", "depth_bfx", "camera")),
        ("tum", ("image", "depth", "trajectory")),
        ("sevenscenes", ("image", "depth", "pose", "train")),
        ("diode", ("image", "depth", "mask")),
        ("mai", ("image", "depth")),
        ("make3d", ("image", "depth")),
        ("diw", ("image", "pairs")),
        ("redweb", ("image", "relative")),
        ("mannequin", ("frame", "cameras")),
    ],
)
def test_written_files_lie_where_the_manifests_say(
    rooms: SceneDataset, tmp_path: Path, name: str, kinds: tuple[str, ...]
) -> None:
    """Verification decodes every file by its manifest: names, types, units and masks must be those that the writers
    write.
    """
    modules = [import_module(f"depthlib.scenes.writers.{module}") for module in ("nyu", "relative", "rgbd")]
    writer = next(getattr(module, f"write_{name}") for module in modules if hasattr(module, f"write_{name}"))
    writer(tmp_path, *((rooms, rooms) if name == "nyu" else (rooms,)))
    report = verify(load_manifest(name), tmp_path, full=True)
    found = {finding.what.removeprefix("layout "): finding.found for finding in report.findings}
    assert all(found[kind] > 0 for kind in kinds), report.text()
    assert not [finding for finding in report.findings if finding.damaged], report.text()
