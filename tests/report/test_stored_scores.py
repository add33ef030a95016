"""The verdicts on the stored scores of 151 short runs are those that were published with them."""

from collections import Counter

import pytest
from stored_scores import records

from depthlib.report.claims import load_paper
from depthlib.report.verdicts import judge_all

PUBLISHED = {       # supported, contradicted, not resolved, not run, not testable here: as results/quick/index.html counts them
    "anuw": (3, 0, 15, 2, 10),
    "dacnn": (2, 0, 8, 2, 4),
    "mobile": (2, 0, 15, 13, 17),
    "dual": (0, 0, 20, 1, 4),
    "synergy": (1, 1, 23, 0, 8),
}
STATUSES = ("supported", "contradicted", "not resolved", "not run", "not testable here")


@pytest.mark.parametrize("paper", PUBLISHED)
def test_verdicts_on_stored_scores(paper):
    runs = [record for record in records() if record.result["spec"]["paper"] == paper]
    found = Counter(verdict.status for verdict in judge_all(load_paper(paper), runs).verdicts)
    assert tuple(found[status] for status in STATUSES) == PUBLISHED[paper]
