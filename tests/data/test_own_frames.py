"""Own frames, described by a manifest alone: pairs, cameras, poses, and options of loaders from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from depthlib.app.data_cli import data as command
from depthlib.data.errors import DataError
from depthlib.data.frames import ManifestFrames
from depthlib.data.manifest import Manifest, load_manifest
from depthlib.data.real_sets import typed_options
from depthlib.data.verify import verify


def frames_manifest(folder: Path, **more: Any) -> Manifest:
    """A set of single frames, as somebody describes own ones."""
    document = {
        "name": "own", "title": "Own", "what": "Frames.", "citation": "None.", "terms": {"licence": "CC0", "accept": False},
        "obtain": {"how": "Take them.", "where": "here"},
        "encodings": {"depth": {"format": "png", "dtype": "uint16", "unit": "metre", "scale": 256, "invalid": [0]}},
        "layout": {"image": {"paths": ["rgb/{name}.png"], "what": "Colour."},
                   "depth": {"paths": ["depth/{name}.png"], "what": "Depth.", "encoding": "depth"}, **more.pop("layout", {})}, **more,
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(document))
    manifest = load_manifest(folder / "own.yaml")
    assert isinstance(manifest, Manifest)
    return manifest


def make_frames(root: Path, images: int = 3, depths: int = 3) -> Path:
    for kind, count, array in (("rgb", images, np.full((60, 80, 3), 90, np.uint8)), ("depth", depths, np.full((60, 80), 512, np.uint16))):
        (root / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(array).save(root / kind / f"{number}.png")
    return root


def test_a_mistyped_template_is_a_failure(tmp_path: Path) -> None:
    mistyped = frames_manifest(tmp_path, layout={"depth": {"paths": ["depths/{name}.png"], "what": "D.", "encoding": "depth"}})
    report = verify(mistyped, make_frames(tmp_path / "own"))
    assert not report.ok and "3 images without depth, the first is rgb/0.png" in report.text()


def test_images_without_depth_are_counted(tmp_path: Path) -> None:
    manifest, root = frames_manifest(tmp_path), make_frames(tmp_path / "own", images=5)
    report = verify(manifest, root)
    assert report.ok and "frames with image and depth: 3 (2 images without depth, the first is rgb/3.png)" in report.text()
    frames = ManifestFrames(root, manifest)
    assert len(frames) == 3 and frames.unpaired == ["rgb/3.png", "rgb/4.png"]
    result = CliRunner().invoke(command, ["preview", str(tmp_path / "own.yaml"), "--root", str(root), "--out", str(tmp_path / "p.png")])
    assert result.exit_code == 0 and "2 images have no depth and are left out" in result.stderr


def test_poses_of_a_manifest(tmp_path: Path) -> None:
    layout = {"pose": {"paths": ["pose/{name}.txt"], "what": "Camera to world."}}
    manifest, root = frames_manifest(tmp_path, layout=layout), make_frames(tmp_path / "own")
    with pytest.raises(DataError, match=r"found no pose for rgb/0.png \(3 images\), expected pose/\{name\}.txt"):
        ManifestFrames(root, manifest)
    turned = np.array([[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]])
    (root / "pose").mkdir()
    for number, pose in enumerate((turned, turned[:3], np.diag([1.0, 1, 2, 1]))):
        np.savetxt(root / f"pose/{number}.txt", pose)
    frames = ManifestFrames(root, manifest)
    for position in (0, 1):
        np.testing.assert_array_equal(frames[position]["T_world_camera"].numpy(), turned.astype(np.float32))
    with pytest.raises(DataError, match=r"2.txt: found a pose whose rotation is off by 3 .*expected a rotation"):
        frames[2]
    (root / "pose/0.txt").write_text("1 2 three")
    with pytest.raises(DataError, match="0.txt"):
        frames[0]


@pytest.mark.parametrize(("camera", "message"), [
    ({"fx": 0, "fy": 50, "cx": 40, "cy": 30}, "found fx 0, fy 50, expected focal lengths in pixels > 0"),
    ({"fx": 50, "fy": -50, "cx": 40, "cy": 30}, "expected focal lengths in pixels > 0"),
    ({"fx": 50, "fy": 50, "cx": 400, "cy": 30, "width": 80, "height": 60}, "principal point at 400 for a width of 80"),
    ({"fx": 50, "fy": 50, "cx": 40, "cy": -40, "width": 80, "height": 60}, "principal point at -40 for a height of 60"),
    ({"fx": 4.2, "fy": 4.2, "cx": 40, "cy": 30, "width": 80, "height": 60}, "an angle of view of 168.0 degrees.*not millimetres"),
    ({"fx": 5000, "fy": 5000, "cx": 40, "cy": 30, "width": 80, "height": 60}, "an angle of view of 0.9 degrees"),
])
def test_impossible_cameras(tmp_path: Path, camera: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=r"intrinsics\[0\]: .*" + message):
        frames_manifest(tmp_path, intrinsics=[{"what": "c", **camera}])


def test_the_camera_of_other_images(tmp_path: Path) -> None:
    """Right for frames of 640 x 480, of which these are thumbnails."""
    root, camera = make_frames(tmp_path / "own"), {"what": "c", "fx": 520, "fy": 520, "cx": 320, "cy": 240}
    with pytest.raises(DataError, match="found 80 x 60 pixels, expected 640 x 480"):
        ManifestFrames(root, frames_manifest(tmp_path, intrinsics=[{**camera, "width": 640, "height": 480}]))[0]
    with pytest.raises(DataError, match="expected the camera of this image"):
        ManifestFrames(root, frames_manifest(tmp_path, intrinsics=[camera]))[0]
    fitting = frames_manifest(tmp_path, intrinsics=[{"what": "c", "fx": 65, "fy": 65, "cx": 40, "cy": 30}])
    assert ManifestFrames(root, fitting)[0]["K"][0].tolist() == [65, 0, 40]


def test_options_have_the_types_of_the_loader() -> None:
    given = {"views": "current,next", "spacing": "2", "camera": "525,525,319.5,239.5", "associations": "a.txt"}
    camera = (525.0, 525.0, 319.5, 239.5)
    assert typed_options(load_manifest("tum"), given) == given | {"views": ("current", "next"), "spacing": 2, "camera": camera}
    assert typed_options(load_manifest("tum"), {"camera": "None"}) == {"camera": None}
    assert typed_options(load_manifest("middlebury"), {"reduction": "2", "depth": "false"}) == {"reduction": 2, "depth": False}
    for name, option, message in (
        ("tum", {"camera": "525"}, "option camera: found 1 values, expected 4"),
        ("tum", {"spacing": "two"}, "expected a whole number"), ("middlebury", {"depth": "no"}, "expected true or false"),
        ("flyingthings3d", {"render": "x"}, "expected one of cleanpass, finalpass"),
    ):
        with pytest.raises(DataError, match=message):
            typed_options(load_manifest(name), option)
