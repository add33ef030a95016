"""The store: what a record says, and what is refused when it is read."""

import pytest
import torch
from smoke_run import SPEC

from depthlib.runs.files import CorruptRecord
from depthlib.runs.store import Store, copy_run, read_record


@pytest.mark.slow
def test_record_says_everything(made):
    result = made.result
    assert result["key"] == SPEC.key and result["spec"]["variant"] == "unet" and result["parameters"] > 0
    assert len(result["curve"]["loss"]) == SPEC.recipe.plan.steps
    test = result["tests"]["metric"]
    assert len(test["images"]) == len(test["metrics"]["abs_rel"]) == 4
    assert made.means("metric")["abs_rel"] == pytest.approx(sum(test["metrics"]["abs_rel"]) / 4)
    assert {"torch", "device", "seconds", "threads", "finished"} <= set(made.provenance)
    assert made.predictions("metric").shape[0] == 4
    assert not (made.folder / "checkpoint.pt").exists()


def test_shipped_weights_give_the_recorded_numbers(made):
    """What is measured is what is kept: the half-precision file reproduces the record."""
    from depthlib.protocols.evaluate import evaluate
    from depthlib.protocols.protocol import load_protocol

    data = SPEC.recipe.tests["metric"][0].make()
    again, _ = evaluate(made.load_model(), data, load_protocol("scenes"))
    assert again.metrics["abs_rel"] == pytest.approx(made.per_image("metric", "abs_rel"), rel=1e-5)


def test_a_damaged_committed_run_is_passed_over_where_one_may_be_made(copied, tmp_path, caplog):
    store, folder = copied
    (folder / "record.json").write_text("{")
    assert Store(tmp_path / "mine", reference=[store.root], train=True).get(SPEC) is None
    assert f"{folder}/record.json: damaged (" in caplog.text and "; passed over, made in " in caplog.text
    with pytest.raises(CorruptRecord, match="record.json: damaged"):
        Store(tmp_path / "mine", reference=[store.root], train=False).get(SPEC)


def test_one_changed_digit_is_refused_by_whoever_reads_it(copied):
    """Where nothing may be made, the error names the file; what the record says of the weights holds for those that are
    loaded.
    """
    store, folder = copied
    readers = {
        "record.json": lambda: Store(store.root, reference=[], train=False).get(SPEC),
        "scores/metric.json.xz": lambda: read_record(folder),
        "weights.safetensors": lambda: read_record(folder).load_model(),
        "scores/metric.safetensors": lambda: read_record(folder).predictions("metric"),
    }
    for name, read in readers.items():
        content = (folder / name).read_bytes()
        digit = next(i for i in range(len(content)) if content[i : i + 1].isdigit())
        (folder / name).write_bytes(
            content[:digit] + (b"1" if content[digit : digit + 1] != b"1" else b"2") + content[digit + 1 :]
        )
        with pytest.raises(CorruptRecord, match=f"{SPEC.name}/{name}: damaged"):
            read()
        (folder / name).write_bytes(content)
        read()


def test_published_run_is_complete_and_small(made, tmp_path):
    copy_run(made.folder, tmp_path / made.folder.name)
    copy = read_record(tmp_path / made.folder.name, key=SPEC.key)
    assert copy.result == made.result
    assert torch.equal(next(copy.load_model().parameters()), next(made.load_model().parameters()))
