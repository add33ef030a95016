"""DIW, ReDWeb and Mannequin Challenge: written from scenes, read and damaged; and every writer against its manifest."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.data import mannequin
from depthlib.data.diw import DIW, read_annotations
from depthlib.data.errors import DataError
from depthlib.data.manifest import load_manifest
from depthlib.data.mannequin import Mannequin, read_clip
from depthlib.data.redweb import ReDWeb
from depthlib.data.verify import verify
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.writers.relative import write_diw, write_mannequin, write_redweb


@pytest.fixture(scope="module")
def streets() -> SceneDataset:
    """With sky, which has no depth."""
    return SceneDataset(SceneDistribution("streets", height=48, width=96, antialias=1), "val", 2, cache=False)


@pytest.fixture(scope="module")
def rooms() -> SceneDataset:
    return SceneDataset(SceneDistribution("rooms", height=48, width=64, antialias=1), "val", 2, cache=False)


def test_diw_pairs_tell_the_truth_about_the_depth(streets: SceneDataset, tmp_path: Path) -> None:
    """Several draws: a swap of x and y, of the sign, or a shift by one would contradict the depth somewhere."""
    for seed in range(0, 40, 2):
        write_diw(tmp_path, streets, seed=seed)
        dataset = DIW(tmp_path, "train")
        assert len(dataset) == 2
        for item, sample in zip(dataset, streets, strict=True):
            y1, x1, y2, x2, relation = item["pairs"][0].tolist()
            depth = sample["depth"][0]
            assert item["pairs"].dtype == torch.int64 and (depth[y1, x1] - depth[y2, x2]).sign().item() == relation
    assert item["image"].shape == (3, 48, 96) and item["name"] == "streets-val-000001"
    assert dataset.fingerprint() == DIW(tmp_path, "train").fingerprint()


def test_diw_file_by_hand(tmp_path: Path) -> None:
    """The format as its readme has it: y before x, from 1, '>' for A farther than B, width before height."""
    (tmp_path / "DIW_Annotations_splitted").mkdir()
    (tmp_path / "DIW_test").mkdir()
    Image.new("L", (30, 20), 128).save(tmp_path / "DIW_test/a.thumb", format="JPEG")
    file = tmp_path / "DIW_Annotations_splitted/DIW_test.csv"
    file.write_text("./DIW_test/a.thumb\n20,30,1,2,>,30,20\n")
    item = DIW(tmp_path, "test")[0]
    assert item["pairs"].tolist() == [[19, 29, 0, 1, 1]] and item["image"].shape == (3, 20, 30)     # grey: three channels
    for line, message in (
        ("21,30,1,2,>,30,20", "points inside"), ("0,30,1,2,>,30,20", "points inside"), ("20,30,1,2,=,30,20", "with < or >"),
        ("20,30,1,2,>,30", "with < or >"), ("20,x,1,2,>,30,20", "whole number"), ("20,30,1,2,>,30,21", "expected 30 x 21"),
        ("", "two for each image"),
    ):
        file.write_text(f"./DIW_test/a.thumb\n{line}\n")
        with pytest.raises(DataError, match=message):
            DIW(tmp_path, "test")[0]
    file.write_text("./DIW_test/b.thumb\n20,30,1,2,>,30,20\n")
    with pytest.raises(DataError, match="b.thumb: no such file; 1 of the 1"):
        DIW(tmp_path, "test")
    with pytest.raises(DataError, match="DIW_val.csv: no such file"):
        DIW(tmp_path, "val")


def test_diw_list_of_many_images_is_read_quickly(tmp_path: Path) -> None:
    file = tmp_path / "DIW_train.csv"
    file.write_text("./DIW_train_val/a.thumb\n20,30,1,2,<,30,20\n" * 50_000)
    names, values = read_annotations(file)
    assert len(names) == 50_000 and values.shape == (50_000, 7) and values[-1].tolist() == [19, 29, 0, 1, -1, 30, 20]


def test_redweb_keeps_the_order_of_depth(streets: SceneDataset, tmp_path: Path) -> None:
    write_redweb(tmp_path, streets)
    for item, sample in zip(ReDWeb(tmp_path), streets, strict=True):
        relative, depth, valid = item["relative"], sample["depth"], sample["valid"]
        assert item["valid"].all() and (relative[~valid] == 1).all() and relative[valid].max() < 1
        order = depth[valid].argsort()
        assert (relative[valid][order].diff() >= 0).all()
        # Disparity is that of the scene up to scale and shift, but for the rounding to 8 bits.
        inverse = 1 / depth[valid]
        fit = (inverse - inverse.min()) / (inverse.max() - inverse.min()) * 254 / 255 + 1 / 255
        assert (item["disparity"][valid] - fit).abs().max() < 0.51 / 255
        assert "depth" not in item and "K" not in item
    without_sky = ReDWeb(tmp_path, sky="invalid")[0]
    assert torch.equal(without_sky["valid"], streets[0]["valid"])


def test_redweb_refuses(streets: SceneDataset, tmp_path: Path) -> None:
    write_redweb(tmp_path, streets)
    dataset, path = ReDWeb(tmp_path), tmp_path / "RDs/streets-val-000000.png"
    stored = np.asarray(Image.open(path))
    deep = stored.astype(np.uint16) * 256
    for array, message in ((deep, "16 bits"), (stored * 0 + 7, "7 everywhere"), (stored[:, :50], "50 x 48")):
        Image.fromarray(array).save(path)
        with pytest.raises(DataError, match=f"000000.png.*{message}"):
            dataset[0]
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        ReDWeb(tmp_path)
    with pytest.raises(DataError, match="Imgs"):
        ReDWeb(tmp_path / "RDs")


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
        ("mask", arrays["mask"] * 0, "no valid pixel"), ("mask", arrays["mask"] * np.uint8(255), "0 and 1"),
        ("depth", np.where(arrays["depth"] > 9, np.nan, arrays["depth"]), "not finite"), ("depth", -arrays["depth"], "outside"),
        ("depth", arrays["depth"].T, "one size"), ("rgb", arrays["rgb"].transpose(2, 0, 1), r"\[H, W, 3\]"),
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
    file.write_text("https://www.youtube.com/watch?v=abc\n"
                    "100 0.5 0.9 0.5 0.5 0 0 1 0 0 -2 0 1 0 0 0 0 1 0\n"
                    "200 0.5 0.9 0.5 0.5 0 0 0 0 1 0 0 1 0 0 -1 0 0 0\n")
    clip = read_clip(file)
    assert clip.times.tolist() == [100, 200] and clip.url.endswith("abc")
    assert clip.intrinsics(0, 720, 1280).tolist() == [[640, 0, 639.5], [0, 648, 359.5], [0, 0, 1]]
    at_camera = clip.T_camera_world[0] @ torch.tensor([2.0, 0, 0, 1], dtype=torch.float64)
    assert at_camera[:3].abs().max() == 0
    good = file.read_text()
    for text, message in (
        (good.replace(" 0 0 1 0 0 -2", " 0 0 2 0 0 -2"), "rotation"), (good.replace("0.9 ", "", 1), "19 numbers"),
        (good.replace("https://", ""), "address"), (good.replace("0.9", "x"), "19 numbers"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            read_clip(file)


def test_manifests() -> None:
    assert load_manifest("mannequin").encodings["depth"] == mannequin.DEPTH
    relative = load_manifest("redweb").encodings["relative"]
    assert (relative.dtype, relative.scale) == ("uint8", 255) and load_manifest("diw").traps


@pytest.mark.parametrize("name, kinds", [
    ("nyu", ("labelled", "split")), ("nyu48k", ("train",)), ("nyuraw", ("image", "depth")),
    ("sunrgbd", ("image", "depth_bfx", "camera")), ("tum", ("image", "depth", "trajectory")),
    ("sevenscenes", ("image", "depth", "pose", "train")), ("diode", ("image", "depth", "mask")), ("mai", ("image", "depth")),
    ("make3d", ("image", "depth")), ("diw", ("image", "pairs")), ("redweb", ("image", "relative")),
    ("mannequin", ("frame", "cameras")),
])
def test_written_files_lie_where_the_manifests_say(
    rooms: SceneDataset, tmp_path: Path, name: str, kinds: tuple[str, ...],
) -> None:
    """Verification decodes every file by its manifest: names, types, units and masks must be those that the writers write."""
    modules = [import_module(f"depthlib.scenes.writers.{module}") for module in ("nyu", "relative", "rgbd")]
    writer = next(getattr(module, f"write_{name}") for module in modules if hasattr(module, f"write_{name}"))
    writer(tmp_path, *((rooms, rooms) if name == "nyu" else (rooms,)))
    report = verify(load_manifest(name), tmp_path, full=True)
    found = {finding.what.removeprefix("layout "): finding.found for finding in report.findings}
    assert all(found[kind] > 0 for kind in kinds), report.text()
    assert not [finding for finding in report.findings if finding.damaged], report.text()
