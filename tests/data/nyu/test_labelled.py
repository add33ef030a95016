"""The labelled set of NYU Depth v2: written from scenes, read and damaged."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from same_frames import SMALL
from scipy.io import savemat

from depthlib.data.errors import DataError
from depthlib.data.manifest import load_manifest
from depthlib.data.nyu import CAMERA, NYULabelled
from depthlib.data.nyu import h5 as nyu_h5
from depthlib.data.nyu import labelled as nyu_labelled
from depthlib.data.nyu import raw as nyu_raw
from depthlib.scenes import SceneDataset
from depthlib.scenes.classes import NYU13_TO_NYU4
from depthlib.scenes.writers.nyu import write_nyu


@pytest.fixture(scope="module")
def labelled(rooms: SceneDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nyu")
    write_nyu(root, [rooms[0], rooms[1]], [rooms[2]])
    return root


def test_labelled_returns_what_was_written(rooms: SceneDataset, labelled: Path) -> None:
    train = NYULabelled(labelled, "train", classes=13, camera=SMALL)
    assert [item["name"] for item in train] == ["0001", "0002"] and len(NYULabelled(labelled, "all", camera=SMALL)) == 3
    test = NYULabelled(labelled, "test", classes=13, depth="raw", camera=SMALL)[0]
    for item, sample in ((train[0], rooms[0]), (test, rooms[2])):
        torch.testing.assert_close(item["image"], sample["image"], atol=1e-6, rtol=0)
        torch.testing.assert_close(item["depth"], sample["depth"], atol=1e-6, rtol=1e-6)
        assert torch.equal(item["semantics"], sample["semantics"]) and torch.equal(item["K"], sample["K"])
        assert item["image"].dtype == item["depth"].dtype == torch.float32 and item["valid"].dtype == torch.bool
        assert item["semantics"].dtype == torch.int64


def test_four_classes_are_those_of_the_scenes(rooms: SceneDataset, labelled: Path) -> None:
    """The scenes' own table from 13 to 4 classes was written from the names; through the 40 classes it must agree."""
    item = NYULabelled(labelled, "train", classes=4, camera=SMALL)[1]
    expected = torch.tensor(NYU13_TO_NYU4)[rooms[1]["semantics"]]
    assert (item["semantics"] == expected).float().mean() > 0.95


def test_raw_depth_keeps_its_holes_and_filled_depth_has_none(rooms: SceneDataset, tmp_path: Path) -> None:
    sample = dict(rooms[0])
    sample["depth"] = sample["depth"].clone()
    sample["depth"][0, 10:20, 5:30] = 0
    write_nyu(tmp_path, [sample], [rooms[1]])
    raw = NYULabelled(tmp_path, "train", depth="raw", camera=SMALL)[0]
    assert torch.equal(raw["valid"], sample["depth"] > 0) and (raw["depth"][~raw["valid"]] == 0).all()
    assert NYULabelled(tmp_path, "train", camera=SMALL)[0]["valid"].all()


def test_labelled_survives_pickling_and_workers(labelled: Path) -> None:
    """An open HDF5 handle would not survive either."""
    dataset = NYULabelled(labelled, "train", camera=SMALL)
    first = dataset[0]["image"]
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0]["image"], first)
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=2, num_workers=1)))
    assert torch.equal(batch["image"][0], first) and batch["K"].shape == (2, 3, 3)
    assert dataset.fingerprint() == NYULabelled(labelled, "train", camera=SMALL).fingerprint()
    assert dataset.fingerprint() != NYULabelled(labelled, "test", camera=SMALL).fingerprint()


def edit(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        with h5py.File(root / nyu_labelled.FILE, "r+") as file:
            array = change(file[key][...])
            del file[key]
            file[key] = array

    return apply


def cut(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[: (root / name).stat().st_size // 3])


@pytest.mark.parametrize(
    "damage, message",
    [
        (edit("images", lambda a: a.swapaxes(2, 3)), "transposed"),
        (edit("depths", lambda a: a.swapaxes(1, 2)), "transposed"),
        (edit("depths", lambda a: a * 1000), "unit"),
        (edit("depths", lambda a: a / 1000), "unit"),
        (edit("depths", lambda a: np.where(a > 2, np.nan, a)), "not finite"),
        (edit("depths", np.zeros_like), "no valid pixel"),
        (edit("depths", lambda a: (a * 1000).astype(np.uint16)), "uint16"),
        (edit("labels", lambda a: a + 1000), "label"),
        (edit("images", lambda a: a[:1]), r"images|depths"),
        (cut(nyu_labelled.FILE), "cut off"),
        (lambda root: (root / nyu_labelled.FILE).unlink(), "no such file"),
        (lambda root: (root / "splits.mat").unlink(), "splits.mat: no such file"),
        (cut("classMapping40.mat"), "classMapping40.mat: damaged"),
        (
            lambda root: savemat(root / "splits.mat", {"trainNdxs": [[1], [9]], "testNdxs": [[2]]}),
            "image 9, expected 1 to 3",
        ),
        (
            lambda root: savemat(root / "splits.mat", {"trainNdxs": [[0], [1]], "testNdxs": [[2]]}),
            "expected different ones from 1",
        ),
        (
            lambda root: savemat(root / "splits.mat", {"trainNdxs": [[1], [2]], "testNdxs": [[2]]}),
            "in 'train' and in 'test'",
        ),
        (lambda root: savemat(root / "splits.mat", {"other": [[1]]}), "expected trainNdxs"),
    ],
)
def test_labelled_refuses_damaged_files(
    labelled: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(labelled, root)
    damage(root)
    with pytest.raises(DataError, match=message):
        NYULabelled(root, "train", classes=40, camera=SMALL)[0]


def test_wrong_camera_and_options_are_refused(labelled: Path) -> None:
    with pytest.raises(DataError, match="expected the camera of this image"):
        NYULabelled(labelled, "train")[0]  # the camera of 640 x 480 pixels
    for options in ({"classes": 5}, {"depth": "inpainted"}):
        with pytest.raises(DataError, match=next(iter(options))):
            NYULabelled(labelled, "train", **options)
    with pytest.raises(DataError, match="split"):
        NYULabelled(labelled, "val")


def test_manifests_state_what_the_loaders_do() -> None:
    assert load_manifest("nyu").encodings["filled"] == nyu_labelled.DEPTH["filled"]
    assert load_manifest("nyu").encodings["raw"] == nyu_labelled.DEPTH["raw"]
    assert load_manifest("nyu48k").encodings["depth"] == nyu_h5.DEPTH
    assert load_manifest("nyuraw").encodings["depth"] == nyu_raw.DEPTH
    camera = load_manifest("nyu").intrinsics[0]
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == CAMERA
