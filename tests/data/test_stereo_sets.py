"""Cityscapes, Middlebury, FlyingThings3D: files written from the scenes come back, damage is named, real pairs warp."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.base.paths import samples_dir
from depthlib.data.cityscapes import DISPARITY, LABEL_IDS, Cityscapes, read_disparity, train_ids
from depthlib.data.errors import DataError
from depthlib.data.flyingthings import FlyingThings3D
from depthlib.data.images import read_image
from depthlib.data.manifest import load_manifest
from depthlib.data.maps import read_png
from depthlib.data.middlebury import FOCAL_2006, Middlebury, read_disparity_png
from depthlib.data.pfm import read_pfm, write_pfm
from depthlib.data.verify import verify
from depthlib.geometry import warp, warp_disparity
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.writers.stereo import write_cityscapes, write_flyingthings, write_middlebury

SAMPLES = samples_dir()
real = pytest.mark.skipif(SAMPLES is None, reason="DEPTHLIB_SAMPLES names no folder of real samples")


@pytest.fixture(scope="module")
def streets() -> SceneDataset:
    distribution = SceneDistribution("streets", height=48, width=96, antialias=1)
    return SceneDataset(distribution, "val", 2, views=("current", "right"), extras=("disparity",), cache=False)


@pytest.fixture(scope="module")
def rooms() -> SceneDataset:
    distribution = SceneDistribution("rooms", height=48, width=64, antialias=1)
    return SceneDataset(distribution, "val", 2, views=("current", "right"), extras=("disparity",), cache=False)


def same_image(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal((a * 255).round(), (b * 255).round())


def grey(image: torch.Tensor) -> torch.Tensor:
    return (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True) * 255


def warp_errors(left: torch.Tensor, right: torch.Tensor, disparity: torch.Tensor, valid: torch.Tensor) -> tuple[float, float]:
    """Mean absolute grey difference of the right image to the left one, warped and not, over the pixels of the warp."""
    warped, visible = warp_disparity(grey(right)[None], disparity[None])
    seen = visible[0] & valid
    return tuple(float((other - grey(left)).abs()[seen].mean()) for other in (warped[0], grey(right)))


# Round trips -----------------------------------------------------------------------------------------------------------------


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
    assert bool(is_sky.any()) and bool(sky["disparity_valid"][is_sky].all()) and not bool(sky["disparity"][is_sky].any())
    assert not bool(sky["valid"][is_sky].any())
    path = tmp_path / "list.txt"
    path.write_text(f"sceneville {names[1]}\nleftImg8bit/val/sceneville/{names[0]}_leftImg8bit.png\n")
    assert [item["name"] for item in Cityscapes(tmp_path, path)] == names[::-1]


def test_cityscapes_disparity_by_hand(tmp_path: Path) -> None:
    """0 is a hole, 1 a measured zero, 257 one pixel."""
    Image.fromarray(np.array([[0, 1, 257, 5121]], dtype=np.uint16)).save(tmp_path / "d.png")
    disparity, valid = read_disparity(tmp_path / "d.png")
    assert disparity[0, 0].tolist() == [0, 0, 1, 20] and valid[0, 0].tolist() == [False, True, True, True]


def test_middlebury_comes_back(rooms: SceneDataset, tmp_path: Path) -> None:
    write_middlebury(tmp_path / "2014", rooms, "2014")
    for item, sample in zip(Middlebury(tmp_path / "2014", "2014"), rooms, strict=True):
        assert same_image(item["right"], sample["right"]) and torch.equal(item["valid"], sample["valid"])
        torch.testing.assert_close(item["disparity"], sample["disparity"])
        torch.testing.assert_close(item["depth"], sample["depth"], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(item["baseline"], sample["baseline"])
    write_middlebury(tmp_path / "2003", rooms, "2003")
    item = Middlebury(tmp_path / "2003", "2003", depth=False)[0]
    assert float((item["disparity"] - rooms[0]["disparity"]).abs().max()) <= 0.5 / 4 and "depth" not in item
    write_middlebury(tmp_path / "2006", rooms, "2006", reduction=3)
    item = Middlebury(tmp_path / "2006", "2006", depth=False, reduction=3)[0]
    assert float((item["disparity"] - rooms[0]["disparity"]).abs().max()) <= 0.5 / 3 + 1e-6
    for wrong in ({"split": "2003"}, {"split": "2006"}, {"split": "2014", "reduction": 2}, {"split": "1999"}):
        with pytest.raises(ValueError, match="expected"):
            Middlebury(tmp_path / "2003", **wrong)


def test_middlebury_offsets(rooms: SceneDataset, tmp_path: Path) -> None:
    """doffs of 2014 and dmin of 2006 are added to the disparity before it becomes depth, dmin after its reduction."""
    write_middlebury(tmp_path / "2014", rooms, "2014")
    path = tmp_path / "2014" / "Scene0" / "calib.txt"
    K = rooms[0]["K"]
    shifted = K.clone()
    shifted[0, 2] += 0.5
    cam1 = "[" + "; ".join(" ".join(f"{value:.9g}" for value in row) for row in shifted.tolist()) + "]"
    path.write_text("\n".join("doffs=0.5" if line.startswith("doffs") else f"cam1={cam1}" if line.startswith("cam1") else line
                              for line in path.read_text().splitlines()))
    item = Middlebury(tmp_path / "2014", "2014")[0]
    valid = item["valid"]
    expected = K[0, 0] * item["baseline"] / (item["disparity"] + 0.5)
    torch.testing.assert_close(item["depth"][valid], expected[valid])
    # The pair as two cameras: depth, K and K_right give the right camera's pixel u - d.
    T = torch.eye(4)
    T[0, 3] = -item["baseline"]
    u = torch.arange(64.0).expand(1, 3, 48, 64)
    seen, visible = warp(u.contiguous(), item["depth"][None], item["K"][None], T[None], item["K_right"][None])
    # At the border positions are held to 0.01 px.
    torch.testing.assert_close(seen[:, :1][visible], (u[:, :1] - item["disparity"])[visible], rtol=0, atol=0.02)

    scene = tmp_path / "2006" / "S"
    scene.mkdir(parents=True)
    for name in ("view1.png", "view5.png"):
        Image.new("RGB", (16, 12)).save(scene / name)
    Image.fromarray(np.full((12, 16), 100, np.uint8)).save(scene / "disp1.png")
    (scene / "dmin.txt").write_text("60\n")
    depth = Middlebury(tmp_path / "2006", "2006", reduction=2)[0]["depth"]
    assert float(depth[0, 0, 0]) == pytest.approx(FOCAL_2006 * 0.16 / 160)          # the same at every size
    path.write_text(path.read_text().replace("doffs=0.5", "doffs=20"))
    with pytest.raises(DataError, match="doffs = cx1 - cx0"):
        Middlebury(tmp_path / "2014", "2014")[0]


def test_flyingthings_comes_back(rooms: SceneDataset, tmp_path: Path) -> None:
    names = write_flyingthings(tmp_path, rooms)
    sample = rooms[1]
    data = FlyingThings3D(tmp_path, "TRAIN", focal=float(sample["K"][0, 0]), baseline=float(sample["baseline"]))
    item = data[1]
    assert item["name"] == names[1] and same_image(item["right"], sample["right"])
    assert torch.equal(item["disparity"], sample["disparity"])
    torch.testing.assert_close(item["depth"], sample["depth"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(item["K"], sample["K"], rtol=0, atol=1e-4)
    with pytest.raises(DataError, match="found 64 x 48 pixels, expected 960 x 540, or the argument `focal`"):
        FlyingThings3D(tmp_path, "TRAIN")[0]


def test_pfm_rows_and_byte_orders(tmp_path: Path) -> None:
    """The first stored row is the lowest; a negative scale means little-endian."""
    values = torch.tensor([[1.0, 2], [3, torch.inf]])
    write_pfm(tmp_path / "a.pfm", values)
    data = (tmp_path / "a.pfm").read_bytes()
    assert np.frombuffer(data[-16:-8], "<f4").tolist() == [3, np.inf]
    big = b"Pf \n2 2 \n1.0\n" + np.array([3, np.inf, 1, 2], dtype=">f4").tobytes()
    (tmp_path / "b.pfm").write_bytes(big)
    assert torch.equal(read_pfm(tmp_path / "a.pfm"), values) and torch.equal(read_pfm(tmp_path / "b.pfm"), values)
    for wrong, message in ((data[:-2], "cut off"), (b"PF" + data[2:] + bytes(32), "three channels"), (b"P5\n2 2\n255\n", "expected a PFM")):
        (tmp_path / "c.pfm").write_bytes(wrong)
        with pytest.raises(DataError, match=message):
            read_pfm(tmp_path / "c.pfm")


def test_fingerprints_see_files(streets: SceneDataset, tmp_path: Path) -> None:
    write_cityscapes(tmp_path, streets)
    before = Cityscapes(tmp_path, "val").fingerprint()
    assert Cityscapes(tmp_path, "val").fingerprint() == before
    camera = next((tmp_path / "camera").rglob("*.json"))
    camera.write_text(camera.read_text() + " ")
    assert Cityscapes(tmp_path, "val").fingerprint() != before


# Damage ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "message"), [
    ("eight bits", "found a PNG of 8 bits"), ("truncated", "damaged or cut off"), ("empty", "no valid pixel"),
    ("tiny disparity", "found a median depth of .* m, expected"), ("camera without baseline", "found no camera"),
    ("camera in millimetres", "about 0.21 m"), ("strange label", "found the label 99"), ("other size", "found 50 x 48 pixels"),
])
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
        "eight bits": (disparity, stored(np.ones((48, 96), np.uint8))), "truncated": (disparity, disparity.read_bytes()[:-60]),
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


def test_middlebury_damage_is_named(rooms: SceneDataset, tmp_path: Path) -> None:
    write_middlebury(tmp_path, [rooms[0]], "2014")
    scene = tmp_path / "Scene0"
    sound = (scene / "calib.txt").read_text()
    metres = float(rooms[0]["baseline"])
    for old, new, message in (("baseline=", "bl=", "found no calibration"),
                              ("width=64", "width=640", "found 64 x 48 pixels, expected 640 x 48"),
                              (f"baseline={metres * 1000:.9g}", f"baseline={metres:.9g}", "baseline")):
        assert old in sound
        (scene / "calib.txt").write_text(sound.replace(old, new))
        with pytest.raises(DataError, match=message):
            Middlebury(tmp_path, "2014")[0]
    (scene / "calib.txt").write_text(sound)
    write_pfm(scene / "disp0.pfm", torch.full((48, 64), torch.nan))
    with pytest.raises(DataError, match="not finite"):
        Middlebury(tmp_path, "2014")[0]
    (scene / "im1.png").unlink()
    with pytest.raises(DataError, match=r"im1\.png: no such file"):
        Middlebury(tmp_path, "2014")


def test_written_files_are_what_the_manifests_say(streets: SceneDataset, rooms: SceneDataset, tmp_path: Path) -> None:
    write_cityscapes(tmp_path / "cityscapes", streets, split="test")
    write_flyingthings(tmp_path / "flyingthings3d", rooms)
    for year in ("2003", "2006", "2014"):
        write_middlebury(tmp_path / "middlebury" / year, rooms, year)
    years = (("middlebury", year) for year in ("2003", "2006", "2014"))
    for name, folder in (("cityscapes", ""), ("flyingthings3d", ""), *years):
        found = set()
        for finding in verify(load_manifest(name), tmp_path / name / folder, full=True).findings:
            assert finding.damaged == 0, finding.offenders
            found |= {finding.what} if finding.found else set()
        expected = {f"layout {kind}" for kind in load_manifest(name).layout if kind.endswith(folder)}
        assert expected <= found


def test_loaders_and_manifests_say_the_same() -> None:
    stated = load_manifest("cityscapes").encodings["disparity"]
    assert (stated.dtype, stated.scale, stated.offset, stated.invalid, stated.range) == (
        DISPARITY.dtype, DISPARITY.scale, DISPARITY.offset, DISPARITY.invalid, DISPARITY.range)
    assert load_manifest("middlebury").encodings["quarter_size"].scale == 4
    camera = load_manifest("flyingthings3d").intrinsics[0]
    assert (camera.fx, camera.cx, camera.cy) == (1050, 479.5, 269.5)


# Real samples ----------------------------------------------------------------------------------------------------------------


@real
@pytest.mark.parametrize(("scene", "left", "right", "disparity", "scale", "after", "before"), [
    ("2006_2003_sgm/Cloth3", "view1.png", "view5.png", "disp1.png", 2, 3.6, 36.5),
    ("2006_2003_sgm/cone", "im2.png", "im6.png", "disp2.png", 4, 7.0, 38.1),
    ("2006_aloe_mexopencv", "aloeL.jpg", "aloeR.jpg", "aloeGT.png", 1, 7.8, 33.2),
    ("2014_adirondack_2b-t", "Adirondack_left.png", "Adirondack_right.png", "Adirondack_gt.png", 1, 9.9, 24.7),
])
def test_real_middlebury_warps(
    scene: str, left: str, right: str, disparity: str, scale: float, after: float, before: float
) -> None:
    """Mean grey difference of 255 after and before the warp, to 0.3: a wrong scale or side cannot pass."""
    assert SAMPLES is not None
    folder = SAMPLES / "middlebury" / scene
    values, valid = read_disparity_png(folder / disparity, scale)
    found = warp_errors(read_image(folder / left), read_image(folder / right), values, valid)
    assert found == pytest.approx((after, before), abs=0.3)


@real
def test_real_motorcycle_through_the_loader(tmp_path: Path) -> None:
    """The scene of 2014 that scikit-image carries, with the calibration of its documentation: 7.3 after the warp, 37.7 before."""
    assert SAMPLES is not None
    folder = SAMPLES / "middlebury" / "2014_motorcycle_skimage"
    scene = tmp_path / "Motorcycle"
    scene.mkdir()
    for name, source in (("im0.png", "motorcycle_left.png"), ("im1.png", "motorcycle_right.png")):
        (scene / name).symlink_to(folder / source)
    with np.load(folder / "motorcycle_disp.npz") as arrays:
        write_pfm(scene / "disp0.pfm", torch.from_numpy(arrays["arr_0"]))
    (scene / "calib.txt").write_text("cam0=[994.978 0 311.193; 0 994.978 254.877; 0 0 1]\n"
                                     "cam1=[994.978 0 342.279; 0 994.978 254.877; 0 0 1]\n"
                                     "doffs=31.086\nbaseline=193.001\nwidth=741\nheight=500\nndisp=70\n")
    item = Middlebury(tmp_path, "2014")[0]
    assert warp_errors(item["image"], item["right"], item["disparity"], item["valid"]) == pytest.approx((7.3, 37.7), abs=0.3)
    T = torch.eye(4)
    T[0, 3] = -item["baseline"]
    by_depth, visible = warp(grey(item["right"])[None], item["depth"][None], item["K"][None], T[None], item["K_right"][None])
    seen = visible[0] & item["valid"]
    assert float((by_depth[0] - grey(item["image"])).abs()[seen].mean()) == pytest.approx(7.3, abs=0.3)
    assert 1.5 < float(item["depth"][item["valid"]].median()) < 5         # metres: a motorcycle in a workshop


@real
def test_real_flyingthings_disparity() -> None:
    assert SAMPLES is not None
    disparity = read_pfm(SAMPLES / "flyingthings3d_raft3d" / "disp1.pfm")
    assert disparity.shape == (540, 960)
    assert float(disparity.min()) == pytest.approx(1.13, abs=0.01) and float(disparity.max()) == pytest.approx(109, abs=1)
    # Right way up: edges of the image lie on edges of the disparity.
    image = grey(read_image(SAMPLES / "flyingthings3d_raft3d" / "image1.png"))[0]

    def overlap(depth: torch.Tensor) -> float:
        edges = depth.diff(dim=0).abs()[:, 1:] > 3
        strength = image.diff(dim=0).abs()[:, 1:]
        return float(strength[edges].mean() / strength.mean())

    assert overlap(disparity) > 2 * overlap(disparity.flip(0))


@real
def test_real_cityscapes_labels() -> None:
    """The label ids of a frame, mapped, are the training ids stored beside it, but for edges: each was reduced on its own."""
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
