"""FlyingThings3D: written from scenes and read, and a real pair that warps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from real_pairs import grey
from same_frames import same_image
from samples import SAMPLES, real

from depthlib.data.errors import DataError
from depthlib.data.flyingthings import FlyingThings3D
from depthlib.data.images import read_image
from depthlib.data.pfm import read_pfm
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.stereo import write_flyingthings

SCENES = {"views": ("current", "right"), "extras": ("disparity",)}


def test_flyingthings_comes_back(rooms: SceneDataset, tmp_path: Path) -> None:
    names = write_flyingthings(tmp_path, rooms)
    sample = rooms[1]
    data = FlyingThings3D(tmp_path, "TRAIN", focal=float(sample["K"][0, 0]), baseline=float(sample["baseline"]))
    item = data[1]
    assert item["name"] == names[1] and same_image(item["right"], sample["right"])
    assert torch.equal(item["disparity"], sample["disparity"])
    torch.testing.assert_close(item["depth"], sample["depth"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(item["K"], sample["K"], rtol=0, atol=1e-4)
    with pytest.raises(DataError, match="found 64 x 48 pixels, expected 960 x 540, or the argument `focal`"):
        FlyingThings3D(tmp_path, "TRAIN")[0]


@real
def test_real_flyingthings_disparity() -> None:
    assert SAMPLES is not None
    disparity = read_pfm(SAMPLES / "flyingthings3d_raft3d" / "disp1.pfm")
    assert disparity.shape == (540, 960)
    assert float(disparity.min()) == pytest.approx(1.13, abs=0.01) and float(disparity.max()) == pytest.approx(
        109, abs=1
    )
    # Right way up: edges of the image lie on edges of the disparity.
    image = grey(read_image(SAMPLES / "flyingthings3d_raft3d" / "image1.png"))[0]

    def overlap(depth: torch.Tensor) -> float:
        edges = depth.diff(dim=0).abs()[:, 1:] > 3
        strength = image.diff(dim=0).abs()[:, 1:]
        return float(strength[edges].mean() / strength.mean())

    assert overlap(disparity) > 2 * overlap(disparity.flip(0))
