"""What a network learns from where KITTI's LiDAR is simulated: the scenes with sparse labels. DACNN Sec. 4.1."""

from __future__ import annotations

from typing import Any

from depthlib.data.changed import Changed
from depthlib.scenes.degrade import lidar_like


class LidarLabels(Changed):
    """The same frames with simulated LiDAR labels: sparse, and none above the scanner's field of view.

    The lost returns of a frame are the same on every visit. Items do not hold the full depth, so scores on such a set
    are scores at the labelled pixels.

    Args:
        dataset: items with `depth` and `K`. beams: scan lines, see `lidar_like`.
    """

    def __init__(self, dataset: Any, beams: int) -> None:
        super().__init__(dataset)
        self.what = f"{beams} beams of "
        self.labels = [lidar_like(item["depth"], item["K"], seed, beams) for seed, item in enumerate(dataset)]

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        depth, valid = self.labels[index]
        return {"depth": depth, "valid": valid}
