"""A few real RGB-D frames, read in place, and scikit-image's photographs. Nothing is copied or fetched.

The frames are below the folder `DEPTHLIB_SAMPLES`, in the layout of the loaders below. Each data set has its own units,
invalid values and traps; every loader states them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.base.paths import samples_dir
from depthlib.base.text import one_line
from depthlib.data.dataset_base import pinhole
from depthlib.data.depth_png import read_depth_png
from depthlib.data.images import read_image
from depthlib.data.tum import CAMERAS
from depthlib.geometry import make_pose, quaternion_to_matrix


@dataclass(frozen=True)
class RealFrame:
    """One photograph, with depth if there is any. `missing`: why nothing could be read; then all tensors are None.

    Attributes:
        image: [3, H, W] RGB in [0, 1].
        depth: [1, H, W] metres along the camera axis, 0 where invalid.
        valid: [1, H, W] bool.
        K: [3, 3] intrinsics in pixels.
        T_world_camera: [4, 4], where the frame belongs to a sequence with poses.
        source: data set and terms, for a caption.
        synthetic: rendered, not photographed.
    """

    name: str
    source: str
    image: Tensor | None = None
    depth: Tensor | None = None
    valid: Tensor | None = None
    K: Tensor | None = None
    T_world_camera: Tensor | None = None
    synthetic: bool = False
    missing: str | None = None


def real_frames(root: str | os.PathLike[str] | None = None, *, more: bool = False) -> list[RealFrame]:
    """One or two frames of each data set in the samples folder, in a fixed order; a data set that cannot be read is one
    frame with `missing` set.

    Args:
        root: the samples folder; None takes the one that `DEPTHLIB_SAMPLES` names. Absent data raises no error.
        more: of the video sets, all frames that are not almost the same as another.
    """
    folder = samples_dir() if root is None else Path(root)
    frames = []
    for name, (source, loader) in LOADERS.items():
        blank = RealFrame(name, source)
        if folder is None:
            frames.append(replace(blank, missing="DEPTHLIB_SAMPLES names no existing folder"))
            continue
        try:
            frames.extend(list(loader(folder, blank, more)))  # a list first: all of a data set or nothing
        except (OSError, ValueError, KeyError, IndexError) as error:
            frames.append(replace(blank, missing=one_line(error)))
    return frames


def skimage_photographs() -> list[RealFrame]:
    """The colour photographs inside the scikit-image package, without depth; needs no network."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
    return [
        RealFrame(Path(name).stem, "scikit-image", image=read_image(folder / name))
        for name in names
        if (folder / name).is_file()
    ]


def _frame(
    blank: RealFrame, index: str, image: Path, depth: Tensor, K: Tensor | None, pose: Tensor | None = None
) -> RealFrame:
    """A frame from [H, W] depth whose invalid pixels are 0."""
    return replace(
        blank,
        name=f"{blank.name}-{index}",
        image=read_image(image, tuple(depth.shape)),
        depth=depth[None],
        valid=depth[None] > 0,
        K=K,
        T_world_camera=pose,
    )


def _table(path: Path) -> Tensor:
    return torch.from_numpy(np.loadtxt(path, dtype=np.float64)).float()


def _pose(translation: np.ndarray, quaternion_xyzw: np.ndarray) -> Tensor:
    rotation = quaternion_to_matrix(torch.from_numpy(quaternion_xyzw))
    return make_pose(rotation, torch.from_numpy(translation)).float()


NYU_CAMERA = (518.8579, 519.46961, 325.58245, 253.73617)


def _nyu_basement(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """Millimetres. The colour frame keeps the white border of its rectification; no pixel of it has depth."""
    folder = root / "nyu-depth-v2/metric3d_demo"
    for index in ("00000", "00050"):
        depth = read_depth_png(folder / f"depth/sync_depth_{index}.png", scale=1000)
        yield _frame(blank, index, folder / f"rgb/rgb_{index}.jpg", depth, pinhole(NYU_CAMERA))


def _nyu_test(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """Millimetres, cut at 10 m: a pixel at exactly 10 m is at least that far, so it is not a measurement."""
    folder = root / "nyu-depth-v2/unidepth_demo"
    depth = read_depth_png(folder / "depth.png", scale=1000)
    depth = torch.where(depth < 10, depth, 0.0)
    yield _frame(blank, "601", folder / "rgb.png", depth, torch.from_numpy(np.load(folder / "intrinsics.npy")).float())


def _seven_scenes(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """Millimetres; 65535 also means invalid. Poses are camera to world."""
    folder = root / "7-scenes/redkitchen_tsdf"
    K = _table(folder / "camera-intrinsics.txt")
    for number in (0, 15, *(range(100, 600, 50) if more else ())):
        index = f"{number:06d}"
        depth = read_depth_png(folder / f"frame-{index}.depth.png", scale=1000)
        depth = torch.where(depth < 65.535, depth, 0.0)
        pose = _table(folder / f"frame-{index}.pose.txt")
        yield _frame(blank, index, folder / f"frame-{index}.color.jpg", depth, K, pose)


def _tum(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """1/5000 m. Colour and depth differ by some 14 ms; the pose is the one nearest in time to the colour frame."""
    folder = root / "tum-rgbd/fr1_desk_slambook"
    pairs = [line.split() for line in (folder / "associate.txt").read_text().splitlines() if line.strip()]
    truth = np.loadtxt(folder / "groundtruth.txt")  # time, translation, quaternion x y z w
    for time, image, _, depth_file in (pairs[0], pairs[3], *(pairs[5:6] if more else ())):
        row = truth[np.abs(truth[:, 0] - float(time)).argmin()]
        depth = read_depth_png(folder / depth_file, scale=5000)
        yield _frame(blank, time, folder / image, depth, pinhole(CAMERAS["1"]), _pose(row[1:4], row[4:8]))


def _redwood(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """Millimetres. The trajectory has five lines a frame: a header, then the camera-to-world matrix."""
    folder = root / "redwood_open3d/RGBD"
    lines = (folder / "trajectory.log").read_text().split("\n")
    for index in range(5) if more else (0, 2):
        pose = torch.tensor([[float(value) for value in line.split()] for line in lines[5 * index + 1 : 5 * index + 5]])
        depth, K = read_depth_png(folder / f"depth/{index:05d}.png", scale=1000), pinhole((525, 525, 319.5, 239.5))
        yield _frame(blank, str(index), folder / f"color/{index:05d}.jpg", depth, K, pose)


def _sun_rgbd(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """50,000 points in an upright frame, z upwards, y forwards. Both matrices are column-major, pixels begin at 1."""
    folder = root / "sun-rgbd/mmdet3d"
    for index in ("000001", "000002"):
        rotation, K = (matrix.reshape(3, 3).T for matrix in _table(folder / f"calib/{index}.txt"))
        with np.load(folder / f"lidar/{index}.npz", allow_pickle=False) as archive:
            points = torch.from_numpy(archive["pc"][:, :3]).float() @ rotation
        x, y, z = points[:, 0], -points[:, 2], points[:, 1]
        u, v = (torch.stack([x, y]) / z * K[0, 0] + K[:2, 2:] - 1).round().long()
        image = read_image(folder / f"image/{index}.jpg")
        depth = torch.zeros(image.shape[1:])
        depth[v, u] = z
        camera = pinhole((float(K[0, 0]), float(K[1, 1]), float(K[0, 2]) - 1, float(K[1, 2]) - 1))
        yield replace(
            blank, name=f"{blank.name}-{index}", image=image, depth=depth[None], valid=depth[None] > 0, K=camera
        )


def _icl_nuim(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """1/5000 m. The data set's y points up (fy = -480); with y down, fy is positive and both sides of poses are
    mirrored.
    """
    folder = root / "icl-nuim_slambook2"
    rows = np.loadtxt(folder / "pose.txt")  # frames 1 to 5: translation, quaternion x y z w
    mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0]))
    for index in (4, 5):  # frame 3 has another viewing direction
        pose = mirror @ _pose(rows[index - 1, :3], rows[index - 1, 3:]) @ mirror
        depth = read_depth_png(folder / f"depth/{index}.png", scale=5000)
        K = pinhole((481.2, 480.0, 319.5, 239.5))
        yield replace(_frame(blank, str(index), folder / f"color/{index}.png", depth, K, pose), synthetic=True)


def _hololens(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """Millimetres, sparse towards the border. Line n of the poses belongs to the n-th image, whose numbers start at
    3.
    """
    folder = root / "hololens_dvmvs/000"
    poses = _table(folder / "poses.txt")
    for index in range(3, 13, 3) if more else (3, 6):
        depth = read_depth_png(folder / f"depth/{index:05d}.png", scale=1000)
        yield _frame(
            blank,
            str(index),
            folder / f"images/{index:05d}.png",
            depth,
            _table(folder / "K.txt"),
            poses[index - 3].reshape(4, 4),
        )


def _kitti_small(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """Frames reduced to 416 x 128 with the LiDAR's depth in metres; the camera stands still in this drive."""
    folder = root / "kitti/sfmlearner_format/formed-kitti/2011_09_28_drive_0016_sync_02"
    for index in ("0000000000", "0000000050"):
        depth = torch.from_numpy(np.load(folder / f"{index}.npy")).float()
        yield _frame(blank, index, folder / f"{index}.jpg", depth, _table(folder / "cam.txt"))


def _kitti_annotated(root: Path, blank: RealFrame, more: bool) -> Iterator[RealFrame]:
    """The official semi-dense depth, 1/256 m. The focal length is that of the drive's day; the file beside it is
    wrong.
    """
    folder = root / "kitti/depth_annotated_drive_0001"
    for index in ("0000000005", "0000000050"):
        depth = read_depth_png(folder / f"depth/{index}.png", scale=256)
        yield _frame(blank, index, folder / f"rgb/{index}.png", depth, pinhole((721.5377, 721.5377, 609.5593, 172.854)))


LOADERS: dict[str, tuple[str, Callable[[Path, RealFrame, bool], Iterator[RealFrame]]]] = {
    "nyu-basement": ("NYU Depth v2, raw video of a training scene (research use)", _nyu_basement),
    "nyu-test": ("NYU Depth v2, a test image (research use)", _nyu_test),
    "7-scenes": ("7-Scenes, RedKitchen (non-commercial research use)", _seven_scenes),
    "tum": ("TUM RGB-D, fr1/desk (CC BY 4.0)", _tum),
    "redwood": ("Redwood, as shipped with Open3D", _redwood),
    "sun-rgbd": ("SUN RGB-D, points as in MMDetection3D (research use)", _sun_rgbd),
    "icl-nuim": ("ICL-NUIM, rendered living room (CC BY 3.0)", _icl_nuim),
    "hololens": ("HoloLens sequence of deep-video-mvs", _hololens),
    "kitti-small": ("KITTI, 2011_09_28 drive 0016, LiDAR depth (CC BY-NC-SA 3.0)", _kitti_small),
    "kitti-annotated": ("KITTI, 2011_09_26 drive 0001, official semi-dense depth (CC BY-NC-SA 3.0)", _kitti_annotated),
}
