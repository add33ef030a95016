"""The 48K images of NYU Depth v2 in HDF5."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
import torch
from same_frames import SMALL

from depthlib.data.errors import DataError
from depthlib.data.nyu import NYU48K
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.nyu import write_nyu48k


def test_48k(rooms: SceneDataset, tmp_path: Path) -> None:
    write_nyu48k(tmp_path, rooms, "train")
    write_nyu48k(tmp_path, [rooms[0]], "val")
    dataset = NYU48K(tmp_path, "train", camera=SMALL)
    assert len(dataset) == 3 and dataset[0]["name"] == "rooms-val-000000/00006"
    for split, item in (("train", dataset[0]), ("val", NYU48K(tmp_path, "val", camera=SMALL)[0])):
        torch.testing.assert_close(item["image"], rooms[0]["image"], atol=1e-6, rtol=0)
        assert torch.equal(item["depth"], rooms[0]["depth"]), split
    held = tmp_path / "train/rooms-val-000001/00201.h5"
    held.write_bytes((tmp_path / "train/rooms-val-000001/00011.h5").read_bytes())
    assert len(NYU48K(tmp_path, "train", camera=SMALL)) == 3
    assert NYU48K(tmp_path, "holdout", camera=SMALL)[0]["name"].endswith("00201")
    held.write_bytes(held.read_bytes()[:500])
    with pytest.raises(DataError, match="00201.h5.*cut off"):
        NYU48K(tmp_path, "holdout", camera=SMALL)[0]
    with h5py.File(tmp_path / "val/official/00001.h5", "r+") as file:
        picture = file["rgb"][...].transpose(1, 2, 0)
        del file["rgb"]
        file["rgb"] = picture
    with pytest.raises(DataError, match=r"expected \[3, H, W\]"):
        NYU48K(tmp_path, "val", camera=SMALL)[0]
    with pytest.raises(DataError, match="found nothing"):
        NYU48K(tmp_path / "train", "val")
