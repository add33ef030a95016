"""What a network learns from where KITTI's LiDAR is simulated: the scenes with sparse labels. DACNN Sec. 4.1."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from depthlib.scenes.degrade import lidar_like


class LidarLabels(Dataset):
    """The same frames with simulated LiDAR labels: sparse, and none above the scanner's field of view.

    The lost returns of a frame are the same on every visit. Items do not hold the full depth, so scores on such a set
    are scores at the labelled pixels.

    Args:
        dataset: items with `depth` and `K`. beams: scan lines, see `lidar_like`.
    """

    def __init__(self, dataset: Dataset, beams: int) -> None:
        self.dataset, self.beams = dataset, beams
        self.labels = [lidar_like(item["depth"], item["K"], seed, beams) for seed, item in enumerate(dataset)]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.dataset[index]
        depth, valid = self.labels[index]
        return item | {"depth": depth, "valid": valid}

    def fingerprint(self) -> str:
        return f"{self.beams} beams of {self.dataset.fingerprint()}"
