"""The slider: one picture at a time."""

import numpy as np
import pytest

from depthlib.report.slider import slider


def test_slider_shows_one_picture_at_a_time():
    page = slider([np.zeros((4, 6, 3), np.uint8), np.full((4, 6, 3), 255, np.uint8)], ["a < b", "c"], first=1)
    assert (
        page.count("display:block") == 1
        and page.count("display:none") == 1
        and 'max="1" value="1"' in page
        and "a &lt; b" in page
    )
    with pytest.raises(ValueError, match="found 1 and 2"):
        slider([np.zeros((4, 6, 3), np.uint8)], ["a", "b"])
