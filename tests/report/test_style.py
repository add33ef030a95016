"""The style of figures stays inside."""

from __future__ import annotations

import matplotlib
from small_maps import RGB

from depthlib.report import panels, style


def test_style_stays_inside():
    before = dict(matplotlib.rcParams)
    with style():
        assert matplotlib.rcParams["svg.hashsalt"] and not matplotlib.rcParams["axes.spines.top"]
    panels([[RGB]])
    assert dict(matplotlib.rcParams) == before
