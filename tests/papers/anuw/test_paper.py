"""ANUW: its printed numbers entered a second time, its claims and its errata."""

import re

import pytest
import yaml

from depthlib.metrics import METRIC_NAMES
from depthlib.papers.anuw import rows as anuw
from depthlib.protocols.protocol import load_protocol
from depthlib.report import claims as published
from depthlib.report.claims import load_paper
from depthlib.runs.store import RunSpec

PAPER = load_paper("anuw")
CLAIMS = published.FOLDER / "anuw" / "claims.yaml"

# Typed anew from the paper, column by column, the other way round than in the YAML file.
TABLE1 = {"A": 0.612, "B": 0.609, "C": 0.604, "D": 0.597, "E": 0.582}
METHODS = ["U-net", "U-net++", "FCRN", "Monodepth2", "ANUW"]
TABLE2 = {
    ("mai", "ssim"): [0.481, 0.588, 0.613, 0.415, 0.629],
    ("mai", "abs_rel"): [0.578, 0.773, 0.553, 0.665, 0.669],
    ("mai", "si_rmse"): [0.628, 0.612, 0.605, 0.595, 0.582],
    ("kitti", "ssim"): [0.809, 0.846, 0.711, 0.603, 0.875],
    ("kitti", "abs_rel"): [0.433, 0.293, 0.178, 0.156, 0.165],
    ("kitti", "si_rmse"): [0.816, 0.699, 0.845, 0.473, 0.449],
    ("diode", "ssim"): [0.251, 0.381, 0.399, 0.305, 0.405],
    ("diode", "abs_rel"): [0.944, 0.732, 0.549, 0.652, 0.503],
    ("diode", "si_rmse"): [0.831, 0.731, 0.682, 0.693, 0.621],
}
BOLD = {  # the method printed in bold, by column in the order above
    ("mai", "ssim"): "ANUW",
    ("mai", "abs_rel"): "FCRN",
    ("mai", "si_rmse"): "ANUW",
    ("kitti", "ssim"): "ANUW",
    ("kitti", "abs_rel"): "Monodepth2",
    ("kitti", "si_rmse"): "ANUW",
    ("diode", "ssim"): "ANUW",
    ("diode", "abs_rel"): "ANUW",
    ("diode", "si_rmse"): "ANUW",
}


def test_table_1_twice():
    frame = PAPER.table("table1").to_frame()
    assert frame["mai", "si_rmse"].to_dict() == TABLE1 and frame.shape == (5, 1)
    assert not any(any(row.bold) for row in PAPER.table("table1").rows)


def test_table_2_twice():
    table = PAPER.table("table2")
    frame = table.to_frame()
    assert list(frame.index) == METHODS and list(frame.columns) == list(TABLE2)
    assert {column: frame[column].tolist() for column in TABLE2} == TABLE2
    bold = {(c.data, c.metric): [row.label for row in table.rows if row.bold[i]] for i, c in enumerate(table.columns)}
    assert bold == {column: [method] for column, method in BOLD.items()}


def test_bold_is_the_best_of_its_column():
    for (data, metric), values in TABLE2.items():
        best = (max if metric == "ssim" else min)(values)
        assert METHODS[values.index(best)] == BOLD[data, metric]


def test_claims_agree_with_the_tables_they_come_from_except_where_the_paper_contradicts_itself():
    """Erratum A13 is found, not typed: "best in all metrics" is not what Table 2 shows. Also for claims of the text."""
    for claim in PAPER.claims:
        wrong = []
        for rival, test, metric in claim.comparisons():
            for table in PAPER.tables:
                ours, theirs = (table.number(variant, test, metric) for variant in (claim.better, rival))
                if ours is not None and theirs is not None and (ours <= theirs if metric == "ssim" else ours >= theirs):
                    wrong.append((rival, test, metric))
        assert bool(wrong) == (claim.contradicted_in_print and claim.untestable is None), claim.key
        where = {(test, metric) for _, test, metric in wrong}
        both = {("mai", "abs_rel"), ("kitti", "abs_rel")}
        assert not wrong or where == (both if claim.key == "beats-monodepth2" else {("mai", "abs_rel")})
    assert PAPER.printed(PAPER.claim("awca-helps")) == [(0.609, 0.612)]
    assert (0.669, 0.553) in PAPER.printed(PAPER.claim("best-abs-rel"))
    assert len(PAPER.printed(PAPER.claim("best-si-rmse"))) == 9


def test_every_claim_can_be_run_or_says_why_not():
    for claim in PAPER.claims:
        if claim.untestable:
            assert len(claim.untestable) > 20 and not claim.comparisons()
            continue
        for variant in (claim.better, *(x for x in claim.than if isinstance(x, str))):
            assert variant in (*anuw.VARIANTS, *anuw.OF_OTHERS), claim.key
        tests = RunSpec("anuw", claim.better, PAPER.stand_ins[claim.data], "smoke").recipe.tests
        for test in claim.tests:
            _, protocol = tests[PAPER.stand_ins.get(test, test)]
            assert set(claim.metrics) <= set(load_protocol(protocol).metrics) <= set(METRIC_NAMES), claim.key


@pytest.mark.slow
def test_a_claim_cannot_be_changed_unnoticed(tmp_path):
    """Direction, rival, metric and rule are under the lock; wording is not."""
    text = CLAIMS.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["lock"] == "54be449a4cd9"  # a second place to change on purpose

    def load(change):
        changed = yaml.safe_load(text)
        change(changed)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / "anuw").mkdir(parents=True)
        (folder / "anuw" / CLAIMS.name).write_text(yaml.safe_dump(changed), encoding="utf-8")
        return load_paper("anuw", folder)

    def swap(c):
        c["claims"]["awca-helps"].update(better="a", than=["b"])

    for change in (
        swap,
        lambda c: c["rule"].update(level=0.5),
        lambda c: c["claims"]["best-ssim"]["than"].pop(),
        lambda c: c["claims"]["soft-labels-help"].update(metrics=["abs_rel"]),
        lambda c: c["claims"].pop("psnl-helps"),
        lambda c: c["stand_ins"].update(kitti="streets"),
        lambda c: c["claims"]["psnl-is-small"].update(extra_parameters=0.5),
    ):
        with pytest.raises(ValueError, match="anuw/claims.yaml: lock is '54be449a4cd9', but the claims are"):
            load(change)
    assert load(lambda c: c["claims"]["awca-helps"].update(says="In other words.")).claims[0].says == "In other words."


def test_the_lock_leaves_prose_and_errata_free():
    content = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    content["claims"]["awca-helps"].update(where="elsewhere", remark="another")
    content["errata"]["A1"]["why"] = "for another reason"
    assert published._paper("anuw", content).erratum("A1").why == "for another reason"


CITED = re.compile(r"\berrat(?:um|a)\s+(A\d+(?:(?:,|,?\s+and|\s+to)\s+A\d+)*)|\((?:[^()\n]*; )?(A\d+)\)")


def cited(text: str) -> set[str]:
    """Numbers of the form "erratum A13", "errata A7 and A10", "A10 to A12" after the word, "(A15)"."""
    return {number for found in CITED.findall(text) for part in found for number in re.findall(r"A\d+", part)}


def test_citations_are_found():
    assert cited("Sec. 3, erratum A18. errata A7 and\n A10, errata A1, A2 and A3; (A15) (Eq. 12; A11) A4 A99") == {
        "A18",
        "A7",
        "A10",
        "A1",
        "A2",
        "A3",
        "A15",
        "A11",
    }


def test_every_erratum_that_is_cited_is_listed():
    known, folder = {erratum.key for erratum in PAPER.errata}, published.FOLDER.parent
    files = [*folder.rglob("*.py"), CLAIMS]
    found = {path.relative_to(folder).as_posix(): cited(path.read_text(encoding="utf-8")) for path in files}
    assert {name: numbers - known for name, numbers in found.items() if numbers - known} == {}
    assert found["losses/structural.py"] == {"A7", "A10"} and len(set.union(*found.values())) >= 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["tables"]["table1"]["rows"][0].update(values=[0.6, 0.7]),
            "row A: found .0.6, 0.7., expected 1 numbers",
        ),
        (lambda c: c["tables"]["table1"]["rows"][0].update(bold=["mai/ssim"]), "row A: bold names .'mai/ssim'."),
        (lambda c: c["tables"]["table2"]["rows"][3].pop("variant"), "row Monodepth2: expected either a variant or"),
        (lambda c: c["claims"]["awca-helps"].update(metric="si_rmse"), "claim awca-helps: unknown entry metric"),
        (lambda c: c["claims"]["awca-helps"].pop("tests"), "claim awca-helps: expected either data"),
        (lambda c: c["claims"]["transfers"].pop("untestable"), "claim transfers: expected either data"),
        (lambda c: c["claims"]["awca-helps"].update(whose="nobody"), "whose is 'nobody'"),
        (lambda c: c.update(extra=1), "file: unknown entry extra"),
        (lambda c: c["rule"].update(seeds=3), "rule: seeds is 3, expected at least 4"),
        (lambda c: c["rule"].update(margin=2), "rule: margin is 2, expected a share"),
        (lambda c: c["announced"].append("nope"), "announced: found nope"),
        (
            lambda c: c["announced"].append("psnl-is-small"),
            "claim psnl-is-small: is announced, expected that it is judged",
        ),
        (
            lambda c: c["claims"]["both-help"].update(after="best-ssim"),
            "claim both-help: after is 'best-ssim', expected a claim of its",
        ),
        (lambda c: c["claims"]["both-help"].update(was="Words."), "claim both-help: expected both was and because"),
        (
            lambda c: c["claims"]["both-help"].update(learned_by="ssim"),
            "claim both-help: learned_by is 'ssim', expected 'test/metric'",
        ),
        (lambda c: c["errata"]["A3"].pop("why"), "erratum A3: no text for why"),
        (lambda c: c["errata"]["A3"].update(because="so"), "erratum A3: unknown entry because"),
    ],
)
def test_mistakes_in_the_file_are_named(change, message):
    content = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    change(content)
    with pytest.raises(ValueError, match=message):
        published._paper("anuw", content)
