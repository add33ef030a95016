"""What an edit of the package makes `depthlib reproduce --dry-run --verbose` list, where everything else is done."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from depthlib.base import paths

pytestmark = pytest.mark.slow

# Makes a store in which every run has a record and current scores, and results in which every notebook is current,
# without training.
EVERYTHING_DONE = """
import hashlib
import json
import lzma
from dataclasses import asdict
from pathlib import Path

from depthlib.base import paths
from depthlib.course.batch.plan import make_plan
from depthlib.course.lessons import COURSE
from depthlib.course.notebooks import notebook_key
from depthlib.course.notebooks.cells import at_profile, code_cells, read_notebook, write_notebook
from depthlib.runs.files import runs_digest
from depthlib.runs.keys import score_key
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import Store, copy_run

plan = make_plan(COURSE, profile="smoke", device="cpu", jobs=1)
for name, job in plan.runs.items():
    spec, folder = RunSpec(**job.spec), Path(plan.store, name)
    (folder / "scores").mkdir(parents=True)
    (folder / "weights.safetensors").write_text("weights")
    weights = hashlib.sha256(b"weights").hexdigest()
    (folder / "provenance.json").write_text("{}")
    (folder / "record.json").write_text(json.dumps({"key": spec.key, "weights": weights}))
    for test in spec.recipe.tests:
        scores = {"key": score_key(spec, test), "weights": weights, "images": [], "metrics": {}}
        (folder / "scores" / f"{test}.json.xz").write_bytes(lzma.compress(json.dumps(scores).encode()))
    copy_run(folder, paths.results_dir("smoke") / "runs" / name)
parameters = {"profile": "smoke", "device": "cpu"}
for lesson in COURSE:
    notebook = read_notebook(paths.notebooks_dir() / f"{lesson.notebook}.ipynb")
    key = notebook_key(notebook, parameters)
    notebook = at_profile(notebook, "smoke")
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
    runs = runs_digest(paths.results_dir("smoke") / "runs" / spec.name for spec in lesson.runs("smoke"))
    notebook.metadata["depthlib"] = {"key": key.digest, "parts": asdict(key), "parameters": parameters, "runs": runs}
    write_notebook(notebook, paths.results_dir("smoke") / f"{lesson.notebook}.ipynb")
for job in make_plan(COURSE, profile="smoke", device="cpu", jobs=1).notebooks.values():
    Path(job.stamp).write_text("done")
"""


def python(root, *arguments):
    environment = os.environ | {
        "PYTHONPATH": str(root),
        "DEPTHLIB_STORE": str(root / "runs"),
        "DEPTHLIB_OUT": str(root / "results"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    for name in ("depthlib", "notebooks", "data_manifests"):
        shutil.copytree(paths.REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    python(root, "-c", EVERYTHING_DONE)
    return root


def listed(root):
    """Job -> what `reproduce --dry-run --verbose` lists: runs without their key under "train" and "score", names under
    "notebook".
    """
    text = python(
        root, "-m", "depthlib", "reproduce", "--profile", "smoke", "--device", "cpu", "--dry-run", "--verbose"
    )
    found = {"train": set(), "score": set(), "notebook": set()}
    for rule, wildcards in re.findall(
        r"^rule (train|score|notebook):.*?wildcards: ([^\n]+)", text, re.DOTALL | re.MULTILINE
    ):
        name = re.search(r"(?:name|lesson)=([\w.-]+)", wildcards)[1]
        found[rule].add(name if rule == "notebook" else name.rpartition("-s0-")[0])
    return found


@pytest.fixture
def edited(repository):
    """Edits a file of the copy, for the time of one test, and says what is then listed."""
    before = {}

    def edit(name, change):
        path = repository / "depthlib" / name
        before[path] = path.read_text()
        path.write_text(change(before[path]))
        assert path.read_text() != before[path]
        return listed(repository)

    yield edit
    for path, text in before.items():
        path.write_text(text)


def with_code(text):
    return f"{text}\n\nEDITED = 1\n"


def test_nothing_is_listed_when_all_is_done(repository):
    assert listed(repository) == {"train": set(), "score": set(), "notebook": set()}


def test_a_metric_trains_nothing(edited):
    found = edited("metrics/depth.py", with_code)
    assert found["train"] == set()
    assert {"start-unet-rooms", "dacnn-full-streets", "synergy-suc-rooms"} <= found["score"]
    assert not any(name.startswith("mobile-diw") for name in found["score"]), "ordinal measures do not use it"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("losses/checks.py", lambda text: text.replace("expected floating-point tensors", "expected no integers")),
        ("protocols/protocol.py", lambda text: text.replace("unknown protocol", "no such protocol")),
        ("training/fit.py", lambda text: text.replace("The training loop,", "The loop,")),
        ("models/unet.py", lambda text: text + "# a comment\n"),
    ],
)
def test_a_message_or_a_docstring_lists_nothing(edited, name, change):
    assert edited(name, change) == {"train": set(), "score": set(), "notebook": set()}


def test_where_files_lie_and_what_is_printed_trains_and_scores_nothing(edited):
    names = (
        "base/paths.py",
        "base/progress.py",
        "training/checkpoint.py",
        "training/stopping.py",
        "runs/store.py",
        "runs/files.py",
        "runs/execute.py",
        "course/batch/progress.py",
    )
    for name in names:
        found = edited(name, with_code)
        assert found["train"] == found["score"] == set(), name


def test_the_loss_of_a_paper_trains_its_runs_alone(edited):
    found = edited("papers/dacnn/loss.py", with_code)
    assert {"dacnn-teacher-streets", "dacnn-full-streets", "dacnn-no-distill-streets"} <= found["train"]
    assert {name for name in found["train"] if not name.startswith("dacnn-")} == {"comparison-dacnn-streets"}
    assert "dacnn-floor-map-streets" not in found["train"] and found["score"] == set()


def test_a_network_trains_the_runs_that_have_it(edited):
    found = edited("models/unet.py", with_code)
    assert found["train"] == {"start-unet-rooms", "anuw-unet-streets", "anuw-unet-tilted", "comparison-unet-streets"}
    assert found["score"] == set()


def test_the_published_tables_of_a_paper_train_nothing(edited):
    found = edited("papers/anuw/claims.yaml", lambda text: text + "# a remark\n")
    assert found["train"] == found["score"] == set() and "01_anuw" in found["notebook"]
