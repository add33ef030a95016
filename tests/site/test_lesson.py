"""What a lesson has left is read as it was written."""

from __future__ import annotations

from results_folder import EVIL, table

from depthlib.report.tables import formatted
from depthlib.site.lesson import read_lesson


def test_tables_are_read_as_they_were_written(made):
    found = read_lesson(made.folder, "01_anuw").find("table", "table1")
    assert (found.header, found.rows) == formatted(table()) and found.right == [False, True, True]
    assert [row[0] for row in found.rows] == ["b10", "b9", EVIL, "a|c"] and found.rows[2][1] == "–"
    assert found.file == "tables/01_anuw/table1.csv" and found.shown.number == 1
