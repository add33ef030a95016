"""Depth and disparity of the benchmarks of KITTI come back, as their manifests say."""

from __future__ import annotations

from pathlib import Path

import torch
from same_frames import image_bytes

from depthlib.data.kitti import KittiDepth, KittiStereo2015
from depthlib.data.kitti.depth import ANNOTATED
from depthlib.data.kitti.stereo2015 import DISPARITY
from depthlib.data.manifest import load_manifest
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.kitti_benchmarks import CITYSCAPES_OF_STREETS, write_kitti_depth, write_kitti_stereo2015


def test_depth_selection_and_stereo2015_come_back(scenes: SceneDataset, tmp_path: Path) -> None:
    write_kitti_depth(tmp_path / "selection", scenes)
    data = KittiDepth(tmp_path / "selection", "val")
    assert len(data) == 2 and len(data[0]["name"].split("_image_")) == 3
    assert float((data[1]["depth"] - scenes[1]["depth"]).abs().max()) <= 0.5 / 256 + 1e-6
    torch.testing.assert_close(data[0]["K"], scenes[0]["K"])
    write_kitti_depth(tmp_path / "selection", scenes, "test")
    assert set(KittiDepth(tmp_path / "selection", "test")[0]) == {"image", "K", "name"}

    write_kitti_stereo2015(tmp_path / "stereo", scenes)
    item, sample = KittiStereo2015(tmp_path / "stereo", semantics=True)[0], scenes[0]
    assert float((item["disparity"] - sample["disparity"]).abs().max()) <= 0.5 / 256 + 1e-5
    near = sample["valid"] & (sample["depth"] < 30)
    assert float((item["depth"] / sample["depth"] - 1).abs()[near].max()) < 0.01
    assert torch.equal(image_bytes(item["right"]), image_bytes(sample["right"]))
    inside = KittiStereo2015(tmp_path / "stereo", occluded=False)[0]["valid"]
    assert bool((inside <= item["valid"]).all()) and int(inside.sum()) < int(item["valid"].sum())
    # Writing went over label ids; reading gives training ids, which keep classes apart and put road first and sky
    # eleventh.
    road, sky = (label == CITYSCAPES_OF_STREETS for label in (7, 23))
    assert torch.equal(item["semantics"] == 0, torch.from_numpy(road)[sample["semantics"]])
    assert torch.equal(item["semantics"] == 10, torch.from_numpy(sky)[sample["semantics"]])


def test_loaders_and_manifests_say_the_same() -> None:
    depth, stereo = load_manifest("kitti-depth"), load_manifest("kitti-stereo2015")
    for stated, used in ((depth.encodings["annotated"], ANNOTATED), (stereo.encodings["disparity"], DISPARITY)):
        assert (stated.dtype, stated.scale, stated.offset, stated.invalid, stated.range) == (
            used.dtype,
            used.scale,
            used.offset,
            used.invalid,
            used.range,
        )
