"""The last layer of the students: metres in Tables 1 and 2, else relative depth, which has no unit and no zero."""

from __future__ import annotations

from depthlib.models.blocks import start_constant
from depthlib.models.full_precision import FullPrecision


class Output(FullPrecision):
    """A convolution to one channel, perhaps with norm and ReLU."""

    def start_at(self, depth: float) -> None:
        """Give `depth` metres everywhere, see `start_constant`: with a norm by its bias, else by the convolution's."""
        start_constant([layer for layer in self if getattr(layer, "bias", None) is not None][-1], depth)
