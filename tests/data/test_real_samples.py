"""Real RGB-D frames mean what their loaders say: units, invalid pixels, intrinsics and poses, proved by warping."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from real_warps import warped_and_still
from samples import needs_samples

from depthlib.base.paths import samples_dir
from depthlib.data.files import read_numbers
from depthlib.data.images import read_image
from depthlib.data.real_samples import LOADERS, RealFrame, real_frames, skimage_photographs
from depthlib.geometry import invert_pose, warp


@pytest.fixture(scope="module")
def frames() -> dict[str, RealFrame]:
    return {frame.name: frame for frame in real_frames()}


@pytest.mark.filterwarnings("ignore:loadtxt")
def test_absent_root_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPTHLIB_SAMPLES", raising=False)
    for missing in (real_frames(), real_frames(tmp_path), real_frames(tmp_path / "nowhere")):
        assert [frame.name for frame in missing] == list(LOADERS)
        assert all(frame.missing and frame.image is None for frame in missing)
    assert "DEPTHLIB_SAMPLES" in real_frames()[0].missing
    (tmp_path / "tum-rgbd/fr1_desk_slambook").mkdir(parents=True)
    for name in ("associate.txt", "groundtruth.txt"):
        (tmp_path / "tum-rgbd/fr1_desk_slambook" / name).touch()  # there, but empty
    assert all(frame.missing for frame in real_frames(tmp_path))


def test_photographs_of_scikit_image() -> None:
    photographs = {frame.name: frame for frame in skimage_photographs()}
    assert {"astronaut", "chelsea", "coffee"} <= set(photographs)
    assert photographs["astronaut"].image.shape == (3, 512, 512) and photographs["astronaut"].depth is None
    assert all(frame.image.min() >= 0 and frame.image.max() <= 1 for frame in photographs.values())


@pytest.mark.slow
@needs_samples
def test_every_frame_keeps_the_conventions(frames: dict[str, RealFrame]) -> None:
    assert len(frames) == 19 and not [frame.missing for frame in frames.values() if frame.missing]
    for frame in frames.values():
        height, width = frame.image.shape[1:]
        assert frame.depth.shape == frame.valid.shape == (1, height, width) and frame.valid.dtype == torch.bool
        assert (frame.depth[~frame.valid] == 0).all() and (frame.depth[frame.valid] > 0).all() and frame.source
        assert (
            0.3 * width < frame.K[0, 2] < 0.7 * width
            and 0.3 * height < frame.K[1, 2] < 0.7 * height
            and frame.K[1, 1] > 0
        )
        if frame.T_world_camera is not None:
            rotation = frame.T_world_camera[:3, :3]
            torch.testing.assert_close(rotation @ rotation.T, torch.eye(3), atol=2e-3, rtol=0)
            assert torch.linalg.det(rotation) > 0.99


@pytest.mark.slow
@needs_samples
@pytest.mark.parametrize(
    "name, nearest, farthest, valid",
    [
        ("nyu-basement-00000", 1.39, 6.625, 0.733),
        ("nyu-basement-00050", 0.887, 8.266, 0.751),
        ("nyu-test-601", 1.653, 9.993, 0.673),
        ("7-scenes-000000", 0.801, 3.493, 0.892),
        ("redwood-0", 0.955, 2.702, 0.870),
        ("hololens-3", 0.815, 6.509, 0.783),
        ("tum-1305031453.359684", 0.738, 2.026, 0.831),
        ("kitti-small-0000000000", 4.841, 77.716, 0.304),
        ("sun-rgbd-000001", 1.19, 7.967, 0.129),
        ("kitti-annotated-0000000005", 5.332, 84.895, 0.195),
    ],
)
def test_units_and_invalid_pixels(
    frames: dict[str, RealFrame], name: str, nearest: float, farthest: float, valid: float
) -> None:
    """The figures were taken from the stored integers and the stated scales with other code."""
    frame = frames[name]
    depth = frame.depth[frame.valid]
    assert depth.min().item() == pytest.approx(nearest, abs=2e-3) and depth.max().item() == pytest.approx(
        farthest, abs=2e-3
    )
    assert frame.valid.float().mean().item() == pytest.approx(valid, abs=2e-3)


@pytest.mark.slow
@needs_samples
@pytest.mark.parametrize(
    "target, source, warped, still",
    [
        ("7-scenes-000000", "7-scenes-000015", 6.8, 23.2),
        ("redwood-0", "redwood-2", 3.0, 11.7),
        ("icl-nuim-4", "icl-nuim-5", 4.5, 36.1),
        ("hololens-3", "hololens-6", 4.6, 8.8),
        ("tum-1305031453.359684", "tum-1305031453.459685", 12.7, 30.3),
    ],
)
def test_depth_pose_and_intrinsics_agree(
    frames: dict[str, RealFrame], target: str, source: str, warped: float, still: float
) -> None:
    """Grey levels: the source warped into the target differs by about `warped`, unwarped by about `still`."""
    dst, src = frames[target], frames[source]
    grey = {frame.name: 255 * frame.image.mean(0, keepdim=True)[None] for frame in (dst, src)}
    T_src_dst = invert_pose(src.T_world_camera[None]) @ dst.T_world_camera[None]
    view, visible = warp(grey[source], dst.depth[None], dst.K[None], T_src_dst, src.K[None])
    mask = visible & dst.valid[None]
    assert mask.float().mean() > 0.35
    assert (view - grey[target])[mask].abs().mean().item() < 1.2 * warped
    assert (grey[source] - grey[target])[mask].abs().mean().item() > 0.9 * still


@needs_samples
def test_points_of_sun_rgbd_fall_on_their_own_colours(frames: dict[str, RealFrame]) -> None:
    frame, folder = frames["sun-rgbd-000002"], samples_dir() / "sun-rgbd/mmdet3d"
    with np.load(folder / "lidar/000002.npz") as archive:
        points = archive["pc"].astype(np.float64)
    rotation = np.loadtxt((folder / "calib/000002.txt").open(), max_rows=1).reshape(3, 3, order="F")
    forwards = np.einsum("ji,nj->ni", rotation, points[:, :3])[:, 1]
    v, u = frame.valid[0].nonzero()[::100].T
    for shift, agrees in ((0, True), (1, False)):
        apart = [
            np.abs(
                points[np.abs(forwards - frame.depth[0, y, x].item()) < 1e-4, 3:] - frame.image[:, y, x - shift].numpy()
            )
            .mean(axis=1)
            .min()
            for y, x in zip(v, u, strict=True)
        ]
        assert (np.mean(apart) < 1e-6) == agrees


@needs_samples
def test_real_frames_more(frames: dict[str, RealFrame]) -> None:
    more = [frame.name for frame in real_frames(more=True)]
    assert set(frames) < set(more) and len(more) == len(set(more)) > 30


@needs_samples
def test_a_damaged_data_set_spares_the_others(tmp_path: Path) -> None:
    for part in ("redwood_open3d", "kitti/depth_annotated_drive_0001"):
        shutil.copytree(samples_dir() / part, tmp_path / part)
    depth = tmp_path / "redwood_open3d/RGBD/depth/00002.png"
    depth.write_bytes(depth.read_bytes()[:1000])
    found = real_frames(tmp_path)
    assert [frame.name for frame in found if not frame.missing] == [
        "kitti-annotated-0000000005",
        "kitti-annotated-0000000050",
    ]
    assert "00002.png" in next(frame.missing for frame in found if frame.name == "redwood")


@pytest.mark.slow
@needs_samples
@pytest.mark.parametrize(
    "target, source, expected", [("redwood-0", "redwood-2", (3.0, 11.7)), ("icl-nuim-4", "icl-nuim-5", (4.5, 36.1))]
)
def test_real_warps_of_the_other_sequences(target: str, source: str, expected: tuple[float, float]) -> None:
    frames: dict[str, RealFrame] = {frame.name: frame for frame in real_frames()}
    current, other = frames[target], frames[source]
    pose = (torch.linalg.inv(other.T_world_camera.double()) @ current.T_world_camera.double()).float()
    found = warped_and_still(vars(current), other.image, pose)
    assert found == pytest.approx(expected, abs=0.1)
    if target.startswith("icl"):  # with y up and fy = +480 the world is mirrored
        mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0]))
        assert warped_and_still(vars(current), other.image, mirror @ pose @ mirror)[0] > 3 * found[0]


@pytest.mark.slow
@needs_samples
def test_real_hololens_warp() -> None:
    """Frame 3 against frame 8: line n of the poses belongs to the n-th image of the folder, whose numbers start at
    3.
    """
    frame = {frame.name: frame for frame in real_frames()}["hololens-3"]
    folder = samples_dir() / "hololens_dvmvs/000"
    T_world_other = torch.from_numpy(read_numbers(folder / "poses.txt", (373, 4, 4)))[8 - 3]
    pose = (torch.linalg.inv(T_world_other) @ frame.T_world_camera.double()).float()
    found = warped_and_still(vars(frame), read_image(folder / "images/00008.png"), pose)
    assert found == pytest.approx((4.6, 26.5), abs=0.2)
