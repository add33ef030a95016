"""Moving scenes: flow, occlusion and motion against rigid maps, rays and images that are computed another way."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from small_scenes import FAMILIES, TINY

from depthlib.geometry import reproject
from depthlib.geometry.camera import pixel_grid
from depthlib.geometry.warp import sample_pixels
from depthlib.scenes import STREET_CLASSES, SceneDataset, SceneDistribution, intrinsics, make_scene, render
from depthlib.scenes import cache as disk
from depthlib.scenes.flow import displaced, occluded
from depthlib.scenes.motion import Motion
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import Frame, Light, Material, Scene, look, place, turn

pytestmark = pytest.mark.usefixtures("own_cache")
BOTH = {
    "views": ("previous", "current", "next"),
    "extras": ("instances", "flow_next", "flow_previous", "occluded_next", "occluded_previous", "moving"),
}
MARBLE = Material(Pattern.MARBLE, (0.6, 0.3, 0.2), (0.1, 0.2, 0.5), 0.4, 11)


def boxes(seed: int, count: int = 9) -> Scene:
    """Boxes, freely turned, most of them moving and spinning, in front of a camera that moves, too."""
    dice, scene = Dice(seed), Scene("streets", seed, ambient_up=(0.7, 0.7, 0.7), ambient_down=(0.7, 0.7, 0.7))
    for i in range(count):
        centre = (dice.uniform(-2, 2), dice.uniform(3, 8), dice.uniform(-1.2, 1.2))
        frame = Frame(scene, centre, turn(dice.uniform(0, 6)), 0, i + 1).tilted(dice.uniform(-1.5, 1.5))
        frame.box((0, 0, 0), tuple(dice.uniform(0.3, 1.6) for _ in range(3)), MARBLE)
        if i % 3:
            pace, spin = ([dice.uniform(-a, a) for _ in range(3)] for a in (0.3, 0.25))
            scene.motions[i + 1] = Motion(tuple(pace), tuple(spin), centre)
    for name, time in (("previous", -1.0), ("current", 0.0), ("next", 1.0)):
        scene.cameras[name] = replace(look((0.1 * time, 0.2 * time, 0.0), 0.1 + 0.03 * time, -0.05, 0.02), time=time)
    return scene


def rigid(motion: Motion, time: float, points: np.ndarray) -> np.ndarray:
    """The motion's definition, for points [N, 3], by SciPy's rotations."""
    pivot, turned = np.array(motion.pivot), Rotation.from_rotvec(time * np.array(motion.spin))
    return turned.apply(points - pivot) + pivot + time * np.array(motion.velocity)


def crosses(centre, axes, half, start, end) -> np.ndarray:
    """Does the way from `start` to just before `end` [N, 3] meet a box? By clipping it at the box's slabs."""
    here, way = (start - centre) @ axes.T / half, (end - start) @ axes.T / half
    with np.errstate(divide="ignore"):
        ends = np.stack([(-1 - here) / way, (1 - here) / way])
    enter, leave = ends.min(0).max(-1), ends.max(0).min(-1)
    return (enter < leave) & (enter < 1 - 1e-4) & (leave > 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("view", ["previous", "next"])
def test_flow_and_occlusion_of_boxes_are_exact(seed, view):
    distribution, scene = SceneDistribution("streets", **TINY), boxes(seed)
    camera, other = scene.cameras["current"], scene.cameras[view]
    frames, K = render([scene], [camera], distribution), intrinsics(distribution)
    (fx, _, cx), (_, fy, cy), _ = K.tolist()
    depth, instances = frames.depth[0, 0], frames.instances[0]
    v, u = np.mgrid[0:24, 0:32]
    rays = np.linalg.inv(K.numpy()) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1).astype(float)
    sky = depth.flatten().numpy() == 0
    points = np.array(camera.position) + (rays * np.where(sky, 1e9, depth.flatten().numpy())).T @ np.array(camera.axes)
    for instance, motion in scene.motions.items():
        here = instances.flatten().numpy() == instance
        points[here] = rigid(motion, other.time, points[here])
    x, y, z = np.array(other.axes) @ (points - np.array(other.position)).T
    expected = np.stack([fx * x / z + cx, fy * y / z + cy])
    pixels, there = displaced(depth, instances, scene.motions, camera, other, K)
    assert np.abs(pixels.numpy().reshape(2, -1) - expected).max() < 1e-5
    assert np.abs(there.numpy().ravel() - z)[~sky].max() < 1e-9
    moving = np.isin(instances.flatten(), list(scene.motions))
    assert np.abs(expected - np.stack([u, v]).reshape(2, -1))[:, moving].max() > 1

    hidden = (expected < -0.01).any(0) | (expected[0] > 31.01) | (expected[1] > 23.01)
    outside = hidden.copy()
    for solid in scene.solids:
        centre, axes = np.array(solid.centre), np.array(solid.axes)
        if solid.instance in scene.motions:
            motion = scene.motions[solid.instance]
            axes = rigid(replace(motion, velocity=(0, 0, 0), pivot=(0, 0, 0)), other.time, axes)
            centre = rigid(motion, other.time, centre[None])[0]
        hidden |= crosses(centre, axes, np.array(solid.half), np.array(other.position), points)
    found = occluded(scene, view, distribution).flatten().numpy()
    assert (hidden & ~outside).sum() > 8 and (~hidden).sum() > 100
    assert np.array_equal(found, hidden)


def test_what_the_other_frame_shows_as_sky_is_occluded():
    """A wall at the end of the family's range, which the camera leaves by driving back."""
    scene, distribution = Scene("streets", 0), SceneDistribution("streets", **TINY)
    place(scene, 2, 0.0, 80.1).box((0, 0, 0), (200.0, 1.0, 20.0), MARBLE)
    for name, step in (("current", 0.0), ("previous", -0.3), ("next", -0.5)):
        scene.cameras[name] = look((0.0, step, 0.0), 0.0, 0.0)
    shown = render([scene], [scene.cameras["current"]], distribution).depth[0, 0] > 0
    inner = torch.zeros_like(shown)
    inner[8:-8, 8:-8] = True
    assert (shown & inner).sum() > 20
    assert not occluded(scene, "previous", distribution)[shown & inner].any()
    assert occluded(scene, "next", distribution)[shown & inner].all()
    assert not occluded(scene, "next", distribution)[~shown & inner].any()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_flow_of_a_static_scene_is_that_of_depth_and_pose(family):
    item = SceneDataset(SceneDistribution(family, **TINY), "train", 1, **BOTH)[0]
    for view in ("previous", "next"):
        pixels, _ = reproject(item["depth"][None], item["K"][None], item[f"T_{view}_current"][None])
        error = (item[f"flow_{view}"] + pixel_grid(24, 32)[0] - pixels[0]).abs().amax(0)
        assert error[item["valid"][0]].max() < 1e-3
        assert item[f"flow_{view}"].dtype == torch.float32 and item[f"occluded_{view}"].dtype == torch.bool
    assert not item["moving"].any()
    if family == "streets":  # the sky turns with the camera, but comes no nearer
        far = torch.where(item["valid"], item["depth"], 1e7)
        pixels, _ = reproject(far[None].double(), item["K"][None].double(), item["T_next_current"][None].double())
        assert (item["flow_next"] + pixel_grid(24, 32)[0] - pixels[0]).abs().max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("family", "index"), [("streets", 1), ("rooms", 2)])
def test_the_other_frames_warp_onto_this_one(family, index):
    """Also where things move; without their motion they would not fit."""
    distribution = SceneDistribution(family, height=96, width=128, moving_share=1.0, clutter=1.0)
    item = SceneDataset(distribution, "train", 1, first=index, **BOTH)[0]
    still = SceneDataset(replace(distribution, moving_share=0.0), "train", 1, first=index, **BOTH)[0]
    assert torch.equal(item["image"], still["image"]) and 0.003 < item["moving"].float().mean() < 0.5
    for view in ("previous", "next"):
        seen = ~item[f"occluded_{view}"][0]
        for where, largest in ((seen, 0.02), (seen & item["moving"][0], 0.035)):
            assert _error(item, item, view)[where].mean() < largest, (view, largest)
        moving = seen & item["moving"][0] & ~still[f"occluded_{view}"][0]
        assert _error(item, still, view)[moving].mean() > 1.5 * _error(item, item, view)[moving].mean()
        assert 0.01 < item[f"occluded_{view}"].float().mean() < 0.5


def _error(item, flows, view):
    pixels = flows[f"flow_{view}"] + pixel_grid(*item["image"].shape[-2:])[0]
    return (sample_pixels(item[view][None], pixels[None])[0] - item["image"]).abs().mean(0)


def test_points_that_are_seen_lie_on_the_surface_over_there():
    """Depth at the nearest pixel of the other frame agrees, but for slanted surfaces and edges."""
    distribution = SceneDistribution("streets", height=48, width=64, antialias=1, moving_share=1.0)
    scene = make_scene(distribution, "train", 1)
    frames = [render([scene], [scene.cameras[view]], distribution) for view in ("current", "next")]
    pixels, z = displaced(
        frames[0].depth[0, 0],
        frames[0].instances[0],
        scene.motions,
        scene.cameras["current"],
        scene.cameras["next"],
        intrinsics(distribution),
    )
    hidden, solid = occluded(scene, "next", distribution), frames[0].depth[0, 0] > 0
    there, instance = (
        sample_pixels(plane.view(1, 1, 48, 64).double(), pixels[None], mode="nearest")[0, 0]
        for plane in (frames[1].depth, frames[1].instances)
    )
    agree = (there - z).abs() < 0.1 * z
    assert agree[solid & ~hidden].double().mean() > 0.9
    on_moving = torch.isin(frames[0].instances[0], torch.tensor(list(scene.motions)))
    assert (instance == frames[0].instances[0])[on_moving & ~hidden].double().mean() > 0.8


@pytest.mark.slow
def test_traffic_drives_along_the_road_and_people_walk():
    paces = {"vehicle": [], "person": []}
    for index in range(30):
        scene = make_scene(SceneDistribution("streets", moving_share=1.0), "train", index)
        parts = {instance: [s for s in scene.solids if s.instance == instance] for instance in scene.motions}
        for instance, motion in scene.motions.items():
            kind = STREET_CLASSES[parts[instance][0].label]
            paces[kind].append(math.hypot(*motion.velocity))
            assert motion.spin == (0, 0, 0) and motion.velocity[2] == 0
            x = np.mean([solid.centre[0] for solid in parts[instance]])
            if kind == "vehicle":
                assert abs(motion.velocity[0]) < 1e-12 and (motion.velocity[1] > 0) == (x > -1.75)  # on the right
                assert min(abs(x), abs(x + 3.5)) < 0.5  # parked cars stay
            else:
                assert abs(motion.velocity[1]) > 0.9 * paces[kind][-1]
            before, after = ([s for s in scene.at(t).solids if s.instance == instance] for t in (-1.0, 1.0))
            shifts = np.array([s.centre for s in after]) - np.array([s.centre for s in before])
            assert np.allclose(shifts, 2 * np.array(motion.velocity), atol=1e-9)
        assert all(
            math.dist(a.centre, b.centre) == 0
            for a, b in zip(scene.solids, scene.at(1.0).solids, strict=True)
            if a.instance not in scene.motions
        )
    assert 0.3 <= min(paces["vehicle"]) < 0.5 and 1.0 < max(paces["vehicle"]) <= 1.2
    assert min(paces["person"]) >= 0.08 and max(paces["person"]) <= 0.17 and len(paces["person"]) > 30


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_larger_share_moves_more_of_the_same(family):
    shares, clutter = (0.0, 0.4, 1.0), 2.0 if family == "rooms" else 0.0
    counts = []
    for index in range(20):
        found = [
            make_scene(SceneDistribution(family, moving_share=share, clutter=clutter), "train", index)
            for share in shares
        ]
        assert all(scene.solids == found[0].solids and scene.cameras == found[0].cameras for scene in found)
        for fewer, more in zip(found[:-1], found[1:], strict=True):
            assert fewer.motions.items() <= more.motions.items()
        counts.append([len(scene.motions) for scene in found])
    none, some, all_of_them = np.sum(counts, axis=0)
    assert none == 0 and all_of_them > 60 and 0.28 * all_of_them < some < 0.52 * all_of_them


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_meets_the_clutter_while_something_moves(family):
    for index in range(25):
        scene = make_scene(SceneDistribution(family, moving_share=1.0, clutter=2.0), "train", index)
        plain = len(make_scene(SceneDistribution(family), "train", index).solids)
        for solids in (scene.at(time).solids for time in (-1.0, 1.0)):
            for solid in solids[plain:]:
                floats = solid.instance in scene.motions
                others = [s for s in solids if s.instance != solid.instance and (floats or s.instance in scene.motions)]
                shape = ("centre", "axes", "half")
                centre, axes, half = (np.array([getattr(s, name) for s in others]) for name in shape)
                local = np.abs(np.einsum("sij,sj->si", axes, np.array(solid.centre) - centre)) - half
                own = np.array([s in solids[plain:] for s in others])
                away = np.linalg.norm(np.maximum(local, 0), axis=1) + np.where(own, np.linalg.norm(half, axis=1), 0)
                assert (away > math.hypot(*solid.half)).all(), (index, solid)


def test_shadows_move_with_their_objects():
    scene = Scene("rooms", 0, ambient_up=(0.2, 0.2, 0.2), ambient_down=(0.2, 0.2, 0.2))
    place(scene, 4, 0, 3, -0.05).box((0, 0, 0), (8, 8, 0.1), MARBLE)
    frame = place(scene, 6, 0.0, 3.0, 1.1)
    frame.box((0, 0, 0), (0.5, 0.5, 0.1), MARBLE)
    scene.motions[frame.instance] = Motion((0.6, 0.0, 0.0))
    scene.lights.append(Light((0.0, 3.0, 40.0), 0.1, (2.0, 2.0, 2.0), 1e9))
    distribution, camera = SceneDistribution("rooms", **TINY, texture_contrast=0.0), look((0.0, 0.0, 1.0), 0.0, -0.35)
    before, after = (render([scene], [replace(camera, time=time)], distribution) for time in (0.0, 1.0))
    floor = (before.instances[0] == 1) & (after.instances[0] == 1)
    darker, lighter = ((sign * (before.image - after.image)[0].mean(0) > 0.1) & floor for sign in (1, -1))
    assert darker.sum() > 3 and lighter.sum() > 3
    right, left = (mask.nonzero()[:, 1].double().mean() for mask in (darker, lighter))
    assert right > left + 2  # as the box has moved to the right


def test_occlusion_is_kept_on_disk(monkeypatch):
    distribution = SceneDistribution("rooms", **TINY)
    first = SceneDataset(distribution, "train", 1, extras=("occluded_next",))
    assert set(first[0]) == {"image", "depth", "valid", "K", "semantics", "name", "occluded_next"}
    path = disk.frame_path(distribution, "train", 0, "occluded_next")
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    again = SceneDataset(distribution, "train", 1, extras=("occluded_next",))
    assert path.read_bytes() == whole and torch.equal(first[0]["occluded_next"], again[0]["occluded_next"])
    assert first.fingerprint() == again.fingerprint()

    def refuse(*_):
        raise AssertionError("computed although it was on disk")

    for name in ("occluded", "canonical_frame", "make_scene"):
        monkeypatch.setattr(f"depthlib.scenes.dataset.{name}", refuse)
    SceneDataset(distribution, "train", 1, extras=("occluded_next",))
    with pytest.raises(AssertionError):
        SceneDataset(replace(distribution, moving_share=0.5), "train", 1)


def test_motions_are_part_of_the_fingerprint(monkeypatch):
    """Two sets with the same pixels and poses, and other flows."""
    distribution = SceneDistribution("streets", **TINY, moving_share=1.0)
    one = SceneDataset(distribution, "train", 1, first=1, extras=("flow_next",))

    def faster(*arguments):
        scene = make_scene(*arguments)
        scene.motions = {instance: Motion((0.0, 2.0, 0.0)) for instance in scene.motions}
        return scene

    monkeypatch.setattr("depthlib.scenes.dataset.make_scene", faster)
    other = SceneDataset(distribution, "train", 1, first=1, extras=("flow_next",))
    assert torch.equal(one[0]["image"], other[0]["image"]) and one.fingerprint() != other.fingerprint()


def test_unknown_extras_are_refused():
    with pytest.raises(ValueError, match="extras: found 'flow', expected any of .*flow_next"):
        SceneDataset(SceneDistribution(), "train", 0, extras=("flow",))
