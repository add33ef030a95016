"""Anybody's predictions under a named protocol: errors of each image, their mean with an interval, and warnings in
words.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.base.stats import Interval
from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.metrics.benchmark import units_of
from depthlib.protocols.applies import check_unit, covered, size_fault
from depthlib.protocols.depth_files import depth_files, pair_files, read_depth
from depthlib.protocols.protocol import Protocol, load_protocol
from depthlib.protocols.reduction import reduced_interval
from depthlib.protocols.scaling import median as median_of

if TYPE_CHECKING:
    import pandas as pd

PLAUSIBLE = (0.01, 500.0)  # metres: the median depth of any scene that these protocols are for
KNOWN_FACTORS = (10.0, 100.0, 256.0, 1000.0, 3906.25, 5000.0, 10000.0)  # of units that are mistaken for each other
PREDICTED = "*_depth16.png"  # the files that `depthlib predict` writes
SAMPLE = 4096  # pixels of an image that tell whether near and far are exchanged


@dataclass(frozen=True)
class ImageScore:
    """One image.

    Attributes:
        pixels: how many counted. holes: how many pixels of the prediction are 0.
        ratio: median of the prediction over that of the truth, before any scaling; NaN where nothing can be said.
        order: correlation of the logarithms of prediction and truth: negative where near and far are exchanged.
        errors: metric name -> value.
    """

    name: str
    pixels: int
    holes: int
    ratio: float
    order: float
    errors: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """All images under one protocol; `skipped` names those without a pixel that counts, `warnings` are sentences."""

    protocol: Protocol
    images: list[ImageScore]
    skipped: list[str]
    warnings: list[str]

    def summary(self, level: float = 0.95) -> dict[str, Interval]:
        """metric -> the protocol's average, with a bootstrap interval over images: of one image both ends are its own
        error, which is no interval, and neither printed nor written as one.
        """
        pixels = [image.pixels for image in self.images]
        return {
            name: reduced_interval(
                name, [i.errors[name] for i in self.images], pixels, self.protocol.reduction, level=level
            )
            for name in self.protocol.metrics
        }

    def write(self, out: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write `<protocol>-images.csv` and `<protocol>-summary.csv` into a folder; give their paths."""
        stem = re.sub(r"[^\w.+=,-]", "_", self.protocol.name)
        rows = [
            [i.name, i.pixels, i.holes, i.ratio, *(i.errors[m] for m in self.protocol.metrics)] for i in self.images
        ]
        header = ["name", "pixels", "holes", "median_ratio", *self.protocol.metrics]
        images = _csv(Path(out) / f"{stem}-images.csv", header, rows)
        made = [len(self.images), len(self.skipped), self.protocol.name, self.protocol.fingerprint()[:12]]
        ends = (lambda v: [v.low, v.high]) if len(self.images) > 1 else (lambda v: ["", ""])
        table = [[m, units_of((m,)).rpartition(" ")[2], v.mean, *ends(v), *made] for m, v in self.summary().items()]
        names = ["metric", "unit", "value", "low", "high", "images", "skipped", "protocol", "fingerprint"]
        return images, _csv(Path(out) / f"{stem}-summary.csv", names, table)


def score_maps(pairs: Iterable[tuple[str, Tensor, Tensor]], protocol: Protocol) -> Scores:
    """Score (name, prediction [h,w], truth [H,W]) one after the other; metres, 0 = unknown. Sizes may differ from image
    to image.

    Raises:
        DataError: a prediction on its side, a truth whose unit cannot be metres, what the protocol refuses; named.
    """
    images, skipped, resized = [], [], []
    for name, *maps in pairs:
        prediction, truth = (x.detach().cpu().float() for x in maps)
        if wrong := size_fault(tuple(prediction.shape), tuple(truth.shape), protocol):
            raise DataError(
                f"{name}: found a prediction of {_size(prediction)} for a truth of {_size(truth)}, expected {wrong}"
            )
        _check_metres(name, truth.numpy())
        try:
            score = _score(name, prediction[None, None], truth[None, None], protocol)
        except ValueError as error:
            raise DataError(f"{name}: {one_line(error)}") from error
        if score is None:
            skipped.append(name)
            continue
        images.append(score)
        if (shown := covered(truth.shape, protocol)) != tuple(prediction.shape):
            stretch = prediction.shape[1] * shown[0] / (prediction.shape[0] * shown[1])
            resized.append((f"{name}, {_size(prediction)} for {shown[0]} x {shown[1]}", max(stretch, 1 / stretch)))
    if not images:
        raise DataError(
            f"protocol {protocol.name}: found no valid pixel in any of {len(skipped)} images, expected at least one"
        )
    return Scores(protocol, images, skipped, _warnings(protocol, images, skipped, resized))


def score_folders(
    pred: str | os.PathLike[str],
    gt: str | os.PathLike[str],
    protocol: str | Protocol,
    *,
    pred_scale: float | None = None,
    gt_scale: float | None = None,
    pred_pattern: str | None = None,
    gt_pattern: str | None = None,
    pred_key: str | None = None,
    gt_key: str | None = None,
) -> Scores:
    """Score the depth maps of one folder against those of another; files pair by name.

    Args:
        pred, gt: folders of 16-bit PNG, npy or npz files (see `read_depth`).
        protocol: a name, also with changes ("eigen-raw+scaling=median").
        pred_scale, gt_scale: units per metre, where the files do not say it (KITTI 256, millimetres 1000).
        pred_pattern, gt_pattern: like "*_depth16.png", where names differ or other files lie beside (see
            `depth_files`); that one is taken by itself where the folder is one of `depthlib predict`.
        pred_key, gt_key: the array of npz files that hold several.

    Raises:
        DataError: a truth without prediction, wrong shapes, NaN, wrong units of the truth, nothing to measure.
        ValueError: an unknown protocol.
    """
    protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
    if pred_pattern is None and any(Path(pred).glob(PREDICTED)):
        pred_pattern = PREDICTED
    pairs, unused = pair_files(depth_files(pred, pred_pattern), depth_files(gt, gt_pattern))
    for _, prediction, _ in pairs:
        check_unit(prediction, protocol)
    maps = ((name, read_depth(p, pred_scale, pred_key), read_depth(g, gt_scale, gt_key)) for name, p, g in pairs)
    scores = score_maps(maps, protocol)
    if unused:
        scores.warnings.append(f"{len(unused)} predictions have no truth and were left out, the first is {unused[0]}")
    return scores


def protocol_table(
    predictions: Mapping[str, Tensor], truth: Mapping[str, Tensor], names: Sequence[str]
) -> pd.DataFrame:
    """The same predictions under several protocols: how far a number moves though nothing was learned in between.

    Args:
        predictions, truth: name of image -> [h,w] and [H,W] metres, 0 = unknown. names: protocols, also with changes.
    Returns:
        One row a protocol: how many images, every metric of any of them (missing where it does not measure that), and
            `note`:
        its warnings, or why it does not apply to these images.
    """
    import pandas as pd

    if missing := sorted(set(truth) - set(predictions)):
        raise ValueError(
            f"predictions: found none for {missing[0]} ({len(missing)} missing), expected one for every truth"
        )
    rows = {}
    for name in names:
        protocol = load_protocol(name)
        try:
            scores = score_maps(((key, predictions[key], truth[key]) for key in truth), protocol)
        except DataError as error:
            rows[protocol.name] = {"images": 0, "note": f"does not apply: {error}"}
            continue
        values = {metric: value.mean for metric, value in scores.summary().items()}
        rows[protocol.name] = {"images": len(scores.images), **values, "note": "; ".join(scores.warnings)}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("protocol")
    return table[[*(column for column in table.columns if column != "note"), "note"]]


def run(
    pred: str | os.PathLike[str],
    gt: str | os.PathLike[str],
    protocol: str,
    out: str | os.PathLike[str],
    *,
    pred_scale: float | None = None,
    gt_scale: float | None = None,
    pred_pattern: str | None = None,
    gt_pattern: str | None = None,
    pred_key: str | None = None,
    gt_key: str | None = None,
) -> int:
    """The command line's `evaluate`: print the averages with their intervals and all warnings, write the two CSV files.

    Returns 0, or 2 when nothing could be scored. Arguments as `score_folders`.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    screen, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    try:
        scores = score_folders(
            pred,
            gt,
            protocol,
            pred_scale=pred_scale,
            gt_scale=gt_scale,
            pred_pattern=pred_pattern,
            gt_pattern=gt_pattern,
            pred_key=pred_key,
            gt_key=gt_key,
        )
        files = scores.write(out)
    except (ValueError, OSError) as error:
        errors.print(f"[red]error[/] {escape(one_line(error))}", highlight=False)
        return 2
    table = Table(
        "metric", "value", "95 % interval", "unit", title=f"{scores.protocol.name}: {len(scores.images)} images"
    )
    for metric, value in scores.summary().items():
        interval = f"{value.low:.4f} to {value.high:.4f}" if len(scores.images) > 1 else "none: one image"
        table.add_row(metric, f"{value.mean:.4f}", interval, units_of((metric,)).rpartition(" ")[2])
    screen.print(table)
    for sentence in scores.warnings:
        errors.print(f"[yellow]warning[/] {escape(sentence)}", highlight=False)
    screen.print(f"{escape(str(files[0]))}, {escape(files[1].name)}", highlight=False)
    return 0


def _check_metres(name: str, truth: np.ndarray) -> None:
    """Raise DataError unless the median of the known depths is one of a scene in metres."""
    nearest, farthest = PLAUSIBLE
    if 2 * np.count_nonzero((truth > nearest) & (truth < farthest)) > np.count_nonzero(truth > 0):
        return  # so is the median, which takes longer
    known = truth[truth > 0]
    if len(known) and not nearest < (middle := median_of(known, lower=True)) < farthest:
        raise DataError(
            f"{name}: found a truth with a median of {middle:g} m, expected metres "
            f"({nearest:g} to {farthest:g}); give the scale of the truth, units per metre"
        )


def _score(name: str, prediction: Tensor, truth: Tensor, protocol: Protocol) -> ImageScore | None:
    """One image, [1,1,h,w] and [1,1,H,W]; None without a pixel that counts."""
    scored = protocol.score_image(prediction, truth)
    if scored is None:
        return None
    p, t, errors = scored
    pixels, holes = len(t), 0 if prediction.numpy().min() > 0 else int((prediction == 0).sum())
    if not p.min() > 0:
        p, t = p[p > 0], t[p > 0]
    ratio = float(median_of(p) / median_of(t)) if len(p) else math.nan
    return ImageScore(name, pixels, holes, ratio, _correlation(p, t), errors)


@np.errstate(all="ignore")
def _correlation(p: np.ndarray, t: np.ndarray) -> float:
    """Of the logarithms of some of the pixels [N]; NaN where they do not vary."""
    some = torch.linspace(0, len(p) - 1, min(SAMPLE, len(p))).long().numpy()
    a, b = np.log(p.take(some)), np.log(t.take(some))
    if len(a) == 0 or not (spread := a.std() * b.std()) > 0:
        return math.nan
    return float((a - a.mean()) @ (b - b.mean()) / (len(a) * spread))


def _warnings(
    protocol: Protocol, images: list[ImageScore], skipped: list[str], resized: list[tuple[str, float]]
) -> list[str]:
    sentences = []
    total = len(images) + len(skipped)
    if protocol.images not in (None, total):
        sentences.append(
            f"{protocol.name} is defined for {protocol.images} images, these are {total}: not comparable with "
            "others' figures"
        )
    if skipped:
        sentences.append(
            f"{len(skipped)} images have no pixel that counts and were left out, the first is {skipped[0]}"
        )
    if resized:
        name, stretch = max(resized, key=lambda one: one[1])
        question = (
            f" and stretched by {100 * (stretch - 1):.1f} %: do they show all of it, or a crop?"
            if stretch > 1.01
            else ""
        )
        sentences.append(f"{len(resized)} predictions were resized to their truth ({name}){question}")
    ratios = [image.ratio for image in images if not math.isnan(image.ratio)]
    if ratios and protocol.scaling == "none" and not 0.2 < (ratio := median(ratios)) < 5:
        factor = min(KNOWN_FACTORS, key=lambda f: abs(math.log(max(ratio, 1 / ratio) / f)))
        near = 0.6 < max(ratio, 1 / ratio) / factor < 1.7
        likely = f", about a factor of {factor:g}: is the scale of the files right?"
        guess = likely if near else ": metres, or depth of unknown scale?"
        sentences.append(f"the predictions' median is {ratio:.3g} times that of the truth{guess}")
    orders = [image.order for image in images if not math.isnan(image.order)]
    if orders and median(orders) < -0.3:
        sentences.append(
            f"near and far are exchanged (correlation {median(orders):.2f}): are the predictions disparity or "
            "inverse depth?"
        )
    holes = sum(image.holes for image in images)
    if holes and protocol.holes == "kept":
        sentences.append(
            f"{holes} predicted pixels are 0, expected a depth everywhere; where they count, they are scored as "
            "wrong depths"
        )
    return sentences


def _csv(path: Path, header: list[str], rows: list[list]) -> Path:
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _size(depth: Tensor) -> str:
    return " x ".join(map(str, depth.shape))
