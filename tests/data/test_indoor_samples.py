"""Known facts about real frames of 7-Scenes, TUM RGB-D, SUN RGB-D and others: units, poses and cameras, proved by warping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depthlib.base.paths import samples_dir
from depthlib.data import diode, sunrgbd
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, read_numbers
from depthlib.data.images import read_image
from depthlib.data.maps import read_map
from depthlib.data.real_samples import RealFrame, real_frames
from depthlib.data.sevenscenes import SevenScenes
from depthlib.data.sunrgbd import zero_based
from depthlib.data.tum import TUM, associate
from depthlib.geometry import inside, invert_pose, project, reproject, sample_pixels

needs_samples = pytest.mark.skipif(samples_dir() is None, reason="DEPTHLIB_SAMPLES names no folder of real frames")


def grey(image: torch.Tensor) -> torch.Tensor:
    """[1,1,H,W], 0 to 255, with the usual weights of red, green and blue."""
    return 255 * (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)[None, None]


def warped_and_still(item: dict, source: torch.Tensor, T_source_current: torch.Tensor) -> tuple[float, float]:
    """Mean difference of grey levels where the view's pixels fall into the source (its nearest pixel); and without a warp."""
    current, source = grey(item["image"]), grey(source)
    pixels, z = reproject(item["depth"][None], item["K"][None], T_source_current[None])
    mask = item["valid"][None] & (z > 0) & inside(pixels, *source.shape[-2:])
    seen = sample_pixels(source, pixels, mode="nearest")
    return (seen - current)[mask].abs().mean().item(), (source - current)[mask].abs().mean().item()


@pytest.mark.slow
@needs_samples
def test_real_sevenscenes_warp() -> None:
    dataset = SevenScenes(samples_dir() / "7-scenes", "redkitchen_tsdf", views=("current", "next"), spacing=15)
    assert len(dataset) == 15                                   # 30 consecutive frames and 10 spread ones
    item = dataset[0]
    assert item["name"] == "redkitchen_tsdf/000000" and item["depth"][item["valid"]].min() > 0.5 and item["depth"].max() < 6
    assert warped_and_still(item, item["next"], item["T_next_current"]) == pytest.approx((6.8, 23.2), abs=0.1)
    wrong = warped_and_still(item, item["next"], invert_pose(item["T_next_current"]))
    assert wrong[0] > 15


@pytest.mark.slow
@needs_samples
def test_real_tum_warp(tmp_path: Path) -> None:
    """The first against the fourth frame. The difference is smaller than the 12.7 that another evaluation found."""
    root, pairs = samples_dir() / "tum-rgbd", tmp_path / "pairs.txt"
    pairs.write_text("".join((root / "fr1_desk_slambook/associate.txt").open().readlines()[:6]))
    dataset = TUM(root, "fr1_desk_slambook", views=("current", "next"), spacing=3, associations=pairs)
    assert len(dataset) == 3
    item = dataset[0]
    warped, still = warped_and_still(item, item["next"], item["T_next_current"])
    assert warped < 12.7 and still == pytest.approx(30.3, abs=0.1)
    assert item["K"][0, 0] == pytest.approx(517.3) and item["depth"].max() < 5
    with pytest.raises(DataError, match="files that .*rgb.txt.* names are missing"):
        TUM(samples_dir() / "tum-rgbd", "fr1_desk_slambook")    # the lists name the whole sequence, six pairs are here


@needs_samples
def test_real_tum_association() -> None:
    """Our pairing of the whole sequence's lists is the published one."""
    folder = samples_dir() / "tum-rgbd/fr1_desk_slambook"
    colour, depth = (read_lines(folder / name) for name in ("rgb.txt", "depth.txt"))
    a, b = associate(*(np.array([float(line[0]) for line in lines]) for lines in (colour, depth)), 0.02)
    found = {colour[i][1]: depth[j][1] for i, j in zip(a, b, strict=True)}
    published = [line.split() for line in (folder / "associate.txt").read_text().splitlines() if line.strip()]
    assert len(published) > 500 and found == {line[1]: line[3] for line in published}


@pytest.mark.slow
@needs_samples
@pytest.mark.parametrize("target, source, expected", [
    ("redwood-0", "redwood-2", (3.0, 11.7)), ("icl-nuim-4", "icl-nuim-5", (4.5, 36.1)),
])
def test_real_warps_of_the_other_sequences(target: str, source: str, expected: tuple[float, float]) -> None:
    frames: dict[str, RealFrame] = {frame.name: frame for frame in real_frames()}
    current, other = frames[target], frames[source]
    pose = (torch.linalg.inv(other.T_world_camera.double()) @ current.T_world_camera.double()).float()
    found = warped_and_still(vars(current), other.image, pose)
    assert found == pytest.approx(expected, abs=0.1)
    if target.startswith("icl"):                                # with y up and fy = +480 the world is mirrored
        mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0]))
        assert warped_and_still(vars(current), other.image, mirror @ pose @ mirror)[0] > 3 * found[0]


@pytest.mark.slow
@needs_samples
def test_real_hololens_warp() -> None:
    """Frame 3 against frame 8: line n of the poses belongs to the n-th image of the folder, whose numbers start at 3."""
    frame = {frame.name: frame for frame in real_frames()}["hololens-3"]
    folder = samples_dir() / "hololens_dvmvs/000"
    T_world_other = torch.from_numpy(read_numbers(folder / "poses.txt", (373, 4, 4)))[8 - 3]
    pose = (torch.linalg.inv(T_world_other) @ frame.T_world_camera.double()).float()
    found = warped_and_still(vars(frame), read_image(folder / "images/00008.png"), pose)
    assert found == pytest.approx((4.6, 26.5), abs=0.2)


@needs_samples
def test_real_sunrgbd_depth() -> None:
    depth, valid = read_map(samples_dir() / "sun-rgbd/open3d_formats/SUN_depth.png", sunrgbd.DEPTH)
    low, high = np.percentile(depth[valid].numpy(), [1, 99])
    assert (round(low, 1), round(high, 1)) == (1.1, 8.8)


@needs_samples
@pytest.mark.parametrize("number", ["000001", "000002"])
def test_real_sunrgbd_points_fall_on_their_pixels(number: str) -> None:
    """Colours of the points equal those of the pixels they project to: tilt, axes, K and the count from 1 are all right."""
    folder = samples_dir() / "sun-rgbd/mmdet3d"
    with np.load(next((folder / "lidar").glob(f"{number}.npz"))) as arrays:
        cloud = torch.from_numpy(arrays[arrays.files[0]]).double()
    image = torch.from_numpy(np.array(Image.open(next(folder.rglob(f"{number}.jpg"))))).double() / 255
    tilt, K = read_numbers(folder / f"calib/{number}.txt", (2, 3, 3))       # a line each, column by column
    K = zero_based(K.T)
    x, y, z = (cloud[:, :3] @ torch.from_numpy(tilt).T).unbind(1)           # x right, y forward, z up
    points = torch.stack((x, -z, y), dim=1)
    assert points[:, 2].min() > 1.0 and points[:, 2].max() < 8.1
    pixels, _ = project(points.T[None], K[None].double())
    u, v = pixels[0].round().long()
    assert (pixels[0] - pixels[0].round()).abs().max() < 0.02
    assert (image[v, u] - cloud[:, 3:6]).abs().max() < 1e-6


@needs_samples
def test_real_lists() -> None:
    lists = samples_dir() / "splits"
    names = [read_lines(lists / f"sunrgbd_meta/{name}") for name in sunrgbd.LISTS.values()]
    assert [len(lines) for lines in names] == [5285, 5050]
    meta = lists / "diode/diode_meta.json"
    counts = {(split, kind): len(diode.listed(meta, split, (kind,))) for split in ("train", "val") for kind in diode.KINDS}
    assert counts == {("train", "outdoor"): 16884, ("train", "indoors"): 8574, ("val", "outdoor"): 392, ("val", "indoors"): 220}
