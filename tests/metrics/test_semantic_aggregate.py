"""Semantic scores over a data set: pixels are pooled, and halves merge exactly."""

from __future__ import annotations

import pytest
import torch
from tensors import random_logits

from depthlib.metrics import confusion_matrix, mean_iou
from depthlib.metrics.semantic_aggregate import SemanticMetrics


def test_semantic_metrics_pool_pixels_and_merge_exactly() -> None:
    logits, labels = random_logits(5, 8, 9, batch=6)
    labels[0] = 255  # an image without a label counts nothing
    pred = logits.argmax(dim=1)
    whole, parts = SemanticMetrics(5), [SemanticMetrics(5) for _ in range(2)]
    whole.update(pred, labels)
    for part, rows in ((parts[0], slice(0, 1)), (parts[1], slice(1, 3)), (parts[1], slice(3, 6))):
        part.update(pred[rows], labels[rows])
    assert torch.equal(parts[0].matrix + parts[1].matrix, whole.matrix)
    assert whole.matrix.sum() == (labels != 255).sum()
    scores = whole.compute()
    assert list(scores) == ["pixel_accuracy", "class_accuracy", "mean_iou"]
    assert scores["mean_iou"] == mean_iou(confusion_matrix(pred, labels, 5))
    assert scores["pixel_accuracy"].item() == pytest.approx((pred == labels)[labels != 255].double().mean().item())
    with pytest.raises(ValueError, match="no pixel"):
        parts[0].compute()
    whole.reset()
    assert not whole.matrix.any()
