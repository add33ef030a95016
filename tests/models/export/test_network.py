"""Networks as ONNX files: the same numbers as torch, a file that says what it is, and nothing half written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mobile_parts import NARROW
from torch import nn
from typer.testing import CliRunner

from depthlib.app.cli import main
from depthlib.models import create_model
from depthlib.models.export import FORMATS, TOLERANCE, ExportError, Format, export, metadata, network, write
from depthlib.models.export.onnx_files import onnx_runner, write_onnx
from depthlib.models.weights import load_weights, save_weights

SPEC = {"paper": "mobile", "variant": "hard-easy", "data": "diw", "profile": "quick", "seed": 0, "overrides": {}}


def saved(
    folder: Path,
    name: str = "mobile",
    options: dict | None = None,
    spec: dict | None = SPEC,
    size: tuple[int, int] = (64, 96),
) -> Path:
    torch.manual_seed(0)
    options = NARROW if options is None else options
    model = create_model(name, **options)
    for buffer in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):  # statistics as after a training
        buffer.running_mean.normal_(0, 0.1)
        buffer.running_var.uniform_(0.5, 2)
    info = {"spec": spec} if spec else {}
    save_weights(model, folder / "weights.safetensors", model_name=name, options=options, input_size=list(size), **info)
    return folder / "weights.safetensors"


def by_onnx(path: Path, image: torch.Tensor) -> np.ndarray:
    """ONNX Runtime as somebody uses it who has the file alone."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weights of a student with heads, and its ONNX file for images of any size."""
    folder = tmp_path_factory.mktemp("student")
    weights = saved(folder, options={**NARROW, "intermediate": 2})
    export(weights, folder / "student.onnx")
    return weights, folder / "student.onnx"


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (128, 224)])
def test_the_file_says_what_torch_says(student: tuple[Path, Path], size: tuple[int, int]) -> None:
    """At the size that was traced, and at two others."""
    model, _ = load_weights(student[0])
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        expected = model(image).numpy()
    found = by_onnx(student[1], image)
    assert found.shape == (1, 1, *size) and np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 1e-3 and np.abs(by_onnx(student[1], image.flip(-1)) - expected).max() > 1e-3


def test_the_file_is_whole_and_says_what_it_is(student: tuple[Path, Path]) -> None:
    proto = onnx.load(student[1])
    notes = {p.key: p.value for p in proto.metadata_props}
    assert notes["input_size"] == "64 96" and notes["license"].startswith("Apache-2.0")
    assert notes["multiple"] == "32" and notes["unit"] == "relative" and "multiples of 32" in notes["input"]
    assert notes == metadata(onnxruntime.InferenceSession(str(student[1]), providers=["CPUExecutionProvider"]))
    assert "relative depth" in notes["output"] and "larger = farther" in notes["output"] and "[0,1]" in notes["input"]
    assert json.loads(notes["run"]) == SPEC and notes["model"] == "mobile"
    assert [i.name for i in proto.graph.input] == ["image"] and [o.name for o in proto.graph.output] == ["depth"]
    assert not any("intermediate" in w.name for w in proto.graph.initializer)  # heads are for training only
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in proto.graph.initializer)
    assert [f.name for f in student[1].parent.iterdir() if f.name != "weights.safetensors"] == ["student.onnx"]
    text = student[1].read_bytes()
    assert b"site-packages" not in text and str(Path(network.__file__).parent).encode() not in text


@pytest.mark.parametrize(
    ("spec", "meaning"),
    [
        ({**SPEC, "data": "rooms"}, "depth in metres"),
        ({**SPEC, "paper": "anuw", "data": "streets"}, "depth in metres"),
        ({**SPEC, "paper": "dual"}, "up to a scale"),
        ({**SPEC, "data": "y3d"}, "relative depth"),
        ({}, "depth, larger = farther"),
    ],
)
def test_what_the_output_means(spec: dict, meaning: str) -> None:
    info = {"model": "mobile", "options": {}, "spec": spec}
    notes = network._notes(info, (32, 64), (16, 32))
    assert meaning in notes["output"] and "[1,1,16,32]" in notes["output"] and "multiple" not in notes
    free = network._notes(info, (32, 64), (16, 32), 16)
    assert "[1,1,height/2,width/2]" in free["output"] and "multiples of 16" in free["input"]


def test_a_fixed_size(student: tuple[Path, Path], tmp_path: Path) -> None:
    done = export(student[0], tmp_path / "a.onnx", size=(32, 64), notes={"by": "me"})
    assert len(done.differences) == 2 and "[1,3,32,64]" in done.notes["input"] and done.notes["by"] == "me"
    assert by_onnx(tmp_path / "a.onnx", torch.rand(1, 3, 32, 64)).shape == (1, 1, 32, 64)
    with pytest.raises(Exception, match="invalid dimensions"):
        by_onnx(tmp_path / "a.onnx", torch.rand(1, 3, 64, 64))


def test_another_network_of_the_package(tmp_path: Path) -> None:
    weights = saved(
        tmp_path, "unet", {"width": 4, "max_depth": 10.0}, {**SPEC, "paper": "start", "data": "rooms"}, (32, 48)
    )
    done = export(weights, tmp_path / "unet.onnx")
    assert max(done.differences) < 1e-5 and done.notes["output"].endswith("depth in metres")


class Stubborn(nn.Module):
    """What it says depends on the numbers in the image, which no graph can follow."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :1] * (2 if image.mean() > 0.5 else 3)


def left(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir())


def test_nothing_is_written_when_something_is_wrong(
    student: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.onnx"
    out.write_bytes(b"as it was")
    with pytest.raises(ExportError, match="Stubborn: cannot be written as onnx \\("):
        write(Stubborn(), out, (32, 64))
    with pytest.raises(ExportError, match="as onnx for images of all sizes; --size HEIGHT WIDTH fixes one"):
        write(Stubborn(), out, (32, 64), multiple=16)
    with pytest.raises(ExportError, match="size: found 50 x 60, expected a size that the network takes"):
        export(student[0], out, size=(50, 60))
    with pytest.raises(ValueError, match=r"expected a name that ends in \.onnx"):
        export(student[0], tmp_path / "out.tflite")
    with pytest.raises(ValueError, match="format: found 'tf'"):
        export(student[0], out, format="tf")
    with pytest.raises(ValueError, match="size: found"):
        export(student[0], out, size=(32,))
    with pytest.raises(ValueError, match="no such weights file"):
        export(tmp_path / "none.safetensors", out)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(student[0].read_bytes()[:2000])
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        export(broken, out)
    assert CliRunner().invoke(main, ["export", str(broken), str(out)]).exit_code == 1
    broken.unlink()
    # A file that is a little wrong everywhere: both images notice.
    wrong = Format(".onnx", write_onnx, lambda path: lambda image: 1.001 * onnx_runner(path)(image))
    monkeypatch.setitem(FORMATS, "onnx", wrong)
    with pytest.raises(
        ExportError, match=r"found a difference from torch of 0\.001 .* at most 0\.0001; nothing was written"
    ):
        write(load_weights(student[0])[0], out, (32, 64))
    monkeypatch.setitem(FORMATS, "onnx", wrong._replace(runner=lambda path: lambda image: image[:, :1] * float("nan")))
    with pytest.raises(ExportError, match="nothing was written"):
        write(load_weights(student[0])[0], out, (32, 64))
    assert left(tmp_path) == ["out.onnx"] and out.read_bytes() == b"as it was"


def test_networks_of_several_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = saved(tmp_path)
    monkeypatch.setattr("depthlib.papers.mobile.network.MobileDepth.inputs", ("image", "right"), raising=False)
    with pytest.raises(ExportError, match="with inputs image, right, expected a network of one image"):
        export(weights, tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("format", "missing", "advice"),
    [
        ("onnx", "onnx", r"depthlib\[export\]"),
        ("onnx", "onnxscript", r"depthlib\[export\]"),
        ("onnx", "onnxruntime", r"depthlib\[export\]"),
        ("litert", "litert_torch", "pip install litert-torch"),
        ("executorch", "executorch.exir", "uv sync --group executorch"),
    ],
)
def test_missing_packages_are_named(
    format: str, missing: str, advice: str, student: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(ExportError, match=advice):
        export(student[0], tmp_path / f"a{FORMATS[format].suffix}", format=format)
    assert left(tmp_path) == []


@pytest.mark.parametrize(("format", "package"), [("litert", "litert_torch"), ("executorch", "executorch.exir")])
def test_other_formats_where_their_packages_are(
    format: str, package: str, student: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip(package)
    done = export(student[0], tmp_path / f"a{FORMATS[format].suffix}", format=format)
    assert max(done.differences) <= TOLERANCE and done.path.stat().st_size > 1e6
