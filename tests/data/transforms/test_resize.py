"""Sizes: filters of images, and depth that stays apart from what is invalid."""

import numpy as np
import pytest
import torch
from wall import BASELINE, W, wall

from depthlib.data.transforms import Resize


def test_image_filters():
    from skimage.transform import downscale_local_mean

    sample = {"image": torch.rand(3, 12, 20, dtype=torch.float64)}
    area = Resize((4, 5), image="area")(sample)["image"]
    torch.testing.assert_close(area, torch.from_numpy(downscale_local_mean(sample["image"].numpy(), (1, 3, 4))))
    # the area filter at a fractional size: differences of the interpolated running sum
    row = sample["image"][:, :1]
    running = torch.nn.functional.pad(row[:, 0].cumsum(1), (1, 0)).numpy()
    sums = [np.interp(np.linspace(0, 20, 8), np.arange(21), channel) for channel in running]
    fractional = Resize((1, 7), image="area")({"image": row})["image"][:, 0]
    torch.testing.assert_close(fractional, torch.from_numpy(np.diff(np.array(sums)) * 7 / 20))
    ramp = torch.arange(20, dtype=torch.float64).expand(3, 12, 20) / 20
    for how in ("bilinear", "area"):  # a ramp keeps its values at the new centres: no shift
        values = Resize((12, 10), image=how)({"image": ramp})["image"][0, 0, 1:-1] * 20
        torch.testing.assert_close(values, torch.arange(1, 9, dtype=torch.float64) * 2 + 0.5)
    noisy = Resize((3, 5))({"image": torch.rand(3, 96, 160)})["image"]
    assert noisy.std() < 0.06  # antialiased: 0.29 without
    expected = torch.nn.functional.interpolate(sample["image"][None], (7, 33), mode="nearest-exact")[0]
    assert torch.equal(Resize((7, 33), image="nearest")(sample)["image"], expected)


@pytest.mark.parametrize("depth", ["nearest", "mean"])
@pytest.mark.parametrize("size", [(16, 24), (21, 31), (77, 90)])
def test_invalid_depth_stays_apart(depth, size):
    sample = wall() | {"valid": wall()["valid"] & (torch.arange(W) > 5)}
    sample["depth"] = torch.where(sample["valid"], sample["depth"], 0)
    after = Resize(size, depth=depth)(sample)
    came = after["instances"].flatten() - 2**24
    assert torch.equal(after["valid"].flatten(), sample["valid"].flatten()[came])
    assert torch.equal(after["valid"], after["depth"] > 0)
    low, high = sample["depth"][sample["valid"]].aminmax()
    assert (
        after["depth"][after["valid"]].min() >= low - 1e-9 and after["depth"].max() <= high + 1e-9
    )  # zeros never mixed in
    if depth == "mean":
        assert (after["depth_true"] - after["K"][0, 0] * BASELINE / after["disparity"]).abs().mean() < 0.01
