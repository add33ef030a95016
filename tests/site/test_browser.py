"""The page in a browser: no request, readable on a phone, sorted and filtered."""

from __future__ import annotations

import chromium
import numpy as np
import pytest
from results_folder import EVIL

from depthlib.report.claims import load_paper
from depthlib.report.verdicts import STATUSES

BROWSER = chromium.find()


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    with chromium.Chromium(BROWSER) as found:
        yield found


def column(browser, number: int) -> list[str]:
    cells = f"#\\\\30 1_anuw\\\\.table\\\\.table1 tbody td:nth-child({number})"
    return browser.run(f'[...document.querySelectorAll("{cells}")].map((cell) => cell.textContent)')


def test_the_page_opens_without_an_error_or_a_request(made, browser):
    browser.open(made.page)
    assert browser.console == [] and [url for url in browser.requests if not url.startswith("data:")] == [
        made.page.resolve().as_uri()
    ]
    assert browser.run("window.injected") is None
    for number in range(4):  # each is loaded when it comes into sight
        browser.run(f"document.images[{number}].scrollIntoView()")
        assert (
            browser.run(f"document.images[{number}].decode().then(() => document.images[{number}].naturalWidth)")
            == 1080
        )
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
        rgb = (
            np.array(browser.run(f"getComputedStyle(document.body).{which}.match(/\\d+/g).slice(0, 3).map(Number)"))
            / 255
        )
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
        assert (
            column(browser, 2) == expected
            and browser.run(heading.format(2)) == state
            and browser.run(heading.format(1)) == "none"
        )
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
        "r.dataset.verdict))]"
    )
    press = 'document.querySelector("button.count.{}").click()'
    everything = sorted(browser.run(shown))
    assert len(everything) == len(STATUSES)
    browser.run(press.format("supported"))
    assert browser.run(shown) == ["supported"]
    claims = len(load_paper("anuw", made.papers).claims)
    assert f"of {claims} claims" in browser.run('document.getElementById("shown").textContent')
    browser.run(press.format("contradicted"))
    assert sorted(browser.run(shown)) == ["contradicted", "supported"]
    browser.run(press.format("supported"))
    browser.run(press.format("contradicted"))
    assert (
        sorted(browser.run(shown)) == everything and browser.run('document.getElementById("shown").textContent') == ""
    )


def test_no_script_of_a_notebook_runs_but_its_sliders_move(made, browser):
    browser.open(made.folder / "html" / "01_anuw.html")
    assert browser.run("window.injected") is None and browser.run('document.querySelectorAll("script").length') == 1
    assert browser.console == [] and [url for url in browser.requests if not url.startswith(("data:", "file:"))] == []
    seen = (
        '[...document.querySelectorAll("figure[data-i]")].filter((one) => one.offsetHeight).map((one) => '
        "one.textContent)"
    )
    assert browser.run(seen) == ["near"]
    browser.run("document.querySelector('input[type=range]').focus()")
    browser.press("ArrowRight", 39)
    assert browser.run(seen) == ["far"]
