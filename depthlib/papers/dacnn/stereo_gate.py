"""Does the stereo teacher look at its second view? The same frames with that of another street."""

from __future__ import annotations

from typing import Any

from depthlib.data.changed import Changed


class OtherRight(Changed):
    """Each frame with the right view of the next one: who only looks at the left one does not notice."""

    what = "right views moved by one in "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        return {"right": self.dataset[(index + 1) % len(self.dataset)]["right"]}
