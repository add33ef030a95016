"""Depth of one photograph of any size: the network of a file of weights, the size at which it looks, its prediction."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthlib.base.paths import reference_dir, results_dir
from depthlib.base.text import one_line
from depthlib.data.images import resize
from depthlib.models import weights as stored
from depthlib.models.weights import WeightsError

AnyPath = str | os.PathLike[str]
MULTIPLES = (16, 32, 64)  # the networks halve their input four to six times
MAX_ASPECT = 8.0  # longer images are squeezed, or a side would have thousands of pixels


def default_weights() -> Path:
    """The weights of the first notebook's network in the results of `quick`; WeightsError if there are none."""
    for folder in (results_dir("quick"), reference_dir("quick")):
        if found := sorted(folder.glob("runs/start-unet-*/weights.safetensors")):
            return found[0]
    folder = results_dir("quick") / "runs"
    raise WeightsError(f"{folder}: found no start-unet weights, expected some: `depthlib reproduce`, or name a file")


def load_weights(path: AnyPath | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """The network that a file of weights describes, ready for `predict`: in evaluation mode, on the CPU, in float32.

    Args:
        path: a safetensors file as `depthlib.models.weights.save_weights` writes it; None takes `default_weights()`.

    Returns:
        The model and the file's metadata: "model", "options", "input_size", ... A network that was trained on crops of
        frames as they come, of 375x1242 pixels, say, has the nearest size that networks take as its "input_size".

    Raises:
        WeightsError: missing, damaged, of another kind, not fitting its model, not finite, or no usable "input_size".
    """
    path = default_weights() if path is None else Path(path)
    model, info = stored.load_weights(path)
    size = info.get("input_size")
    if not (isinstance(size, list) and len(size) == 2 and all(_is_side(side) for side in size)):
        raise WeightsError(f"{path}: found input_size {size!r}, expected [height, width], whole numbers of pixels")
    step = MULTIPLES[0]
    return model, info | {"input_size": [max(1, round(side / step)) * step for side in size]}


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and side > 0


def network_size(image_size: Sequence[int], input_size: Sequence[int], multiple: int = MULTIPLES[0]) -> tuple[int, int]:
    """The input size of the network for an image: as many pixels as `input_size`, the image's own aspect ratio
    (at most `MAX_ASPECT`), each side rounded to a multiple of `multiple`. Sizes are (height, width).
    """
    if len(input_size) != 2 or not all(_is_side(side) and side % MULTIPLES[0] == 0 for side in input_size):
        raise ValueError(
            f"input_size: found {tuple(input_size)}, expected (height, width), multiples of {MULTIPLES[0]}"
        )
    aspect = min(max(image_size[1] / image_size[0], 1 / MAX_ASPECT), MAX_ASPECT)
    area = input_size[0] * input_size[1]
    height, width = math.sqrt(area / aspect), math.sqrt(area * aspect)
    return max(1, round(height / multiple)) * multiple, max(1, round(width / multiple)) * multiple


@torch.no_grad()
def forward(model: nn.Module, images: Tensor) -> Tensor:
    """Depth of images of the network's own size, in evaluation mode: [B, 3, h, w] to [B, 1, h', w'] on the CPU.

    Most networks predict at the size of their input, some at half of it. Raises ValueError when the model returns
    something else than one map an image.
    """
    home = next(iter(model.state_dict().values()), images).device
    was_training = model.training
    model.eval()
    try:
        depth = model(images.to(home))
    finally:
        model.train(was_training)
    expected = [images.shape[0], 1, *images.shape[2:]]
    found = list(getattr(depth, "shape", ()))
    if found[:2] != expected[:2] or len(found) != 4 or found[2] * expected[3] != found[3] * expected[2]:
        raise ValueError(f"model: found output of shape {found}, expected {expected}")
    return depth.float().cpu()


def usable_multiple(model: nn.Module, weights: AnyPath) -> int:
    """Of what the sides of its images must be multiples: the smallest of `MULTIPLES` that the network takes.

    Raises:
        WeightsError: the network does not predict the depth of one image; the message says why not.
    """
    if (inputs := getattr(model, "inputs", ("image",))) != ("image",):
        raise WeightsError(
            f"{weights}: found a network of {' and '.join(inputs)}, expected one that needs a photograph alone"
        )
    for multiple in MULTIPLES:
        try:
            forward(model, torch.full((1, 3, 3 * multiple, 5 * multiple), 0.5, device="cpu"))
            return multiple
        except (ValueError, RuntimeError, TypeError) as error:
            reason = error
    raise WeightsError(
        f"{weights}: found {type(model).__name__}, which does not predict depth ({one_line(reason)[:200]}), "
        "expected a network from a photograph to a depth map"
    )


def predict(model: nn.Module, image: Tensor, input_size: Sequence[int]) -> Tensor:
    """Depth of one image: resized to the network's size, predicted, and the depth resized back.

    Metres are true for a camera like that of the training; `depthlib.scenes.wild.metric_depth` converts them for
    others.

    Args:
        image: [3, H, W] RGB in [0, 1].
        input_size: (height, width) at which the model was trained, multiples of 16.

    Returns:
        [H, W] float32 on the CPU, in metres or what else the network predicts. Raises ValueError for another image,
        input size or model output.
    """
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point():
        raise ValueError(f"image: found {list(image.shape)} {image.dtype}, expected [3, H, W] floating point in [0, 1]")
    for multiple in MULTIPLES:
        wanted = network_size(image.shape[1:], input_size, multiple)
        try:
            depth = forward(model, resize(image[None], wanted))
            break
        except (ValueError, RuntimeError):  # most often: sides that are no multiples of what the network needs
            if multiple == MULTIPLES[-1]:
                raise
    return resize(checked(depth), image.shape[1:])[0, 0]


def checked(depth: Tensor) -> Tensor:
    """`depth`, unless it holds NaN or infinities: then ValueError."""
    if not torch.isfinite(depth).all():
        raise ValueError("model: found non-finite depth, expected finite values")
    return depth
