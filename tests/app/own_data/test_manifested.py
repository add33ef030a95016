"""Data sets that a manifest describes."""

import shutil

import pytest
import torch
from own_folders import manifest, scenes

from depthlib.app.own_data.manifested import manifest_set
from depthlib.data.errors import DataError

pytestmark = pytest.mark.slow  # renders scenes

FRAME = (48, 64)


def test_a_manifest_without_code(tmp_path):
    """Beside the folder, as in lesson 07, or inside."""
    items = list(scenes(3))
    root = manifest(tmp_path / "mine", items)
    form = manifest_set(root, None, None)
    assert form.names == ["colour/000", "colour/001", "colour/002"] and "the manifest mine, by frame" in form.words
    torch.testing.assert_close(form.read(2, FRAME)["depth"], items[2]["depth"], atol=2e-4, rtol=0)
    shutil.move(tmp_path / "mine.yaml", root / "mine.yaml")
    assert len(manifest_set(root, None, None).names) == 3
    assert manifest_set(tmp_path / "elsewhere", None, None) is None


def test_several_manifests_must_be_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("name: x")
    with pytest.raises(DataError, match="found 2 .yaml files, expected one manifest, or --manifest"):
        manifest_set(tmp_path, None, None)
    with pytest.raises(DataError, match="scenes-v2: found a set that is generated"):
        manifest_set(tmp_path, "scenes-v2", None)
