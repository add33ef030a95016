"""The made-up results folder and its page, made once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from results_folder import LESSONS, evil_papers, fill

from depthlib.site.page import write_page


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> SimpleNamespace:
    """`root/quick` with two lessons and the verdicts of one paper, made by Report; and the page."""
    root = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPTHLIB_OUT", str(root))
        papers = evil_papers(tmp_path_factory.mktemp("papers"))
        fill(root / "quick", papers, patch)
        page = write_page("quick", lessons=LESSONS, papers=papers)
    return SimpleNamespace(
        root=root, folder=root / "quick", papers=papers, page=page, html=page.read_text(encoding="utf-8")
    )
