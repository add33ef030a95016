"""What a page of `depthlib.report.cloud_view` holds, read by its description alone."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Decoded:
    """`depth` and `kept` [H,W], `colours` [H,W,3]."""

    data: dict[str, Any]
    depth: np.ndarray
    kept: np.ndarray
    colours: np.ndarray


def decoded(page: str) -> Decoded:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    data = json.loads(text)
    width, height = data["size"]
    codes = np.frombuffer(base64.b64decode(data["codes"]), "<u2").reshape(height, width).astype(np.int64)
    colours = np.frombuffer(base64.b64decode(data["colours"]), np.uint8).reshape(height, width, 3)
    depth = np.where(codes > 0, data["near"] * np.exp((codes // 2 - 1) * data["step"]), 0)
    return Decoded(data, depth, codes % 2 == 1, colours)
