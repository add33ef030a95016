"""A trained network as one file that runs without this package: ONNX, or with their own packages LiteRT and ExecuTorch.

    depthlib export runs/<run>/weights.safetensors student.onnx

An ONNX file takes images of any height and width that are multiples of a number in its metadata, unless a size is given
for it. Each file is run and compared with torch before it is moved to its final name. The metadata say what goes in and
comes out; `docs/onnxruntime_example.py` uses such a file with NumPy, Pillow and ONNX Runtime alone.
"""

from depthlib.models.export.errors import ExportError
from depthlib.models.export.formats import FORMATS, TOLERANCE, Format
from depthlib.models.export.network import Exported, export, write
from depthlib.models.export.onnx_files import metadata, onnx_session, write_graph

__all__ = [
    "FORMATS",
    "TOLERANCE",
    "ExportError",
    "Exported",
    "Format",
    "export",
    "metadata",
    "onnx_session",
    "write",
    "write_graph",
]
