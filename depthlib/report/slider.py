"""Pictures under a slider, in plain HTML.

It moves where the notebook is open and trusted; elsewhere only the first picture is shown.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image


def slider(pictures: Sequence[np.ndarray], labels: Sequence[str], *, first: int = 0, width: int = 512) -> str:
    """HTML that shows one of several RGB pictures (uint8 [H,W,3], one size) and the label of the one shown.

    Raises ValueError for a number of labels that is not that of the pictures, or none at all.
    """
    if not len(pictures) or len(pictures) != len(labels):
        raise ValueError(f"pictures, labels: found {len(pictures)} and {len(labels)}, expected as many, at least one")
    sources = [_data(picture) for picture in pictures]
    name = "s" + hashlib.sha256("".join(sources).encode()).hexdigest()[:10]
    items = "".join(
        f'<figure data-i="{i}" style="margin:0;display:{"block" if i == first else "none"}">'
        f'<img src="{source}" width="{width}" style="image-rendering:pixelated" alt="{label}">'
        f"<figcaption>{label}</figcaption></figure>"
        for i, (source, label) in enumerate(zip(sources, map(html.escape, labels), strict=True))
    )
    show = f"document.querySelectorAll('#{name} figure')"
    show += ".forEach(f=>f.style.display=f.dataset.i===this.value?'block':'none')"
    return (
        f'<div id="{name}">{items}<input type="range" min="0" max="{len(pictures) - 1}" value="{first}" '
        f'aria-label="depth" style="width:{width}px" oninput="{show}"></div>'
    )


def _data(picture: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", quality=60, method=6)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
