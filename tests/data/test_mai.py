"""Mobile AI: written from scenes, read and damaged; its split."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from same_frames import same_frame

from depthlib.data.errors import DataError
from depthlib.data.mai import MAI2021, verification
from depthlib.data.maps import read_png
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.writers.rgbd import write_mai


def test_mai_round_trip(tmp_path: Path) -> None:
    streets = SceneDataset(SceneDistribution("streets", height=48, width=96, antialias=1), "val", 2, cache=False)
    near = [{**sample, "depth": torch.where(sample["depth"] < 60, sample["depth"], 0.0)} for sample in streets]
    write_mai(tmp_path, near)
    held, rest = MAI2021(tmp_path, "verification"), MAI2021(tmp_path, "train")
    assert [item["name"] for item in held] == ["00000"] and [item["name"] for item in rest] == ["00001"]
    assert "K" not in rest[0]
    for item, sample in zip(MAI2021(tmp_path, "all"), near, strict=True):
        same_frame(item, {**sample, "valid": sample["depth"] > 0}, 0.001)
    path = tmp_path / "train/depth/00001.png"
    Image.fromarray(read_png(path, 16) // 256).convert("L").save(path)
    with pytest.raises(DataError, match="00001.png: found a PNG of 8 bits"):
        rest[0]
    path.unlink()
    with pytest.raises(DataError, match="00001.png: no such file"):
        MAI2021(tmp_path, "train")


def test_mai_split_of_the_full_set() -> None:
    names = [f"{number}.png" for number in range(7385)]
    held = verification(names)
    assert len(held) == len(set(held)) == 177 and len(set(names) - set(held)) == 7208
    assert verification(list(reversed(names))) == held and sorted(names).index(held[1]) == 41
