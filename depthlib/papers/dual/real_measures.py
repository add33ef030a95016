"""The measures of Tables 4, 5 and 8 on photographs, of which nobody knows the classes, and depth at a laser's points.

Those of the scenes are in `regions` and `snippets`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.metrics.sharpness import sobel_magnitude
from depthlib.papers.dual.regions import THRESHOLDS, RegionErrors, RegionGap
from depthlib.papers.dual.snippets import Trajectory
from depthlib.protocols.inference import Batch, Evaluation, Measure, true_depth
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.scaling import median_ratio


class _NoClasses(Measure):
    """A measure of `regions` that asks for distances alone: its batches need no `semantics`."""

    def update(self, batch: Batch, prediction: Tensor) -> None:
        depth = true_depth(batch)
        super().update(batch | {"semantics": torch.zeros_like(depth[:, 0], dtype=torch.long)}, prediction)


class NearOrFar(_NoClasses, RegionErrors):
    """Errors of "near" or "far" pixels, Table 4: see `RegionErrors`."""


class FarMinusNear(_NoClasses, RegionGap):
    """How much worse far pixels are than near ones, image by image: see `RegionGap`."""

    def __init__(self, protocol: str) -> None:
        super().__init__("far", "near", protocol)


class WholeSharpness(Measure):
    """Tenengrad (Eqs. 10 and 11) of the whole scaled prediction, for each threshold T of `THRESHOLDS` in metres.

    `tenengrad_T`: at the size of the truth. `native_T`: at the size that the network predicts. A laser's points have no
    slope, so there is no Tenengrad of the truth, and the sky belongs to the map: DN-10.

    Args:
        protocol: says how predictions are scaled. Images without a valid pixel are skipped.
    """

    metrics = tuple(f"{kind}_{threshold}" for kind in ("tenengrad", "native") for threshold in THRESHOLDS)

    def __init__(self, protocol: str) -> None:
        self.protocol = load_protocol(protocol)
        self.title = f"tenengrad after {protocol}"

    def update(self, batch: Batch, prediction: Tensor) -> None:
        pairs = zip(prediction.float().split(1), true_depth(batch).split(1), strict=True)
        for name, (native, depth) in zip(batch["name"], pairs, strict=True):
            _, counted = self.protocol.truth(depth)
            if not counted.any():
                self.found.add(name, None)
                continue
            large = F.interpolate(native, size=depth.shape[-2:], mode="bilinear", align_corners=False)
            scale = median_ratio(large, depth, counted)
            maps = {"tenengrad": scale * large, "native": scale * native}
            slopes = {kind: sobel_magnitude(one) for kind, one in maps.items()}
            self.found.add(
                name,
                {f"{kind}_{t}": slope[slope > t].sum().item() for kind, slope in slopes.items() for t in THRESHOLDS},
            )


class SequenceError(Trajectory):
    """SfMLearner's error over the snippets of a sequence, Table 8: `ate` of each, and `ate_std`, their deviation.

    The deviation is one number of all snippets (the population's, as in SfMLearner). It stands beside each of them, so
    that its mean over snippets is itself.
    """

    metrics = ("ate", "ate_std")

    def update(self, batch: Batch, prediction: Tensor) -> None:
        super().update(batch, prediction)
        self.found.metrics["ate_std"] = []

    def compute(self) -> Evaluation:
        errors = torch.tensor(self.found.metrics["ate"], dtype=torch.float64)
        self.found.metrics["ate_std"] = [errors.std(correction=0).item()] * len(errors)
        return self.found
