"""DIODE: written from scenes, read and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from same_frames import SMALL, same_frame

from depthlib.data.diode import DIODE
from depthlib.data.errors import DataError
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.rgbd import write_diode


def test_diode_round_trip(rooms: SceneDataset, tmp_path: Path) -> None:
    write_diode(tmp_path, rooms)
    dataset = DIODE(tmp_path, "val", camera=SMALL)
    meta = tmp_path / "diode_meta.json"
    assert len(dataset) == 2 and len(DIODE(tmp_path, "val", kinds=("indoors",), meta=meta, camera=SMALL)) == 2
    for item, sample in zip(dataset, rooms, strict=True):
        same_frame(item, sample, 0)
    with pytest.raises(DataError, match="found nothing"):
        DIODE(tmp_path, "val", kinds=("outdoor",))
    image, depth_file, mask_file = dataset.files(dataset.entries[0])
    depth, mask = np.load(depth_file), np.load(mask_file)
    np.save(mask_file, np.where(np.arange(48)[:, None] < 9, 0, mask))
    np.save(depth_file, np.where(np.arange(48)[:, None, None] < 9, np.nan, depth))
    item = dataset[0]  # NaN where the mask says that nothing was measured
    assert not item["valid"][0, :9].any() and item["valid"][0, 9:].all() and torch.isfinite(item["depth"]).all()
    np.save(mask_file, mask)
    with pytest.raises(DataError, match="_depth.npy.*not finite"):
        dataset[0]
    np.save(depth_file, depth)
    for array, message in ((mask * 0, "no valid pixel"), (mask * 255, "0 and 1"), (mask.T, "a mask")):
        np.save(mask_file, array)
        with pytest.raises(DataError, match=message):
            dataset[0]
    np.save(mask_file, mask)
    depth_file.write_bytes(depth_file.read_bytes()[:1000])
    with pytest.raises(DataError, match="_depth.npy.*damaged"):
        dataset[0]
    meta.write_text(json.dumps({"train": {}}))
    with pytest.raises(DataError, match="diode_meta.json: found no names"):
        DIODE(tmp_path, "val", meta=meta)
    mask_file.unlink()
    with pytest.raises(DataError, match="_depth_mask.npy: no such file; 1 of the 6"):
        DIODE(tmp_path, "val", camera=SMALL)
