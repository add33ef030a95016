"""Semantic scores on photographs: some pixels have no label, and the scores are those of all pixels together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from depthlib.metrics.semantic import confusion_matrix
from depthlib.papers.synergy.measures import SCORES, ClassScores
from depthlib.protocols.crops import box
from depthlib.protocols.inference import Batch, Evaluation


class PooledClasses(ClassScores):
    """`ClassScores` of labels at their own size; the scores that papers print come from one confusion matrix of all.

    Scores are enlarged bilinearly to the region that the network saw; labels outside it do not count.

    Metrics, one value an image, in addition to those of `ClassScores`, whose shares are of all pixels here, so that
    their sums are right where images have different numbers of labels:
        pixel_accuracy, class_accuracy, mean_iou: what this image adds to the score of all pixels, times the number of
            images. The mean over the images is that score. (The errors, `pixel_error` and so on, are of each image.)

    Args:
        classes: K; labels are 0 to K-1, and 255 where there is none. An image without any label is skipped.
        covers: the region that is seen, a name of `depthlib.protocols.crops.CROPS`.
    """

    def __init__(self, classes: int, covers: str = "none") -> None:
        self.classes, self.covers = classes, covers
        self.title = f"{classes} classes, all pixels together"

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        super().begin(model, dataset)
        self.matrices: list[Tensor] = []

    def update(self, batch: Batch, prediction: Tensor) -> None:
        """prediction: [B,K,h,w], one score a class, of the region."""
        top, bottom, left, right = box(self.covers, *batch["semantics"].shape[-2:])
        labels = batch["semantics"][..., top:bottom, left:right].cpu()
        scores = F.interpolate(prediction.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
        for name, given, truth in zip(batch["name"], scores.argmax(dim=1).cpu(), labels, strict=True):
            matrix = confusion_matrix(given, truth, self.classes)
            self.found.add(name, self.measures(matrix) if matrix.any() else None)
            if matrix.any():
                self.matrices.append(matrix.double() / truth.numel())

    def compute(self) -> Evaluation:
        if not self.matrices:
            raise ValueError(f"semantics: found no label in {len(self.found.skipped)} images, expected some")
        matrices = torch.stack(self.matrices)
        right, total = matrices.diagonal(dim1=1, dim2=2), matrices.sum(dim=0)
        labelled, given = total.sum(dim=1), total.sum(dim=0)
        either = labelled + given - total.diag()
        parts = {
            "pixel": right.sum(dim=1) / total.sum(),
            "class": (right / labelled)[:, labelled > 0].mean(dim=1),
            "iou": (right / either)[:, either > 0].mean(dim=1),
        }
        for short, (name, _) in SCORES.items():
            self.found.metrics[name] = (len(matrices) * parts[short]).tolist()
        for k in range(self.classes):
            self.found.metrics |= {
                f"right_{k}": right[:, k].tolist(),
                f"labelled_{k}": matrices[:, k].sum(dim=1).tolist(),
                f"given_{k}": matrices[:, :, k].sum(dim=1).tolist(),
            }
        return self.found
