"""A trained network as one file that runs without this package: ONNX, or with their own packages LiteRT and ExecuTorch.

    depthlib export runs/<run>/weights.safetensors student.onnx

Each file is run and compared with torch on two images before it is moved to its final name.
"""

from __future__ import annotations

import copy
import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from depthlib import __version__
from depthlib.base.paths import atomic_write
from depthlib.base.text import one_line
from depthlib.models.meaning import meaning_of
from depthlib.models.weights import load_weights

TOLERANCE = 1e-4  # largest difference from torch, relative to torch's largest value; float32 gives about 1e-6
LICENCE = "Apache-2.0 (depthlib); the data of the training may set further terms"
MOST_NODES = 4000  # of a graph that is simplified: of larger ones it takes ever longer, and runtimes simplify too
Runner = Callable[[Tensor], Tensor]


class ExportError(RuntimeError):
    """A network cannot be written in a format, a package is missing, or the file's output differs from torch's."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        notes: input, output, licence, ... of the file, in ONNX stored as metadata.
        differences: for each of two test images, the largest difference from torch, relative to the largest value.
    """

    path: Path
    notes: dict[str, str]
    differences: tuple[float, ...]


class Format(NamedTuple):
    """How a file of one format is written, and run for the comparison with torch."""

    suffix: str
    write: Callable[[nn.Module, Tensor, Path, Mapping[str, str]], None]
    runner: Callable[[Path], Runner]


def export(
    weights: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str = "onnx",
    size: Sequence[int] | None = None,
) -> Exported:
    """Write the network of a file of weights to `out`, for images of one size, in float32.

    Args:
        weights: as `depthlib predict` takes them.
        out: replaced as a whole, or left as it was; it has the suffix of the format.
        format: one of `FORMATS`.
        size: height and width of the images; by default those of the training.

    Raises:
        WeightsError: the weights cannot be used.
        ExportError: see there. ValueError: an unknown format, another suffix, or sizes below 1.
    """
    out = Path(out)
    if format not in FORMATS:
        raise ValueError(f"format: found {format!r}, expected one of {', '.join(FORMATS)}")
    if out.suffix != FORMATS[format].suffix:
        raise ValueError(f"{out}: expected a name that ends in {FORMATS[format].suffix}")
    model, info = load_weights(weights)
    inputs: tuple[str, ...] = getattr(model, "inputs", ("image",))
    if inputs != ("image",):
        raise ExportError(
            f"{weights}: found {info['model']} with inputs {', '.join(inputs)}, expected a network of one image"
        )
    height, width = _sides(size or info["input_size"])
    try:
        depth = _run(model, torch.zeros(1, 3, height, width))
    except ExportError as error:
        if size is not None:
            raise
        reason = one_line(error.__cause__ or error)
        raise ExportError(f"{weights}: found {info['model']}, which gives no depth of an image ({reason})") from error
    if depth.ndim != 4 or depth.shape[:2] != (1, 1):
        raise ExportError(
            f"{weights}: found {info['model']} with an output {list(depth.shape)}, expected depth [1,1,H,W]"
        )
    notes = _notes(info, (height, width), depth.shape[2:])
    return Exported(out, notes, write(model, out, (height, width), format=format, notes=notes))


def write(
    model: nn.Module, out: Path, size: Sequence[int], *, format: str = "onnx", notes: Mapping[str, str] | None = None
) -> tuple[float, ...]:
    """Write a network, in evaluation mode on the CPU; see `export`. Returns `Exported.differences`."""
    model = _with_plain_flags(model)
    images = _images(*_sides(size))
    expected = [_run(model, image) for image in images]
    with atomic_write(out) as temporary:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations inside the exporters
                FORMATS[format].write(model, images[0], temporary, notes or {})
            run = FORMATS[format].runner(temporary)
            differences = tuple(_difference(run(image), wanted) for image, wanted in zip(images, expected, strict=True))
        except ExportError:
            raise
        except Exception as error:  # exporters raise errors of every kind
            raise ExportError(
                f"{type(model).__name__}: cannot be written as {format} ({one_line(error)[:400]})"
            ) from error
        if not max(differences) <= TOLERANCE:  # also when it is NaN
            raise ExportError(
                f"{out}: found a difference from torch of {max(differences):.2g} of the largest value, "
                f"expected at most {TOLERANCE:g}; nothing was written"
            )
    return differences


def _with_plain_flags(model: nn.Module) -> nn.Module:
    """A copy on the CPU whose single-bool buffers are plain bools: a graph cannot branch on what a tensor holds."""
    model = copy.deepcopy(model).cpu().eval()
    for module in model.modules():
        for name in [
            name for name, value in module.named_buffers(recurse=False) if value.dtype == torch.bool and not value.ndim
        ]:
            flag = bool(module._buffers.pop(name))
            setattr(module, name, flag)
    return model


@torch.no_grad()
def _run(model: nn.Module, image: Tensor) -> Tensor:
    """What torch says, on the CPU in evaluation mode. Raises ExportError where the network does not take the image."""
    try:
        return model.cpu().eval()(image).float()
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ExportError(
            f"size: found {image.shape[2]} x {image.shape[3]}, expected a size that the network takes "
            f"({one_line(error)})"
        ) from error


def _notes(info: Mapping[str, Any], size: Sequence[int], output: Sequence[int]) -> dict[str, str]:
    """The metadata of a file for images of `size`, whose depth maps have the size `output`: strings, as ONNX stores
    them.
    """
    return {
        "producer": f"depthlib {__version__}",
        "model": info["model"],
        "options": json.dumps(info["options"], sort_keys=True),
        "run": json.dumps(info.get("spec") or {}, sort_keys=True),
        "input": f"image [1,3,{size[0]},{size[1]}] float32, RGB in [0,1]; the network normalises it itself",
        "input_size": f"{size[0]} {size[1]}",
        "output": f"depth [1,1,{output[0]},{output[1]}] float32: {meaning_of(info).words}",
        "license": LICENCE,
    }


def _sides(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size: found {list(size)}, expected height and width")
    return size[0], size[1]


def _images(height: int, width: int) -> list[Tensor]:
    """Noise, and a smooth picture: an error may show in one of them only."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return [noise, torch.stack([y, x, 0.5 + 0.5 * torch.sin(8 * (x + y))])[None]]


def _difference(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        raise ExportError(f"output: found shape {list(found.shape)}, expected {list(expected.shape)} as from torch")
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()


def needed(module: str, package: str) -> Any:
    """Import an optional module. Raises ExportError with the command to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExportError(f"{module} is not installed: {package}") from error


def _write_onnx(model: nn.Module, image: Tensor, path: Path, notes: Mapping[str, str]) -> None:
    """With torch's exporter of torch.export graphs: the older one, TorchScript's, is deprecated."""
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise ExportError(f"{error.name} is not installed: {EXTRA}") from error
    program = torch.onnx.export(
        model,
        (image,),
        dynamo=True,
        verbose=False,
        external_data=False,
        optimize=False,
        input_names=["image"],
        output_names=["depth"],
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


def _onnx_runner(path: Path) -> Runner:
    session = onnx_session(path)
    return lambda image: torch.from_numpy(session.run(["depth"], {"image": image.numpy()})[0])


def _write_litert(model: nn.Module, image: Tensor, path: Path, notes: Mapping[str, str]) -> None:
    litert = needed("litert_torch", LITERT)
    litert.convert(model, (image,)).export(os.fspath(path))


def _litert_runner(path: Path) -> Runner:
    interpreter = needed("ai_edge_litert.interpreter", LITERT).Interpreter(model_path=os.fspath(path))
    signature = interpreter.get_signature_runner()
    name = next(iter(signature.get_input_details()))
    return lambda image: torch.from_numpy(np.asarray(next(iter(signature(**{name: image.numpy()}).values()))))


def _write_executorch(model: nn.Module, image: Tensor, path: Path, notes: Mapping[str, str]) -> None:
    lower = needed("executorch.exir", EXECUTORCH).to_edge_transform_and_lower
    partitioner = needed("executorch.backends.xnnpack.partition.xnnpack_partitioner", EXECUTORCH).XnnpackPartitioner()
    path.write_bytes(lower(torch.export.export(model, (image,)), partitioner=[partitioner]).to_executorch().buffer)


def _executorch_runner(path: Path) -> Runner:
    method = needed("executorch.runtime", EXECUTORCH).Runtime.get().load_program(path).load_method("forward")
    return lambda image: method.execute((image,))[0].clone()


EXTRA = "pip install depthlib[export]"
LITERT = "pip install litert-torch, in an environment of its own: it needs other versions than the rest of depthlib"
EXECUTORCH = "uv sync --group executorch, or pip install executorch"
FORMATS = {
    "onnx": Format(".onnx", _write_onnx, _onnx_runner),
    "litert": Format(".tflite", _write_litert, _litert_runner),
    "executorch": Format(".pte", _write_executorch, _executorch_runner),
}


def run(weights: Path, out: Path, format: str, size: Sequence[int] | None) -> int:
    """The command `depthlib export`: print what was written, or the error. Returns 0 or 1."""
    try:
        done = export(weights, out, format=format, size=size)
    except (ExportError, ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    print(f"{done.path}: {done.notes['model']}, {done.path.stat().st_size / 1e6:.2f} MB")
    print(f"  input   {done.notes['input']}\n  output  {done.notes['output']}\n  licence {done.notes['license']}")
    found = " and ".join(f"{difference:.1g}" for difference in done.differences)
    print(
        f"  checked against torch on two images: differs by {found} of the largest value, at most {TOLERANCE:g} allowed"
    )
    return 0
