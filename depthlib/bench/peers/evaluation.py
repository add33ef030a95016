"""Errors of depth maps against a plain NumPy script: mask, crop, median scaling, clamp, seven errors of each image."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.bench.peers.comparison import Comparison, Sides
from depthlib.metrics import depth_errors
from depthlib.protocols.crops import box
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.scoring import score_maps

PROTOCOL = "eigen-raw+scaling=median"
ERRORS = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3")
NEAR, FAR = 0.001, 80.0
KITTI = (375, 1242)


def script_errors(truth: np.ndarray, pred: np.ndarray) -> list[float]:
    """Of valid pixels [N], metres."""
    factor = np.maximum(truth / pred, pred / truth)
    delta1, delta2, delta3 = ((factor < 1.25**n).mean() for n in (1, 2, 3))
    abs_rel = np.mean(np.abs(truth - pred) / truth)
    sq_rel = np.mean((truth - pred) ** 2 / truth)
    rmse = np.sqrt(((truth - pred) ** 2).mean())
    rmse_log = np.sqrt(((np.log(truth) - np.log(pred)) ** 2).mean())
    return [abs_rel, sq_rel, rmse, rmse_log, delta1, delta2, delta3]


def script_scores(truth: np.ndarray, pred: np.ndarray) -> list[float]:
    """Of one image [H,W], metres, 0 where the truth is unknown."""
    top, bottom, left, right = box("garg", *truth.shape)
    crop = np.zeros(truth.shape)
    crop[top:bottom, left:right] = 1
    mask = np.logical_and(np.logical_and(truth > NEAR, truth < FAR), crop)
    truth, pred = truth[mask], pred[mask]
    pred *= np.median(truth) / np.median(pred)
    pred[pred < NEAR] = NEAR
    pred[pred > FAR] = FAR
    return script_errors(truth, pred)


def maps(share: float, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Truth and prediction, [1,1,H,W] metres; all but a `share` of the truth is unknown."""
    rng = torch.Generator().manual_seed(0)
    truth = 2 + 88 * torch.rand(1, 1, *size, generator=rng)
    pred = 0.3 * truth * (0.6 + 0.8 * torch.rand(truth.shape, generator=rng))
    return (truth * (torch.rand(truth.shape, generator=rng) < share)).to(device), pred.to(device)


def plain(x: Tensor) -> np.ndarray:
    return x[0, 0].cpu().numpy()


def by_protocol(device: torch.device, share: float, small: tuple[int, int] | None = None) -> Sides:
    protocol, (truth, pred) = load_protocol(PROTOCOL), maps(share, KITTI, device)
    pred = pred if small is None else F.interpolate(pred, small, mode="area")
    full = partial(F.interpolate, size=KITTI, mode="bilinear", align_corners=False) if small else lambda x: x
    return Sides(lambda: protocol.score(pred, truth), lambda: script_scores(plain(truth), plain(full(pred))))


def by_command(device: torch.device, share: float) -> Sides:
    protocol, (truth, pred) = load_protocol(PROTOCOL), maps(share, KITTI, device)
    pair = ("image", pred[0, 0], truth[0, 0])
    script = partial(script_scores, plain(truth), plain(pred))
    return Sides(lambda: score_maps([pair], protocol).images[0].errors, script)


def of_pixels(device: torch.device, share: float, size: tuple[int, int]) -> Sides:
    truth, pred = maps(share, size, device)
    valid = truth > 0

    def script() -> list[float]:
        mask = plain(valid) if share < 1 else ...
        return script_errors(plain(truth)[mask], plain(pred)[mask])

    return Sides(lambda: depth_errors(pred, truth, valid, ERRORS), script)


COMPARISONS = [
    Comparison("protocol's errors, 375x1242, 5 % valid", "NumPy script", partial(by_protocol, share=0.05)),
    Comparison("protocol's errors, 375x1242, dense", "NumPy script", partial(by_protocol, share=1)),
    Comparison(
        "protocol's errors, 192x640 to 375x1242, 5 % valid",
        "NumPy script, torch's resize",
        partial(by_protocol, share=0.05, small=(192, 640)),
    ),
    Comparison("depthlib evaluate, 375x1242, 5 % valid", "NumPy script", partial(by_command, share=0.05)),
    Comparison("depthlib evaluate, 375x1242, dense", "NumPy script", partial(by_command, share=1)),
    Comparison("seven errors, 20,000 pixels, all valid", "NumPy script", partial(of_pixels, share=1, size=(100, 200))),
    Comparison("seven errors, 375x1242, 5 % valid", "NumPy script", partial(of_pixels, share=0.05, size=KITTI)),
]
