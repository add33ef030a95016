"""What is measured of the synergy network: classes, ranges of depth and attention, counted a second time."""

import numpy as np
import pytest
import torch
from synergy_parts import Frames, small

from depthlib.models.floors import FixedMap
from depthlib.papers.synergy.measures import (
    AttentionOnDepth,
    ClassScores,
    DepthRanges,
    correlations,
    partial,
    pooled_scores,
)
from depthlib.protocols.inference import measure
from depthlib.scenes.labels import scene_labels


@pytest.mark.slow
def test_class_scores_come_from_one_confusion_matrix():
    """Against counts made here pixel by pixel, not with the package's own matrix."""
    frames, model = Frames(), small(classes=4).eval()
    found = measure(model, frames, {"classes": ClassScores(4)})["classes"]
    counts = np.zeros((4, 4, 4))
    for i in range(4):
        with torch.no_grad():
            logits = model.outputs(frames[i]["image"][None], tasks=("semantics",), full_size=True).logits
            assert torch.equal(model.class_logits(frames[i]["image"][None]), logits)
            given = logits.argmax(1)[0]
        for truth, guess in zip(
            scene_labels(frames[i]["semantics"], 4).flatten().tolist(), given.flatten().tolist(), strict=True
        ):
            counts[i, truth, guess] += 1

    def scores(m):
        right, truth, guess = np.diag(m), m.sum(1), m.sum(0)
        known = truth > 0
        union = truth + guess - right
        return right.sum() / m.sum(), (right[known] / truth[known]).mean(), (right[union > 0] / union[union > 0]).mean()

    names = ("pixel_accuracy", "class_accuracy", "mean_iou")
    for i in range(4):
        np.testing.assert_allclose([found.metrics[name][i] for name in names], scores(counts[i]), rtol=1e-12)
    np.testing.assert_allclose(found.metrics["iou_error"], 1 - np.array(found.metrics["mean_iou"]))
    pooled = pooled_scores(found.metrics)
    np.testing.assert_allclose([pooled[name] for name in names], scores(counts.sum(0)), rtol=1e-12)
    assert abs(pooled["mean_iou"] - np.mean(found.metrics["mean_iou"])) > 1e-4  # pooling is not averaging


def test_errors_by_range_by_hand():
    truth = torch.tensor([[[0.0, 1.0, 3.0, 3.5, 9.0]]])
    pred = torch.tensor([[[5.0, 1.5, 2.0, 4.0, 6.0]]])
    found = DepthRanges([0.0, 2.0, 4.0, 10.0], far=5.0).measures(pred, truth)
    assert [found[f"share_{i}"] for i in range(3)] == [0.25, 0.5, 0.25]  # the first pixel has no truth
    assert [found[f"error_{i}"] for i in range(3)] == [0.125, 0.375, 0.75]
    assert [found[f"bias_{i}"] for i in range(3)] == [0.125, -0.125, -0.75]
    assert found["bias_far"] == -0.75 == -found["shortfall_far"]


def test_ranges_of_a_network_end_at_the_last_edge():
    frames, ranges = Frames(), DepthRanges([0.0, 4.0, 8.0], far=5.0)
    model = FixedMap(torch.full((1, 32, 64), 20.0))  # 20 m count as 8
    found = measure(model, frames, {"ranges": ranges})["ranges"]
    truth = frames[1]["depth"].double()
    assert found.metrics["bias_1"][1] == pytest.approx(((8 - truth) * ((truth >= 4) & (truth < 8))).mean().item())
    assert found.protocol == "ranges of depth (0.0, 4.0, 8.0), far beyond 5 m"


def test_correlations_of_attention():
    a, b = torch.rand(2, 6, 1, 5, 7, generator=torch.Generator().manual_seed(1))
    expected = [np.corrcoef(x.numpy().ravel(), y.numpy().ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(correlations(a, b), expected, rtol=1e-5)
    assert correlations([torch.ones(1, 3, 3)], [a[0, :, :3, :3]]) == [0.0]
    frames, model = Frames(), small().eval()
    found = measure(model, frames, {"attention": AttentionOnDepth()})["attention"]
    looks = model.attention_maps(frames[2]["image"][None])["depth"].numpy().ravel()
    others = np.mean([frames[i]["depth"].numpy() for i in (0, 1, 3)], axis=0).ravel()
    assert found.metrics["depth_elsewhere"][2] == pytest.approx(np.corrcoef(looks, others)[0, 1], abs=1e-5)
    assert found.metrics["own"][2] == pytest.approx(
        residual_correlation(looks, frames[2]["depth"].numpy().ravel(), others), abs=1e-5
    )
    assert found.metrics["nearness"] == [-value for value in found.metrics["own"]]


def residual_correlation(a, b, given):
    """Partial correlation by least squares: what is left of both after a straight line in `given`."""
    left = [x - np.polyval(np.polyfit(given, x, 1), given) for x in (a, b)]
    return np.corrcoef(*left)[0, 1]


def test_who_only_knows_where_far_usually_is_has_no_partial_correlation():
    generator = np.random.default_rng(0)
    usual, surprise = generator.normal(size=(2, 500))
    own = usual + surprise
    for look in (usual + 0.1 * generator.normal(size=500), own + 0.1 * generator.normal(size=500)):
        pairs = [np.corrcoef(look, own)[0, 1], np.corrcoef(look, usual)[0, 1], np.corrcoef(own, usual)[0, 1]]
        assert partial(*pairs) == pytest.approx(residual_correlation(look, own, usual))
    pairs = [np.corrcoef(usual, own)[0, 1], 1.0, np.corrcoef(own, usual)[0, 1]]
    assert partial(*pairs) == 0.0
