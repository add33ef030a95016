"""Verdicts as files: what was judged is read back exactly, and a file that does not fit is not shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import PAPER, RECORDS

from depthlib.base.stats import Interval
from depthlib.report import Report
from depthlib.report.comparison import Comparison
from depthlib.report.verdict_files import read_verdicts, verdict_file, write_verdicts
from depthlib.report.verdict_table import verdict_table
from depthlib.report.verdicts import NOT_RUN, STATUSES, UNTESTABLE, Judged, Verdict, judge_all

NUMBER = st.floats(allow_nan=False)
COMPARISONS = st.builds(
    Comparison,
    st.builds(Interval, NUMBER, NUMBER, NUMBER),
    st.integers(1, 9),
    st.integers(1, 999),
    NUMBER,
    NUMBER,
    NUMBER,
    st.none() | NUMBER,
    NUMBER,
    st.none() | NUMBER,
    st.lists(st.text(), max_size=2).map(tuple),
    NUMBER,
)


@st.composite
def judged(draw) -> Judged:
    verdicts = []
    for claim in PAPER.claims:
        most = len(claim.comparisons())
        comparisons = tuple(draw(st.lists(COMPARISONS, min_size=most, max_size=most))) if draw(st.booleans()) else ()
        verdicts.append(
            Verdict(
                claim,
                draw(st.sampled_from(STATUSES)),
                draw(st.text()),
                comparisons,
                decides=draw(st.integers(0, most - 1)) if comparisons else None,
                p_value=draw(st.none() | NUMBER),
                p_adjusted=draw(st.none() | NUMBER),
                profile=draw(st.sampled_from([None, "quick"])),
                level=draw(NUMBER),
            )
        )
    return Judged(PAPER, tuple(verdicts), draw(st.integers(0, 99)))


@pytest.mark.slow
@given(judged())
def test_any_verdicts_are_read_back_exactly(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("results")
    assert write_verdicts(folder, found) == folder / "verdicts" / "anuw.json"
    assert read_verdicts(PAPER, folder) == found


def test_the_notebook_judges_and_the_file_holds_the_same(tmp_path):
    table = Report("01_anuw", "standard", tmp_path).verdicts(PAPER, [*RECORDS, None])
    found = read_verdicts(PAPER, tmp_path)
    assert found == judge_all(PAPER, [*RECORDS, None]) and found.runs == len(RECORDS)
    assert verdict_table(found).equals(table) and len(set(table["verdict"])) >= 3
    helps = next(v for v in found.verdicts if v.claim.key == "both-help")
    assert helps.compared == "d against a: si_rmse on streets" and helps.deciding.seeds == 4


def test_the_file_names_what_was_compared(tmp_path):
    path = write_verdicts(tmp_path, judge_all(PAPER, RECORDS))
    (entry,) = json.loads(path.read_text(encoding="utf-8"))["verdicts"]["both-help"]["comparisons"]
    assert (entry["rival"], entry["test"], entry["metric"]) == PAPER.claim("both-help").comparisons()[0]


def test_a_missing_file_gives_not_run(tmp_path):
    found = read_verdicts(PAPER, tmp_path)
    assert found.gap == "its lesson has left no verdicts" and found.runs == 0
    assert [verdict.claim for verdict in found.verdicts] == list(PAPER.claims)
    for verdict in found.verdicts:
        expected = (NOT_RUN, found.gap) if verdict.claim.untestable is None else (UNTESTABLE, verdict.claim.untestable)
        assert (verdict.status, verdict.why) == expected


def test_the_first_folder_with_verdicts_counts(tmp_path):
    write_verdicts(tmp_path / "committed", judge_all(PAPER, RECORDS))
    assert read_verdicts(PAPER, tmp_path / "here", tmp_path / "committed").runs == len(RECORDS)
    write_verdicts(tmp_path / "here", judge_all(PAPER, []))
    assert read_verdicts(PAPER, tmp_path / "here", tmp_path / "committed").runs == 0


def edited(path, change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c.update(lock="0"), "its claims or their rule changed after they were judged: lock 0, now"),
        (lambda c: c.pop("runs"), "its verdicts cannot be read (KeyError: 'runs')"),
        (lambda c: c["verdicts"].pop("awca-helps"), "its verdicts cannot be read (KeyError: 'awca-helps')"),
        (
            lambda c: c["verdicts"]["awca-helps"].update(status="sure"),
            "claim awca-helps: status is 'sure', expected one of supported",
        ),
        (
            lambda c: c["verdicts"]["both-help"].update(decides=1),
            "claim both-help: decides is 1, expected one of (None, 0)",
        ),
        (
            lambda c: c["verdicts"]["both-help"]["comparisons"][0]["difference"].update(low="x"),
            "could not convert string to float: 'x'",
        ),
    ],
)
def test_a_file_that_does_not_fit_the_claims_is_not_shown(tmp_path, change, why):
    edited(write_verdicts(tmp_path, judge_all(PAPER, RECORDS)), change)
    found = read_verdicts(PAPER, tmp_path)
    assert why in found.gap and {verdict.status for verdict in found.verdicts} == {NOT_RUN, UNTESTABLE}


def test_a_file_that_is_no_json_is_not_shown(tmp_path):
    verdict_file(tmp_path, "anuw").parent.mkdir()
    for content in (b"{", b"[]", b"null", b"\xff\xfe"):
        verdict_file(tmp_path, "anuw").write_bytes(content)
        assert "its verdicts cannot be read" in read_verdicts(PAPER, tmp_path).gap


def test_verdicts_under_another_rule_are_not_shown(tmp_path):
    write_verdicts(tmp_path, judge_all(PAPER, RECORDS))
    assert read_verdicts(replace(PAPER, lock="0" * 12), tmp_path).gap.endswith("now 000000000000")
