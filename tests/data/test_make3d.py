"""Make3D: written from scenes, read and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from depthlib.data.errors import DataError
from depthlib.data.make3d import Make3D
from depthlib.geometry import backproject
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.rgbd import write_make3d


def test_make3d_round_trip(rooms: SceneDataset, tmp_path: Path) -> None:
    write_make3d(tmp_path, rooms)
    dataset = Make3D(tmp_path, "test")
    item, sample = dataset[0], rooms[0]
    assert (
        item["image"].shape == (3, 48, 36)
        and item["depth"].shape == (1, 55, 305)
        and item["name"] == "rooms-val-000000"
    )
    ray = backproject(sample["depth"][None], sample["K"][None]).norm(dim=1)[0, :, 14:50]
    for row, column in ((0, 0), (54, 304), (27, 152)):
        expected = ray[round(row * 47 / 54), round(column * 35 / 304)]
        assert item["depth"][0, row, column].item() == pytest.approx(expected.item(), rel=1e-5)
    cropped = Make3D(tmp_path, "test", crop="2to1")[0]
    assert cropped["image"].shape == (3, 18, 36) and torch.equal(cropped["image"], item["image"][:, 15:33])
    assert torch.equal(cropped["depth"], item["depth"][:, 17:38]) and cropped["depth"].shape == (1, 21, 305)
    of_image = Make3D(tmp_path, "test", crop="image")[0]
    assert torch.equal(of_image["image"], cropped["image"]) and torch.equal(of_image["depth"], item["depth"])
    path = tmp_path / "Gridlaserdata/depth_sph_corr-rooms-val-000000.mat"
    grid = loadmat(path)["Position3DGrid"]
    for array, message in (
        (grid.transpose(1, 0, 2), "transposed"),
        (np.where(grid > 2, np.nan, grid), "not finite"),
        (grid * 0, "no valid pixel"),
        (grid * 1000, "unit"),
    ):
        savemat(path, {"Position3DGrid": array})
        with pytest.raises(DataError, match=f"{path.name}.*{message}"):
            dataset[0]
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DataError, match="damaged"):
        dataset[0]
    (tmp_path / "list.txt").write_text("rooms-val-000001\nelsewhere\n")
    with pytest.raises(DataError, match="img-elsewhere.jpg: no such file"):
        Make3D(tmp_path, "test", list_file=tmp_path / "list.txt")
