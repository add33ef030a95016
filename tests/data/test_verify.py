"""A folder compared with its manifest: what is missing, damaged or unknown is counted and named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from manifest_example import LIST, changed, example, load, make_set
from own_frames import frames_manifest, make_frames
from PIL import Image
from typer.testing import CliRunner

from depthlib.app.data_cli import data as command
from depthlib.base import paths
from depthlib.data.errors import DataError
from depthlib.data.frames import ManifestFrames
from depthlib.data.manifest import Manifest, load_manifest, manifest_names
from depthlib.data.verify import verify


@pytest.mark.slow
def test_fetchable_files_are_those_of_the_samples() -> None:
    folder = paths.samples_dir()
    if folder is None:
        pytest.skip("DEPTHLIB_SAMPLES names no folder")
    for name, place in (("tum-fr1-desk", "tum-rgbd/fr1_desk_slambook"), ("icl-nuim-3", "icl-nuim_slambook2")):
        report = verify(load_manifest(name), folder / place, full=True)
        assert report.ok, report.text()
    lists = verify(load_manifest("lists"), folder / "splits", full=True).findings[0]
    assert lists.damaged == 0 and lists.found >= 50
    elsewhere = ("nyu-meta/", "monodepth2/benchmark/")  # in the samples
    assert all(offender.startswith(elsewhere) for offender in lists.offenders), lists.offenders


def test_whole_set_is_sound(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    for full in (False, True):
        report = verify(load(tmp_path, example()), tmp_path / "set", full=full)
        assert report.ok and "split train: 3 of 3" in report.text(), report.text()


def test_kinds_that_overlap(tmp_path: Path) -> None:
    """A second name for the images, without an encoding, must not keep them from being decoded."""
    make_set(tmp_path / "set")
    again = {"paths": ["{drivepath}/image_{camera}/{frame:010d}.png"], "what": "The same files."}
    manifest = load(tmp_path, changed("layout.zz", again))
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "set/city/b/image_02/0000000005.png")
    found = {finding.what: finding for finding in verify(manifest, tmp_path / "set", full=True).findings}
    assert found["layout image"].damaged == 1 and "found 1 channels, expected 3" in found["layout image"].offenders[0]


def test_missing_and_damaged_are_counted_and_named(tmp_path: Path) -> None:
    root = tmp_path / "set"
    make_set(root)
    (root / "city/a/image_03/0000000006.png").rename(
        root / "city/a/image_03/0000000006.jpg"
    )  # the second template: no fault
    (root / "depth/city/a/0000000006.png").unlink()
    (root / "city/b/image_02/0000000005.png").write_bytes(b"")
    manifest = load(tmp_path, changed("layout.depth.count", 3))
    report = verify(manifest, root, lists=tmp_path / "nowhere")
    found = {finding.what: finding for finding in report.findings}
    assert (found["layout depth"].found, found["layout depth"].missing) == (2, 1)
    assert (found["layout image"].found, found["layout image"].damaged) == (3, 1)
    assert found["layout image"].offenders == ["city/b/image_02/0000000005.png: is empty (0 bytes)"]
    assert (found["split train"].found, found["split train"].missing) == (1, 2)
    assert found["split train"].offenders[0] == "entry 2 (city/a 6 r): no depth depth/city/a/0000000006.png"
    assert not report.ok

    (root / "depth/city/a/0000000005.png").write_bytes((root / "depth/city/a/0000000005.png").read_bytes()[:50])
    fast, full = verify(manifest, root), verify(manifest, root, full=True)
    depth = {finding.what: finding for finding in full.findings}["layout depth"]
    assert depth.damaged == 1 and "0000000005.png: damaged or cut off" in depth.offenders[0]
    assert {finding.what: finding for finding in fast.findings}["layout depth"].damaged == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LIST[:-2], "sha256 .* expected .*another list"),
        (LIST + b"city/b 6 l\n", "4 lines, expected 3"),
        (LIST.replace(b"\n", b"\r\n"), "only the line ends differ"),
        (b"\xff\xfe\x00", "cannot be read as a list"),
    ],
)
def test_another_list(tmp_path: Path, text: bytes, message: str) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/lists/train.txt").write_bytes(text)
    report = verify(load(tmp_path, example()), tmp_path / "set")
    (split,) = [finding for finding in report.findings if finding.what == "split train"]
    assert split.damaged == 1
    with pytest.raises(AssertionError if not split.offenders else DataError, match=message):
        raise DataError(split.offenders[0])


def test_absent_list_counts_only_where_it_was_asked_for(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/lists/train.txt").unlink()
    manifest = load(tmp_path, example())
    assert verify(manifest, tmp_path / "set").ok
    asked = verify(manifest, tmp_path / "set", splits=["train"])
    assert not asked.ok and "its list lists/train.txt is not there" in asked.text()
    with pytest.raises(DataError, match="split: found 'val', expected one of example: train"):
        verify(manifest, tmp_path / "set", splits=["val"])
    with pytest.raises(DataError, match="no such folder"):
        verify(manifest, tmp_path / "elsewhere")


def test_known_files(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/a.mat").write_bytes(b"12345")
    known = [{"path": "a.mat", "size": 5, "sha256": hashlib.sha256(b"12346").hexdigest()}, {"path": "b.mat", "size": 5}]
    manifest = load(tmp_path, changed("sizes", known))
    fast, full = (verify(manifest, tmp_path / "set", full=mode).findings[0] for mode in (False, True))
    assert (fast.found, fast.missing, fast.damaged) == (1, 1, 0) and fast.offenders == ["b.mat: no such file"]
    assert full.damaged == 1 and "a.mat: sha256" in full.offenders[0]


def test_links_that_go_in_circles(tmp_path: Path) -> None:
    make_set(tmp_path / "set")
    (tmp_path / "set/city/loop").symlink_to(tmp_path / "set", target_is_directory=True)
    assert verify(load(tmp_path, example()), tmp_path / "set").ok


def test_nothing_that_fits_is_a_failure(tmp_path: Path) -> None:
    """The wrong folder; the message says what was looked for."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/holiday.jpg").touch()
    report = verify(load(tmp_path, example()), tmp_path / "root")
    assert (
        not report.ok
        and "BAD layout depth: 0" in report.text()
        and "looked for depth/{drivepath}/{frame:010d}.png" in report.text()
    )
    for name in manifest_names():
        manifest = load_manifest(name)
        if isinstance(manifest, Manifest) and manifest.layout:
            assert not verify(manifest, tmp_path / "root").ok, name


def test_a_mistyped_template_is_a_failure(tmp_path: Path) -> None:
    mistyped = frames_manifest(
        tmp_path, layout={"depth": {"paths": ["depths/{name}.png"], "what": "D.", "encoding": "depth"}}
    )
    report = verify(mistyped, make_frames(tmp_path / "own"))
    assert not report.ok and "3 images without depth, the first is rgb/0.png" in report.text()


def test_images_without_depth_are_counted(tmp_path: Path) -> None:
    manifest, root = frames_manifest(tmp_path), make_frames(tmp_path / "own", images=5)
    report = verify(manifest, root)
    assert (
        report.ok and "frames with image and depth: 3 (2 images without depth, the first is rgb/3.png)" in report.text()
    )
    frames = ManifestFrames(root, manifest)
    assert len(frames) == 3 and frames.unpaired == ["rgb/3.png", "rgb/4.png"]
    result = CliRunner().invoke(
        command, ["preview", str(tmp_path / "own.yaml"), "--root", str(root), "--out", str(tmp_path / "p.png")]
    )
    assert result.exit_code == 0 and "2 images have no depth and are left out" in result.stderr
