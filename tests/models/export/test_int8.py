"""Networks in 8-bit integers: smaller, near the float ones, and their error is the one that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from depthlib.models import create_model
from depthlib.models.export import metadata, onnx_session, write
from depthlib.models.export.int8 import int8_error, write_int8

pytestmark = pytest.mark.slow


def images(count: int, first: int, size: tuple[int, int] = (48, 64)) -> list[Tensor]:
    return [torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(first + n)) for n in range(count)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small U-Net of any size in float32 and in int8."""
    folder = tmp_path_factory.mktemp("int8")
    torch.manual_seed(0)
    write(create_model("unet", width=4), folder / "a.onnx", (48, 64), multiple=16, notes={"unit": "metre"})
    write_int8(folder / "a.onnx", folder / "b.onnx", images(6, 0), {"by": "me"})
    return folder / "a.onnx", folder / "b.onnx"


def test_weights_are_integers_but_those_of_both_ends(files: tuple[Path, Path]) -> None:
    assert files[1].stat().st_size < 0.5 * files[0].stat().st_size
    graph = onnx.load(files[1]).graph
    made = {output: node for node in graph.node for output in node.output}
    stored = {weight.name: weight.data_type for weight in graph.initializer}
    kinds = []
    for node in (node for node in graph.node if node.op_type == "Conv"):
        source = made.get(node.input[1])
        kinds.append(stored[source.input[0] if source is not None else node.input[1]])
    assert kinds[0] == kinds[-1] == onnx.TensorProto.FLOAT and set(kinds[1:-1]) == {onnx.TensorProto.INT8}
    said = metadata(onnx_session(files[1]))
    assert said == {"unit": "metre", "precision": "int8", "by": "me"}


@pytest.mark.parametrize("unit", ["metre", "relative"])
def test_the_error_is_what_two_sessions_say(files: tuple[Path, Path], unit: str) -> None:
    """At a size that neither the export nor the calibration has seen."""
    others = images(3, 100, (64, 96))
    said = int8_error(*files, others, unit)
    exact, rounded = (
        np.stack([onnx_session(file).run(None, {"image": image.numpy()})[0] for image in others]) for file in files
    )
    whole = exact
    if unit == "relative":
        whole = np.array([np.subtract(*np.percentile(one, (98, 2))) for one in exact]).reshape(-1, 1, 1, 1, 1)
    share = np.abs(rounded - exact) / whole
    assert said.mean == pytest.approx(share.mean(), rel=1e-5) and said.high == pytest.approx(
        np.percentile(share, 95), rel=1e-5
    )
    assert said.mean > 1e-5 and said.images == 3 and (unit == "relative" or said.mean < 0.02)
    assert ("range" in str(said)) == (unit == "relative")


def test_nothing_is_written_without_images(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="images: found none"):
        write_int8(files[0], tmp_path / "c.onnx", [])
    assert not list(tmp_path.iterdir())
