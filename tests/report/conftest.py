"""Figures without a window, and what would have been displayed."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import pyplot


@pytest.fixture(autouse=True)
def no_window():
    matplotlib.use("agg")
    yield
    pyplot.close("all")


@pytest.fixture
def shown(monkeypatch) -> list:
    """What would have been displayed, in order: (data, metadata)."""
    import IPython.display

    seen: list = []

    def record(item, metadata=None, raw=False):
        seen.append((item if raw else {"text/markdown": item.data}, metadata))

    monkeypatch.setattr(IPython.display, "display", record)
    return seen
