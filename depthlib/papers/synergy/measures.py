"""What the synergy network says besides a depth map, measured on each image: its classes, its errors by depth, its attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from depthlib.metrics.semantic import class_accuracy, confusion_matrix, mean_iou, pixel_accuracy
from depthlib.papers.synergy.network import SynergyNet
from depthlib.protocols.evaluate import Evaluation
from depthlib.scenes.labels import scene_labels

SCORES = {"pixel": ("pixel_accuracy", pixel_accuracy), "class": ("class_accuracy", class_accuracy), "iou": ("mean_iou", mean_iou)}


def _batches(model: SynergyNet, dataset: Dataset, device: str | torch.device, size: int = 8) -> Iterator[dict[str, Any]]:
    model.to(device).eval()
    for batch in DataLoader(dataset, batch_size=size):
        yield batch | {"image": batch["image"].to(device).contiguous(memory_format=torch.channels_last)}


class ClassScores:
    """Semantic scores of `depthlib.metrics.semantic` with all that one pooled confusion matrix of the data set needs.

    Metrics, one value an image:
        pixel_accuracy, class_accuracy, mean_iou: of this image alone; pixel_error, class_error, iou_error: 1 minus these, for
            rules that take the lower for the better.
        right_k, labelled_k, given_k for each class k: the diagonal, row sum and column sum of the image's confusion matrix, as
            shares of its labelled pixels. Images of one size: their sums over the images are those of the pooled matrix, from
            which `pooled_scores` makes the scores that papers print.

    Args:
        classes: 4, 8 or 13, see `scene_labels`.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes

    @torch.no_grad()
    def __call__(self, model: SynergyNet, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        found = Evaluation(f"{self.classes} classes", [], {}, [])
        for batch in _batches(model, dataset, device):
            predicted = model.outputs(batch["image"], tasks=("semantics",), full_size=True).logits.argmax(dim=1).cpu()
            labels = scene_labels(batch["semantics"], self.classes)
            found.images += batch["name"]
            for given, truth in zip(predicted, labels, strict=True):
                for name, value in self.measures(confusion_matrix(given, truth, self.classes)).items():
                    found.metrics.setdefault(name, []).append(value)
        return found

    def measures(self, matrix: Tensor) -> dict[str, float]:
        """Of the confusion matrix [K,K] of one image."""
        values = {name: score(matrix).item() for name, score in SCORES.values()}
        values |= {f"{short}_error": 1 - values[name] for short, (name, _) in SCORES.items()}
        shares = matrix.double() / matrix.sum()
        for k in range(self.classes):
            values |= {f"right_{k}": shares[k, k].item(), f"labelled_{k}": shares[k].sum().item(), f"given_{k}": shares[:, k].sum().item()}
        return values


def pooled_scores(metrics: dict[str, Sequence[float]]) -> dict[str, Any]:
    """The scores of a whole data set from the metrics that `ClassScores` stored for its images.

    Returns: pixel_accuracy, class_accuracy, mean_iou in [0, 1], and iou [K], NaN for a class that neither truth nor prediction has.
    """
    classes = sum(name.startswith("right_") for name in metrics)
    right, labelled, given = (
        torch.tensor([sum(metrics[f"{kind}_{k}"]) for k in range(classes)], dtype=torch.float64) for kind in ("right", "labelled", "given")
    )
    iou = right / (labelled + given - right)
    return {
        "pixel_accuracy": (right.sum() / labelled.sum()).item(), "class_accuracy": (right / labelled).nanmean().item(),
        "mean_iou": iou.nanmean().item(), "iou": iou.tolist(),
    }


class DepthRanges:
    """Errors by the true depth: does a network fall short where it is far?

    Metrics, one value an image, means over all its valid pixels of something that is 0 outside the range:
        share_i, error_i, bias_i: how many pixels lie in range i, their |pred - true| and pred - true in metres. The sum of error_i over the
            images divided by that of share_i is the mean error of the range.
        bias_far, shortfall_far: pred - true, and true - pred, where the truth is beyond `far`.

    Args:
        edges: metres, rising; range i is [edges[i], edges[i+1]).
        far: metres.
    """

    def __init__(self, edges: Sequence[float], far: float) -> None:
        self.edges, self.far = tuple(edges), far

    @torch.no_grad()
    def __call__(self, model: SynergyNet, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        found = Evaluation(f"ranges of depth {self.edges}, far beyond {self.far:g} m", [], {}, [])
        for batch in _batches(model, dataset, device):
            predicted = model(batch["image"]).float().cpu().clamp(0.1, self.edges[-1])
            found.images += batch["name"]
            for guess, truth in zip(predicted, batch["depth"], strict=True):
                for name, value in self.measures(guess, truth).items():
                    found.metrics.setdefault(name, []).append(value)
        return found

    def measures(self, pred: Tensor, truth: Tensor) -> dict[str, float]:
        """Of one depth map, metres, 0 where the truth is unknown."""
        pred, truth = pred[truth > 0].double(), truth[truth > 0].double()
        difference, values = pred - truth, {}
        for i, (low, high) in enumerate(pairwise(self.edges)):
            inside = ((truth >= low) & (truth < high)).double()
            sums = {"share": inside, "error": inside * difference.abs(), "bias": inside * difference}
            values |= {f"{name}_{i}": value.mean().item() for name, value in sums.items()}
        bias = (difference * (truth > self.far)).mean().item()
        return values | {"bias_far": bias, "shortfall_far": -bias}


class AttentionOnDepth:
    """Does the network look at what is far? Look Deeper Sec. 3.4: spatial attention of the first up-convolution, and the trunk.

    Metrics, one value an image, Pearson correlations over its pixels:
        depth: attention of the depth branch with the true depth. nearness: its negative, for rules that take the lower for the better.
        depth_elsewhere: the same attention with the mean depth of all other images. What is far lies in the upper middle of most
            pictures of rooms; who only knows this correlates with any room.
        backbone: attention of the trunk with the true depth.
    """

    @torch.no_grad()
    def __call__(self, model: SynergyNet, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        found = Evaluation("correlation of attention and depth", [], {}, [])
        truths, maps = [], {"depth": [], "backbone": []}
        for batch in _batches(model, dataset, device):
            attention = model.attention_maps(batch["image"])
            found.images += batch["name"]
            truths += list(batch["depth"])
            for name, own in maps.items():
                own += list(attention[name].cpu())
        total = sum(truths)
        elsewhere = [(total - truth) / max(1, len(truths) - 1) for truth in truths]
        found.metrics = {
            "depth": correlations(maps["depth"], truths), "nearness": [-value for value in correlations(maps["depth"], truths)],
            "depth_elsewhere": correlations(maps["depth"], elsewhere), "backbone": correlations(maps["backbone"], truths),
        }
        return found


def correlations(first: Sequence[Tensor], second: Sequence[Tensor]) -> list[float]:
    """Pearson's correlation of each pair of maps; 0 where one of them is constant."""
    values = []
    for a, b in zip(first, second, strict=True):
        a, b = (x.double().flatten() - x.double().mean() for x in (a, b))
        values.append((a @ b / (a.norm() * b.norm()).clamp_min(1e-12)).item())
    return values
