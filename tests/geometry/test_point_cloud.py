"""Points of a depth map: none between objects, all of surfaces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.transform import resize

from depthlib.geometry.point_cloud import CURTAIN, curtain, points_of


def enlarged(depth: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(depth[None, None], size, mode="bilinear", align_corners=False)[0, 0]


@pytest.mark.parametrize("size", [(8, 12), (80, 120), (50, 35), (9, 100)])
def test_no_point_hangs_between_two_objects(size: tuple[int, int]) -> None:
    """Enlarged, an edge from 2 to 4 m has all depths in between; of what is kept, each is one of the two."""
    depth = torch.full((8, 12), 4.0)
    depth[2:6, 3:8] = 2.0
    full, left_out = enlarged(depth, size), curtain(depth, size)
    kept = full[~left_out]
    assert ((kept - 2).abs().lt(1e-5) | (kept - 4).abs().lt(1e-5)).all() and {2, 4} == set(kept.round().int().tolist())
    # scikit-image's interpolation instead of ours: nothing but what lies between the two is left out
    other = resize(depth.double().numpy(), size, order=1, mode="edge", anti_aliasing=False)
    pure = np.isclose(other, 2) | np.isclose(other, 4)
    if size[0] >= 50:
        assert (left_out.numpy() & pure).mean() < 0.01 and not (~left_out.numpy() & ~pure).any()


def test_surfaces_stay_and_the_share_is_the_limit() -> None:
    for step, cut in ((0.9 * CURTAIN, False), (1.1 * CURTAIN, True)):
        ramp = (1 + step) ** torch.arange(12.0).expand(8, 12)
        assert bool(curtain(ramp, (80, 120)).any()) is cut and bool(curtain(ramp.T, (80, 120)).any()) is cut
    assert not curtain(torch.ones(5, 5), (20, 20)).any()
    assert (
        curtain(torch.tensor([[1.0, 1.3]]), (4, 8), share=0.2).any()
        and not curtain(torch.tensor([[1.0, 1.3]]), (4, 8), 0.4).any()
    )


def test_points_are_row_by_row_in_the_camera_s_frame() -> None:
    depth, kept = torch.arange(1.0, 7.0).reshape(2, 3), torch.tensor([[True, False, True], [False, True, False]])
    K = torch.tensor([[10.0, 0, 1], [0, 20, 0.5], [0, 0, 1]])
    expected = [
        [(0 - 1) / 10 * 1, (0 - 0.5) / 20 * 1, 1],
        [(2 - 1) / 10 * 3, (0 - 0.5) / 20 * 3, 3],
        [0, (1 - 0.5) / 20 * 5, 5],
    ]
    torch.testing.assert_close(points_of(depth, K, kept), torch.tensor(expected))


@pytest.mark.slow
def test_on_scenes_surfaces_are_kept_and_all_edges_cut(tmp_path, monkeypatch) -> None:
    """By the renderer's ids: where one thing is a third behind another it is cut, and hardly anything of one thing
    is.
    """
    from depthlib.scenes import SceneDataset, SceneDistribution

    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    lost = surface = missed = 0
    for item in SceneDataset(SceneDistribution("rooms"), "test", 4, extras=("instances",)):
        depth, things = item["depth"][0].numpy(), item["instances"].squeeze().numpy()

        # pixels of an image of twice the size lie between these four, apart from its border
        def four(a):
            return np.stack((a[:-1, :-1], a[1:, :-1], a[:-1, 1:], a[1:, 1:]))

        between = curtain(torch.from_numpy(depth), (2 * depth.shape[0], 2 * depth.shape[1]))[1:-1:2, 1:-1:2].numpy()
        one = (four(things) == things[:-1, :-1]).all(0)
        behind = ~one & (four(depth).max(0) > 4 / 3 * four(depth).min(0))
        lost, surface = lost + (between & one).sum(), surface + one.sum()
        missed += (behind & ~between).sum()
    assert missed == 0 and lost < 0.01 * surface
