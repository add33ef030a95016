"""The report: whatever a results folder holds is on the page, escaped, and the same bytes every time; gaps are
named.
"""

from __future__ import annotations

import re
import shutil

import nbformat
import pytest
from nbformat.v4 import new_output
from results_folder import EVIL, LESSONS, Page, edit_verdicts, rewritten

from depthlib.report.claims import load_paper
from depthlib.report.verdict_files import read_verdicts, verdict_file
from depthlib.report.verdicts import STATUSES
from depthlib.runs.profiles import get_profile
from depthlib.site.ledger import NAMES
from depthlib.site.page import KIND_NAMES, numbers, write_page

# ---------------------------------------------------------------------------------------- what is on the page


@pytest.mark.slow
def test_every_claim_is_there_with_its_verdict(made):
    page, verdicts = Page(made.html), read_verdicts(load_paper("anuw", made.papers), made.folder).verdicts
    rows = {row["id"]: row["data-verdict"] for row in page.all("tr") if "data-verdict" in row}
    assert rows == {f"anuw.{verdict.claim.key}": verdict.status.replace(" ", "-") for verdict in verdicts}
    assert set(rows.values()) == {status.replace(" ", "-") for status in STATUSES}
    for verdict in verdicts:
        assert re.sub(r"\s+", " ", verdict.claim.says).strip() in page.text
        assert verdict.claim.where in page.text and re.sub(r"\s+", " ", verdict.why) in page.text
    for word in set(rows.values()):
        count = sum(value == word for value in rows.values())
        assert re.search(rf'data-verdict="{word}" aria-pressed="false" disabled>\s*<b>{count}</b>', made.html)
    found = next(v for v in verdicts if v.claim.key == "awca-helps").deciding
    assert "b against a: si_rmse on streets; 4 seeds, 64 images" in page.text
    for value in numbers(found.difference.mean, found.difference.low, found.difference.high, found.detectable):
        assert value.lstrip("+") in page.text
    assert 'href="#01_anuw.table.table1"' in made.html and "<b>quick</b>, 42 runs of the papers" in made.html


def test_claims_questions_and_counts_are_counted_apart(made):
    verdicts = read_verdicts(load_paper("anuw", made.papers), made.folder).verdicts
    start, end = (made.html.index(text) for text in ("<caption>Verdicts by kind of claim", '<section id="ledger"'))
    table = Page(made.html[start:end])
    for kind, name in KIND_NAMES.items():
        numbers_of = [sum(v.claim.kind == kind and v.status == status for v in verdicts) for status in STATUSES]
        assert f"{name} {' '.join(map(str, numbers_of))}" in table.text
    page = Page(made.html).text
    assert page.count("announced") >= 4
    assert page.count("It read:") == sum(verdict.claim.was is not None for verdict in verdicts)


def test_a_changed_claim_shows_what_it_was(made, tmp_path, monkeypatch):
    """Old wording and reason are no rule, so the verdicts still fit."""
    papers = shutil.copytree(made.papers, tmp_path / "papers")
    path = papers / "anuw" / "claims.yaml"
    text = path.read_text(encoding="utf-8")
    assert "    says: PSNL costs few parameters.\n" in text
    was = "    was: PSNL is small.\n    because: The paper speaks of parameters alone.\n"
    says = "    says: PSNL costs few parameters.\n"
    path.write_text(text.replace(says, says + was), encoding="utf-8")
    monkeypatch.setenv("DEPTHLIB_OUT", str(made.root))
    page = Page(write_page("quick", lessons=LESSONS, papers=papers).read_text(encoding="utf-8"))
    write_page("quick", lessons=LESSONS, papers=made.papers)
    assert "It read: PSNL is small. The paper speaks of parameters alone." in page.text
    assert "changed after" not in page.text


@pytest.mark.slow
def test_the_page_shows_the_verdict_that_the_file_holds(made, tmp_path, monkeypatch):
    """And none that it works out from the numbers beside it, which are left as they were."""

    def overturn(content):
        entry = content["verdicts"]["awca-helps"]
        assert entry["status"] == "supported"
        entry |= {"status": "contradicted", "why": "the file says so"}
        content["verdicts"]["psnl-helps"]["comparisons"][0]["difference"]["mean"] = -987.5
        content["runs"] = 4321

    page = rewritten(made, tmp_path, monkeypatch, lambda folder: edit_verdicts(folder, overturn))
    rows = {row["id"]: row["data-verdict"] for row in page.all("tr") if "data-verdict" in row}
    assert rows["anuw.awca-helps"] == "contradicted" and "the file says so" in page.text
    assert "−988" in page.text and "4321 runs" in page.text


def test_the_page_shows_the_table_that_the_csv_holds(made, tmp_path, monkeypatch):
    def change(folder):
        path = folder / "tables/01_anuw/table1.csv"
        path.write_text(path.read_text(encoding="utf-8").replace("0.020", "0.077"), encoding="utf-8")
        path.with_suffix(".md").write_text("Nothing reads this: 0.088")

    page = rewritten(made, tmp_path, monkeypatch, change)
    assert "0.077 ± 0.001" in page.text and "0.088" not in page.text
    # the other lesson's is left
    assert page.text.count("0.020 ± 0.001") == Page(made.html).text.count("0.020 ± 0.001") - 1


def test_every_figure_and_table_is_there_in_the_order_of_the_notebook(made):
    page = Page(made.html)
    ids = [figure["id"] for figure in page.all("figure")]
    names = ("figure.second", "table.table1", "figure.first", "table.long")
    assert ids == [f"{lesson.notebook}.{name}" for lesson in LESSONS for name in names]
    pictures = page.all("img")
    assert len(pictures) == 4 and all(picture["src"].startswith("data:image/webp;base64,") for picture in pictures)
    assert [picture["alt"] for picture in pictures] == [EVIL, "A plain one."] * 2
    assert all(
        (picture["width"], picture["height"], picture["loading"]) == ("720", "200", "lazy") for picture in pictures
    )
    assert "0.020 ± 0.001" in page.text and "a|c" in page.text
    assert "Reduced run (profile quick): not a reproduction." in page.text
    assert "<strong>plain</strong>" in made.html and "python 3.11, torch 9.9" in page.text


def test_a_reduced_profile_says_so(made, tmp_path, monkeypatch):
    assert "This is no reproduction." in made.html and get_profile("quick").reduced
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    assert "no reproduction" not in write_page("paper", lessons=LESSONS, papers=made.papers).read_text(encoding="utf-8")
    assert "These numbers mean nothing" in write_page("smoke", lessons=LESSONS, papers=made.papers).read_text(
        encoding="utf-8"
    )


def test_nothing_that_is_written_becomes_markup(made):
    page = Page(made.html)
    assert len(page.all("script")) == 1 and all("onerror" not in attributes for _, attributes in page.tags)
    # caption, cells, title, claim: all shown as text
    assert page.text.count('window.injected = 1</script> & "two"') >= 8
    assert not any(value.startswith("javascript:") for _, attributes in page.tags for value in attributes.values())
    assert "x_1" in made.html and "<msub><mi>x</mi>" in made.html and "<code>a&lt;b</code>" in made.html


def test_bytes_are_the_same_every_time(made, tmp_path, monkeypatch):
    page = rewritten(made, tmp_path, monkeypatch, lambda folder: shutil.rmtree(folder / "html"))
    assert page.text == Page(made.html).text
    assert (tmp_path / "quick" / "index.html").read_bytes() == made.page.read_bytes()
    for path in sorted(made.folder.glob("html/*.html")):
        assert (tmp_path / "quick" / "html" / path.name).read_bytes() == path.read_bytes()
    assert str(made.root) not in made.html


# ---------------------------------------------------------------------------------------- gaps


def test_an_empty_folder_gives_a_page_of_gaps(tmp_path, monkeypatch, made):
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path / "none"))
    page = Page(write_page("quick", lessons=LESSONS, papers=made.papers).read_text(encoding="utf-8"))
    assert "the notebook was not executed" in page.text and "its lesson has left no verdicts" in page.text
    assert all(name in page.text for name in NAMES.values()) and "its claims are not entered yet" in page.text
    assert {row["data-verdict"] for row in page.all("tr") if "data-verdict" in row} == {"not-run", "not-testable-here"}


def broken_picture(folder):
    (folder / "figures/01_anuw/first.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")


def cut_picture(folder):
    path = folder / "figures/01_anuw/first.png"
    path.write_bytes(path.read_bytes()[:700])


def strange_file(folder):
    shutil.copy(folder / "figures/01_anuw/first.png", folder / 'figures/01_anuw/odd <b>"name".png')


def left_over(folder):
    shutil.copy(folder / "tables/01_anuw/long.csv", folder / "tables/01_anuw/older.csv")


def other_lock(folder):
    edit_verdicts(folder, lambda content: content.update(lock="0"))


def unknown_format(folder):
    path = folder / "01_anuw.json"
    text = path.read_text(encoding="utf-8").replace('"{}"', '"{0.x}"', 1)
    path.write_text(text, encoding="utf-8")


def failed_cell(folder):
    path = folder / "01_anuw.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].outputs.append(new_output("error", ename="KeyError", evalue="'<x>'", traceback=[]))
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    ("damage", "named", "left"),
    [
        (lambda folder: (folder / "figures/01_anuw/first.png").unlink(), "figure 2, first.png, is missing", None),
        (broken_picture, "first.png: found no readable picture", None),
        (cut_picture, "first.png: found no readable picture", None),
        (strange_file, 'figure odd <b>"name".png is left over', "figure.first"),
        (
            lambda folder: (folder / "tables/01_anuw/long.csv").write_text("a,b"),
            "table 2 cannot be read: long.csv: found 2 cells",
            None,
        ),
        (lambda folder: (folder / "tables/01_anuw/long.csv").write_bytes(b"\xff\xfe"), "table 2 cannot be read", None),
        (lambda folder: shutil.rmtree(folder / "tables"), "table 1, table1.csv, is missing", "figure.first"),
        (left_over, "table older.csv is left over", "table.long"),
        (unknown_format, "table 1 cannot be read", "table.long"),
        (
            lambda folder: (folder / "01_anuw.json").unlink(),
            "there is no list of its figures and tables, 01_anuw.json",
            None,
        ),
        (lambda folder: (folder / "01_anuw.json").write_text("{"), "01_anuw.json: found no readable list", None),
        (lambda folder: (folder / "01_anuw.ipynb").write_text("{"), "01_anuw.ipynb cannot be read", "figure.first"),
        (lambda folder: (folder / "01_anuw.ipynb").unlink(), "the notebook was not executed", "table.long"),
        (failed_cell, "a cell of the notebook stopped: KeyError: '<x>'", "table.long"),
        (
            lambda folder: verdict_file(folder, "anuw").unlink(),
            "ANUW: its lesson has left no verdicts; its claims are not run",
            None,
        ),
        (lambda folder: verdict_file(folder, "anuw").write_text("{"), "ANUW: its verdicts cannot be read", None),
        (other_lock, "ANUW: its claims or their rule changed after they were judged: lock 0", None),
    ],
)
def test_what_is_missing_or_broken_is_named(made, tmp_path, monkeypatch, damage, named, left):
    page = rewritten(made, tmp_path, monkeypatch, damage)
    gaps = page.text[page.text.rindex("What this page should show and cannot.") :]
    assert named in gaps
    assert left is None or f"01_anuw.{left}" in [figure["id"] for figure in page.all("figure")]
    assert len([row for row in page.all("tr") if "data-verdict" in row]) == len(load_paper("anuw").claims)


def test_a_paper_that_cannot_be_read_costs_only_itself(made, tmp_path, monkeypatch):
    papers = tmp_path / "papers"
    shutil.copytree(made.papers, papers)
    for key, text in (("dacnn", "claims: {x: }\n"), ("zoe", "][")):
        (papers / key).mkdir()
        (papers / key / "claims.yaml").write_text(text)
    monkeypatch.setenv("DEPTHLIB_OUT", str(made.root))
    text = Page(write_page("quick", lessons=LESSONS, papers=papers).read_text(encoding="utf-8")).text
    write_page("quick", lessons=LESSONS, papers=made.papers)
    assert "DACNN: its claims cannot be read" in text and "zoe: its claims cannot be read" in text
    assert "b against a" in text


def test_a_missing_file_of_verdicts_gives_not_run(made, tmp_path, monkeypatch):
    page = rewritten(made, tmp_path, monkeypatch, lambda folder: shutil.rmtree(folder / "verdicts"))
    assert {row["data-verdict"] for row in page.all("tr") if "data-verdict" in row} == {"not-run", "not-testable-here"}
