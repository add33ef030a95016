"""Focal lengths in pixels and between cameras."""

from __future__ import annotations

import math

import pytest
import torch

from depthlib.geometry import backproject, project
from depthlib.geometry.focal import centred_intrinsics, focal_of_equivalent, focal_of_view, relative_focal


@pytest.mark.parametrize("degrees", [20.0, 65.0, 120.0])
def test_the_field_of_view_is_the_angle_between_the_edges(degrees: float) -> None:
    """Half a pixel beyond the first and the last centre, where the image ends."""
    K = centred_intrinsics(focal_of_view(degrees, 640), 480, 640)
    edges = torch.tensor([[-0.5, 639.5], [239.5, 239.5], [1.0, 1.0]], dtype=torch.float64)
    left, right = torch.linalg.solve(K, edges).T
    assert math.degrees(math.acos(left @ right / (left.norm() * right.norm()))) == pytest.approx(degrees)
    for wrong in (0.0, 180.0, -5.0, float("nan")):
        with pytest.raises(ValueError, match="field of view: found"):
            focal_of_view(wrong, 640)


def test_the_equivalent_has_the_diagonal_angle_of_film() -> None:
    focal = focal_of_equivalent(26, 3000, 4000)
    assert math.atan(2500 / focal) == pytest.approx(math.atan(math.hypot(18, 12) / 26))
    assert focal == focal_of_equivalent(26, 4000, 3000)  # of the camera turned upright
    assert focal_of_equivalent(50, 2400, 3600) == pytest.approx(5000)  # film at 100 pixels a millimetre


def test_depth_of_any_camera_by_the_pixels_of_what_the_network_sees() -> None:
    """A rod of 1 m across at 3 m: by its length in pixels of images of one area, a network for one camera errs by the
    ratio.
    """
    area, trained = 96 * 128, 0.81 * 128
    for height, width, focal in ((480, 640, 700.0), (640, 480, 700.0), (1080, 1920, 1500.0), (50, 40, 33.0)):
        ends = torch.tensor([[[0.0, 1.0], [0.0, 0.0], [3.0, 3.0]]], dtype=torch.float64)
        pixels, _ = project(ends, centred_intrinsics(focal, height, width)[None])
        seen = float(pixels[0, 0, 1] - pixels[0, 0, 0]) * math.sqrt(area / (height * width))
        said = trained * 1.0 / seen
        ratio = relative_focal(focal, height, width) / relative_focal(trained, 96, 128)
        assert said * ratio == pytest.approx(3.0)


def test_intrinsics_are_centred() -> None:
    K = centred_intrinsics(50.0, 30, 40)
    points = backproject(torch.ones(1, 1, 30, 40, dtype=torch.float64), K[None])
    torch.testing.assert_close(
        points.mean(dim=(2, 3)), torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64), atol=1e-12, rtol=0
    )
