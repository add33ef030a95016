"""An ONNX file in 8-bit integers, by the static quantisation of ONNX Runtime, and the error that it costs.

Weights are integers with a scale for each output channel, activations with one for each map, which is taken from the
least and greatest value on images given. The first and the last convolution stay in float32: they read the image and
write the depth, where rounding costs most, and they have few weights. On processors of Intel without VNNI products of
8-bit numbers can overflow, so the error is to be measured on the machine that will run the file.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.models.export.errors import needed
from depthlib.models.export.onnx_files import EXTRA, onnx_session


@dataclass(frozen=True)
class Int8Error:
    """Differences of int8 from float32 over all pixels of `images` images: their mean and 95th percentile, as a share.

    Attributes:
        of: what they are shares of, in words: of each pixel's depth, or, of relative depth, which has no zero, of the
            range of an image between its 2nd and 98th percentile.
    """

    mean: float
    high: float
    of: str
    images: int

    def __str__(self) -> str:
        return f"{self.mean:.2%} of {self.of} in the mean, at most {self.high:.2%} at 95 % of the pixels"


def write_int8(source: Path, out: Path, images: Sequence[Tensor], notes: Mapping[str, str] | None = None) -> None:
    """Write the float32 ONNX file `source` in int8 to `out`, whole or not at all.

    Args:
        images: [1,3,H,W] each, to calibrate with; any sizes that the file takes.
        notes: metadata, in addition to those of `source`.

    Raises:
        ValueError: no images. ExportError: ONNX Runtime is missing.
    """
    if not images:
        raise ValueError("images: found none, expected some to calibrate with")
    onnx, quantization = needed("onnx", EXTRA), needed("onnxruntime.quantization", EXTRA)
    shape_inference = needed("onnxruntime.quantization.shape_inference", EXTRA)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        """The images one after the other, as ONNX Runtime asks for them."""

        def __init__(self) -> None:
            self.left: Iterator[Tensor] = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.left, None)
            return None if image is None else {"image": image.numpy()}

    logging.getLogger().addFilter(_not_quantisation)
    try:
        with tempfile.TemporaryDirectory() as folder, atomic_write(out) as temporary:
            folded, written = Path(folder) / "folded.onnx", Path(folder) / "int8.onnx"
            shape_inference.quant_pre_process(source, folded, skip_symbolic_shape=True)
            convolutions = [node.name for node in onnx.load(folded).graph.node if node.op_type == "Conv"]
            quantization.quantize_static(
                folded,
                written,
                Reader(),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=[*convolutions[:1], *convolutions[-1:]],
            )
            proto = onnx.load(written)
            said = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
            onnx.helper.set_model_props(proto, {**said, "precision": "int8", **(notes or {})})
            onnx.save_model(proto, temporary)
    finally:
        logging.getLogger().removeFilter(_not_quantisation)


def int8_error(source: Path, quantised: Path, images: Sequence[Tensor], unit: str) -> Int8Error:
    """How far `quantised` differs from `source` on `images`, which should be others than those of the calibration.

    Args:
        unit: of the depth, as `Meaning.unit`.
    """
    exact, rounded = onnx_session(source), onnx_session(quantised)
    shares = []
    for image in images:
        expected, found = (session.run(None, {"image": image.numpy()})[0] for session in (exact, rounded))
        whole = np.ptp(np.percentile(expected, (2, 98))) if unit == "relative" else np.abs(expected)
        shares.append((np.abs(found - expected) / np.maximum(whole, 1e-12)).ravel())
    together = np.concatenate(shares)
    of = "the range" if unit == "relative" else "the depth"
    return Int8Error(float(together.mean()), float(np.percentile(together, 95)), of, len(images))


def _not_quantisation(record: logging.LogRecord) -> bool:
    """Without advice of ONNX Runtime on options that it has been given."""
    return "quantization" not in record.pathname
