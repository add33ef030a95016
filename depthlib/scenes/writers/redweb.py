"""Files in the format of ReDWeb from scenes."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from depthlib.data.redweb import SKY
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, safe_name, save_picture


def write_redweb(root: str | os.PathLike[str], samples: Samples) -> None:
    """Imgs/*.jpg and RDs/*.png: 8 bits, disparity scaled to 0 (nearest) to 254 (farthest), 255 without a surface."""
    root = Path(root)
    for sample in each(samples):
        depth, valid = sample["depth"][0].double(), sample["valid"][0]
        inverse = 1 / torch.where(valid, depth, 1.0)
        near, far = inverse[valid].max(), inverse[valid].min()
        stored = torch.where(valid, ((near - inverse) / (near - far) * (SKY - 1)).round(), float(SKY))
        save_picture(root / f"Imgs/{safe_name(sample)}.jpg", bytes_of(sample["image"]))
        save_picture(root / f"RDs/{safe_name(sample)}.png", stored.byte().numpy())
