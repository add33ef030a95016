"""Tables: their text, and that a CSV file gives the cells that were shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthlib.report.tables import column_formats, csv_text, formatted, html_text, markdown_text, read_table


def test_table_text():
    table = pd.DataFrame(
        {"x": [1234.5678, 0.5], "small": [1.23456e-9, 0.0], "n": [3, 4]}, index=pd.Index(["a", "b"], name="net")
    )
    assert markdown_text(table).splitlines() == [
        "| net | x | small | n |",
        "| --- | ---: | ---: | ---: |",
        "| a | 1235 | 1.235e-09 | 3 |",
        "| b | 0 | 0.000e+00 | 4 |",
    ]
    two = pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("quick", "abs_rel"), ("quick", "rmse")]))
    assert csv_text(two) == '"quick, abs_rel","quick, rmse"\n1.0,2.0\n'
    assert html_text(table) == html_text(table.copy())
    with pytest.raises(ValueError, match="formats: found y, expected some of net, x"):
        markdown_text(table, {"y": "{:.1f}"})


CELLS = st.one_of(
    st.text('ab|,"\n é–.5', max_size=6),
    st.floats(allow_nan=True),
    st.integers(-(10**12), 10**12),
    st.none(),
    st.booleans(),
)
FLOATS = st.lists(st.floats(allow_nan=True), min_size=3, max_size=3)
WHOLE = st.lists(st.integers(-(10**9), 10**9), min_size=3, max_size=3)
FORMATS = st.sampled_from([None, "{:.3f}", "{:,.0f}", "{:+.2e}", "{:.1f} m"])


@given(FLOATS, WHOLE, st.lists(CELLS, min_size=3, max_size=3), FORMATS, FORMATS, st.booleans())
def test_csv_gives_the_cells_that_were_shown(tmp_path_factory, floats, whole, mixed, float_format, whole_format, named):
    """Whatever the table: read again with the formats of its columns, it has the text that the notebook showed."""
    index = pd.Index(["x", "y", "z"], name="net") if named else None
    table = pd.DataFrame({"f": floats, "n": whole, "mixed, all": pd.Series(mixed, dtype=object).to_list()}, index=index)
    formats = {name: form for name, form in (("f", float_format), ("n", whole_format)) if form}
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_bytes(csv_text(table).encode())
    assert read_table(path, column_formats(table, formats)) == formatted(table, formats)


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n")
    with pytest.raises(ValueError, match=r"t\.csv: found 1 cells in row 2, expected 2"):
        read_table(path, ["{}", "{}"])
    path.write_text("a\nword\n")
    with pytest.raises(ValueError, match="could not convert"):
        read_table(path, ["{:.2f}"])
    path.write_text("")
    with pytest.raises(ValueError, match="found 0 cells in row 1, expected 1"):
        read_table(path, ["{}"])


def test_columns_of_numbers_are_aligned_right():
    table = pd.DataFrame(
        {"words": ["a", "1"], "with spread": ["0.353 ± 0.039", None], "share": ["12 %", "3 %"], "x": [1.0, np.nan]}
    )
    assert markdown_text(table).splitlines()[1] == "| --- | ---: | ---: | ---: |"
    assert html_text(table).count('<td style="text-align: right">') == 6
