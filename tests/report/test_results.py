"""Runs of a variant among all records."""

from __future__ import annotations

from invented_runs import record
from judging import RECORDS

from depthlib.report.results import runs_of

ROOMS = record("a", 0, data="rooms")


def test_runs_of_a_variant():
    records = [*RECORDS, None, ROOMS]
    assert runs_of(records, "a") == [*RECORDS[:6], ROOMS]
    assert runs_of(records, "a", "rooms") == [ROOMS] and runs_of(records, "a", "streets") == RECORDS[:6]
    assert runs_of(records, "unet") == [] == runs_of(records, "b", "rooms")
