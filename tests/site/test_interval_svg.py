"""Numbers and drawings of intervals."""

from __future__ import annotations

from depthlib.site.interval_svg import interval_svg
from depthlib.site.page import numbers


def test_numbers_and_drawings():
    assert numbers(-0.0558, 0.1, -0.00074) == ["−0.056", "+0.100", "−0.001"] and numbers(0.0) == ["+0.00"]
    assert numbers(1234.5, sign=False) == ["1234"]
    assert interval_svg(None) == "" and "<circle" in interval_svg((0.0, -1, 1))
    assert "<circle" not in interval_svg((9, 8, 10))
    assert interval_svg((0, -5, 1)).count("<path") == 1
