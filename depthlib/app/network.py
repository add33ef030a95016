"""The network behind `predict`: loaded, on its device, with what its numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from depthlib.app.photo_camera import trained_focal
from depthlib.base.devices import pick_device
from depthlib.models.meaning import Meaning, meaning_of
from depthlib.protocols.photograph import AnyPath, default_weights, load_weights, usable_multiple


@dataclass(frozen=True)
class Network:
    """A loaded network. `looks`: (height, width) at which it was trained, or is to look; `multiple`: of what sides are
    multiples; `trained`: its focal length, see `trained_focal`.
    """

    model: nn.Module
    meaning: Meaning
    looks: Sequence[int]
    multiple: int
    trained: float | None

    @classmethod
    def loaded(cls, weights: AnyPath | None, device: str, size: Sequence[int] | None) -> Network:
        """Raises WeightsError, or ValueError for an unusable device or size."""
        weights = default_weights() if weights is None else weights
        model, info = load_weights(weights)
        multiple, meaning = usable_multiple(model, weights), meaning_of(info)
        if size is not None and any(side < multiple or side % multiple for side in size):
            found = " x ".join(map(str, size))
            raise ValueError(f"size: found {found}, expected multiples of {multiple}, which this network needs")
        trained = trained_focal(info) if meaning.unit == "metre" else None
        return cls(model.to(pick_device(device)), meaning, size or info["input_size"], multiple, trained)
