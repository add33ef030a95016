"""What a run shows fits 80 columns, and says when it will end."""

import re
import time

import pytest
from narrow_console import console

from depthlib.course import training_display as display


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_fits_80_columns_and_says_when_it_will_end(monkeypatch, terminal):
    monkeypatch.setattr(display, "HEARTBEAT", 0.05)
    out = console(force_terminal=terminal, color_system=None)
    with display.training_display("synergy lateral-sharing-no-attention, streets, seed 13", 12_000, out) as (
        on_step,
        on_image,
    ):
        time.sleep(0.15)
        for step in (9_998, 9_999):
            on_step(step, 123.4567, 105.2)
        time.sleep(0.15)
        on_image(3, 128)
        time.sleep(0.15)
    text = out.file.getvalue()
    assert max(map(len, re.split("[\r\n]|\x1b\\[[0-9;?]*[A-Za-z]", text))) <= 80 and "…" not in text
    step = "9999/12000" if terminal else "step 9999 of 12000"
    for words in ("preparing the data", step, "loss 123.4567", "105.2 images/s", "images scored"):
        assert words in text, text
    assert terminal or "trained at about" in text
