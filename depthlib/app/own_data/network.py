"""The network that a training goes on from, made to fit the depths of the folder, and what is stored of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthlib.app.photo_camera import trained_focal
from depthlib.models import create_model
from depthlib.models.meaning import meaning_of
from depthlib.models.pose_net import PoseNet
from depthlib.protocols.photograph import WeightsError, default_weights, load_weights, usable_multiple

ROOM = 1.5  # times the deepest label: where the range of a network ends that is made for it
FARTHEST_SHIFT = 10.0  # of a bias before the exponential or the sigmoid


@dataclass
class Start:
    """A network with what its file says; `options` are those of `create_model` for the network to be trained.

    Attributes:
        before: the network as it came. multiple: of what its sides are multiples. trained: `relative_focal` of its
            training, where known. notes: what was changed, a sentence each.
    """

    path: Path
    before: nn.Module
    name: str
    options: dict[str, Any]
    input_size: tuple[int, int]
    multiple: int
    trained: float | None
    notes: list[str] = field(default_factory=list)


def start_from(weights: Path | None) -> Start:
    """The network in a file of weights; None: the one that `depthlib predict` takes.

    Raises:
        WeightsError: as `load_weights`, or a network that does not predict depth, whose numbers could be metres.
    """
    path = default_weights() if weights is None else weights
    model, info = load_weights(path)
    multiple = usable_multiple(model, path)
    if (meaning := meaning_of(info)).unit == "relative":
        raise WeightsError(f"{path}: found a network of {meaning.words}, expected one of depth")
    height, width = info["input_size"]
    options, size = info["options"], (height, width)
    trained = info.get("focal") or (trained_focal(info) if meaning.unit == "metre" else None)
    return Start(Path(path), model, info["model"], options, size, multiple, trained)


def fitted(start: Start, nearest: float, deepest: float) -> nn.Module:
    """A copy of the network to be trained, whose range holds the labels from `nearest` to `deepest`, in metres.

    Where the range has to grow, `start.options` change and a note is added.
    """
    options = dict(start.options)
    low, high = options.get("min_depth"), options.get("max_depth")
    if high is not None and deepest > high:
        options["max_depth"] = float(f"{ROOM * deepest:.2g}")
        start.notes.append(f"the network ends at {high:g} m, made to end at {options['max_depth']:g} m")
    if low is not None and nearest < low:
        options["min_depth"] = float(f"{nearest / ROOM:.2g}")
        start.notes.append(f"the network begins at {low:g} m, made to begin at {options['min_depth']:g} m")
    options.pop("pretrained", None)
    model = create_model(start.name, **options)
    model.load_state_dict(start.before.state_dict())
    start.options = options
    return model


@torch.no_grad()
def rescale(model: nn.Module, images: Tensor, factor: float) -> None:
    """Shift the bias of the depth head so that the median depth of `images` [B,3,H,W] is `factor` times what it was.

    Else a training spends its steps on the scale, which a bias of Adam's small steps reaches late. Networks without
    one such head are left as they are.
    """
    heads = [head for head in model.modules() if hasattr(head, "start_at") and head.conv.bias is not None]
    if len(heads) != 1:
        return
    bias = heads[0].conv.bias
    first, model = bias.clone(), model.eval()

    def median(shift: float) -> float:
        bias.copy_(first + shift)
        return float(model(images).median())

    wanted, rises = factor * median(0.0), median(1.0) > median(-1.0)
    low, high = -FARTHEST_SHIFT, FARTHEST_SHIFT
    for _ in range(20):
        middle = (low + high) / 2
        if (median(middle) < wanted) == rises:
            low = middle
        else:
            high = middle


class Scaled(nn.Module):
    """A network whose depth is multiplied by a factor: as `depthlib predict` corrects it for a focal length."""

    def __init__(self, model: nn.Module, factor: float) -> None:
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, image: Tensor) -> Tensor:
        return self.factor * self.model(image)


class DepthAndMotion(nn.Module):
    """A depth network and, for video, the pose network that is trained with it; the forward pass is that of depth."""

    def __init__(self, depth: nn.Module, seed: int, motion: bool) -> None:
        super().__init__()
        self.depth = depth
        torch.manual_seed(seed)
        # narrow and sensitive: it has to find the motion within some hundred steps
        self.motion = PoseNet(width=8, reflect=False, contrast=5.0, scale=0.1) if motion else None

    def forward(self, image: Tensor) -> Tensor:
        return self.depth(image)
