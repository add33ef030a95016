"""The report: whatever a results folder holds is on the page, escaped, reachable, and the same bytes every time."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import chromium
import invented_runs
import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from depthlib.base.paths import reference_dir
from depthlib.course.notebooks.cells import write_notebook
from depthlib.report import Report
from depthlib.report.claims import FOLDER, load_paper
from depthlib.report.tables import formatted
from depthlib.report.verdict_files import read_verdicts, verdict_file
from depthlib.report.verdicts import STATUSES
from depthlib.runs.profiles import get_profile
from depthlib.site import notebook_html
from depthlib.site.interval_svg import interval_svg
from depthlib.site.ledger import NAMES
from depthlib.site.lesson import read_lesson
from depthlib.site.notebook_html import write_notebook_html
from depthlib.site.page import KIND_NAMES, numbers, write_page
from depthlib.site.pictures import embed, read_picture

LESSONS = [SimpleNamespace(notebook=name, paper=paper) for name, paper in (("00_start", "start"), ("01_anuw", "anuw"))]
EVIL = "<script>window.injected = 1</script> & \"two\" 'one' <img src=x onerror='window.injected = 1'>"
CAPTION = (
    f"See {EVIL} `a<b` $x_1<2$ [bad](javascript:alert(1)) [gone](nowhere.md) [far](https://example.org/a) "
    "![p](https://example.org/p.png)"
)
SLIDER = """<div><figure data-i="0">near</figure><figure data-i="1" style="display:none">far</figure>
<script>window.injected = 1</script><img src="https://example.org/p.png" onload="window.injected = 1">
<input type="range" max="1" value="0" style="width:512px" oninput="f()"></div>"""
BROWSER = chromium.find()


# ---------------------------------------------------------------------------------------- a made-up results folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> SimpleNamespace:
    """`root/quick` with two lessons and the verdicts of one paper, made by Report; and the page."""
    root = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_OUT", str(root))
        papers = evil_papers(tmp_path_factory.mktemp("papers"))
        fill(root / "quick", papers, patch)
        page = write_page("quick", lessons=LESSONS, papers=papers)
    return SimpleNamespace(
        root=root, folder=root / "quick", papers=papers, page=page, html=page.read_text(encoding="utf-8"),
    )


def fill(folder: Path, papers: Path, patch: pytest.MonkeyPatch) -> None:
    """Figures, tables, verdicts and executed notebooks through the real Report."""
    matplotlib.use("agg")
    for lesson, title in zip(LESSONS, ("Start: here", f"Evil {EVIL}: rest"), strict=True):
        outputs = []
        patch.setattr("IPython.display.display", lambda item, metadata=None, raw=False, to=outputs: to.append(
            new_output("display_data", item if raw else {"text/markdown": item.data}, metadata=metadata or {})))
        report = Report(lesson.notebook, "quick", folder)
        report.figure(drawing(), "second", CAPTION, alt=EVIL)
        report.table(table(), "table1", CAPTION)
        report.figure(drawing(), "first", "A **plain** one.")
        report.table(pd.DataFrame({"a very long text": ["word " * 60] * 30}), "long", "Long.")
        text = (
            f"# {title}\n\n{EVIL}\n\n## Part $a_1$\n\n$$\\frac12\\begin{{pmatrix}}1&2\\\\3&4\\end{{pmatrix}}$$ "
            "[next](01_anuw.ipynb)"
        )
        cells = [
            new_markdown_cell(text, id="text"),
            new_code_cell("f(1 < 2)", id="code", outputs=outputs, execution_count=1),
        ]
        outputs.append(new_output("display_data", {"text/html": SLIDER}))
        versions = {"depthlib": {"versions": {"python": "3.11", "torch": "9.9"}}}
        write_notebook(new_notebook(cells=cells, metadata=versions), folder / f"{lesson.notebook}.ipynb")
    levels = {"a": 0.5, "b": 0.3, "c": 0.85, "d": 0.5, "e": 0.501, "d-masked": 0.501}
    records = invented_runs.runs(levels, noise=0.003, luck=0.0005)
    gone = next(r for r in records if (r.result["spec"]["variant"], r.result["spec"]["seed"]) == ("d-masked", 5))
    report.verdicts(load_paper("anuw", papers), [None if one is gone else one for one in records])


def drawing():
    figure, axis = pyplot.subplots(figsize=(7.2, 2))
    axis.plot([1, 3, 2])
    return figure


def table() -> pd.DataFrame:
    return pd.DataFrame({
        "method": ["b10", "b9", EVIL, "a|c"], "abs_rel ↓": ["0.300 ± 0.010", "0.020 ± 0.001", None, "1,200.5"],
        'a "quoted" <heading>': [3, 20, 100, 1],
    })


def evil_papers(folder: Path) -> Path:
    """The real file of one paper with a dangerous wording: words are not under the lock."""
    text = (FOLDER / "anuw" / "claims.yaml").read_text(encoding="utf-8")
    said = "Channel attention (AWCA) lowers the error of U-Net++."
    assert said in text
    (folder / "anuw").mkdir()
    (folder / "anuw" / "claims.yaml").write_text(text.replace(said, "|\n      " + EVIL), encoding="utf-8")
    return folder


class Page(HTMLParser):
    """Every tag with its attributes, in order, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def rewritten(made, tmp_path, monkeypatch, change) -> Page:
    """The page of a copy of the results folder after `change(folder)`."""
    shutil.copytree(made.folder, tmp_path / "quick")
    change(tmp_path / "quick")
    monkeypatch.setenv("DEPTHLIB_OUT", str(tmp_path))
    return Page(write_page("quick", lessons=LESSONS, papers=made.papers).read_text(encoding="utf-8"))


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
    assert 'href="#01_anuw.table.table1"' in made.html and "<b>quick</b>, 36 runs of the papers" in made.html


def test_claims_questions_and_counts_are_counted_apart(made):
    verdicts = read_verdicts(load_paper("anuw", made.papers), made.folder).verdicts
    start, end = (made.html.index(text) for text in ("<caption>Verdicts by kind of claim", '<section id="ledger"'))
    table = Page(made.html[start:end])
    for kind, name in KIND_NAMES.items():
        numbers_of = [sum(v.claim.kind == kind and v.status == status for v in verdicts) for status in STATUSES]
        assert f"{name} {' '.join(map(str, numbers_of))}" in table.text
    page = Page(made.html).text
    assert page.count("announced") >= 4 and "It read:" not in page


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


def edit_verdicts(folder: Path, change) -> None:
    path = verdict_file(folder, "anuw")
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


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
    assert "These numbers mean nothing" in write_page(
        "smoke", lessons=LESSONS, papers=made.papers,
    ).read_text(encoding="utf-8")


def test_nothing_that_is_written_becomes_markup(made):
    page = Page(made.html)
    assert len(page.all("script")) == 1 and all("onerror" not in attributes for _, attributes in page.tags)
    # caption, cells, title, claim: all shown as text
    assert page.text.count("window.injected = 1</script> & \"two\"") >= 8
    assert not any(value.startswith("javascript:") for _, attributes in page.tags for value in attributes.values())
    assert "x_1" in made.html and "<msub><mi>x</mi>" in made.html and "<code>a&lt;b</code>" in made.html


def test_bytes_are_the_same_every_time(made, tmp_path, monkeypatch):
    page = rewritten(made, tmp_path, monkeypatch, lambda folder: shutil.rmtree(folder / "html"))
    assert page.text == Page(made.html).text
    assert (tmp_path / "quick" / "index.html").read_bytes() == made.page.read_bytes()
    for path in sorted(made.folder.glob("html/*.html")):
        assert (tmp_path / "quick" / "html" / path.name).read_bytes() == path.read_bytes()
    assert str(made.root) not in made.html


# ---------------------------------------------------------------------------------------- links


def check_links(files: list[Path], hosts: tuple[str, ...] | None = None) -> None:
    """Every id is there once, every link leads to a file that is there and an id in it.

    `hosts`: the only foreign ones allowed.
    """
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in files}
    ids = {
        path: [attributes["id"] for _, attributes in page.tags if "id" in attributes] for path, page in pages.items()
    }
    for path, page in pages.items():
        assert len(ids[path]) == len(set(ids[path])), path
        for link in page.all("a"):
            target = urlsplit(link["href"])
            if target.scheme:
                assert target.scheme == "https" and (hosts is None or target.netloc in hosts), link
                continue
            place = (path.parent / unquote(target.path)).resolve() if target.path else path
            assert place.is_file(), (path, link)
            if target.fragment and place in ids:
                assert target.fragment in ids[place] or unquote(target.fragment) in ids[place], (path, link)


def check_self_contained(files: list[Path]) -> None:
    """Nothing on the pages would be fetched, and every picture has an alternative text."""
    for path in files:
        text = path.read_text(encoding="utf-8")
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        assert f'http-equiv="Content-Security-Policy" content="{policy}' in text.replace("&#39;", "'")
        for tag, attributes in Page(text).tags:
            for name in ("src", "srcset", "poster", "data", "action"):
                assert name not in attributes or attributes[name].startswith("data:") or attributes.get(
                    "onerror"
                ), attributes
            assert tag != "img" or attributes.get("alt") or attributes.get("onerror"), (path, list(attributes))
        assert not re.search(r"url\(|@import|<iframe|<object|<link (?!rel=\"icon\" href=\"data:,\")", text)


def test_all_links_lead_somewhere_and_nothing_is_fetched(made):
    files = [made.page, *sorted(made.folder.glob("html/*.html"))]
    assert len(files) == 3
    check_links(files, hosts=("example.org",))
    check_self_contained(files)
    assert '<a href="01_anuw.html">next</a>' in files[1].read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_that_is_part_of_the_project():
    """Committed with its notebooks: links, ids, alternative texts, nothing from the network, small enough to open."""
    folder = reference_dir("quick")
    files = [folder / "index.html", *(folder / "html" / f"{path.stem}.html" for path in sorted(folder.glob("*.ipynb")))]
    check_links(files)
    check_self_contained(files)
    assert files[0].stat().st_size < 6e6 and len(files) > 1


def test_a_notebook_is_rendered_again_only_when_something_changed(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made.folder, tmp_path / "quick")
    notebook, page = folder / "00_start.ipynb", folder / "html" / "00_start.html"
    write_notebook_html(notebook, page)
    rendered = []
    monkeypatch.setattr(notebook_html, "harmless", lambda html: rendered.append(page) or html)
    write_notebook_html(notebook, page)
    assert not rendered, "nothing had changed"
    (folder / "01_anuw.ipynb").unlink()
    write_notebook_html(notebook, page)
    assert len(rendered) == 1 and ">next</a>" not in page.read_text(encoding="utf-8"), "the dead link stayed"
    notebook.write_text(notebook.read_text(encoding="utf-8").replace("f(1 < 2)", "f(2 < 3)"), encoding="utf-8")
    write_notebook_html(notebook, page)
    assert len(rendered) == 2
    page.write_text("<html>")
    write_notebook_html(notebook, page)
    assert len(rendered) == 3


def test_formulas_are_shown_without_a_script(made):
    text = (made.folder / "html" / "00_start.html").read_text(encoding="utf-8")
    assert "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in text and "<mtable><mtr><mtd>" in text and "mathjax" not in text.lower()
    assert re.search(r'<li><a href="#Part-[^"]*">Part a1</a></li>', text)


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
            "table 2 cannot be read: long.csv: found 2 cells", None,
        ),
        (lambda folder: (folder / "tables/01_anuw/long.csv").write_bytes(b"\xff\xfe"), "table 2 cannot be read", None),
        (lambda folder: shutil.rmtree(folder / "tables"), "table 1, table1.csv, is missing", "figure.first"),
        (left_over, "table older.csv is left over", "table.long"),
        (unknown_format, "table 1 cannot be read", "table.long"),
        (
            lambda folder: (folder / "01_anuw.json").unlink(),
            "there is no list of its figures and tables, 01_anuw.json", None,
        ),
        (lambda folder: (folder / "01_anuw.json").write_text("{"), "01_anuw.json: found no readable list", None),
        (lambda folder: (folder / "01_anuw.ipynb").write_text("{"), "01_anuw.ipynb cannot be read", "figure.first"),
        (lambda folder: (folder / "01_anuw.ipynb").unlink(), "the notebook was not executed", "table.long"),
        (failed_cell, "a cell of the notebook stopped: KeyError: '<x>'", "table.long"),
        (
            lambda folder: verdict_file(folder, "anuw").unlink(),
            "ANUW: its lesson has left no verdicts; its claims are not run", None,
        ),
        (lambda folder: verdict_file(folder, "anuw").write_text("{"), "ANUW: its verdicts cannot be read", None),
        (other_lock, "ANUW: its claims or their rule changed after they were judged: lock 0", None),
    ],
)
def test_what_is_missing_or_broken_is_named(made, tmp_path, monkeypatch, damage, named, left):
    page = rewritten(made, tmp_path, monkeypatch, damage)
    gaps = page.text[page.text.rindex("What this page should show and cannot."):]
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


# ---------------------------------------------------------------------------------------- parts


def test_tables_are_read_as_they_were_written(made):
    found = read_lesson(made.folder, "01_anuw").find("table", "table1")
    assert (found.header, found.rows) == formatted(table()) and found.right == [False, True, True]
    assert [row[0] for row in found.rows] == ["b10", "b9", EVIL, "a|c"] and found.rows[2][1] == "–"
    assert found.file == "tables/01_anuw/table1.csv" and found.shown.number == 1


def test_a_missing_file_of_verdicts_gives_not_run(made, tmp_path, monkeypatch):
    page = rewritten(made, tmp_path, monkeypatch, lambda folder: shutil.rmtree(folder / "verdicts"))
    assert {row["data-verdict"] for row in page.all("tr") if "data-verdict" in row} == {"not-run", "not-testable-here"}


def test_numbers_and_drawings():
    assert numbers(-0.0558, 0.1, -0.00074) == ["−0.056", "+0.100", "−0.001"] and numbers(0.0) == ["+0.00"]
    assert numbers(1234.5, sign=False) == ["1234"]
    assert interval_svg(None) == "" and "<circle" in interval_svg((0.0, -1, 1))
    assert "<circle" not in interval_svg((9, 8, 10))
    assert interval_svg((0, -5, 1)).count("<path") == 1


def test_pictures_fit_the_limit(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    plenty, tight = embed({"n": noise}, 10**7)["n"], embed({"n": noise}, 30_000)["n"]
    assert len(tight.uri) < len(plenty.uri) and (plenty.width, plenty.height) == (200, 133)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)


# ---------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    with chromium.Chromium(BROWSER) as found:
        yield found


def column(browser, number: int) -> list[str]:
    cells = f'#\\\\30 1_anuw\\\\.table\\\\.table1 tbody td:nth-child({number})'
    return browser.run(f'[...document.querySelectorAll("{cells}")].map((cell) => cell.textContent)')


def test_the_page_opens_without_an_error_or_a_request(made, browser):
    browser.open(made.page)
    assert browser.console == [] and [
        url for url in browser.requests if not url.startswith("data:")
    ] == [made.page.resolve().as_uri()]
    assert browser.run("window.injected") is None
    for number in range(4):                                 # each is loaded when it comes into sight
        browser.run(f"document.images[{number}].scrollIntoView()")
        assert browser.run(
            f"document.images[{number}].decode().then(() => document.images[{number}].naturalWidth)"
        ) == 1080
    # 2 (3 + 1) of lessons, 9 of counts, 5 of claims
    assert browser.run('document.querySelectorAll("th button").length') == 22


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_readable_on_a_phone_in_light_and_dark(made, browser, dark):
    for path in (made.page, made.folder / "html" / "01_anuw.html"):
        browser.open(path, width=360, height=780, dark=dark)
        assert browser.run("document.documentElement.scrollWidth") == 360 and browser.run("window.innerWidth") == 360
        wide = (
            "[...document.querySelectorAll('main *')].filter((e) => !e.closest('.scroll, pre, table, math, .hidden')"
            " && e.getBoundingClientRect().right > 361).map((e) => e.outerHTML.slice(0, 90))"
        )
        assert browser.run(wide) == [] and browser.console == []
        light = browser.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (sum(light) < 150) == dark and contrast(browser) > 7


def contrast(browser) -> float:
    """Of text and paper, as WCAG defines it."""
    def luminance(which: str) -> float:
        rgb = np.array(
            browser.run(f"getComputedStyle(document.body).{which}.match(/\\d+/g).slice(0, 3).map(Number)")
        ) / 255
        return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance("color"), luminance("backgroundColor")))
    return (high + 0.05) / (low + 0.05)


def test_tables_are_sorted_by_mouse_and_keyboard(made, browser):
    browser.open(made.page)
    button = 'document.querySelector("#\\\\30 1_anuw\\\\.table\\\\.table1 th:nth-child({}) button")'
    heading = button + '.closest("th").getAttribute("aria-sort")'
    assert column(browser, 1) == ["b10", "b9", EVIL, "a|c"] and browser.run(heading.format(1)) == "none"
    browser.run(button.format(1) + ".click()")
    assert column(browser, 1) == [EVIL, "a|c", "b9", "b10"] and browser.run(heading.format(1)) == "ascending"
    for key, code, expected, state in (
        ("Enter", 13, ["0.020 ± 0.001", "0.300 ± 0.010", "1,200.5", "–"], "ascending"),
        (" ", 32, ["1,200.5", "0.300 ± 0.010", "0.020 ± 0.001", "–"], "descending"),
        ("Enter", 13, ["0.300 ± 0.010", "0.020 ± 0.001", "–", "1,200.5"], "none"),
    ):
        browser.run(button.format(2) + ".focus()")
        browser.press(key, code)
        assert column(browser, 2) == expected and browser.run(
            heading.format(2)
        ) == state and browser.run(heading.format(1)) == "none"
    browser.run(button.format(3) + ".click()")
    assert column(browser, 3) == ["1", "3", "20", "100"]
    assert browser.run(
        '[...document.querySelectorAll("th button")].every((one) => one.textContent.trim() || one.ariaLabel)'
    )
    assert browser.console == []


def test_the_counts_filter_the_ledger(made, browser):
    browser.open(made.page)
    shown = (
        '[...new Set([...document.querySelectorAll("tr[data-verdict]")].filter((r) => r.offsetHeight).map((r) => '
        'r.dataset.verdict))]'
    )
    press = 'document.querySelector("button.count.{}").click()'
    everything = sorted(browser.run(shown))
    assert len(everything) == len(STATUSES)
    browser.run(press.format("supported"))
    assert browser.run(shown) == ["supported"] and "of 30 claims" in browser.run(
        'document.getElementById("shown").textContent'
    )
    browser.run(press.format("contradicted"))
    assert sorted(browser.run(shown)) == ["contradicted", "supported"]
    browser.run(press.format("supported"))
    browser.run(press.format("contradicted"))
    assert sorted(browser.run(shown)) == everything and browser.run(
        'document.getElementById("shown").textContent'
    ) == ""


def test_no_script_of_a_notebook_runs_but_its_sliders_move(made, browser):
    browser.open(made.folder / "html" / "01_anuw.html")
    assert browser.run("window.injected") is None and browser.run('document.querySelectorAll("script").length') == 1
    assert browser.console == [] and [url for url in browser.requests if not url.startswith(("data:", "file:"))] == []
    seen = (
        '[...document.querySelectorAll("figure[data-i]")].filter((one) => one.offsetHeight).map((one) => '
        'one.textContent)'
    )
    assert browser.run(seen) == ["near"]
    browser.run("document.querySelector('input[type=range]').focus()")
    browser.press("ArrowRight", 39)
    assert browser.run(seen) == ["far"]
