"""Table 8 of the mobile paper on this machine: `python -m depthlib.bench.latency --threads 2`.

ONNX Runtime, float32, one image of 256x256 at a time; median and quartiles after a warm-up. `--pruned` takes weights of
pruned networks, which are first scaled to the full width.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from depthlib.models.weights import load_weights
from depthlib.papers.mobile.latency import OURS, SIZE, networks_of_table8, time_networks


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="time of an image: ours, pruned ones, hourglass, MiDaS small")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--pruned", nargs="*", default=(), metavar="WEIGHTS", help="weights of runs of pruned networks")
    options = parser.parse_args(argv)

    networks = networks_of_table8({path: load_weights(path)[0] for path in options.pruned})
    table = time_networks(
        networks, size=options.size, runs=options.runs, warm_up=options.warm_up, threads=options.threads
    )
    height, width = options.size
    print(f"{options.runs} images of {height}x{width} after {options.warm_up}, {options.threads} threads")
    for label, row in table.iterrows():
        ratio = row["milliseconds"] / table["milliseconds"][OURS]
        print(
            f"{label}: {row['milliseconds']:.1f} ms (quartiles {row['low']:.1f} to {row['high']:.1f}), "
            f"{ratio:.2f} of ours; {row['parameters'] / 1e6:.2f} M parameters, {row['GMACs']:.2f} GMACs"
        )


if __name__ == "__main__":
    main()
