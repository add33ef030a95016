"""Weights on disk: safetensors whose metadata names the network they belong to. Loading executes no code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from depthlib.base.paths import atomic_write
from depthlib.base.text import one_line
from depthlib.models import create_model


class WeightsError(ValueError):
    """A weights file is missing, damaged, or not written by depthlib."""


def round_to_half(model: nn.Module) -> None:
    """Round the parameters to half precision, in place; buffers (running statistics) stay as they are."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())


def save_weights(
    model: nn.Module, path: str | os.PathLike[str], *, model_name: str, options: dict[str, Any], **info: Any
) -> None:
    """Write parameters in half precision, buffers in full, and `model_name`, `options`, `info` as JSON metadata."""
    parameters = {name for name, _ in model.named_parameters()}
    tensors = {
        name: (value.half() if name in parameters else value).contiguous() for name, value in model.state_dict().items()
    }
    header = json.dumps({"model": model_name, "options": options, **info}, sort_keys=True)
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={"depthlib": header})


def load_weights(path: str | os.PathLike[str]) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network that a file describes and load its weights.

    Returns:
        the model in float32 and eval mode on the CPU, and the metadata: "model", "options", "input_size", ...
    Raises:
        WeightsError: names the file, what was found and what was expected.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("depthlib")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({one_line(error)})") from error
    if header is None:
        raise WeightsError(f"{path}: no 'depthlib' metadata, expected weights written by depthlib")
    try:
        info = json.loads(header)
        model = create_model(info["model"], **_from_nothing(info["options"]))
        model.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: weights do not fit the network they name ({one_line(error)[:400]})") from error
    if bad := [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()]:
        raise WeightsError(
            f"{path}: found non-finite values in {bad[0]} ({len(bad)} such tensors), expected finite weights"
        )
    return model.eval(), info


def _from_nothing(options: dict[str, Any]) -> dict[str, Any]:
    """The options, those of parts included, without `pretrained`: stored weights replace ImageNet's, which may be
    missing.
    """
    return {
        key: _from_nothing(value) if isinstance(value, dict) else value
        for key, value in options.items()
        if key != "pretrained"
    }
