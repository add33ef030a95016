"""SUN RGB-D, TUM, 7-Scenes, DIODE, Mobile AI and Make3D: written from scenes, read and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import loadmat, savemat

from depthlib.data import diode, mai, make3d, sevenscenes, sunrgbd, tum
from depthlib.data.diode import DIODE
from depthlib.data.errors import DataError
from depthlib.data.mai import MAI2021, verification
from depthlib.data.make3d import Make3D
from depthlib.data.manifest import load_manifest
from depthlib.data.maps import read_map, read_png
from depthlib.data.sevenscenes import SevenScenes
from depthlib.data.sunrgbd import SUNRGBD
from depthlib.data.tum import TUM, associate
from depthlib.geometry import backproject
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.writers.pictures import write_map
from depthlib.scenes.writers.rgbd import write_diode, write_mai, write_make3d, write_sevenscenes, write_sunrgbd, write_tum

SMALL = (51.84, 51.84, 31.5, 23.5)
ALL = ("current", "previous", "next")


@pytest.fixture(scope="module")
def rooms() -> SceneDataset:
    return SceneDataset(SceneDistribution("rooms", height=48, width=64, antialias=1), "val", 2, views=ALL, cache=False)


def same_frame(item: dict, sample: dict, step: float, colour: float = 1e-6) -> None:
    """Depth within half a step of the format, the same mask, and colours within the picture's compression."""
    assert torch.equal(item["valid"], sample["valid"]) and (item["depth"] - sample["depth"]).abs().max() <= step / 2 * 1.001
    assert (item["image"] - sample["image"]).abs().mean() <= colour
    if "K" in item:
        torch.testing.assert_close(item["K"], sample["K"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name, encoding", [
    ("sunrgbd", sunrgbd.DEPTH), ("tum", tum.DEPTH), ("sevenscenes", sevenscenes.DEPTH), ("diode", diode.DEPTH),
    ("mai", mai.DEPTH), ("make3d", make3d.DEPTH),
])
def test_manifests_state_what_the_loaders_do(name: str, encoding: object) -> None:
    assert load_manifest(name).encodings["depth"] == encoding


def test_sunrgbd(rooms: SceneDataset, tmp_path: Path) -> None:
    write_sunrgbd(tmp_path, rooms)
    dataset = SUNRGBD(tmp_path, "train")
    for item, sample in zip(dataset, rooms, strict=True):
        same_frame(item, sample, 0.001, 0.01)
    assert dataset[0]["name"] == "kv2/scenes/rooms-val-000000" and len(dataset.fingerprint()) == 64
    near = SUNRGBD(tmp_path, "train", max_depth=3.0)[0]
    assert near["depth"].max() <= 3 and torch.equal(near["valid"], (rooms[0]["depth"] > 0) & (rooms[0]["depth"] <= 3.0005))


def test_bits_are_rotated_not_shifted(tmp_path: Path) -> None:
    """Every 16-bit number survives, and 5.000 m is stored as 40000."""
    millimetres = torch.arange(65536, dtype=torch.float64).reshape(1, 256, 256)
    write_map(tmp_path / "a.png", millimetres / 1000, sunrgbd.DEPTH)
    stored = read_png(tmp_path / "a.png", 16).ravel()
    assert stored[5000] == 40000 and len(np.unique(stored)) == 65536
    assert np.array_equal((stored >> 3) | (stored << 13), np.arange(65536))
    with pytest.raises(ValueError, match=r"found 0 to 66 metres, expected 0 to 65\.535"):
        write_map(tmp_path / "a.png", torch.tensor([[[0.0, 66.0]]]), sunrgbd.DEPTH)


def test_sunrgbd_refuses(rooms: SceneDataset, tmp_path: Path) -> None:
    write_sunrgbd(tmp_path, rooms)
    folder = tmp_path / "SUNRGBD/kv2/scenes/rooms-val-000000"
    K = folder / "intrinsics.txt"
    text = K.read_text()
    for content, message in (("1 2 3", "found 3 numbers"), (text.replace(text.split()[0], "nan", 1), "finite"),
                             ("529.5 0 365\n0 529.5 265\n0 0 1\n", "camera of this image")):
        K.write_text(content)
        with pytest.raises(DataError, match=f"{message}"):
            SUNRGBD(tmp_path, "train")[0]
    K.write_text(text)
    stored = read_png(folder / "depth_bfx/0000001.png", 16)
    Image.fromarray((stored >> 3) | (stored << 13)).save(folder / "depth_bfx/0000001.png")      # not rotated: 1/8 of the depth
    with pytest.raises(DataError, match="unit"):
        SUNRGBD(tmp_path, "train")[0]
    Image.fromarray(stored).save(folder / "depth_bfx/second.png")
    with pytest.raises(DataError, match="found 2 PNG"):
        SUNRGBD(tmp_path, "train")
    with pytest.raises(DataError, match="sunrgbd_testing_images.txt: no such file"):
        SUNRGBD(tmp_path, "test")


def test_tum_round_trip(rooms: SceneDataset, tmp_path: Path) -> None:
    for position, name in enumerate(write_tum(tmp_path, rooms)):
        dataset = TUM(tmp_path, name, views=ALL, camera=SMALL)
        assert len(dataset) == 1
        item, sample = dataset[0], rooms[position]
        same_frame(item, sample, 0.0002)
        for view in ("previous", "next"):
            torch.testing.assert_close(item[view], sample[view], atol=1e-6, rtol=0)
            torch.testing.assert_close(item[f"T_{view}_current"], sample[f"T_{view}_current"], atol=1e-5, rtol=0)
    with pytest.raises(DataError, match="no valid pixel"):
        TUM(tmp_path, name, camera=SMALL)[0]                    # the previous view has no measurement
    truth = tmp_path / name / "groundtruth.txt"
    good = truth.read_text()
    truth.write_text(good.replace("1305031452.", "1305031999."))
    with pytest.raises(DataError, match="found nothing"):
        TUM(tmp_path, name, views=ALL, camera=SMALL)            # no pose in time
    truth.write_text("\n".join(" ".join(line.split()[:4] + ["1", "1", "0", "0"]) for line in good.splitlines()[1:]))
    with pytest.raises(DataError, match="quaternion of length 1.41"):
        TUM(tmp_path, name, views=ALL, camera=SMALL)
    truth.write_text(good)
    for options in ({"views": ("current", "right")}, {"views": ("previous",)}, {"spacing": 0}):
        with pytest.raises(DataError, match=next(iter(options))):
            TUM(tmp_path, name, **{"views": ALL, "camera": SMALL, **options})
    (tmp_path / "desk").mkdir()
    with pytest.raises(DataError, match="freiburg1, 2 or 3"):
        TUM(tmp_path, "desk")


def test_association_against_brute_force() -> None:
    """The closest pair first, each time once, as trying all pairs would do."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = (np.sort(generator.random(30)) for _ in range(2))
        pairs = sorted((abs(a - b), i, j) for i, a in enumerate(first) for j, b in enumerate(second) if abs(a - b) <= 0.03)
        expected: dict[int, int] = {}
        for _, i, j in pairs:
            if i not in expected and j not in expected.values():
                expected[i] = j
        a, b = associate(first, second, 0.03)
        assert dict(zip(a.tolist(), b.tolist(), strict=True)) == expected and np.array_equal(a, np.sort(a))
    empty = associate(np.array([1.0]), np.array([2.0]), 0.1)
    assert empty[0].size == empty[1].size == 0


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
        (good.T, "transposed"), (good * [[1], [1], [2], [1]], "rotation"), (np.full((4, 4), np.nan), "finite"),
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
    item = dataset[0]                                           # NaN where the mask says that nothing was measured
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


def test_make3d_round_trip(rooms: SceneDataset, tmp_path: Path) -> None:
    write_make3d(tmp_path, rooms)
    dataset = Make3D(tmp_path, "test")
    item, sample = dataset[0], rooms[0]
    assert item["image"].shape == (3, 48, 36) and item["depth"].shape == (1, 55, 305) and item["name"] == "rooms-val-000000"
    ray = backproject(sample["depth"][None], sample["K"][None]).norm(dim=1)[0, :, 14:50]
    for row, column in ((0, 0), (54, 304), (27, 152)):
        expected = ray[round(row * 47 / 54), round(column * 35 / 304)]
        assert item["depth"][0, row, column].item() == pytest.approx(expected.item(), rel=1e-5)
    cropped = Make3D(tmp_path, "test", crop="2to1")[0]
    assert cropped["image"].shape == (3, 18, 36) and torch.equal(cropped["image"], item["image"][:, 15:33])
    assert torch.equal(cropped["depth"], item["depth"][:, 17:38]) and cropped["depth"].shape == (1, 21, 305)
    path = tmp_path / "Gridlaserdata/depth_sph_corr-rooms-val-000000.mat"
    grid = loadmat(path)["Position3DGrid"]
    for array, message in ((grid.transpose(1, 0, 2), "transposed"), (np.where(grid > 2, np.nan, grid), "not finite"),
                           (grid * 0, "no valid pixel"), (grid * 1000, "unit")):
        savemat(path, {"Position3DGrid": array})
        with pytest.raises(DataError, match=f"{path.name}.*{message}"):
            dataset[0]
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DataError, match="damaged"):
        dataset[0]
    (tmp_path / "list.txt").write_text("rooms-val-000001\nelsewhere\n")
    with pytest.raises(DataError, match="img-elsewhere.jpg: no such file"):
        Make3D(tmp_path, "test", list_file=tmp_path / "list.txt")
