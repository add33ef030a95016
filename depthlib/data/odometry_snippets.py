"""Short snippets of a long drive, for errors of the camera's motion over a few frames."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch.utils.data import Dataset

from depthlib.data.transforms import resize


class OdometrySnippets(Dataset):
    """All overlapping snippets of `frames` neighbouring frames of a sequence of KITTI's odometry benchmark.

    An item: name (of its first frame), frames float32 [N,3,H,W] in [0,1], T_first_frame float64 [N,4,4] (the poses in
    the frame of the first camera, metres).

    Args:
        pairs: items of neighbouring frames in their order, with `image`, `next` and T_next_current, as `KittiOdometry`
            gives them for "odom/test_09".
        frames: N, at least 2.
        size: height and width of the frames.

    Raises:
        ValueError: fewer frames than that, or fewer pairs than a snippet has.
    """

    def __init__(self, pairs: Any, frames: int, size: tuple[int, int]) -> None:
        if frames < 2 or len(pairs) < frames - 1:
            raise ValueError(
                f"frames: found {frames} of {len(pairs)} pairs, expected at least 2, and a pair less than frames"
            )
        self.pairs, self.frames, self.size = pairs, frames, (size[0], size[1])

    def __len__(self) -> int:
        return len(self.pairs) - self.frames + 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        first = range(len(self))[index]
        pairs = [self.pairs[first + step] for step in range(self.frames - 1)]
        images = torch.stack([*(pair["image"] for pair in pairs), pairs[-1]["next"]])
        poses = [torch.eye(4, dtype=torch.float64)]
        for pair in pairs:
            poses.append(poses[-1] @ torch.linalg.inv(pair["T_next_current"].double()))
        resized = resize({"image": images}, self.size)["image"]
        return {"name": pairs[0]["name"], "frames": resized, "T_first_frame": torch.stack(poses)}

    def fingerprint(self) -> str:
        """SHA-256 of the data, the length of a snippet and the size of its frames."""
        text = f"{self.pairs.fingerprint()} snippets of {self.frames} at {self.size}"
        return hashlib.sha256(text.encode()).hexdigest()
