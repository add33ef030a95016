"""A network whose depth says which pixels went in, and a fixture of its weights, which a conftest.py imports."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from depthlib import models
from depthlib.models.weights import save_weights


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
    save_weights(Brightness(), path, model_name="brightness", options={"gain": 2.0}, input_size=[96, 128])
    return path
