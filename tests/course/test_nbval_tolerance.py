"""The comparison of stored outputs, with tolerance."""

from __future__ import annotations

import re

import pytest


def snapped(new: str, stored: str, rtol: float = 1e-2, atol: float = 0.0, html: bool = False) -> bool:
    from nbval_tolerance import IN_HTML, IN_TEXT, Tolerance, snap

    a, b, wrong = snap(new, stored, Tolerance(rtol, atol), IN_HTML if html else IN_TEXT)
    assert not (wrong and a == b)
    return a == b


@pytest.mark.parametrize(
    ("new", "stored", "equal"),
    [
        ("loss 0.501", "loss 0.5", True),
        ("loss 0.55", "loss 0.5", False),
        ("gain 0.5", "loss 0.5", False),
        ("-0.5", "0.5", False),
        ("\u22120.5", "-0.5", True),
        ("1.005e-3", "1e-3", True),
        ("1e-4", "1e-3", False),
        ("12.35 %", "12.3%", False),
        ("12.35%", "12.3%", True),
        ("nan", "nan", True),
        ("nan", "0.5", False),
        ("0.5", "nan", False),
        ("inf", "inf", True),
        ("-inf", "inf", False),
        ("1e9", "inf", False),
        ("1 2 3", "1 2", False),
        ("0.001", "0", False),
        ("conv3", "conv2", False),
        ("48x65", "48x64", False),
        ("1.2.4", "1.2.3", False),
        ("#440155", "#440154", False),
        ("0.12m", "0.1201m", False),
        ("| a |   0.5 |\n|---|------:|", "| a | 0.501 |\n|---|-------:|", True),
        ("shape (2, 3)", "shape (3, 2)", False),
        ("name   1.00", "name 1.001  ", True),
        ("[0.5, 0.25]", "[0.501, 0.2501]", True),
        ("0.5.", "0.501.", True),
        ("10-20", "10-21", False),
    ],
)
def test_numbers_within_the_tolerance_are_equal(new, stored, equal):
    assert snapped(new, stored) is equal


def test_absolute_margin_and_html():
    assert snapped("1e-9", "0", atol=1e-8) and not snapped("1e-7", "0", atol=1e-8)
    assert snapped('<td width="5">0.5</td>', '<td width="5">0.501</td>', html=True)
    assert not snapped('<td width="500">0.5</td>', '<td width="501">0.5</td>', html=True)


@pytest.mark.parametrize("tag", ["nbval-rtol=", "nbval-rtol=ten", "nbval-rtol=-1", "nbval-rtol=20", "nbval-atol=nan"])
def test_senseless_tags_are_refused(tag):
    from nbval_tolerance import Tolerance

    with pytest.raises(ValueError, match=re.escape(tag)):
        Tolerance.of([tag])
    assert Tolerance.of(["exercise"]) is None
