"""Errata as a table."""

from judging import PAPER

from depthlib.report.errata import errata_table


def test_errata_table():
    table = errata_table(PAPER)
    assert list(table.columns) == ["erratum", "in print", "here", "why"]
    assert table["erratum"].tolist() == [f"A{i}" for i in range(1, 24)]
    row = table.set_index("erratum").loc["A11"]
    assert (
        row["in print"] == PAPER.erratum("A11").in_print and "prediction" in row["in print"] and "truth" in row["here"]
    )
    assert table.map(str.strip).ne("").all(axis=None)
