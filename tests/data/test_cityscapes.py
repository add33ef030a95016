"""Cityscapes: written from scenes and read, damaged, and real labels."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from same_frames import same_image
from samples import SAMPLES, real

from depthlib.data.cityscapes import DISPARITY, LABEL_IDS, Cityscapes, read_disparity, train_ids
from depthlib.data.errors import DataError
from depthlib.data.manifest import load_manifest
from depthlib.data.maps import read_png
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.stereo import write_cityscapes

SCENES = {"views": ("current", "right"), "extras": ("disparity",)}


def test_cityscapes_comes_back(streets: SceneDataset, tmp_path: Path) -> None:
    names = write_cityscapes(tmp_path, streets)
    data = Cityscapes(tmp_path, "val", right=True, semantics=True)
    assert [item["name"] for item in data] == names
    for item, sample in zip(data, streets, strict=True):
        assert same_image(item["image"], sample["image"]) and same_image(item["right"], sample["right"])
        assert float((item["disparity"] - sample["disparity"]).abs().max()) <= 0.5 / 256 + 1e-5
        assert torch.equal(item["disparity_valid"], sample["valid"]) and torch.equal(item["valid"], sample["valid"])
        near = sample["valid"] & (sample["depth"] < 30)
        assert float((item["depth"] / sample["depth"] - 1).abs()[near].max()) < 0.01
        torch.testing.assert_close(item["K"], sample["K"])
        assert item["semantics"].dtype == torch.int64 and int(item["semantics"].max()) < 19
    sky = Cityscapes(tmp_path, "val", semantics=True, sky_at_zero=True)[0]
    is_sky = (sky["semantics"] == 10)[None]
    assert (
        bool(is_sky.any()) and bool(sky["disparity_valid"][is_sky].all()) and not bool(sky["disparity"][is_sky].any())
    )
    assert not bool(sky["valid"][is_sky].any())
    path = tmp_path / "list.txt"
    path.write_text(f"sceneville {names[1]}\nleftImg8bit/val/sceneville/{names[0]}_leftImg8bit.png\n")
    assert [item["name"] for item in Cityscapes(tmp_path, path)] == names[::-1]


def test_cityscapes_disparity_by_hand(tmp_path: Path) -> None:
    """0 is a hole, 1 a measured zero, 257 one pixel."""
    Image.fromarray(np.array([[0, 1, 257, 5121]], dtype=np.uint16)).save(tmp_path / "d.png")
    disparity, valid = read_disparity(tmp_path / "d.png")
    assert disparity[0, 0].tolist() == [0, 0, 1, 20] and valid[0, 0].tolist() == [False, True, True, True]


def test_fingerprints_see_files(streets: SceneDataset, tmp_path: Path) -> None:
    write_cityscapes(tmp_path, streets)
    before = Cityscapes(tmp_path, "val").fingerprint()
    assert Cityscapes(tmp_path, "val").fingerprint() == before
    camera = next((tmp_path / "camera").rglob("*.json"))
    camera.write_text(camera.read_text() + " ")
    assert Cityscapes(tmp_path, "val").fingerprint() != before


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("eight bits", "found a PNG of 8 bits"),
        ("truncated", "damaged or cut off"),
        ("empty", "no valid pixel"),
        ("tiny disparity", "found a median depth of .* m, expected"),
        ("camera without baseline", "found no camera"),
        ("camera in millimetres", "about 0.21 m"),
        ("strange label", "found the label 99"),
        ("other size", "found 50 x 48 pixels"),
    ],
)
def test_cityscapes_damage_is_named(streets: SceneDataset, tmp_path: Path, kind: str, message: str) -> None:
    name = write_cityscapes(tmp_path, [streets[0]])[0]
    endings = ("disparity.png", "camera.json", "gtFine_labelIds.png")
    disparity, camera, labels = (next(tmp_path.rglob(f"{name}_{end}")) for end in endings)
    content = json.loads(camera.read_text())

    def stored(array: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(array).save(file, format="PNG")
        return file.getvalue()

    damage = {
        "eight bits": (disparity, stored(np.ones((48, 96), np.uint8))),
        "truncated": (disparity, disparity.read_bytes()[:-60]),
        "empty": (disparity, stored(np.zeros((48, 96), np.uint16))),
        "tiny disparity": (disparity, stored(np.full((48, 96), 3, np.uint16))),
        "camera without baseline": (camera, json.dumps({**content, "extrinsic": {}}).encode()),
        "camera in millimetres": (camera, json.dumps({**content, "extrinsic": {"baseline": 210}}).encode()),
        "strange label": (labels, stored(np.full((48, 96), 99, np.uint8))),
        "other size": (disparity, stored(np.ones((48, 50), np.uint16))),
    }
    path, data = damage[kind]
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        Cityscapes(tmp_path, "val", semantics=True)[0]
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        Cityscapes(tmp_path, "val", semantics=True)


def test_loaders_and_manifests_say_the_same() -> None:
    stated = load_manifest("cityscapes").encodings["disparity"]
    assert (stated.dtype, stated.scale, stated.offset, stated.invalid, stated.range) == (
        DISPARITY.dtype,
        DISPARITY.scale,
        DISPARITY.offset,
        DISPARITY.invalid,
        DISPARITY.range,
    )
    assert load_manifest("middlebury").encodings["quarter_size"].scale == 4
    camera = load_manifest("flyingthings3d").intrinsics[0]
    assert (camera.fx, camera.cx, camera.cy) == (1050, 479.5, 269.5)


@real
def test_real_cityscapes_labels() -> None:
    """The label ids of a frame, mapped, are the training ids stored beside it, but for edges: each was reduced on its
    own.
    """
    assert SAMPLES is not None
    folder = next((SAMPLES / "cityscapes").rglob("gtFine"))
    path = folder / "frankfurt_000000_000294_gtFine_labelIds.png"
    mapped = train_ids(read_png(path, 8), path)
    stored = read_png(folder / "frankfurt_000000_000294_gtFine_labelTrainIds.png", 8)
    assert float((mapped.numpy() == stored).mean()) > 0.997 and len(LABEL_IDS) == 19
    ids = read_png(path, 8)
    for label in np.unique(ids):
        assert np.bincount(stored[ids == label]).argmax() == mapped[ids == label].flatten()[0]
    instances = read_png(folder / "frankfurt_000000_000294_gtFine_instanceIds.png", 16)
    assert np.array_equal(np.where(instances >= 1000, instances // 1000, instances), ids)
