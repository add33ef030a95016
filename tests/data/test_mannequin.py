"""Mannequin Challenge: written from scenes, read and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from depthlib.data import mannequin
from depthlib.data.errors import DataError
from depthlib.data.manifest import load_manifest
from depthlib.data.mannequin import Mannequin, read_clip
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.relative import write_mannequin


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_mannequin_round_trip(streets: SceneDataset, tmp_path: Path, suffix: str) -> None:
    write_mannequin(tmp_path, streets, suffix=suffix, scale=3.7)
    dataset = Mannequin(tmp_path, "train", median_one=False)
    for item, sample in zip(dataset, streets, strict=True):
        assert torch.equal(item["valid"], sample["valid"]) and torch.allclose(item["image"], sample["image"], atol=1e-6)
        torch.testing.assert_close(item["depth"], sample["depth"] * 3.7)
        torch.testing.assert_close(item["K"], sample["K"], atol=1e-4, rtol=0)
    item = Mannequin(tmp_path, "train")[0]
    assert item["name"] == "streets-val-000000/10000000" and item["depth"][item["valid"]].median() == pytest.approx(1)
    path = dataset.entries[0]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=f"{path.name}.*cut off"):
        dataset[0]


def test_mannequin_refuses(streets: SceneDataset, tmp_path: Path) -> None:
    write_mannequin(tmp_path, streets)
    dataset = Mannequin(tmp_path, "train")
    path = dataset.entries[0]
    with np.load(path) as file:
        arrays = dict(file)
    for key, array, message in (
        ("mask", arrays["mask"] * 0, "no valid pixel"),
        ("mask", arrays["mask"] * np.uint8(255), "0 and 1"),
        ("depth", np.where(arrays["depth"] > 9, np.nan, arrays["depth"]), "not finite"),
        ("depth", -arrays["depth"], "outside"),
        ("depth", arrays["depth"].T, "one size"),
        ("rgb", arrays["rgb"].transpose(2, 0, 1), r"\[H, W, 3\]"),
        ("rgb", arrays["rgb"] / 255, "uint8"),
    ):
        np.savez(path, **{**arrays, key: array})
        with pytest.raises(DataError, match=f"{path.name}.*{message}"):
            dataset[0]
    np.savez(path, rgb=arrays["rgb"], depth=arrays["depth"])
    with pytest.raises(DataError, match="expected mask"):
        dataset[0]
    np.savez(path, **arrays)
    path.rename(path.with_name("77.npz"))
    with pytest.raises(DataError, match="0 frames of time 77"):
        Mannequin(tmp_path, "train")[0]
    (tmp_path / "train/streets-val-000001.txt").unlink()
    with pytest.raises(DataError, match="streets-val-000001.txt: no such file"):
        Mannequin(tmp_path, "train")


def test_clip_of_cameras(tmp_path: Path) -> None:
    """Two frames written by hand: a camera at x = 2 m, then turned by 90 degrees about the vertical axis."""
    file = tmp_path / "clip.txt"
    file.write_text(
        "https://www.youtube.com/watch?v=abc\n"
        "100 0.5 0.9 0.5 0.5 0 0 1 0 0 -2 0 1 0 0 0 0 1 0\n"
        "200 0.5 0.9 0.5 0.5 0 0 0 0 1 0 0 1 0 0 -1 0 0 0\n"
    )
    clip = read_clip(file)
    assert clip.times.tolist() == [100, 200] and clip.url.endswith("abc")
    assert clip.intrinsics(0, 720, 1280).tolist() == [[640, 0, 639.5], [0, 648, 359.5], [0, 0, 1]]
    at_camera = clip.T_camera_world[0] @ torch.tensor([2.0, 0, 0, 1], dtype=torch.float64)
    assert at_camera[:3].abs().max() == 0
    good = file.read_text()
    for text, message in (
        (good.replace(" 0 0 1 0 0 -2", " 0 0 2 0 0 -2"), "rotation"),
        (good.replace("0.9 ", "", 1), "19 numbers"),
        (good.replace("https://", ""), "address"),
        (good.replace("0.9", "x"), "19 numbers"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            read_clip(file)


def test_manifests() -> None:
    assert load_manifest("mannequin").encodings["depth"] == mannequin.DEPTH
    relative = load_manifest("redweb").encodings["relative"]
    assert (relative.dtype, relative.scale) == ("uint8", 255) and load_manifest("diw").traps
