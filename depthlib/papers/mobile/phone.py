"""A student as a phone runs it: exported to ONNX, in float32 and in int8, with what the rounding costs in WHDR."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

import pandas as pd
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.models.export import export
from depthlib.models.export.int8 import write_int8
from depthlib.models.export.onnx_files import onnx_runner
from depthlib.papers.mobile.measures import PairOrder

WARM_UP = 3


def exported_networks(
    weights: Mapping[str, Path], folder: Path, *, calibrate: Sequence[Tensor], asked: Dataset, count: int = 64
) -> pd.DataFrame:
    """Two rows per network, float32 and int8.

    Args:
        weights: name -> file of weights. folder: where the graphs are written.
        calibrate: images [3,H,W] for the ranges of int8, not those that are asked.
        asked: items with image and pairs; the first `count` of them.

    Returns:
        Columns: megabytes of the file; whdr; milliseconds, the median of an image on one thread; largest difference
        from torch, relative to the largest value (float32 alone).

    Raises ExportError without ONNX Runtime.
    """
    chosen = range(min(count, len(asked)))  # type: ignore[arg-type]
    rows = {}
    for number, (name, file) in enumerate(weights.items()):
        exact, rounded = folder / f"{number}.onnx", folder / f"{number}-int8.onnx"
        done = export(file, exact)
        write_int8(exact, rounded, [image[None] for image in calibrate])
        for precision, path in (("float32", exact), ("int8", rounded)):
            run, order, seconds, wrong = onnx_runner(path), PairOrder(), [], []
            for index in chosen:
                item = asked[index]
                found, took = _timed(run, item["image"][None])
                seconds.append(took)
                wrong.append(order.measures(found[0].double(), item)["whdr"])
            rows[name, precision] = {
                "megabytes": path.stat().st_size / 1e6,
                "whdr": fmean(wrong),
                "milliseconds": 1e3 * median(seconds[WARM_UP:] or seconds),
                "differs from torch": max(done.differences) if precision == "float32" else float("nan"),
            }
    table = pd.DataFrame(rows).T
    table.index.names = ["network", "precision"]
    return table


def _timed(run: Callable[[Tensor], Tensor], image: Tensor) -> tuple[Tensor, float]:
    started = time.perf_counter()
    found = run(image)
    return found, time.perf_counter() - started
