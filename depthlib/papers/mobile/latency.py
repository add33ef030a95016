"""Inference time per image: Table 8 of the mobile paper, with ONNX Runtime on this machine instead of two phones."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from depthlib.base.cost import macs
from depthlib.models import create_model
from depthlib.models.export import onnx_session, write_graph
from depthlib.papers.mobile.pruned import HEADS
from depthlib.papers.mobile.surgery import blocks_of, shrink

if TYPE_CHECKING:
    from depthlib.report.claims import PublishedPaper

SIZE = (256, 256)  # of Table 8
FEWEST = 5  # timed images of a network that is too slow for all rounds
OURS = "Ours"
RIVALS = {"MiDaS small": "midas", "DIW hourglass": "diw_hourglass", OURS: "mobile"}
CPUS = {"s10": "S10+ CPU", "s21": "S21 CPU"}


def networks_of_table8(pruned: Mapping[str, nn.Module] | None = None) -> dict[str, nn.Module]:
    """The networks of the table at full size with random weights, on which times do not depend.

    Args:
        pruned: "Ours-pruned v1" and so on -> networks of `mobile_pruned`, of one encoder, which "Ours" then has, too;
            narrow ones are widened by `at_full_size`.
    """
    torch.manual_seed(0)
    networks = {label: create_model(name) for label, name in RIVALS.items()}
    if pruned:
        networks[OURS] = create_model("mobile", encoder=_wide_encoder(next(iter(pruned.values()))))
    return networks | {label: at_full_size(network) for label, network in (pruned or {}).items()}


def at_full_size(pruned: nn.Module) -> nn.Module:
    """The student at full width with the share of channels that `pruned` keeps in each block, to a multiple of 8.

    Short runs may prune a student with a narrow MobileNetV2. Its times cannot be compared with Table 8; its shares can
    be used.
    """
    image = torch.zeros(1, 3, 32, 32)
    encoder = _encoder_of(pruned)
    full = create_model("mobile", encoder=_wide_encoder(pruned)).eval()
    now, before = blocks_of(_without_heads(pruned), image), blocks_of(create_model("mobile", encoder=encoder), image)
    widths = {
        name: min(width, max(8, round(width * now[name] / before[name] / 8) * 8))
        for name, width in blocks_of(full, image).items()
    }
    return shrink(full, image, widths)


def time_networks(
    networks: Mapping[str, nn.Module],
    *,
    size: Sequence[int] = SIZE,
    runs: int = 50,
    warm_up: int = 5,
    threads: int = 1,
    seconds: float = math.inf,
) -> pd.DataFrame:
    """One row per network: the cost of an image with ONNX Runtime on the CPU, in float32, batch 1.

    The networks take turns, one image each, so that other load on the machine affects all of them alike.

    Args:
        runs: timed images of each network, after `warm_up` that are not.
        threads: of ONNX Runtime.
        seconds: time limit per network, warm-up included; further rounds are skipped, except for the first image and
            `FEWEST` timed ones.

    Returns:
        Columns: parameters, without intermediate heads; GMACs; milliseconds, the median; low and high, the quartiles;
        runs, the number of timed images.

    Raises ValueError for fewer than one run or thread; ExportError without ONNX Runtime.
    """
    if min(runs, threads) < 1 or warm_up < 0:
        raise ValueError(f"runs, threads, warm_up: found {runs}, {threads} and {warm_up}, expected at least 1, 1 and 0")
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        sessions = {}
        for number, (label, network) in enumerate(networks.items()):
            file = Path(folder) / f"{number}.onnx"
            write_graph(network.cpu().eval(), image, file)
            sessions[label] = onnx_session(file, threads)
    feed = {"image": image.numpy()}
    times: dict[str, list[float]] = {label: [] for label in networks}
    used, last = dict.fromkeys(networks, 0.0), dict.fromkeys(networks, 0.0)
    for turn in range(warm_up + runs):
        needed = turn == 0 or warm_up <= turn < warm_up + FEWEST
        for label, session in sessions.items():
            if not needed and used[label] + last[label] > 1e3 * seconds:
                continue
            started = time.perf_counter()
            session.run(None, feed)
            last[label] = 1e3 * (time.perf_counter() - started)
            used[label] += last[label]
            if turn >= warm_up:
                times[label].append(last[label])
    rows = {}
    for label, network in networks.items():
        low, median, high = np.percentile(times[label], (25, 50, 75))
        count = sum(p.numel() for name, p in network.named_parameters() if not name.startswith(HEADS))
        rows[label] = {
            "parameters": count,
            "GMACs": macs(network, image) / 1e9,
            "milliseconds": median,
            "low": low,
            "high": high,
            "runs": len(times[label]),
        }
    table = pd.DataFrame(rows).T.astype({"parameters": int, "runs": int})
    table.index.name = "network"
    return table


def ratios(times: pd.DataFrame, paper: PublishedPaper, here: str = "here") -> pd.DataFrame:
    """Times over that of "Ours" on the same machine: on the CPUs of the two phones in print, and in `times`.

    Rows: those of `times`; NaN where the paper has no time.
    """
    printed = paper.table("table8").to_frame()
    columns: dict[str, Any] = {
        name: printed[phone, "cpu"].reindex(times.index) / printed[phone, "cpu"][OURS] for phone, name in CPUS.items()
    }
    columns[here] = times["milliseconds"] / times["milliseconds"][OURS]
    return pd.DataFrame(columns)


def _encoder_of(model: nn.Module) -> str:
    """The name of a student's encoder."""
    from depthlib.papers.mobile.encoders import BACKBONES

    return next(name for name, backbone in BACKBONES.items() if backbone == model.encoder.backbone)


def _wide_encoder(model: nn.Module) -> str:
    encoder = _encoder_of(model)
    return "mobilenet_v2" if encoder.startswith("mobilenet_v2_") else encoder


def _without_heads(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).drop_intermediate()
