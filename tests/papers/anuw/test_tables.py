"""Tables of the lesson: settings come from modules, and source is shown without its checks."""

from dataclasses import replace

import pytest

from depthlib.papers.anuw import rows
from depthlib.papers.anuw.loss import anuw_loss
from depthlib.papers.anuw.tables import PRINTED, settings_table, shown_from


@pytest.mark.slow
def test_settings_are_read_from_what_the_recipes_build():
    specs = rows.runs("smoke")
    of = {spec.data: spec.recipe for spec in specs if spec.variant == "d"}
    fcrn = next(spec for spec in specs if spec.variant == "fcrn").recipe
    table = settings_table(of, fcrn, {"streets": 4, "rooms": 3})
    assert list(table.index) == list(PRINTED)
    ours = table["this run"]
    assert ours["M of PSNL"] == "2" and ours["stride of PSNL"] == "streets: 4; tilted: 1"  # C = 4, r = 2
    assert ours["hidden channels of AWCA, by level"] == "2, 2, 4, 8, 16 (at least 2)"  # C / 4 of 4, 8, 16, 32, 64
    assert ours["test frames"] == "streets: 4, rooms: 3" and ours["t of AWCA, r of PSNL"] == "4, 2"
    assert ours["FCRN"] == "efficientnet_lite0, width 0.125, from ImageNet"
    wider = {
        name: replace(made, model_options=made.model_options | {"width": 16, "awca_reduction": 16, "psnl_reduction": 4})
        for name, made in of.items()
    }
    ours = settings_table(wider, fcrn, {})["this run"]
    assert ours["M of PSNL"] == "4" and ours["hidden channels of AWCA, by level"] == "2, 2, 4, 8, 16 (at least 2)"


def test_shown_from_leaves_the_checks_out():
    text = shown_from(anuw_loss, "scale =")
    assert "sum(weights[name]" in text and "check_maps" not in text and "max_depth <= 0" not in text
    with pytest.raises(ValueError, match="first: found no line of anuw_loss"):
        shown_from(anuw_loss, "no such line")
