"""Table 8 of the mobile paper on this machine: `depthlib bench latency --threads 2`; or exported files at several
sizes: `depthlib bench latency depth.onnx depth_int8.onnx --sizes 96x128 192x256`.

ONNX Runtime, one image at a time; median and quartiles after a warm-up. `--pruned` takes weights of pruned networks,
which are first scaled to the full width. Files take turns, one image each, so that other load on the machine affects
all of them alike; beside the time on the clock stands that of the processor, all threads together.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from depthlib.models.export import onnx_session
from depthlib.models.weights import load_weights
from depthlib.papers.mobile.latency import OURS, SIZE, networks_of_table8, time_networks

SIZES = ((96, 128), (192, 256), (288, 384), (384, 512))


class Time(NamedTuple):
    """Milliseconds of an image of `size` (height, width): quartiles by the clock, median of the processor."""

    file: str
    size: tuple[int, int]
    low: float
    median: float
    high: float
    processor: float


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="time of an image: ours, pruned ones, hourglass, MiDaS small; or files"
    )
    parser.add_argument("files", nargs="*", metavar="ONNX", help="exported files, for a table by size")
    parser.add_argument("--sizes", type=_size, nargs="+", default=SIZES, metavar="HEIGHTxWIDTH", help="for files")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("HEIGHT", "WIDTH"), help="for Table 8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--pruned", nargs="*", default=(), metavar="WEIGHTS", help="weights of runs of pruned networks")
    options = parser.parse_args(argv)
    settings = {"runs": options.runs, "warm_up": options.warm_up, "threads": options.threads}
    if options.files:
        print(f"{options.runs} images of a size after {options.warm_up}, {options.threads} threads")
        for row in time_sizes(options.files, options.sizes, **settings):
            quartiles = f"{row.median:.1f} ms (quartiles {row.low:.1f} to {row.high:.1f})"
            height, width = row.size
            print(f"{height} x {width}  {Path(row.file).name}: {quartiles}, {row.processor:.1f} ms of the processor")
        return
    networks = networks_of_table8({path: load_weights(path)[0] for path in options.pruned})
    table = time_networks(networks, size=options.size, **settings)
    height, width = options.size
    print(f"{options.runs} images of {height}x{width} after {options.warm_up}, {options.threads} threads")
    for label, row in table.iterrows():
        ratio = row["milliseconds"] / table["milliseconds"][OURS]
        print(
            f"{label}: {row['milliseconds']:.1f} ms (quartiles {row['low']:.1f} to {row['high']:.1f}), "
            f"{ratio:.2f} of ours; {row['parameters'] / 1e6:.2f} M parameters, {row['GMACs']:.2f} GMACs"
        )


def time_sizes(
    files: Sequence[str], sizes: Sequence[tuple[int, int]], *, runs: int = 50, warm_up: int = 5, threads: int = 1
) -> list[Time]:
    """A row for each size and file.

    Raises ExportError without ONNX Runtime, and its own errors for a size that a file does not take.
    """
    if min(runs, threads) < 1 or warm_up < 0:
        raise ValueError(f"runs, threads, warm_up: found {runs}, {threads} and {warm_up}, expected at least 1, 1 and 0")
    sessions, rows = {file: onnx_session(file, threads) for file in files}, []
    for size in sizes:
        feed = {"image": np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)}
        taken: dict[str, list[tuple[float, float]]] = {file: [] for file in files}
        for turn in range(warm_up + runs):
            for file, session in sessions.items():
                clock, processor = time.perf_counter(), time.process_time()
                session.run(None, feed)
                if turn >= warm_up:
                    taken[file].append((time.perf_counter() - clock, time.process_time() - processor))
        for file, pairs in taken.items():
            clocks, processors = (1e3 * np.array(column) for column in zip(*pairs, strict=True))
            low, median, high = np.percentile(clocks, (25, 50, 75))
            rows.append(Time(file, size, low, median, high, float(np.median(processors))))
    return rows


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


if __name__ == "__main__":
    main()
