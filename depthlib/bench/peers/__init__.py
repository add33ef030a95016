"""Our losses, layers and measures against those of others: `depthlib bench peers`.

Both sides run in turns in one process on the same input; what counts is the ratio of their times. A peer that is not
installed is skipped.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence

import torch

from depthlib.bench import MIB, arguments
from depthlib.bench.peers.comparison import Comparison, measure


def comparisons() -> Iterator[Comparison]:
    """Those of all modules of this package: their `COMPARISONS`."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield from getattr(importlib.import_module(module.name), "COMPARISONS", ())


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "our times over those of peers; below 1, ours is faster",
        argv,
        only=("", "comparisons whose work has this in its name"),
        repeats=15,
        device="cpu",
        threads=1,
    )
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(f"{device}, {options.threads} threads; {options.repeats} calls of each side in turns")
    print(f"{'work':58s} {'peer':28s} {'ratio (quartiles)':22s} {'ours':>9s} {'MiB, peer':>12s} {'differs':>9s}")
    for item in comparisons():
        if options.only not in item.work:
            continue
        if not item.installed:
            print(f"{item.work:58s} {item.peer:28s} skipped: {item.needs} is not installed")
            continue
        made = measure(item, repeats=options.repeats, device=device)
        low, high = (made.ratios[round(q * (options.repeats - 1))] for q in (0.25, 0.75))
        print(
            f"{item.work:58s} {item.peer:28s} {f'{made.ratio:.2f} ({low:.2f} to {high:.2f})':22s} "
            f"{min(made.ours) * 1e3:6.1f} ms {f'{made.ours_bytes / MIB:.0f}, {made.peer_bytes / MIB:.0f}':>12s} "
            f"{made.difference:9.0e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
