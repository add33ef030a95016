"""Errors in one part of each image (Tables 4 and 6 of the dual networks), and how sharp a depth map is (Table 5).

The scale of a prediction is found once, on all valid pixels of the image; only then the part is cut out. Scaling each
part by itself would hide that one part is too far relative to another.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.metrics.sharpness import sobel_magnitude
from depthlib.protocols.inference import Batch, Measure, true_depth
from depthlib.protocols.protocol import Protocol, load_protocol
from depthlib.protocols.scaling import median_ratio

SPLIT = 20.0  # metres, between "near" and "far" in Table 4
CLASSES = {"road": (0,), "plants": (3,), "poles": (4,)}  # of the streets; Cityscapes has 0, (8, 9), (5, 6, 7)
REGIONS = ("near", "far", *CLASSES)
THRESHOLDS = (0, 5, 10, 25, 50)  # of Tenengrad, metres: eight times a slope per pixel


def region_mask(name: str, depth: Tensor, semantics: Tensor) -> Tensor:
    """Where a part of the image is, bool [B,1,H,W]: "near" and "far" by the true depth [B,1,H,W], else by class ids
    [B,H,W].

    Raises ValueError for a name that is not in `REGIONS`.
    """
    if name not in REGIONS:
        raise ValueError(f"region: found {name!r}, expected one of {', '.join(REGIONS)}")
    if name in CLASSES:
        return torch.isin(semantics, torch.tensor(CLASSES[name], device=semantics.device)).unsqueeze(1)
    return depth <= SPLIT if name == "near" else depth > SPLIT


class _ImageByImage(Measure):
    """A measure that looks at one image at a time; `of_image` gives None where it is not defined."""

    def __init__(self, protocol: str) -> None:
        self.protocol = load_protocol(protocol)

    def update(self, batch: Batch, prediction: Tensor) -> None:
        maps = prediction.float(), true_depth(batch), batch["semantics"]
        for name, *one in zip(batch["name"], *(values.split(1) for values in maps), strict=True):
            self.found.add(name, self.of_image(*one))

    def of_image(self, prediction: Tensor, depth: Tensor, semantics: Tensor) -> dict[str, float] | None:
        """Prediction [1,1,h,w], true depth [1,1,H,W], class ids [1,H,W]."""
        raise NotImplementedError


class RegionErrors(_ImageByImage):
    """The metrics of a protocol in one region; images in which the region has no valid pixel are skipped.

    Args:
        region: one of `REGIONS`. protocol: says how predictions are scaled and which metrics there are.
    """

    def __init__(self, region: str, protocol: str = "scenes-median") -> None:
        super().__init__(protocol)
        self.region, self.title, self.metrics = region, f"{protocol} in {region}", self.protocol.metrics

    def of_image(self, prediction: Tensor, depth: Tensor, semantics: Tensor) -> dict[str, float] | None:
        return errors_in(self.protocol, self.region, prediction, depth, semantics)


class RegionGap(_ImageByImage):
    """How much worse one region is than another, image by image; only images that have both.

    Two networks compared by this number answer: in which region is the gain larger?

    Args:
        worse, better: two of `REGIONS`. protocol: its errors must have abs_rel.
    """

    metrics = ("abs_rel",)

    def __init__(self, worse: str, better: str, protocol: str = "scenes-median") -> None:
        super().__init__(protocol)
        self.regions, self.title = (worse, better), f"{protocol}, {worse} minus {better}"

    def of_image(self, prediction: Tensor, depth: Tensor, semantics: Tensor) -> dict[str, float] | None:
        a, b = (errors_in(self.protocol, region, prediction, depth, semantics) for region in self.regions)
        return {"abs_rel": a["abs_rel"] - b["abs_rel"]} if a and b else None


class Sharpness(_ImageByImage):
    """Tenengrad of surfaces (`surface_tenengrad`) of the scaled prediction, for each threshold T of `THRESHOLDS`.

    `tenengrad_T`: at the size of the truth. `native_T`: at the size that the network predicts, which is no fair
    comparison of two sizes. `missing_T`: the share of the truth's Tenengrad that the prediction lacks: 1 for a plane, 0
    for the truth, below 0 for too many edges. Images whose truth has no slope above the largest threshold are skipped.
    """

    metrics = tuple(f"{kind}_{threshold}" for kind in ("tenengrad", "native", "missing") for threshold in THRESHOLDS)

    def __init__(self, protocol: str = "scenes-median") -> None:
        super().__init__(protocol)
        self.title = f"tenengrad of surfaces after {protocol}"

    def of_image(self, prediction: Tensor, depth: Tensor, semantics: Tensor) -> dict[str, float] | None:
        ours, true, valid = self.protocol.prepare(prediction, depth, depth > 0)
        scores = {t: [surface_tenengrad(x, valid, t) for x in (ours, true)] for t in THRESHOLDS}
        if not all(reference > 0 for _, reference in scores.values()):
            return None
        missing = {f"missing_{t}": 1 - score / reference for t, (score, reference) in scores.items()}
        native = {f"native_{t}": surface_tenengrad(*native_map(prediction, true, valid), t) for t in THRESHOLDS}
        return {f"tenengrad_{t}": score for t, (score, _) in scores.items()} | native | missing


def native_map(prediction: Tensor, depth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """A prediction [1,1,h,w] scaled to the median of the truth [1,1,H,W], and which of its pixels have a depth all
    over: both at its own size.
    """
    size = prediction.shape[-2:]
    known = F.adaptive_avg_pool2d(valid.float(), size) == 1
    truth = F.interpolate(depth, size=size, mode="nearest-exact")
    return prediction * median_ratio(prediction, truth, known), known


def surface_tenengrad(depth: Tensor, valid: Tensor, threshold: float) -> float:
    """Tenengrad of one map, Eqs. 10 and 11, over the pixels whose 3x3 Sobel window has a depth everywhere; DN-10.

    The sky has no depth. Filled with any number, its border would be the strongest edge of a street, and nobody's
    merit.

    Args:
        depth: [1,1,H,W], metres. valid: bool [1,1,H,W], where the TRUTH has a depth: one mask for all maps that are
            compared.
        threshold: of the slope, metres per pixel times 8.
    """
    whole = F.max_pool2d((~valid).float(), 3, 1, 1) == 0
    magnitude = sobel_magnitude(depth)
    return magnitude[whole & (magnitude > threshold)].sum().item()


def errors_in(
    protocol: Protocol, region: str, prediction: Tensor, depth: Tensor, semantics: Tensor
) -> dict[str, float] | None:
    """Errors of one image, [1,1,h,w] and [1,1,H,W], in a region; None where it has no valid pixel."""
    mask = region_mask(region, depth, semantics)
    if not (protocol.truth(depth, depth > 0)[1] & mask).any():
        return None
    return {name: value.item() for name, value in protocol.score(prediction, depth, depth > 0, mask).items()}
