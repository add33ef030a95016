"""Does the stereo teacher look at its second view? Frames of several sizes with the right view of another moment."""

from __future__ import annotations

from typing import Any

from depthlib.data.changed import Changed
from depthlib.data.images import resize


class OtherRightView(Changed):
    """Each frame with the right view of the next one, at its own size: the images of KITTI's days differ in it.

    As `stereo_gate.OtherRight` for frames of one size.
    """

    what = "right views moved by one, at the size of the left ones, in "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        other = self.dataset[(index + 1) % len(self.dataset)]["right"]
        return {"right": resize(other[None], item["image"].shape[-2:])[0]}
