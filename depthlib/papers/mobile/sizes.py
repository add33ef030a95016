"""The parameters of Tables 1, 2 and 7 of the mobile paper beside the counts of the modules here."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from depthlib.base.cost import parameters
from depthlib.models import create_model

if TYPE_CHECKING:
    from torch import nn

    from depthlib.report.claims import PublishedPaper

# Networks of Table 7 that are no variants, by the beginning of the row's label.
RIVALS = {
    "Chen et al. (RW": ("enc_dec_resnet", {}),
    "Chen et al.": ("diw_hourglass", {}),
    "Li ": ("diw_hourglass", {}),
    "Xian": ("enc_dec_resnet", {}),
    "Mertan": ("enc_dec_resnet", {}),
    "Ranftl et al. (5": ("midas", {"variant": "large"}),
    "Ranftl et al. (10": ("midas", {}),
}
FITS = {"rounded": lambda millions: round(millions, 1), "cut": lambda millions: math.floor(10 * millions) / 10}
REMARKS = {
    "GhostNet + FBNet": "this decoder does not reach the printed number; decoder C, which takes in the head of the "
    "encoder, does",
    "GhostNet": "no standard width with a head of 1280 channels has the printed number",
    "MixNet M + FBNet": "its skips are about as wide as those of EfficientNet ES, and the decoder has half of what "
    "that one's has in print",
    "EfNet ES + FBNet": "the other rows are rounded; rounded it fits without the shortcuts of the blocks",
    "FastDepth": "quoted from FastDepth, which does not count norms; the other rows are rounded",
}


def network_of(label: str, variant: str | None) -> tuple[str, dict[str, Any]] | None:
    """Arguments of `create_model` for a row of Tables 1, 2 or 7 at full width; None for a pruned network."""
    if label.startswith("Ours-pruned"):
        return None
    for start, network in RIVALS.items():
        if label.startswith(start):
            return network
    encoder, _, decoder = (variant or "").rpartition("-")
    if decoder == "nnconv5":
        return ("fastdepth", {}) if encoder == "mobilenet_v1" else ("nnconv5", {"encoder": encoder})
    return ("mobile", {"encoder": encoder, "full": True}) if decoder == "fbnet" else ("mobile", {})


def counted(name: str, **options: Any) -> int:
    """Parameters of a network, built without memory for them. options: as in records, so valid JSON."""
    return _counted(name, json.dumps(options, sort_keys=True))


@cache
def _counted(name: str, options: str) -> int:
    with torch.device("meta"):
        model: nn.Module = create_model(name, **json.loads(options))
    return parameters(model)


def fit_of(millions: float, printed: float) -> str:
    """How a count becomes the printed number with one digit: "rounded", "cut", or "no"."""
    return next((word for word, shorten in FITS.items() if abs(shorten(millions) - printed) < 1e-9), "no")


def size_table(paper: PublishedPaper, key: str) -> pd.DataFrame:
    """One row per row of the table: parameters in print and of the module, in millions, how the count becomes the
    printed number ("rounded", "cut", "no"), and a remark where the other rows differ.

    Pruned networks are left out: their sizes are the result of a search and stand in their records.
    """
    rows, table = {}, paper.table(key)
    place = [column.metric for column in table.columns].index("params")
    for row in table.rows:
        network = network_of(row.label, row.variant)
        if network is None:
            continue
        millions = counted(network[0], **network[1]) / 1e6
        fit = fit_of(millions, row.values[place])
        remark = next(
            (text for start, text in REMARKS.items() if row.label == start or row.label.startswith(f"{start} +")), ""
        )
        rows[row.label] = {"in print (M)": row.values[place], "counted (M)": millions, "fits": fit, "remark": remark}
    frame = pd.DataFrame(rows).T.astype({"in print (M)": float, "counted (M)": float})
    frame.index.name = "row"
    return frame
