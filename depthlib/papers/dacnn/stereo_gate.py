"""Does the stereo teacher look at its second view? The same frames with that of another street."""

from __future__ import annotations

from typing import Any

from depthlib.data.changed import Changed
from depthlib.data.images import resize


class OtherRight(Changed):
    """Each frame with the right view of the next one: who only looks at the left one does not notice.

    The view is brought to the size of its frame; the images of KITTI's days differ in it.
    """

    what = "right views moved by one in "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        other, size = self.dataset[(index + 1) % len(self.dataset)]["right"], item["image"].shape[-2:]
        return {"right": other if other.shape[-2:] == size else resize(other[None], size)[0]}
