"""Depth of a photograph from a file of `depthlib export`, without depthlib: ONNX Runtime, NumPy and Pillow are enough.

    depthlib export weights.safetensors depth.onnx
    python onnxruntime_example.py depth.onnx photo.jpg depth.png [focal length in pixels]

Writes a 16-bit PNG; one unit is a millimetre, or a thousandth of the network's unit where that is none.
"""

import math
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main(model: str, photo: str, out: str, focal: float | None = None) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    notes = session.get_modelmeta().custom_metadata_map
    print(f"input {notes['input']}\noutput {notes['output']}")

    # The network looks best at about as many pixels as in its training; sides are multiples of a number, or fixed.
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    width, height = picture.size
    rows, columns = map(int, notes["input_size"].split())
    if "multiple" in notes:
        multiple, pixels = int(notes["multiple"]), rows * columns
        rows, columns = (
            max(1, round(math.sqrt(pixels * aspect) / multiple)) * multiple
            for aspect in (height / width, width / height)
        )
    small = picture.resize((columns, rows), Image.Resampling.BILINEAR)
    image = np.asarray(small, np.float32).transpose(2, 0, 1)[None] / 255  # the network normalises it itself
    depth = session.run(["depth"], {"image": image})[0][0, 0]

    # Metres are true for a camera like that of the training, whose focal length is given over sqrt(height x width).
    if notes["unit"] == "metre" and "training_focal" in notes:
        focal = focal or 28 * math.hypot(height, width) / math.hypot(36, 24)  # a guess: 28 mm equivalent
        depth = depth * (focal / math.sqrt(height * width) / float(notes["training_focal"]))
    if notes["unit"] == "relative":
        depth = depth - depth.min()  # it has neither a zero nor a unit
    full = np.asarray(Image.fromarray(depth).resize((width, height), Image.Resampling.BILINEAR))
    Image.fromarray((1000 * full).round().clip(0, 65535).astype(np.uint16)).save(out)
    print(f"{out}: {full.min():.2f} to {full.max():.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(float, sys.argv[4:]))
