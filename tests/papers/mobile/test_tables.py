"""Tables of the lesson: what the paper prints beside what was run."""

from depthlib.papers.mobile.tables import printed_and_ours
from depthlib.report.claims import load_paper

PAPER = load_paper("mobile")


def test_tables_print_what_the_paper_prints():
    """Four decimals of WHDR, one of millions: 0.1190 and 1.0 keep their zeros; nothing is shown for what was not
    run.
    """
    table = printed_and_ours(PAPER, "table7", [], {"one more": "teacher"})
    assert table.loc["Ours-pruned v1 (DIW + KD)", "whdr ↓, print"] == "0.1190"
    assert table.loc["Ours-pruned v3 (DIW + KD)", "params, print"] == "1.0"
    assert table.loc["one more", "whdr ↓, print"] == "–" and set(table["whdr ↓, here"]) == {"–"}
    assert printed_and_ours(PAPER, "table6", []).iloc[-1]["rmse ↓, print"] == "1.300"
