"""Where the weights of the losses go, judged by the locked rule."""

from depthlib.papers.mobile.weights import PRINTED, direction, judge_course, last_weights
from depthlib.report.claims import load_paper

PAPER = load_paper("mobile")


class Record:
    """As much of a run as the tables look at."""

    def __init__(self, curve: dict[str, list[float]]) -> None:
        self.result = {"curve": curve, "tests": {}}


def course(ranking: float, pixelwise: float, pairwise: float) -> Record:
    ends = {"weight_ranking": ranking, "weight_rmse": pixelwise, "weight_pairwise": pairwise}
    return Record({name: [1 / 3, 0.4, end] for name, end in ends.items()})


def test_where_the_weights_go_is_judged_by_the_locked_rule():
    """The numbers of Sec. 4.3.1, typed anew, must come out as supported; what the rule says is read from the claim."""
    assert PRINTED == {"ranking": 0.9, "pixelwise": 0.285, "pairwise": 0.1}
    rule = PAPER.claim("weights-move").untestable
    assert "ranking weight ends above the third" in rule and "at least two seeds" in rule
    printed, other, mixed = course(0.9, 0.285, 0.1), course(0.2, 0.5, 0.9), course(0.9, 0.285, 0.4)
    cases = {"supported": [printed, printed], "contradicted": [other, other], "not resolved": [printed, other]}
    for verdict, records in cases.items():
        assert judge_course(last_weights(records), "standard")[0] == verdict
    assert (
        judge_course(last_weights([mixed, mixed]), "standard")[0] == "contradicted"
    )  # one of the two ends on the other side
    assert judge_course(last_weights([printed, mixed]), "standard") == (
        "not resolved",
        "the ranking weight rises, the pairwise weight differs between seeds (2 seeds)",
    )
    assert judge_course(last_weights([printed]), "standard")[0] == "not resolved"
    for profile, why in (
        ("smoke", "only proves that the code runs"),
        ("quick", "no verdict at profile quick; the ranking weight rises"),
    ):
        status, found = judge_course(last_weights([printed, printed]), profile)
        assert status == "not run" and why in found
    assert (
        direction([0.34, 0.9]) == "rises"
        and direction([0.33, 0.1]) == "falls"
        and direction([0.3, 0.4]) == "differs between seeds"
    )
