"""Semantic scores by hand and against torchmetrics."""

from __future__ import annotations

import pytest
import torch
from tensors import random_logits

from depthlib.metrics import class_accuracy, confusion_matrix, mean_iou, pixel_accuracy
from depthlib.metrics.semantic import class_accuracies, intersections_over_union


def test_semantic_scores_by_hand() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 255])
    pred = torch.tensor([0, 0, 2, 1, 0, 3])
    matrix = confusion_matrix(pred, labels, 4)
    assert matrix.tolist() == [[2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert pixel_accuracy(matrix).item() == pytest.approx(3 / 5)
    assert class_accuracy(matrix).item() == pytest.approx((2 / 3 + 1 / 2) / 2)  # two classes have pixels
    assert mean_iou(matrix).item() == pytest.approx((2 / 4 + 1 / 2 + 0 / 1) / 3)  # three are in one of the maps
    assert class_accuracies(matrix).isnan().tolist() == [False, False, True, True]
    assert intersections_over_union(matrix).isnan().tolist() == [False, False, False, True]


def test_semantic_scores_are_those_of_torchmetrics() -> None:
    from torchmetrics.functional.classification import (
        multiclass_accuracy,
        multiclass_confusion_matrix,
        multiclass_jaccard_index,
    )

    logits, labels = random_logits(7)
    pred = torch.where(labels < 4, labels, logits.argmax(dim=1))  # right now and then
    matrix = confusion_matrix(pred, labels, 7)
    known = labels != 255
    assert torch.equal(matrix, multiclass_confusion_matrix(pred[known], labels[known], 7))
    for ours, theirs in (
        (pixel_accuracy(matrix), multiclass_accuracy(pred[known], labels[known], 7, average="micro")),
        (class_accuracy(matrix), multiclass_accuracy(pred[known], labels[known], 7, average="macro")),
        (mean_iou(matrix), multiclass_jaccard_index(pred[known], labels[known], 7)),
    ):
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("pred", "labels", "classes", "error", "message"),
    [
        ([0, 3], [0, 1], 3, ValueError, "pred: found 3 at a labelled pixel, expected 0 to 2"),
        ([0, -1], [0, 1], 3, ValueError, "pred: found -1"),
        ([0, 1], [0, 7], 3, ValueError, "labels: found 7"),
        ([0], [0, 1], 3, ValueError, r"pred: found shape \[1\], expected that of labels, \[2\]"),
        ([0, 1], [0, 1], 1, ValueError, "classes: found 1, expected at least 2"),
        ([0.0, 1.0], [0, 1], 3, TypeError, "pred: found torch.float32"),
    ],
)
def test_confusion_matrix_refuses(pred, labels, classes: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        confusion_matrix(torch.tensor(pred), torch.tensor(labels), classes)
