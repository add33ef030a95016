"""Tables of the lesson: what the paper prints beside what was run."""

from depthlib.papers.mobile.tables import CONSTANT, FIXED, lowest, printed_and_ours
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
    assert (
        printed_and_ours(PAPER, "table6", []).loc["Ours + no WI + hard → easy, FIP (DIW + KD)", "rmse ↓, print"]
        == "1.300"
    )


class Record:
    """As much of a run as a table reads: the means of its tests."""

    def __init__(self, variant: str, data: str, **tests: dict[str, float]) -> None:
        of = {test: {"metrics": {name: [value] for name, value in found.items()}} for test, found in tests.items()}
        self.result = {"spec": {"variant": variant, "data": data}, "tests": of}

    def means(self, test: str) -> dict[str, float]:
        return {name: value for name, (value,) in self.result["tests"][test]["metrics"].items()}

    def per_image(self, test: str, metric: str) -> list[float]:
        return self.result["tests"][test]["metrics"][metric]


def test_what_is_shown_where():
    """Metres are not aligned, SI-RMSE has both readings, and below stand the stronger floor and a constant."""
    rooms = Record(
        "mobilenet_v2-x112", "rooms", rooms={"rmse": 1.2}, nyu={"rmse": 1.4}, mc={"si_rmse": 0.6}, diw={"whdr": 0.4}
    )
    ranked = Record(
        "diw",
        "diw",
        nyu={"rmse": 1.3},
        diw={"whdr": 0.3},
        mc={"si_rmse": 0.7, "si_rmse_constant": 0.2},
        **{"mc-aligned": {"si_rmse": 0.5}},
    )
    floors = [
        Record("floor-rank", "diw", nyu={"rmse": 1.5}, diw={"whdr": 0.33}),
        Record("floor-log", "diw", nyu={"rmse": 1.45}, mc={"si_rmse": 0.25}),
    ]
    table = printed_and_ours(PAPER, "table3", [rooms, ranked, *floors])
    here = ["rmse ↓, here", "whdr ↓, here", "si_rmse ↓, here, z = log depth", "si_rmse ↓, here, z to metres"]
    assert table.loc["NYUv2", here].tolist() == ["1.200", "0.400", "0.600", "–"]
    assert table.loc["DIW", here].tolist() == ["1.300", "0.300", "0.700", "0.500"]
    assert table.loc[FIXED, here].tolist() == ["1.450", "0.330", "0.250", "–"]
    assert table.loc[CONSTANT, here].tolist() == ["–", "–", "0.200", "–"]


def test_a_sentence_says_who_is_best_and_who_has_not_learned():
    """In print the rebalanced network is; here another one, and the rebalanced one has not learned."""
    records = [
        Record("kd-2ip", "diw", diw={"whdr": 0.20}),
        Record("hard-easy", "diw", diw={"whdr": 0.31}),
        Record("floor-rank", "diw", diw={"whdr": 0.33}),
    ]
    said = lowest(PAPER, "table6", records)
    assert "that of Ours + no WI + hard → easy, FIP (DIW + KD) (0.1156)" in said
    assert "Of the 2 rows that are run here it is that of Ours (no loss rebalancing) (DIW + KD) (0.200)" in said
    assert said.endswith("0.281: Ours + no WI + hard → easy, FIP (DIW + KD).")
    assert lowest(PAPER, "table1", [], "rmse").endswith("(0.572). No row of it is run at this profile.")


def test_metres_have_a_constant_as_a_floor():
    floors = [
        Record(f"floor-{kind}", "rooms", rooms={"rmse": error, "delta1": 0.5})
        for kind, error in (("constant", 1.3), ("map", 1.1))
    ]
    table = printed_and_ours(PAPER, "table1", floors)
    assert table.loc[[FIXED, CONSTANT], "rmse ↓, here"].tolist() == ["1.100", "1.300"]
