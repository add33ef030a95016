"""The ground plane of each scene, as its camera sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.scenes.dataset import SceneDataset
from depthlib.scenes.generate import make_scene


class WithGround(Dataset):
    """Items of a scene data set, and `ground`, float32 [3]: ground . X = 1 for points X (metres, camera) of the floor.

    The scenes are laid out again for it, not rendered.
    """

    def __init__(self, dataset: SceneDataset) -> None:
        self.dataset = dataset
        self.grounds = [self._ground(dataset.first + position) for position in range(len(dataset))]

    def _ground(self, index: int) -> Tensor:
        """The floor is where the world's z, position + axes^T X, is 0."""
        camera = make_scene(self.dataset.distribution, self.dataset.split, index).cameras["current"]
        down = -np.array(camera.axes)[:, 2]
        return torch.from_numpy(down / camera.position[2]).float()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return self.dataset[position] | {"ground": self.grounds[position]}

    def fingerprint(self) -> str:
        """That of the data set, which determines the planes."""
        return self.dataset.fingerprint()
