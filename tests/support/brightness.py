"""A network whose depth says which pixels went in, and a fixture of its weights, which a conftest.py imports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from depthlib import models
from depthlib.models.weights import save_weights

SIZE = (96, 128)


class Brightness(nn.Module):
    """Depth = offset + gain x mean of the channels: what comes out says which pixels went in."""

    def __init__(self, gain: float = 8.0):
        super().__init__()
        self.gain, self.offset = nn.Parameter(torch.tensor(gain)), nn.Parameter(torch.tensor(1.0))
        self.seen: list[tuple[int, ...]] = []
        self.trained: list[bool] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(tuple(image.shape))
        self.trained.append(self.training)
        return self.offset + self.gain * image.mean(1, keepdim=True)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(models.models(), "brightness", f"{__name__}:Brightness")
    path = tmp_path / "weights.safetensors"
    save_weights(Brightness(), path, model_name="brightness", options={"gain": 2.0}, input_size=list(SIZE))
    return path


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """Darker on the left, by exact steps: depth 1 + 8 x brightness at each pixel, as the network looks at this very
    size.
    """
    row = np.linspace(0, 255, SIZE[1]).round().astype(np.uint8)
    colours = np.broadcast_to(row[None, :, None], (*SIZE, 3)).copy()
    colours[..., 1] = 255 - colours[..., 1]  # the mean of the channels grows by a third as fast
    colours[::2, :, 2] //= 2
    Image.fromarray(colours).save(tmp_path / "ramp.png")
    return tmp_path / "ramp.png"


def expected_depth(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return 1 + 8 * np.asarray(picture).mean(axis=2) / 255
