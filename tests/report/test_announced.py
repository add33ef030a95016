"""Answers come from verdicts."""

from dataclasses import replace
from types import SimpleNamespace

from depthlib.base.stats import Interval
from depthlib.report.announced import announced_answers
from depthlib.report.claims import load_paper
from depthlib.report.comparison import Comparison
from depthlib.report.verdicts import NOT_RUN, SUPPORTED, UNRESOLVED, Verdict


def compared(mean, low, high, printed):
    return Comparison(Interval(mean, low, high), 6, 512, 1e-4, 1e-4, 1e-4, 0.5, 0.01, printed)


def test_answers_tell_effect_interval_and_print():
    claims = [claim for claim in load_paper("anuw").claims if claim.announced]
    assert len(claims) == 3
    judged = SimpleNamespace(
        verdicts=[
            Verdict(claims[0], SUPPORTED, "", (compared(0.02, 0.01, 0.03, 0.025),), 0, profile="standard"),
            Verdict(claims[1], UNRESOLVED, "", (compared(-0.01, -0.03, 0.01, None),), 0, profile="standard"),
            Verdict(claims[2], NOT_RUN, "no runs of d on streets", profile="standard"),
            Verdict(replace(claims[0], announced=False), NOT_RUN, "never told"),
        ]
    )
    first, second, third = announced_answers(judged)
    assert first.startswith(f"**{claims[0].says.rstrip('.')}**: supported. e against d: si_rmse on streets: ")
    assert "error lower by 4.0 %, between 2.0 % and 6.0 %, on 6 seeds and 512 frames" in first
    assert first.endswith("in print 2.5 % lower, so it is compatible with print.")
    assert "error higher by 2.0 %, between −2.0 % and 6.0 %" in second
    assert second.endswith("print has no such comparison.")
    assert third.endswith("not run. No runs of d on streets.")
