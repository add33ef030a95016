"""The knobs of the scenes: they change what they name, and nothing else."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scene_solids import contains
from small_scenes import FAMILIES, scenes

from depthlib.scenes import (
    ROOM_CLASSES,
    SceneDataset,
    SceneDistribution,
    endless_scenes,
    intrinsics,
    make_scene,
    render,
)
from depthlib.scenes import cache as disk
from depthlib.scenes.frame import canonical_frame

pytestmark = pytest.mark.usefixtures("own_cache")
TINY = {"height": 24, "width": 32}
ALL = {"views": ("current", "right", "previous", "next"), "extras": ("normals", "instances", "disparity")}
# Fingerprints that version 1 gave: all maps and poses of four views of two scenes.
VERSION_1 = {
    "rooms": "e42b342ca01a563899294fadbacc6bf3e2e38e9ed074dfbf410bf26a04cd1abd",
    "streets": "18321a4176cc70c6623e6bf28db63af80f6cfa1616f01cda1a4c7b0b0c743a15",
}
CAMERA = {"pitch": (-35.0, 5.0), "camera_height": (0.7, 2.0), "field_of_view": (50.0, 80.0)}
RENDERED = CAMERA | {"moving_share": 0.5, "clutter": 1.0, "exposure": (-1.0, 1.0)}
SPOILED = {"noise": 4.0, "blur": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_default_frames_are_those_of_version_1(family):
    distribution = SceneDistribution(family, **TINY, defect_share=0.2)
    assert SceneDataset(distribution, "train", 2, cache=False, **ALL).fingerprint() == VERSION_1[family]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_cameras_are_drawn_from_the_ranges(family):
    found = scenes(family, **CAMERA)
    drawn = {
        "pitch": [math.degrees(math.asin(scene.cameras["current"].axes[2][2])) for scene in found],
        "camera_height": [scene.cameras["current"].position[2] for scene in found],
        "field_of_view": [2 * math.degrees(math.atan(0.5 / scene.focal)) for scene in found],
    }
    for name, (low, high) in CAMERA.items():
        fifth = (high - low) / 5
        assert low <= min(drawn[name]) < low + fifth and high - fifth < max(drawn[name]) <= high, name
    assert abs(np.corrcoef(list(drawn.values()))[np.triu_indices(3, 1)]).max() < 0.5  # independent draws
    exposures = [
        math.log2(scene.exposure / usual.exposure)
        for scene, usual in zip(scenes(family, exposure=(-1, 2)), scenes(family), strict=True)
    ]
    assert -1 <= min(exposures) < -0.4 and 1.4 < max(exposures) <= 2


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "knobs", [*({name: value} for name, value in CAMERA.items()), CAMERA, {"exposure": (1.0, 1.0)}, SPOILED]
)
def test_the_camera_does_not_change_the_scene(family, knobs):
    for scene, usual in zip(scenes(family, 6, clutter=1.0, **knobs), scenes(family, 6, clutter=1.0), strict=True):
        assert scene.solids == usual.solids and scene.lights == usual.lights and scene.seed == usual.seed
        changed = {field.name for field in fields(scene) if getattr(scene, field.name) != getattr(usual, field.name)}
        assert changed <= {"cameras", "focal", "exposure"}
        for view, camera in scene.cameras.items():
            before = usual.cameras[view]
            if not {"pitch", "camera_height"} & set(knobs):
                assert camera == before
            if "pitch" not in knobs:
                assert camera.axes == before.axes and camera.position[:2] == before.position[:2]
            if "camera_height" not in knobs and view in ("current", "right"):
                assert camera.position[2] == pytest.approx(before.position[2], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pitch", [-80.0, 80.0])
@pytest.mark.parametrize("end", [0, 1])
def test_cameras_stay_outside_of_all_solids(family, pitch, end):
    height = {"rooms": (0.2, 2.1), "streets": (0.3, 5.0)}[family][end]
    knobs = {"pitch": (pitch, pitch), "camera_height": (height, height), "clutter": 3.0, "moving_share": 1.0}
    for scene in scenes(family, 25, **knobs):
        for camera in scene.cameras.values():
            eye = np.array(camera.position)
            if family == "rooms":
                assert (np.array(scene.corner) < eye).all() and (eye < np.array(scene.opposite)).all()
            assert not any(contains(solid, eye) for solid in scene.at(camera.time).solids)


def test_every_scene_has_its_own_intrinsics():
    """With the wrong focal length the floor would not be a plane at height 0."""
    distribution = SceneDistribution("rooms", **TINY, antialias=1, **(CAMERA | {"pitch": (-45.0, -25.0)}))
    found = SceneDataset(distribution, "train", 4)
    focal = []
    for index in range(4):
        item, scene = found[index], make_scene(distribution, "train", index)
        K, camera = item["K"].double(), scene.cameras["current"]
        assert float(K[0, 0]) == float(K[1, 1]) == pytest.approx(32 * scene.focal, rel=1e-6)
        focal.append(float(K[0, 0]))
        v, u = torch.nonzero(item["semantics"] == ROOM_CLASSES.index("floor")).double().T
        points = torch.linalg.inv(K) @ torch.stack([u, v, torch.ones_like(u)]) * item["depth"][0, v.long(), u.long()]
        heights = camera.position[2] + torch.tensor(camera.axes, dtype=torch.float64)[:, 2] @ points
        assert len(u) > 20 and ((heights > -2e-3) & (heights < 0.015)).all()  # rugs are 12 mm thick
    assert len(set(focal)) == 4


def test_intrinsics_of_a_batch_are_those_of_its_scenes():
    distribution = SceneDistribution("rooms", **TINY, antialias=1, field_of_view=(40.0, 90.0), **SPOILED)
    batch = next(endless_scenes(distribution, 3))
    known = [SceneDataset(distribution, "train", 3)[index] for index in range(3)]
    assert torch.equal(batch["K"], torch.stack([item["K"] for item in known]))
    assert ((batch["depth"] - torch.stack([item["depth"] for item in known])).abs() < 2e-3).float().mean() > 0.998
    assert ((batch["image"] - torch.stack([item["image"] for item in known])).abs() < 2 / 255).float().mean() > 0.99


def test_exposure_is_applied_to_light():
    """In stops of linear light, so a brighter picture bends towards white instead of being cut."""
    dark, usual, bright = (
        canonical_frame(make_scene(d, "train", 1), "current", d)
        for d in (
            SceneDistribution("rooms", **TINY, antialias=1, exposure=range_) for range_ in ((-2, -2), None, (2, 2))
        )
    )
    assert (dark.image < usual.image).mean() > 0.95 and (usual.image <= bright.image).all()
    assert bright.image.mean() < 2.5 * usual.image.mean() and np.array_equal(dark.depth, bright.depth)


def test_rendering_keys_differ():
    usual = SceneDistribution("rooms")
    keys = {replace(usual, **{name: value}).rendering_key() for name, value in RENDERED.items()}
    assert len(keys | {usual.rendering_key()}) == len(RENDERED) + 1
    assert replace(usual, pitch=(-35.0, 6.0)).rendering_key() not in keys
    assert disk.folder(replace(usual, clutter=1.0)) != disk.folder(usual)
    assert all(disk.folder(replace(usual, **{name: value})) == disk.folder(usual) for name, value in SPOILED.items())
    assert usual.rendering_key().startswith("scenes-v2 ")


def test_noise_and_blur_are_not_on_disk(monkeypatch):
    distribution = SceneDistribution("rooms", **TINY)
    plain = SceneDataset(distribution, "train", 1, views=("current", "right"))

    def refuse(*_):
        raise AssertionError("rendered although it was on disk")

    monkeypatch.setattr("depthlib.scenes.dataset.canonical_frame", refuse)
    noisy, blurred = (
        SceneDataset(replace(distribution, **knob), "train", 1, views=("current", "right"))
        for knob in ({"noise": 5.0}, {"blur": 1.5})
    )
    again = SceneDataset(replace(distribution, noise=5.0), "train", 1, views=("current", "right"))
    assert torch.equal(noisy[0]["image"], again[0]["image"]) and noisy.fingerprint() == again.fingerprint()
    assert len({data.fingerprint() for data in (plain, noisy, blurred)}) == 3
    assert (
        blurred[0]["image"].diff(dim=-1).abs().mean()
        < plain[0]["image"].diff(dim=-1).abs().mean()
        < noisy[0]["image"].diff(dim=-1).abs().mean()
    )
    residues = [(noisy[0][view] - plain[0][view]).flatten() for view in ("image", "right")]
    assert abs(float(torch.corrcoef(torch.stack(residues))[0, 1])) < 0.1  # a seed for each view
    assert all(torch.equal(noisy[0][key], plain[0][key]) for key in ("depth", "semantics", "K"))
    # stored images have 8 bits, also after the sensor
    assert torch.equal((noisy[0]["image"] * 255).round() / 255, noisy[0]["image"])


def test_splits_share_no_scene_under_any_knob():
    distribution = SceneDistribution("rooms", **RENDERED)
    found = [make_scene(distribution, split, index) for split in ("train", "val", "test") for index in range(12)]
    assert len({tuple(scene.solids) for scene in found}) == len({scene.focal for scene in found}) == 36


def test_the_family_s_focal_length_is_used_by_scenes_without_one():
    distribution, scene = SceneDistribution("rooms", **TINY, antialias=1), scenes("rooms", 1)[0]
    assert scene.focal is None
    camera = [scene.cameras["current"]]
    usual = render([scene], camera, distribution).depth
    assert torch.equal(usual, render([replace(scene, focal=0.81)], camera, distribution).depth)
    assert torch.equal(intrinsics(distribution), intrinsics(distribution, 0.81))
    assert not torch.equal(usual, render([replace(scene, focal=0.7)], camera, distribution).depth)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"pitch": 10.0}, TypeError, "pitch: found 10.0, expected None or a range"),
        ({"pitch": "up"}, TypeError, "pitch: found 'up'"),
        ({"pitch": (-10.0,)}, TypeError, "pitch: found"),
        ({"pitch": (True, 1)}, TypeError, "pitch: found"),
        ({"pitch": (10.0, -10.0)}, ValueError, "pitch: found .*, expected .* within -80 to 80"),
        ({"pitch": (-90.0, 0.0)}, ValueError, "pitch: found"),
        ({"camera_height": (0.1, 1.0)}, ValueError, "camera_height: found .* within 0.2 to 2.1"),
        ({"camera_height": (1.0, 3.0)}, ValueError, "camera_height: found"),
        ({"field_of_view": (0.0, 60.0)}, ValueError, "field_of_view: found .* within 20 to 120"),
        ({"field_of_view": (60.0, float("nan"))}, ValueError, "field_of_view: found"),
        ({"exposure": (-9.0, 0.0)}, ValueError, "exposure: found"),
        ({"moving_share": 1.5}, ValueError, "moving_share: found 1.5, expected a number from 0 to 1"),
        ({"clutter": -1.0}, ValueError, "clutter: found"),
        ({"noise": float("inf")}, ValueError, "noise: found"),
        ({"blur": "much"}, TypeError, "blur: found"),
    ],
)
def test_bad_knobs_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        SceneDistribution(**change)


def test_ranges_may_come_from_lists_and_whole_numbers():
    read = SceneDistribution("streets", pitch=[-8, 8], camera_height=[1, 3])
    assert read == SceneDistribution("streets", pitch=(-8.0, 8.0), camera_height=(1.0, 3.0)) and hash(read)
