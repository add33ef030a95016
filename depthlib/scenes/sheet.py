"""A contact sheet of scenes: `python -m depthlib.scenes.sheet --family streets --knob clutter=1 --out sheet.png`."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from depthlib.scenes.classes import CLASSES
from depthlib.scenes.dataset import SceneDataset
from depthlib.scenes.distribution import SPLITS, SceneDistribution
from depthlib.scenes.wild import wild


def contact_sheet(dataset: SceneDataset, columns: int = 4) -> Image.Image:
    """All items, `columns` beside each other: images in the order of time, depth, and flow and masks if there are."""
    items = [torch.cat(_pictures(dataset[i], dataset.distribution.depth_range), dim=-1) for i in range(len(dataset))]
    items += [torch.ones_like(items[0])] * (-len(items) % columns)
    rows = [torch.cat(items[i : i + columns], dim=-1) for i in range(0, len(items), columns)]
    return Image.fromarray((torch.cat(rows, dim=-2) * 255).round().byte().permute(1, 2, 0).numpy())


def _pictures(item: Mapping[str, Any], depths: tuple[float, float]) -> list[Tensor]:
    """[3, H, W] each."""
    pictures = [item[name] for name in ("previous", "image", "next", "right") if name in item]
    pictures.append(_depth(item["depth"], *depths))
    pictures += [_flow(item[name]) for name in ("flow_next", "flow_previous") if name in item]
    masks = [item[name] for name in ("occluded_next", "occluded_previous", "moving") if name in item]
    return pictures + [0.3 * item["image"] + 0.7 * mask for mask in masks]


def _depth(depth: Tensor, near: float, far: float) -> Tensor:
    from matplotlib import colormaps

    level = (depth[0].clamp(min=near) / near).log() / np.log(far / near)
    colour = torch.from_numpy(colormaps["turbo"](1 - level.clamp(0, 1).numpy())[..., :3]).float().permute(2, 0, 1)
    return torch.where(depth > 0, colour, 0.0)


def _flow(flow: Tensor) -> Tensor:
    """Direction as hue, length as saturation: full at 5 % of the width."""
    from matplotlib.colors import hsv_to_rgb

    u, v = flow
    hue = torch.atan2(v, u) / (2 * np.pi) + 0.5
    length = (flow.norm(dim=0) / (0.05 * flow.shape[-1])).clamp(max=1)
    colour = hsv_to_rgb(torch.stack([hue.clamp(0, 1), length, torch.ones_like(u)], -1).numpy())
    return torch.from_numpy(colour).float().permute(2, 0, 1)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=sorted(CLASSES), default="rooms")
    parser.add_argument("--wild", action="store_true", help="the distribution for photographs")
    parser.add_argument("--knob", action="append", default=[], metavar="NAME=VALUE", help="of SceneDistribution")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--triplet", action="store_true", help="previous and next view, flow to the next, masks")
    parser.add_argument("--out", type=Path, default=Path("scenes.png"))
    options = parser.parse_args(argv)
    knobs = {name: ast.literal_eval(value) for name, _, value in (knob.partition("=") for knob in options.knob)}
    distribution = wild(options.family, **knobs) if options.wild else SceneDistribution(options.family, **knobs)
    more = {"views": ("previous", "current", "next"), "extras": ("flow_next", "occluded_next", "moving")}
    dataset = SceneDataset(
        distribution,
        options.split,
        options.count,
        first=options.first,
        progress=True,
        **(more if options.triplet else {}),
    )
    contact_sheet(dataset, options.columns).save(options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
