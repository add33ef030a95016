"""ONNX files: writing, running, reading what they say about themselves."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthlib import __version__
from depthlib.models.export.errors import ExportError, needed

EXTRA = "pip install depthlib[export]"
MOST_NODES = 4000  # of a graph that is simplified: of larger ones it takes ever longer, and runtimes simplify too


def write_onnx(model: nn.Module, image: Tensor, path: Path, notes: Mapping[str, str], multiple: int | None) -> None:
    """With torch's exporter of torch.export graphs: the older one, TorchScript's, is deprecated.

    Args:
        notes: become the file's metadata.
        multiple: the sides of images are free multiples of it; None: those of `image`.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise ExportError(f"{error.name} is not installed: {EXTRA}") from error
    sides = None if multiple is None else {2: multiple * _side("rows"), 3: multiple * _side("columns")}
    program = torch.onnx.export(
        model,
        (image,),
        dynamo=True,
        verbose=False,
        external_data=False,
        optimize=False,
        input_names=["image"],
        output_names=["depth"],
        dynamic_shapes=None if sides is None else (sides,),
    )
    assert program is not None  # as it is with dynamo=True
    if len(program.model.graph) <= MOST_NODES:
        program.optimize()
    proto = program.model_proto
    _forget_tracing(proto.graph)
    proto.producer_name, proto.producer_version = "depthlib", __version__
    onnx.helper.set_model_props(proto, dict(notes))
    onnx.checker.check_model(proto)
    onnx.save_model(proto, path)


def _side(name: str) -> Any:
    return torch.export.Dim(name, min=2)  # sides of one multiple would be taken for broadcast axes


def write_graph(model: nn.Module, image: Tensor, path: Path) -> None:
    """An ONNX file for timing alone, by torch's older exporter, up to twenty times faster than the other.

    Files to be used are written by `export`, which compares them with torch.
    """
    needed("onnx", EXTRA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (image,), path, dynamo=False, input_names=["image"], output_names=["depth"])


def _forget_tracing(graph: Any) -> None:
    """Remove what the exporter records at each node: paths and lines of the source code on this machine."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def onnx_session(path: str | os.PathLike[str], threads: int = 1) -> Any:
    """An ONNX Runtime session on the CPU. Raises ExportError where ONNX Runtime is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ExportError(f"{error.name} is not installed: {EXTRA}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors alone: what cannot be simplified is no news
    return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])


def metadata(session: Any) -> dict[str, str]:
    """What a file says about itself, from its session: model, input, multiple, output, unit, license, ..."""
    return dict(session.get_modelmeta().custom_metadata_map)


def onnx_runner(path: Path) -> Callable[[Tensor], Tensor]:
    session = onnx_session(path)
    return lambda image: torch.from_numpy(session.run(["depth"], {"image": image.numpy()})[0])
