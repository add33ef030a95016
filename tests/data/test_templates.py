"""Templates of paths: filled and matched."""

from __future__ import annotations

import pytest

from depthlib.data.errors import DataError
from depthlib.data.templates import field_names, fill, pattern


def test_templates_fill_and_match() -> None:
    template = "{drivepath}/image_{camera}/{frame:010d}.png"
    assert field_names(template) == ["drivepath", "camera", "frame"]
    path = fill(template, {"drivepath": "2011/a", "camera": "02", "frame": "17"})
    assert path == "2011/a/image_02/0000000017.png"
    assert pattern(template).fullmatch(path).groupdict() == {
        "drivepath": "2011/a",
        "camera": "02",
        "frame": "0000000017",
    }
    assert not pattern(template).fullmatch("2011/a/image_02/17.png")  # too few digits
    assert not pattern("{scene}.png").fullmatch("a/b.png") and not pattern("{scene}.png").fullmatch("axpng")
    with pytest.raises(DataError, match="found frame 'x', expected digits"):
        fill(template, {"drivepath": "a", "camera": "02", "frame": "x"})
