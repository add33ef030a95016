"""The whole chain of the stored notebooks, with a kernel: outputs that were spoilt and losses that changed are
found.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from nbformat.v4 import new_notebook
from nbval_command import nbval_command
from notebook_cells import cell, outputs

from depthlib.course.notebooks import execute, strip
from depthlib.course.notebooks.cells import read_notebook, write_notebook


def run_again(folder: Path, **environment: str) -> tuple[str, dict[tuple[str, str], str]]:
    """Executes the results in `folder`/out as the repository's tests do: the log, and (notebook, cell) -> PASSED or
    FAILED.
    """
    options = ("--color", "no", "--continue-on-collection-errors", "--notebook-sources", folder, "-rA")
    command = nbval_command(*options, folder / "out", seconds=60)
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | environment, check=False)
    ids = {path.stem: [item.id for item in read_notebook(path).cells] for path in folder.glob("*.ipynb")}
    found = re.findall(r"^(PASSED|FAILED) \S*?(\w+)\.ipynb::Cell (\d+)", run.stdout, flags=re.MULTILINE)
    return run.stdout[-6000:], {(stem, ids[stem][int(number)]): verdict for verdict, stem, number in found}


PICTURE = """import base64, io
from PIL import Image
from IPython.display import display
buffer = io.BytesIO()
Image.new('RGB', (4, 4)).save(buffer, 'png')
data = base64.b64encode(buffer.getvalue()).decode()
display({'image/png': data, 'text/plain': '<Figure size 720x300 with 1 Axes>'}, raw=True)"""


@pytest.mark.slow
def test_nbval_bites_at_spoilt_outputs(tmp_path):
    """What passes, what fails and says why, and what is refused before it starts."""
    tolerant = "nbval-rtol=1e-2"
    source = strip(
        new_notebook(
            cells=[
                cell("loss = 0.1234", "start"),
                cell("print('loss', loss)", "close", tolerant),
                cell("print('loss', loss)", "wrong", tolerant),
                cell("print('loss', loss)", "word", tolerant),
                cell("print('loss', loss)", "exact"),
                cell(PICTURE, "picture"),
                cell(
                    "from os import environ, path\nprint(environ.get('DEPTHLIB_TRAIN'), "
                    "path.isdir(environ.get('DEPTHLIB_OUT', '')))",
                    "environment",
                ),
            ]
        )
    )
    for name in ("spoilt", "unfinished"):
        write_notebook(source, tmp_path / f"{name}.ipynb")
    execute(tmp_path / "spoilt.ipynb", tmp_path / "out" / "spoilt.ipynb")
    result = read_notebook(tmp_path / "out" / "spoilt.ipynb")
    for name, text in {
        "close": "loss 0.1240",
        "wrong": "loss 0.1300",
        "word": "cost 0.1234",
        "exact": "loss 0.1235",
        "environment": "never True",
    }.items():
        outputs(result, name)[0].text = f"{text}\n"
    outputs(result, "picture")[0].data.update({"text/plain": "<Figure size 700x290 with 2 Axes>", "image/png": "AAAA"})
    write_notebook(result, tmp_path / "out" / "spoilt.ipynb")
    result.cells[-1].execution_count = None
    write_notebook(result, tmp_path / "out" / "unfinished.ipynb")

    log, verdicts = run_again(tmp_path)
    assert set(verdicts) == {("spoilt", item.id) for item in source.cells}, log
    assert {name for (_, name), verdict in verdicts.items() if verdict == "FAILED"} == {"wrong", "word", "exact"}, log
    assert "stored 0.1300, new 0.1234: beyond rtol=0.01" in log
    assert "unfinished.ipynb is refused" in log and "was never executed" in log


EVALUATE = """import torch
from depthlib.losses import l1_loss, scale_invariant_log_loss
pred, target = torch.linspace(1, 4, 16).view(1, 1, 4, 4), torch.linspace(2, 5, 16).view(1, 1, 4, 4)
print(f'loss {scale_invariant_log_loss(pred, target, target > 0):.6f}')"""
ANOTHER = "print(f'L1 {l1_loss(pred, target, target > 0):.6f} m')"
TRAIN = """torch.manual_seed(0)
image = torch.rand(2, 3, 8, 8)
depth = 1 + 9 * image[:, :1]
layers = [torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 1), torch.nn.Softplus()]
model = torch.nn.Sequential(*layers)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(8):
    loss = scale_invariant_log_loss(model(image) + 0.1, depth, depth > 0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f'loss after {step} steps {loss:.4f}')"""
CHANGE = """from depthlib.losses import scale_invariant_log_loss
assert scale_invariant_log_loss.__kwdefaults__ == {'variance_focus': 0.5}
scale_invariant_log_loss.__kwdefaults__['variance_focus'] = 0.55
"""


@pytest.fixture(scope="module")
def losses(tmp_path_factory) -> Path:
    """A folder with a lesson that evaluates and trains with a loss of the package, and its true results in out/."""
    folder = tmp_path_factory.mktemp("losses")
    source = strip(
        new_notebook(
            cells=[
                cell(EVALUATE, "evaluate", "nbval-rtol=1e-5"),
                cell(ANOTHER, "another-loss", "nbval-rtol=1e-5"),
                cell(TRAIN, "train", "nbval-rtol=1e-2"),
            ]
        )
    )
    write_notebook(source, folder / "losses.ipynb")
    execute(folder / "losses.ipynb", folder / "out" / "losses.ipynb")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("startup", "failing"),
    [pytest.param("", set(), id="same loss"), pytest.param(CHANGE, {"evaluate", "train"}, id="changed loss")],
)
def test_nbval_bites_at_a_changed_loss(losses, tmp_path, startup, failing):
    """A tenth more variance focus must fail where a lesson evaluates or trains with it, and nowhere else.

    The loss is changed inside the kernel, by a file that IPython runs as it starts, and not in the package's files:
    those are in the key of the result, so the gate would refuse the notebook before a single number is compared.
    """
    folder = tmp_path / "profile_default" / "startup"
    folder.mkdir(parents=True)
    (folder / "00-change.py").write_text(startup)
    log, verdicts = run_again(losses, IPYTHONDIR=str(tmp_path))
    assert {name for _, name in verdicts} == {"evaluate", "another-loss", "train"}, log
    assert {name for (_, name), verdict in verdicts.items() if verdict == "FAILED"} == failing, log
    reasons = set(re.findall(r"stored \S+, new \S+: beyond rtol=", log))  # the summary may repeat them
    assert len(reasons) == len(failing), log
