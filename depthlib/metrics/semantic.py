"""Semantic segmentation: three scores from one confusion matrix of a whole data set.

Pixels without a label are left out. A class without a pixel in the labels (for IoU, in either map) has no score and
does not enter a mean. Definitions: Long et al. 2015, Sec. 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.base.labels import IGNORE


def confusion_matrix(pred: Tensor, labels: Tensor, classes: int, *, ignore: int = IGNORE) -> Tensor:
    """Number of pixels with the true class (row) and the predicted class (column): int64 [classes, classes].

    Args:
        pred: integers of any shape, 0 to classes-1: `logits.argmax(dim=1)`.
        labels: integers of the same shape, 0 to classes-1, or `ignore`.

    Raises:
        TypeError: not integers.
        ValueError: shapes that differ, fewer than 2 classes, or a value outside them at a labelled pixel.
    """
    for name, value in (("pred", pred), ("labels", labels)):
        if not isinstance(value, Tensor) or value.is_floating_point() or value.dtype == torch.bool:
            raise TypeError(f"{name}: found {getattr(value, 'dtype', type(value))}, expected a tensor of integers")
    if pred.shape != labels.shape:
        raise ValueError(f"pred: found shape {list(pred.shape)}, expected that of labels, {list(labels.shape)}")
    if classes < 2:
        raise ValueError(f"classes: found {classes}, expected at least 2")
    labelled = labels != ignore
    pred, labels = pred[labelled].long(), labels[labelled].long()
    for name, value in (("pred", pred), ("labels", labels)):
        strange = value[(value < 0) | (value >= classes)]
        if strange.numel():
            raise ValueError(f"{name}: found {int(strange[0])} at a labelled pixel, expected 0 to {classes - 1}")
    return (labels * classes + pred).bincount(minlength=classes**2).view(classes, classes)


def pixel_accuracy(matrix: Tensor) -> Tensor:
    """Share of correctly classified pixels. [K,K] -> scalar, float64. Raises ValueError for an empty matrix."""
    matrix = _counted(matrix)
    return matrix.trace() / matrix.sum()


def class_accuracies(matrix: Tensor) -> Tensor:
    """Share of correctly classified pixels of each class: [K,K] -> [K], NaN for a class without a labelled pixel."""
    matrix = _counted(matrix)
    return matrix.diag() / matrix.sum(dim=1)


def intersections_over_union(matrix: Tensor) -> Tensor:
    """Intersection over union of each class: [K,K] -> [K], NaN for a class in neither map."""
    matrix = _counted(matrix)
    return matrix.diag() / (matrix.sum(dim=0) + matrix.sum(dim=1) - matrix.diag())


def class_accuracy(matrix: Tensor) -> Tensor:
    """Mean of `class_accuracies` over the classes that have one. [K,K] -> scalar, float64."""
    return class_accuracies(matrix).nanmean()


def mean_iou(matrix: Tensor) -> Tensor:
    """Mean of `intersections_over_union` over the classes that have one. [K,K] -> scalar, float64."""
    return intersections_over_union(matrix).nanmean()


def _counted(matrix: Tensor) -> Tensor:
    """In float64, which holds counts up to 9e15; ValueError unless square and not empty."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix: found shape {list(matrix.shape)}, expected [K,K]")
    if not matrix.any():
        raise ValueError("matrix: found no pixel, expected at least one with a label")
    return matrix.to(torch.float64)
