"""7-Scenes: written from scenes, read and damaged; real frames warp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from real_warps import warped_and_still
from same_frames import ALL, SMALL, same_frame
from samples import needs_samples

from depthlib.base.paths import samples_dir
from depthlib.data import sevenscenes
from depthlib.data.errors import DataError
from depthlib.data.maps import read_map, read_png
from depthlib.data.sevenscenes import SevenScenes
from depthlib.geometry import invert_pose
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.rgbd import write_sevenscenes

SCENES = {"views": ALL}


def test_sevenscenes_round_trip(rooms: SceneDataset, tmp_path: Path) -> None:
    write_sevenscenes(tmp_path, rooms, "train")
    write_sevenscenes(tmp_path, [rooms[1]], "test")
    dataset = SevenScenes(tmp_path, "train", scenes=("chess",), views=ALL, camera=SMALL)
    assert [item["name"] for item in dataset] == ["chess/seq-01/000001", "chess/seq-02/000001"]
    for item, sample in zip(dataset, rooms, strict=True):
        same_frame(item, sample, 0.001)
        for view in ("previous", "next"):
            torch.testing.assert_close(item[view], sample[view], atol=1e-6, rtol=0)
            torch.testing.assert_close(item[f"T_{view}_current"], sample[f"T_{view}_current"], atol=1e-5, rtol=0)
    test = SevenScenes(tmp_path, "test", scenes=("chess",), views=("current", "previous"), camera=SMALL)
    assert test[0]["name"] == "chess/seq-501/000001"
    assert "next" not in test[0] and test.fingerprint() != dataset.fingerprint()
    pose = tmp_path / "chess/seq-01/frame-000002.pose.txt"
    good = np.loadtxt(pose)
    good[:3, 3] = (1, 2, 3)
    for values, message in (
        (good.T, "transposed"),
        (good * [[1], [1], [2], [1]], "rotation"),
        (np.full((4, 4), np.nan), "finite"),
    ):
        np.savetxt(pose, values)
        with pytest.raises(DataError, match=f"frame-000002.pose.txt.*{message}"):
            dataset[0]
    stored = read_png(tmp_path / "chess/seq-01/frame-000001.depth.png", 16).copy()
    stored[:5] = 65535
    Image.fromarray(stored).save(tmp_path / "chess/seq-01/frame-000001.depth.png")
    depth, valid = read_map(tmp_path / "chess/seq-01/frame-000001.depth.png", sevenscenes.DEPTH)
    assert not valid[0, :5].any() and valid[0, 5:].all() and depth.max() < 12
    (tmp_path / "chess/seq-02/frame-000002.pose.txt").unlink()
    with pytest.raises(DataError, match="frame-000002.pose.txt: no such file"):
        SevenScenes(tmp_path, "train", scenes=("chess",), views=ALL, camera=SMALL)
    (tmp_path / "chess/TrainSplit.txt").write_text("seq-01\n")
    with pytest.raises(DataError, match="expected 'sequence1'"):
        SevenScenes(tmp_path, "train", scenes=("chess",))


@pytest.mark.slow
@needs_samples
def test_real_sevenscenes_warp() -> None:
    dataset = SevenScenes(samples_dir() / "7-scenes", "redkitchen_tsdf", views=("current", "next"), spacing=15)
    assert len(dataset) == 15  # 30 consecutive frames and 10 spread ones
    item = dataset[0]
    assert (
        item["name"] == "redkitchen_tsdf/000000"
        and item["depth"][item["valid"]].min() > 0.5
        and item["depth"].max() < 6
    )
    assert warped_and_still(item, item["next"], item["T_next_current"]) == pytest.approx((6.8, 23.2), abs=0.1)
    wrong = warped_and_still(item, item["next"], invert_pose(item["T_next_current"]))
    assert wrong[0] > 15
