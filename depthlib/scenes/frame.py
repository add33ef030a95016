"""A rendered view in its stored form: small integers, exact on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from depthlib.scenes.batch import pose_between
from depthlib.scenes.distribution import SceneDistribution
from depthlib.scenes.renderer import Frames, intrinsics, render
from depthlib.scenes.solids import Camera, Scene

NORMAL_SCALE = 32767


@dataclass(frozen=True)
class StoredFrame:
    """A view of a scene.

    Attributes:
        image: [3, H, W] uint8. depth: [H, W] uint16, metres x the family's scale, 0 = no surface.
        semantics: [H, W] uint8. instances: [H, W] uint16, 0 = sky. normals: [3, H, W] int16, times 32767.
        glossy: [H, W] bool.
        position: [3] float64 and axes: [3, 3] float64 (rows right, down, forward) of the camera in the world.
        baseline: [] float64, metres to the right camera. K: [3, 3] float64, pixels.
    """

    image: np.ndarray
    depth: np.ndarray
    semantics: np.ndarray
    instances: np.ndarray
    normals: np.ndarray
    glossy: np.ndarray
    position: np.ndarray
    axes: np.ndarray
    baseline: np.ndarray
    K: np.ndarray

    def digest(self) -> str:
        """SHA-256 of the pixels: image, depth, semantics, instances, normals, glossy, in this order, little-endian."""
        digest = hashlib.sha256()
        for name in ("image", "depth", "semantics", "instances", "normals", "glossy"):
            array = getattr(self, name)
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class StoredOcclusion:
    """Where "current" shows what another view does not: mask [H, W] bool, see `depthlib.scenes.flow.occluded`."""

    mask: np.ndarray


def quantise(frames: Frames, scale: float) -> tuple[np.ndarray, ...]:
    """image, depth, semantics, instances, normals, glossy of B views in their stored types."""

    def array(values: torch.Tensor, kind: type) -> np.ndarray:
        return values.cpu().numpy().astype(kind)

    depth = (frames.depth[:, 0] * scale).round()
    return (
        array((frames.image * 255).round(), np.uint8),
        array(depth, np.uint16),
        array(frames.semantics, np.uint8),
        array(frames.instances, np.uint16),
        array((frames.normals * NORMAL_SCALE).round(), np.int16),
        array(frames.glossy, np.bool_),
    )


def canonical_frame(scene: Scene, view: str, distribution: SceneDistribution) -> StoredFrame:
    """Render a view in float64 on the CPU and quantise it."""
    camera = scene.cameras[view]
    planes = quantise(render([scene], [camera], distribution), distribution.depth_scale)
    return StoredFrame(
        *(plane[0] for plane in planes),
        position=np.array(camera.position),
        axes=np.array(camera.axes),
        baseline=np.array(scene.baseline),
        K=intrinsics(distribution, scene.focal).numpy(),
    )


def pose(target: StoredFrame, source: StoredFrame) -> np.ndarray:
    """T_target_source [4, 4] float64: maps points of the source camera into the target camera."""
    return pose_between(_camera(target), _camera(source))


def _camera(frame: StoredFrame) -> Camera:
    return Camera(tuple(frame.position), tuple(map(tuple, frame.axes)))
