"""Middlebury: written from scenes and read, damaged, and real pairs that warp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from real_pairs import grey, warp_errors
from same_frames import same_image
from samples import SAMPLES, real

from depthlib.data.errors import DataError
from depthlib.data.images import read_image
from depthlib.data.manifest import load_manifest
from depthlib.data.middlebury import FOCAL_2006, Middlebury, read_disparity_png
from depthlib.data.pfm import write_pfm
from depthlib.data.verify import verify
from depthlib.geometry import warp
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.stereo import write_cityscapes, write_flyingthings, write_middlebury

SCENES = {"views": ("current", "right"), "extras": ("disparity",)}


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
    path.write_text(
        "\n".join(
            "doffs=0.5" if line.startswith("doffs") else f"cam1={cam1}" if line.startswith("cam1") else line
            for line in path.read_text().splitlines()
        )
    )
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
    assert float(depth[0, 0, 0]) == pytest.approx(FOCAL_2006 * 0.16 / 160)  # the same at every size
    path.write_text(path.read_text().replace("doffs=0.5", "doffs=20"))
    with pytest.raises(DataError, match="doffs = cx1 - cx0"):
        Middlebury(tmp_path / "2014", "2014")[0]


def test_middlebury_damage_is_named(rooms: SceneDataset, tmp_path: Path) -> None:
    write_middlebury(tmp_path, [rooms[0]], "2014")
    scene = tmp_path / "Scene0"
    sound = (scene / "calib.txt").read_text()
    metres = float(rooms[0]["baseline"])
    for old, new, message in (
        ("baseline=", "bl=", "found no calibration"),
        ("width=64", "width=640", "found 64 x 48 pixels, expected 640 x 48"),
        (f"baseline={metres * 1000:.9g}", f"baseline={metres:.9g}", "baseline"),
    ):
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


@real
@pytest.mark.parametrize(
    ("scene", "left", "right", "disparity", "scale", "after", "before"),
    [
        ("2006_2003_sgm/Cloth3", "view1.png", "view5.png", "disp1.png", 2, 3.6, 36.5),
        ("2006_2003_sgm/cone", "im2.png", "im6.png", "disp2.png", 4, 7.0, 38.1),
        ("2006_aloe_mexopencv", "aloeL.jpg", "aloeR.jpg", "aloeGT.png", 1, 7.8, 33.2),
        ("2014_adirondack_2b-t", "Adirondack_left.png", "Adirondack_right.png", "Adirondack_gt.png", 1, 9.9, 24.7),
    ],
)
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
    """The scene of 2014 that scikit-image carries, with the calibration of its documentation: 7.3 after the warp, 37.7
    before.
    """
    assert SAMPLES is not None
    folder = SAMPLES / "middlebury" / "2014_motorcycle_skimage"
    scene = tmp_path / "Motorcycle"
    scene.mkdir()
    for name, source in (("im0.png", "motorcycle_left.png"), ("im1.png", "motorcycle_right.png")):
        (scene / name).symlink_to(folder / source)
    with np.load(folder / "motorcycle_disp.npz") as arrays:
        write_pfm(scene / "disp0.pfm", torch.from_numpy(arrays["arr_0"]))
    (scene / "calib.txt").write_text(
        "cam0=[994.978 0 311.193; 0 994.978 254.877; 0 0 1]\n"
        "cam1=[994.978 0 342.279; 0 994.978 254.877; 0 0 1]\n"
        "doffs=31.086\nbaseline=193.001\nwidth=741\nheight=500\nndisp=70\n"
    )
    item = Middlebury(tmp_path, "2014")[0]
    assert warp_errors(item["image"], item["right"], item["disparity"], item["valid"]) == pytest.approx(
        (7.3, 37.7), abs=0.3
    )
    T = torch.eye(4)
    T[0, 3] = -item["baseline"]
    by_depth, visible = warp(
        grey(item["right"])[None], item["depth"][None], item["K"][None], T[None], item["K_right"][None]
    )
    seen = visible[0] & item["valid"]
    assert float((by_depth[0] - grey(item["image"])).abs()[seen].mean()) == pytest.approx(7.3, abs=0.3)
    assert 1.5 < float(item["depth"][item["valid"]].median()) < 5  # metres: a motorcycle in a workshop
