"""Errors in one part of each image (Tables 4 and 6 of the dual networks), and how sharp a depth map is (Table 5).

The scale of a prediction is found once, on all valid pixels of the image; only then the part is cut out. Scaling each part by
itself would hide that one part is too far relative to another (spec dual_synergy, section 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from depthlib.metrics.sharpness import sobel_magnitude
from depthlib.protocols.evaluate import Evaluation
from depthlib.protocols.protocol import Protocol, load_protocol

SPLIT = 20.0        # metres, between "near" and "far" in Table 4
CLASSES = {"road": (0,), "plants": (3,), "poles": (4,)}     # of the streets; Cityscapes has 0, (8, 9), (5, 6, 7)
REGIONS = ("near", "far", *CLASSES)
THRESHOLDS = (0, 25, 50, 100)                               # of Tenengrad, metres: eight times a slope per pixel


def region_mask(name: str, depth: Tensor, semantics: Tensor) -> Tensor:
    """Where a part of the image is, bool [B,1,H,W]: "near" and "far" by the true depth [B,1,H,W], else by class ids [B,H,W].

    Raises ValueError for a name that is not in `REGIONS`.
    """
    if name not in REGIONS:
        raise ValueError(f"unknown region {name!r}: expected one of {', '.join(REGIONS)}")
    if name in CLASSES:
        return torch.isin(semantics, torch.tensor(CLASSES[name], device=semantics.device)).unsqueeze(1)
    return depth <= SPLIT if name == "near" else depth > SPLIT


@dataclass(frozen=True)
class RegionErrors:
    """The metrics of a protocol in one region; images in which the region has no valid pixel are skipped.

    Args:
        region: one of `REGIONS`. protocol: says how predictions are scaled and which metrics there are.
    """

    region: str
    protocol: str = "scenes-median"

    @torch.no_grad()
    def measure(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        protocol = load_protocol(self.protocol)
        out = Evaluation(f"{self.protocol} in {self.region}", [], {name: [] for name in protocol.metrics}, [])
        for name, prediction, depth, semantics in predicted(model, dataset, device):
            found = errors_in(protocol, self.region, prediction, depth, semantics)
            _add(out, name, found)
        return out

    __call__ = measure


@dataclass(frozen=True)
class RegionGap:
    """How much worse one region is than another, image by image; only images that have both.

    Two networks compared by this number answer: in which region is the gain larger?
    """

    worse: str
    better: str
    protocol: str = "scenes-median"

    @torch.no_grad()
    def measure(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        protocol = load_protocol(self.protocol)
        out = Evaluation(f"{self.protocol}, {self.worse} minus {self.better}", [], {"abs_rel": []}, [])
        for name, prediction, depth, semantics in predicted(model, dataset, device):
            a, b = (errors_in(protocol, region, prediction, depth, semantics) for region in (self.worse, self.better))
            _add(out, name, {"abs_rel": a["abs_rel"] - b["abs_rel"]} if a and b else None)
        return out

    __call__ = measure


@dataclass(frozen=True)
class Sharpness:
    """Tenengrad of surfaces (`surface_tenengrad`) of the scaled prediction, at the size of the truth: `tenengrad_T` for each T.

    `missing_T` is the share of the truth's Tenengrad that the prediction lacks: 1 for a plane, 0 for the truth, below 0 for too
    many edges. Images whose truth has no slope above the largest threshold are skipped.
    """

    protocol: str = "scenes-median"

    @torch.no_grad()
    def measure(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        protocol = load_protocol(self.protocol)
        kinds = [f"{kind}_{t}" for kind in ("tenengrad", "missing") for t in THRESHOLDS]
        out = Evaluation(f"tenengrad of surfaces after {self.protocol}", [], {kind: [] for kind in kinds}, [])
        for name, prediction, depth, _ in predicted(model, dataset, device):
            ours, true, valid = protocol.prepare(prediction, depth, depth > 0)
            scores = {t: [surface_tenengrad(x, valid, t) for x in (ours, true)] for t in THRESHOLDS}
            found = {f"tenengrad_{t}": score for t, (score, _) in scores.items()}
            if all(reference > 0 for _, reference in scores.values()):
                _add(out, name, found | {f"missing_{t}": 1 - score / reference for t, (score, reference) in scores.items()})
            else:
                _add(out, name, None)
        return out

    __call__ = measure


def surface_tenengrad(depth: Tensor, valid: Tensor, threshold: float) -> float:
    """Tenengrad of one map, Eqs. 10 and 11, over the pixels whose 3x3 Sobel window has a depth everywhere. Spec, section 6; DN-10.

    The sky has no depth. Filled with any number, its border would be the strongest edge of a street, and nobody's merit.

    Args:
        depth: [1,1,H,W], metres. valid: bool [1,1,H,W], where the TRUTH has a depth: one mask for all maps that are compared.
        threshold: of the slope, metres per pixel times 8.
    """
    whole = F.max_pool2d((~valid).float(), 3, 1, 1) == 0
    magnitude = sobel_magnitude(depth)
    return magnitude[whole & (magnitude > threshold)].sum().item()


def errors_in(protocol: Protocol, region: str, prediction: Tensor, depth: Tensor, semantics: Tensor) -> dict[str, float] | None:
    """Errors of one image, [1,1,h,w] and [1,1,H,W], in a region; None where it has no valid pixel."""
    mask = region_mask(region, depth, semantics)
    if not (protocol.truth(depth, depth > 0)[1] & mask).any():
        return None
    return {name: value.item() for name, value in protocol.score(prediction, depth, depth > 0, mask).items()}


Predicted = list[tuple[str, Tensor, Tensor, Tensor]]


def predicted(model: nn.Module, dataset: Dataset, device: str | torch.device) -> Predicted:
    """(name, prediction [1,1,h,w], true depth [1,1,H,W], class ids [1,H,W]) of each image."""
    model.to(device).eval()
    found: Predicted = []
    for batch in DataLoader(dataset, batch_size=8):
        predictions = model(batch["image"].to(device)).float()
        truth, semantics = batch.get("depth_true", batch["depth"]).to(device), batch["semantics"].to(device)
        found += [(name, predictions[i : i + 1], truth[i : i + 1], semantics[i : i + 1]) for i, name in enumerate(batch["name"])]
    return found


def _add(out: Evaluation, name: str, found: dict[str, float] | None) -> None:
    if found is None:
        out.skipped.append(name)
        return
    out.images.append(name)
    for metric, value in found.items():
        out.metrics[metric].append(value)
