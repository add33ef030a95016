"""What the synergy network says besides a depth map, measured on each image: its classes, its errors by depth, its
attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.metrics.semantic import class_accuracy, confusion_matrix, mean_iou, pixel_accuracy
from depthlib.protocols.inference import Batch, Evaluation, Measure
from depthlib.scenes.labels import scene_labels

SCORES = {
    "pixel": ("pixel_accuracy", pixel_accuracy),
    "class": ("class_accuracy", class_accuracy),
    "iou": ("mean_iou", mean_iou),
}


class ClassScores(Measure):
    """Semantic scores of `depthlib.metrics.semantic` with all that one pooled confusion matrix of the data set needs.

    Metrics, one value an image:
        pixel_accuracy, class_accuracy, mean_iou: of this image alone; pixel_error, class_error, iou_error: 1 minus
            these, for rules that take the lower for the better.
        right_k, labelled_k, given_k for each class k: the diagonal, row sum and column sum of the image's confusion
            matrix, as shares of its labelled pixels. Images of one size: their sums over the images are those of the
            pooled matrix, from which `pooled_scores` makes the scores that papers print.

    Args:
        classes: 4, 8 or 13, see `scene_labels`.
    """

    output = "class_logits"

    def __init__(self, classes: int) -> None:
        self.classes, self.title = classes, f"{classes} classes"

    def update(self, batch: Batch, prediction: Tensor) -> None:
        """prediction: [B,K,H,W], one score a class."""
        labels = scene_labels(batch["semantics"].cpu(), self.classes)
        for name, given, truth in zip(batch["name"], prediction.argmax(dim=1).cpu(), labels, strict=True):
            self.found.add(name, self.measures(confusion_matrix(given, truth, self.classes)))

    def measures(self, matrix: Tensor) -> dict[str, float]:
        """Of the confusion matrix [K,K] of one image."""
        values = {name: score(matrix).item() for name, score in SCORES.values()}
        values |= {f"{short}_error": 1 - values[name] for short, (name, _) in SCORES.items()}
        shares = matrix.double() / matrix.sum()
        for k in range(self.classes):
            values |= {
                f"right_{k}": shares[k, k].item(),
                f"labelled_{k}": shares[k].sum().item(),
                f"given_{k}": shares[:, k].sum().item(),
            }
        return values


def pooled_scores(metrics: dict[str, Sequence[float]]) -> dict[str, Any]:
    """The scores of a whole data set from the metrics that `ClassScores` stored for its images.

    Returns: pixel_accuracy, class_accuracy, mean_iou in [0, 1], and iou [K], NaN for a class that neither truth nor
        prediction has.
    """
    classes = sum(name.startswith("right_") for name in metrics)
    right, labelled, given = (
        torch.tensor([sum(metrics[f"{kind}_{k}"]) for k in range(classes)], dtype=torch.float64)
        for kind in ("right", "labelled", "given")
    )
    iou = right / (labelled + given - right)
    return {
        "pixel_accuracy": (right.sum() / labelled.sum()).item(),
        "class_accuracy": (right / labelled).nanmean().item(),
        "mean_iou": iou.nanmean().item(),
        "iou": iou.tolist(),
    }


class DepthRanges(Measure):
    """Errors by the true depth: does a network fall short where it is far?

    Metrics, one value an image, means over all its valid pixels of something that is 0 outside the range:
        share_i, error_i, bias_i: how many pixels lie in range i, their |pred - true| and pred - true in metres. The sum
            of error_i over the images divided by that of share_i is the mean error of the range.
        bias_far, shortfall_far: pred - true, and true - pred, where the truth is beyond `far`.

    Args:
        edges: metres, rising; range i is [edges[i], edges[i+1]).
        far: metres.
    """

    def __init__(self, edges: Sequence[float], far: float) -> None:
        self.edges, self.far = tuple(edges), far
        self.title = f"ranges of depth {self.edges}, far beyond {far:g} m"

    def update(self, batch: Batch, prediction: Tensor) -> None:
        predicted = prediction.float().cpu().clamp(0.1, self.edges[-1])
        for name, guess, truth in zip(batch["name"], predicted, batch["depth"].cpu(), strict=True):
            self.found.add(name, self.measures(guess, truth))

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


class AttentionOnDepth(Measure):
    """Does the network look at what is far? Look Deeper Sec. 3.4: spatial attention of the first up-convolution, and
    the trunk.

    Metrics, one value an image, Pearson correlations over its pixels:
        depth: attention of the depth branch with the true depth.
        depth_elsewhere: the same attention with the mean depth of all other images. What is far lies in the upper
            middle of most pictures of rooms; who only knows this correlates with any room.
        own: partial correlation of attention and true depth, given the mean depth of all other images: what is left of
            `depth` without what any room would give. nearness: its negative, for rules that take the lower for the
            better.
        backbone: attention of the trunk with the true depth.
    """

    title, output = "correlation of attention and depth", "attention_maps"

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        super().begin(model, dataset)
        self.truths: list[Tensor] = []
        self.maps: dict[str, list[Tensor]] = {"depth": [], "backbone": []}

    def update(self, batch: Batch, prediction: dict[str, Tensor]) -> None:
        """prediction: name of a part of the network -> [B,1,H,W]."""
        self.found.images += batch["name"]
        self.truths += batch["depth"].cpu()
        for name, own in self.maps.items():
            own += prediction[name].cpu()

    def compute(self) -> Evaluation:
        total = sum(self.truths)
        elsewhere = [(total - truth) / max(1, len(self.truths) - 1) for truth in self.truths]
        depth, backbone = (correlations(self.maps[name], self.truths) for name in ("depth", "backbone"))
        usual = correlations(self.maps["depth"], elsewhere)
        own = [partial(*three) for three in zip(depth, usual, correlations(self.truths, elsewhere), strict=True)]
        self.found.metrics = {
            "depth": depth,
            "depth_elsewhere": usual,
            "own": own,
            "nearness": [-value for value in own],
            "backbone": backbone,
        }
        return self.found


def correlations(first: Sequence[Tensor], second: Sequence[Tensor]) -> list[float]:
    """Pearson's correlation of each pair of maps; 0 where one of them is constant."""
    values = []
    for a, b in zip(first, second, strict=True):
        a, b = (x.double().flatten() - x.double().mean() for x in (a, b))
        values.append((a @ b / (a.norm() * b.norm()).clamp_min(1e-12)).item())
    return values


def partial(with_own: float, with_usual: float, own_with_usual: float) -> float:
    """Partial correlation of a map and its image's depth given the usual depth, from the three correlations of pairs; 0
    where the usual depth explains one of them whole.
    """
    left = (1 - with_usual**2) * (1 - own_with_usual**2)
    return (with_own - with_usual * own_with_usual) / left**0.5 if left > 1e-12 else 0.0
