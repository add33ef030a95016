"""The rows of every paper at profile "full": two steps of training, and all their tests, on one frame.

The networks and the frames have their full size; a wrong option, a frame that a network cannot take or a measure that
does not fit shows here, and not after hours on a GPU. Scenes, images per step and steps are overridden, as by `--set`.
Two settings that no override reaches are made small in the papers' tables: the frames of the first lesson's validation,
and how thoroughly NetAdapt searches.

Of rows with the same network and kind of task, one is trained; with DEPTHLIB_EVERY_ROW=1 all are.

A network that starts from ImageNet needs no internet here: the weights of EfficientNet-Lite0 are in a package of the
extra "test", and at "full" all other trunks start from random weights.
"""

import math
import os
from dataclasses import replace
from tempfile import TemporaryDirectory

import pytest
import torch

from depthlib.base import catalogue
from depthlib.base.cost import parameters
from depthlib.course.lessons import COURSE
from depthlib.models import create_model
from depthlib.runs.execute import ensure
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store

pytestmark = pytest.mark.slow

STEPS = 2  # the second loss is that of a network that has been changed
PAIRED = ("dacnn", "comparison")  # DACNN's network has batch norm after a global pooling, so it needs two images
ROWS = list(
    {
        (run.paper, run.variant, run.data): None
        for paper in dict.fromkeys(lesson.paper for lesson in COURSE)
        for run in catalogue.part(paper, "rows").runs("full", seeds=[0])
    }
)


def kind(row):
    """What two rows share that mostly fail alike: network and kind of task."""
    recipe = small(*row).recipe
    return row[0], recipe.model, str(recipe.model_options), recipe.task.target


@pytest.fixture(scope="module")
def store(request):
    """A store for each paper, so that a run from which others start is made once; its weights take up to some GiB."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        start, pruning = catalogue.part("start", "rows"), catalogue.part("mobile", "pruning")
        patch.setitem(start.SCALES, "full", replace(start.SCALES["full"], val_scenes=1))
        effort = {"tries": 1, "first": 0.1, "short": {"steps": 1, "batch_size": 1}, "validation": 1}
        patch.setitem(pruning.EFFORTS, "full", replace(pruning.EFFORTS["full"], **effort))
        yield Store(folder, reference=[], train=True)


def small(paper, variant, data):
    images = 2 if paper in PAIRED else 1
    few = {"steps": STEPS, "batch_size": images, "train_scenes": images, "test_scenes": 1}
    return RunSpec(paper, variant, data, "full", overrides=few)


def leads_on(row):
    """Whether another row starts from this one."""
    specs = [small(*other) for other in ROWS if other[0] == row[0]]
    return row in {(need.paper, need.variant, need.data) for spec in specs for need in spec.recipe.needs().values()}


CHOSEN = (
    ROWS
    if os.environ.get("DEPTHLIB_EVERY_ROW") == "1"
    else list({kind(row): row for row in reversed(ROWS)}.values())[::-1]
)


@pytest.mark.parametrize(
    ("store", "row"), [(row[0], row) for row in CHOSEN], indirect=["store"], ids=["-".join(row) for row in CHOSEN]
)
def test_row_trains_and_is_scored_at_full(store, row):
    spec = small(*row)
    recipe = spec.recipe
    record = ensure(spec, store, device="cpu")
    curve, planned = record.result["curve"], recipe.plan.steps
    assert planned in (0, STEPS, 2 * STEPS), "small, whatever the paper makes of the profile's steps"
    assert len(curve.get("loss", [])) == planned
    assert all(math.isfinite(value) for values in curve.values() for value in values if value is not None)
    assert set(record.result["tests"]) == set(recipe.tests)
    for name, found in record.result["tests"].items():
        values = [value for metric in found["metrics"].values() for value in metric]
        assert values or found["skipped"], f"{name}: no value"
        assert all(math.isfinite(value) for value in values), f"{name}: {found['metrics']}"
    quick = replace(spec, profile="quick").recipe
    other_encoder = recipe.model_options.get("encoder") != quick.model_options.get("encoder")  # of phones: no wider one
    if recipe.model_options != quick.model_options and not other_encoder:
        assert record.result["parameters"] > parameters(create_model(quick.model, **quick.model_options))
    if not leads_on(row):
        (record.folder / "weights.safetensors").unlink()


@pytest.fixture(autouse=True)
def one_thread():
    """Several threads would disturb the tests that run beside these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
