"""Metres for the camera of a photograph: where its focal length comes from, and what it does to depth."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from brightness import Brightness
from PIL import Image

from depthlib.app import photo_camera
from depthlib.app import predict_files as files
from depthlib.app.photo_camera import GUESS, Lens, trained_focal
from depthlib.base.build import Build
from depthlib.data.depth_png import read_depth_png
from depthlib.models.weights import save_weights
from depthlib.scenes.sets import scenes, wild_scenes
from depthlib.scenes.wild import CANONICAL_FOCAL, CanonicalFocal

SPEC = {"paper": "start", "variant": "unet", "data": "rooms", "profile": "quick", "seed": 0, "overrides": {}}
ROOMS = {"spec": SPEC, "input_size": [96, 128]}
KINECT = 0.81 * 128 / math.sqrt(96 * 128)  # the rooms' camera, by hand


@pytest.fixture
def rooms(weights: Path) -> Path:
    """Weights of a run on rooms: depth is 1 + 8 x brightness."""
    save_weights(Brightness(), weights, model_name="brightness", options={}, input_size=[96, 128], spec=SPEC)
    return weights


def photograph(path: Path, size: tuple[int, int], equivalent: int | None = None, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if equivalent is not None:
        exif[0x8769] = {0xA405: equivalent}
    Image.fromarray(np.full((*size, 3), 51, np.uint8)).save(path, exif=exif.tobytes())
    return path


def depth_of(path: Path, weights: Path, **lens: float) -> float:
    """The one depth of the 16-bit file, without a correction 2.6 m."""
    outcome = files.predict_files([path], path.parent / "out", weights, "cpu", progress=False, lens=Lens(**lens))
    assert not outcome.problems
    return float(read_depth_png(outcome.done[0].depth16).median())


def test_the_focal_length_of_the_training_is_that_of_its_scenes() -> None:
    assert trained_focal(ROOMS) == pytest.approx(KINECT)
    streets = ROOMS | {"spec": SPEC | {"data": "streets"}}
    assert trained_focal(streets) == pytest.approx(0.62 * math.sqrt(128 / 96))
    mixed = {"paper": "mobile", "variant": "diw", "data": "diw", "profile": "quick", "seed": 0, "overrides": {}}
    for unknown in (
        {},
        {"spec": None},
        {"spec": SPEC | {"variant": "gone"}},
        {"spec": SPEC | {"more": 1}},
        {"spec": mixed},
    ):
        assert trained_focal(unknown | {"input_size": [96, 128]}) is None


def test_scenes_at_a_canonical_focal_length_have_that_one() -> None:
    options = {"split": "train", "count": 1}
    canonical, own = (
        Build.of(wild_scenes, family="rooms", **options),
        Build.of(wild_scenes, family="streets", focal=0.7, **options),
    )
    varied = Build.of(scenes, family="rooms", field_of_view=(45, 85), **options)
    wrapped = Build.of(CanonicalFocal, dataset=varied, focal=0.9)
    for train, expected in ((canonical, {CANONICAL_FOCAL}), (own, {0.7}), (varied, {None}), (wrapped, {0.9})):
        assert set(photo_camera._focal_lengths(asdict(train))) == expected


def test_given_then_exif_then_a_guess(tmp_path: Path) -> None:
    path, size = photograph(tmp_path / "a.jpg", (60, 80), 35), (60, 80)
    assert (camera := Lens(focal=123.0).camera(path, size)).focal == 123 and camera.source == "--focal"
    assert Lens(view=90.0).camera(path, size).focal == pytest.approx(40)
    camera = Lens().camera(path, size)
    assert camera.focal == pytest.approx(35 * 100 / math.hypot(36, 24)) and camera.source == "EXIF: 35 mm equivalent"
    camera = Lens().camera(photograph(tmp_path / "b.jpg", size), size)
    assert camera.focal == pytest.approx(GUESS * 100 / math.hypot(36, 24)) and "guess: 28 mm" in camera.source
    for wrong in ({"focal": 0.0}, {"focal": float("nan")}, {"view": 180.0}, {"focal": 1.0, "view": 50.0}):
        with pytest.raises(ValueError, match="^(focal|field of view).*: found"):
            Lens(**wrong)


def test_twice_the_focal_length_is_twice_as_far(rooms: Path, tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.png", (480, 640))
    assert depth_of(path, rooms, focal=0.81 * 640) == pytest.approx(2.6, abs=1e-3)  # the camera of the training
    assert depth_of(path, rooms, focal=2 * 0.81 * 640) == pytest.approx(5.2, abs=2e-3)
    assert depth_of(path, rooms, view=2 * math.degrees(math.atan(1))) == pytest.approx(2.6 * 0.5 / 0.81, abs=2e-3)
    assert depth_of(path, rooms) == pytest.approx(2.6 * GUESS * 1000 / 43.26661 / (0.81 * 800), abs=2e-3)


def test_a_camera_turned_upright_sees_the_same_depth(rooms: Path, tmp_path: Path) -> None:
    """Stored upright, and turned by its EXIF data; relative to the width, a portrait would be a third farther."""
    wide = depth_of(photograph(tmp_path / "wide.jpg", (96, 128), 30), rooms)
    tall = depth_of(photograph(tmp_path / "tall.jpg", (128, 96), 30), rooms)
    turned = depth_of(photograph(tmp_path / "turned.jpg", (96, 128), 30, orientation=6), rooms)
    assert wide == tall == turned and wide != pytest.approx(2.6, abs=0.01)
    assert depth_of(tmp_path / "tall.jpg", rooms, focal=100) == depth_of(tmp_path / "wide.jpg", rooms, focal=100)


def test_nothing_but_metres_is_corrected(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = photograph(tmp_path / "a.png", (96, 128))
    for spec in ({"paper": "dual", "variant": "lr", "data": "streets"}, None):
        extra = {"spec": spec} if spec else {}
        save_weights(Brightness(), weights, model_name="brightness", options={}, input_size=[96, 128], **extra)
        assert depth_of(path, weights, focal=1000) == pytest.approx(2.6, abs=1e-3)
    assert files.run([path], tmp_path / "out", weights, "cpu", focal=1000) == 0
    assert "whose focal length is not known here" in capsys.readouterr().out


def test_it_is_said_which_and_whence(rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    paths = [photograph(tmp_path / "a.jpg", (96, 128), 26), photograph(tmp_path / "b.jpg", (96, 128))]
    assert files.run(paths, tmp_path / "out", rooms, "cpu") == 0
    said = capsys.readouterr().out
    assert "focal length 96 pixels (EXIF: 26 mm equivalent): depth x 0.927" in said  # 26 x 160 / 43.267 / (0.81 x 128)
    assert "focal length 104 pixels (a guess: 28 mm equivalent; --focal or --fov says it): depth x 0.999" in said
    assert files.run(paths, tmp_path / "out", rooms, "cpu", view=50) == 0
    assert capsys.readouterr().out.count("(--fov 50): depth x") == 2


@pytest.mark.slow
def test_a_real_network_looks_at_portraits_by_their_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms seen by a turned camera: the ratio of medians to the truth is nearer to 1 than by focal lengths in image
    widths.
    """
    from depthlib.protocols.photograph import load_weights, predict
    from depthlib.scenes import SceneDataset, SceneDistribution

    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    model, info = load_weights()
    trained, ratios = trained_focal(info), []
    for item in SceneDataset(SceneDistribution("rooms", height=128, width=96), "test", 12):
        focal, valid = float(item["K"][0, 0]), item["valid"][0]
        depth = predict(model, item["image"], info["input_size"])
        ratios.append(float(depth[valid].median() / item["depth"][0][valid].median()))
    middle = float(torch.tensor(ratios).median())
    by_pixels, by_width = focal / math.sqrt(96 * 128) / trained, focal / 96 / (trained * math.sqrt(96 / 128))
    assert abs(math.log(middle * by_pixels)) < 0.5 * abs(math.log(middle * by_width))
