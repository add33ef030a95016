"""What of Look Deeper is made for photographs: what the network sees of a frame, and labels as they are given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.base.labels import IGNORE
from depthlib.papers.synergy.given_labels import GivenLabels
from depthlib.papers.synergy.measures import pooled_scores
from depthlib.papers.synergy.network import Outputs
from depthlib.papers.synergy.pooled_classes import PooledClasses
from depthlib.papers.synergy.seen import Seen
from depthlib.protocols.inference import measure


class Labelled(torch.utils.data.Dataset):
    """Images with these labels [H,W], depth 1 m on the left and 2 m on the right."""

    def __init__(self, *labels: Tensor) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, object]:
        labels = self.labels[index]
        height, width = labels.shape
        depth = 1.0 + (torch.arange(width) >= width // 2).float().expand(1, height, -1)
        image = torch.zeros(3, height, width)
        return {"image": image, "depth": depth, "valid": depth > 0, "semantics": labels, "name": str(index)}

    def fingerprint(self) -> str:
        return "labelled"


@pytest.mark.parametrize("classes", [4, 13, 40])
def test_no_label_is_renumbered(classes: int) -> None:
    labels = torch.arange(classes).repeat(2, 1)
    labels[1] = IGNORE  # whatever is said there
    logits = 50.0 * F.one_hot(torch.arange(classes).repeat(2, 1), classes).movedim(-1, 0)[None].float()

    class Says(nn.Module):
        def outputs(self, image: Tensor, *, tasks: tuple[str, ...]) -> Outputs:
            return Outputs(None, logits)

    batch = {name: value[None] for name, value in Labelled(labels)[0].items() if isinstance(value, Tensor)}
    for term in ("cross_entropy", "semantic_focal"):
        stage = {"name": "semantics", "rates": {"semantics": 1e-3}}
        task = GivenLabels(stage, {term: 1.0}, max_depth=10.0, classes=classes)
        assert task.loss(Says(), batch)[0].item() == pytest.approx(0, abs=1e-6)  # type: ignore[arg-type]
        batch["semantics"][0, 0, 0] = 1  # a wrong one is noticed
        assert task.loss(Says(), batch)[0].item() > 0.5 / classes  # type: ignore[arg-type]
        batch["semantics"][0, 0, 0] = 0


def test_weights_of_classes_are_counted_where_there_are_labels() -> None:
    data = Labelled(torch.tensor([[0, 0, 0, 0], [1, 1, 39, IGNORE]]))
    stage = {"name": "semantics", "rates": {"semantics": 1e-3}}
    task = GivenLabels(stage, {"semantic_focal": 1.0}, max_depth=10.0, classes=40, balanced=True)
    task.prepare(nn.Identity(), data)
    assert isinstance(task.alpha, Tensor) and task.alpha.shape == (40,)
    assert [round(task.alpha[k].item(), 3) for k in (0, 1, 39, 2)] == [0.125, 0.25, 0.5, 0.0]


class LeftIsZero(nn.Module):
    """Class 0 in the left half, class 1 in the right, at half the size."""

    def class_logits(self, image: Tensor) -> Tensor:
        height, width = (side // 2 for side in image.shape[-2:])
        right = (torch.arange(width) >= width // 2).float().expand(len(image), 1, height, -1)
        return torch.cat([1 - right, right, torch.zeros_like(right)], dim=1)


def test_scores_are_those_of_all_pixels() -> None:
    """The images have different numbers of labels, one has none, and class 2 is in none."""
    first = torch.tensor([[0, 0, 1, 1]] * 4)
    second = torch.full((4, 4), IGNORE)
    second[0] = torch.tensor([1, IGNORE, 1, 1])
    data = Labelled(first, second, torch.full((4, 4), IGNORE))
    found = measure(LeftIsZero(), data, {"x": PooledClasses(3)})["x"]
    assert found.images == ["0", "1"] and found.skipped == ["2"]
    means = found.means()
    assert means["pixel_accuracy"] == pytest.approx(18 / 19)
    assert means["class_accuracy"] == pytest.approx((1 + 10 / 11) / 2)
    assert means["mean_iou"] == pytest.approx((8 / 9 + 10 / 11) / 2)
    assert found.metrics["pixel_error"] == pytest.approx([0, 1 / 3])
    pooled = pooled_scores(found.metrics)
    for name in ("pixel_accuracy", "class_accuracy", "mean_iou"):
        assert pooled[name] == pytest.approx(means[name])
    with pytest.raises(ValueError, match="found no label in 1 images"):
        measure(LeftIsZero(), Labelled(torch.full((4, 4), IGNORE)), {"x": PooledClasses(3)})


def test_what_the_network_sees() -> None:
    data = Labelled(torch.arange(96).view(8, 12))
    native = Seen(data, size=(4, 6), crop=(2, 4))
    item = native[0]
    assert item["image"].shape == (3, 2, 4) and item["depth"].shape == (1, 8, 12)
    whole = Seen(data, size=(4, 6), crop=(2, 4), truth=True)
    item = whole[0]
    assert item["depth"].shape == (1, 2, 4) and item["depth"][0, 0].tolist() == [1, 1, 2, 2]
    assert item["semantics"][0].tolist() == [12 * 3 + column for column in (3, 5, 7, 9)]
    assert len({data.fingerprint(), native.fingerprint(), whole.fingerprint()}) == 3 and len(whole) == 1
