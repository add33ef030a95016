"""The claims of all papers: what may not change unnoticed, what is announced, and that each can be judged here."""

import json
from pathlib import Path

import pytest
from judging import PAPER

from depthlib.base.catalogue import part
from depthlib.report.claims import KINDS, LEAST_ANNOUNCED, load_paper
from depthlib.runs.floors import FLOORS
from depthlib.runs.spec import RunSpec

PINNED = json.loads((Path(__file__).parents[1] / "fixtures" / "claims_a05edcc.json").read_text(encoding="utf-8"))
HOW = ("data", "better", "than", "tests", "metrics", "extra_parameters")
PAPERS = {key: load_paper(key) for key in PINNED}


def now(claim):
    """A claim as the pinned list writes it."""
    values = {name: getattr(claim, name) for name in HOW}
    how = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value not in (None, ())
    }
    return {"says": claim.says.strip()} | ({"untestable": True} if claim.untestable is not None else {"how": how})


def faults(claims, pinned):
    """Claims that were changed, removed or added without a word."""
    found = {claim.key: claim for claim in claims}
    gone = [f"{key} is gone" for key in pinned if key not in found]
    added = [f"{key} is not marked as new" for key, claim in found.items() if (key not in pinned) != claim.new]
    changed = [
        f"{key} was changed without its old wording"
        for key, before in pinned.items()
        if key in found and now(found[key]) != before and found[key].was != before["says"]
    ]
    return [*gone, *added, *changed]


@pytest.mark.parametrize("paper", PINNED)
def test_a_changed_claim_keeps_its_old_wording(paper):
    assert faults(PAPERS[paper].claims, PINNED[paper]) == []
    assert all(claim.because is None or len(claim.because) > 20 for claim in PAPERS[paper].claims)


def test_the_pinned_list_is_whole_and_no_more_is_called_untestable():
    assert sum(map(len, PINNED.values())) == 151
    for key, pinned in PINNED.items():
        before = sum("untestable" in one for one in pinned.values())
        assert sum(claim.untestable is not None for claim in PAPERS[key].claims) <= before


def test_the_pins_hold():
    from dataclasses import replace

    claims, pinned = PAPERS["anuw"].claims, PINNED["anuw"]
    first, rest = claims[0], claims[1:]
    other = "Another sentence."
    assert faults(rest, pinned) == ["awca-helps is gone"]
    assert faults((replace(first, says=other), *rest), pinned) == ["awca-helps was changed without its old wording"]
    assert faults((replace(first, than=("unet",)), *rest), pinned) == ["awca-helps was changed without its old wording"]
    assert faults((replace(first, says=other, was=first.says), *rest), pinned) == []
    assert faults((*claims, replace(first, key="more")), pinned) == ["more is not marked as new"]
    assert faults((*claims, replace(first, key="more", new=True)), pinned) == []


def test_each_paper_announces_one_to_three_claims_with_six_seeds():
    for paper in PAPERS.values():
        announced = [claim for claim in paper.claims if claim.announced]
        assert 1 <= len(announced) <= 3 and all(len(claim.seeds) >= LEAST_ANNOUNCED for claim in announced)
    assert {claim.key for claim in PAPERS["synergy"].claims if claim.announced} == {
        "da-helps",
        "da-helps-far",
        "semantics-help",
    }


def test_counts_are_told_from_claims_and_questions():
    kinds = {kind: [c.key for p in PAPERS.values() for c in p.claims if c.kind == kind] for kind in KINDS}
    assert set(kinds["count"]) == {
        "psnl-is-small",
        "psnl-is-cheap",
        "fbnet-is-smaller",
        "heads-cost-nothing",
        "fewer-parameters",
        "fewer-operations",
    }
    assert all(claim.whose == "ours" for p in PAPERS.values() for claim in p.claims if claim.kind == "ours")


@pytest.mark.slow
@pytest.mark.parametrize("paper", PINNED)
def test_every_place_where_learning_is_measured_has_a_floor(paper):
    """A claim's own tests, or those that it names instead, are tests of its networks and of a floor."""
    published, runs = PAPERS[paper], part(paper, "rows").runs("full")
    floors = {}
    for spec in runs:
        if spec.variant in FLOORS:
            floors.setdefault(spec.data, set()).update(spec.recipe.tests)
    for claim in published.claims:
        if not claim.is_estimated:
            continue
        data = claim.stand_ins.get(claim.data, claim.data)
        tests = RunSpec(paper, claim.better, data, "smoke").recipe.tests
        gates = [claim.learned_by.split("/")[0]] if claim.learned_by else claim.tests
        named = [*gates, *([claim.margin_of.split("/")[0]] if claim.margin_of else [])]
        for test in (claim.stand_ins.get(name, name) for name in named):
            assert test in tests, (claim.key, test)
            assert test in floors[data] or name_of_margin(claim, test), (claim.key, test)


def name_of_margin(claim, test):
    """Whether a test only serves the margin, which needs no floor."""
    return (
        claim.margin_of is not None
        and claim.stand_ins.get(claim.margin_of.split("/")[0], claim.margin_of.split("/")[0]) == test
    )


def test_a_difference_of_errors_names_where_its_networks_must_have_learned():
    """Bias, correlation, sharpness and the gap between regions are met by maps that never look; an error is not."""
    signed = {
        "inside_minus_border",
        "border_minus_inside",
        "gradient_error",
        "missing_25",
        "bias_far",
        "shortfall_far",
        "nearness",
    }
    for paper in PAPERS.values():
        for claim in paper.claims:
            gap = any("-minus-" in test for test in claim.tests)
            assert bool(claim.learned_by) == (gap or bool(signed & set(claim.metrics))), claim.key


def test_unknown_names():
    with pytest.raises(ValueError, match="no published results of 'nope': expected one of .*anuw"):
        load_paper("nope")
    with pytest.raises(ValueError, match="unknown claim 'nope'"):
        PAPER.claim("nope")
    with pytest.raises(ValueError, match="unknown erratum 'A99': expected one of A1, A2"):
        PAPER.erratum("A99")
