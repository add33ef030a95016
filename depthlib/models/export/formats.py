"""The formats a network can be written in, and how a file of each is run for the comparison with torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from depthlib.models.export.errors import needed
from depthlib.models.export.onnx_files import onnx_runner, write_onnx

TOLERANCE = 1e-4  # largest difference from torch, relative to torch's largest value; float32 gives about 1e-6
LITERT = "pip install litert-torch, in an environment of its own: it needs other versions than the rest of depthlib"
EXECUTORCH = "uv sync --group executorch, or pip install executorch"
Runner = Callable[[Tensor], Tensor]


class Format(NamedTuple):
    """How a file of one format is written, and run for the comparison with torch.

    Attributes:
        write: of a model, an image of the size, the file, its notes, and the multiple that its sides must be, where
            they are `free`; else None.
    """

    suffix: str
    write: Callable[[nn.Module, Tensor, Path, Mapping[str, str], int | None], None]
    runner: Callable[[Path], Runner]
    free: bool = False


def _write_litert(model: nn.Module, image: Tensor, path: Path, notes: Mapping[str, str], _: int | None) -> None:
    litert = needed("litert_torch", LITERT)
    litert.convert(model, (image,)).export(os.fspath(path))


def _litert_runner(path: Path) -> Runner:
    interpreter = needed("ai_edge_litert.interpreter", LITERT).Interpreter(model_path=os.fspath(path))
    signature = interpreter.get_signature_runner()
    name = next(iter(signature.get_input_details()))
    return lambda image: torch.from_numpy(np.asarray(next(iter(signature(**{name: image.numpy()}).values()))))


def _write_executorch(model: nn.Module, image: Tensor, path: Path, notes: Mapping[str, str], _: int | None) -> None:
    lower = needed("executorch.exir", EXECUTORCH).to_edge_transform_and_lower
    partitioner = needed("executorch.backends.xnnpack.partition.xnnpack_partitioner", EXECUTORCH).XnnpackPartitioner()
    path.write_bytes(lower(torch.export.export(model, (image,)), partitioner=[partitioner]).to_executorch().buffer)


def _executorch_runner(path: Path) -> Runner:
    method = needed("executorch.runtime", EXECUTORCH).Runtime.get().load_program(path).load_method("forward")
    return lambda image: method.execute((image,))[0].clone()


FORMATS = {
    "onnx": Format(".onnx", write_onnx, onnx_runner, free=True),
    "litert": Format(".tflite", _write_litert, _litert_runner),
    "executorch": Format(".pte", _write_executorch, _executorch_runner),
}
