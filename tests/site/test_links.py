"""All links lead somewhere, and nothing is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from results_folder import Page

from depthlib.base.paths import reference_dir


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
                assert name not in attributes or attributes[name].startswith("data:") or attributes.get("onerror"), (
                    attributes
                )
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
