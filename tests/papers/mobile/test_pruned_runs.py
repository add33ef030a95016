"""Pruned networks as runs: what they cost, that they load without the search, that the search repeats, and damaged
files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import depthlib.papers.mobile.pruning_task as pruning
from depthlib.models import create_model
from depthlib.models.weights import WeightsError, load_weights
from depthlib.papers.mobile.variants import DATA
from depthlib.runs.execute import ensure
from depthlib.runs.spec import RunSpec
from depthlib.runs.store import RECORD, WEIGHTS, RunRecord, Store

pytest.importorskip("torch_pruning")
SEARCH, PRUNED = "search-1.9", "pruned-1.9"


def spec_of(variant: str) -> RunSpec:
    return RunSpec("mobile", variant, DATA[variant], "smoke", 0)


def made(store: Store, variant: str, **options) -> RunRecord:
    return ensure(spec_of(variant), store, device="cpu", **options)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """With a finished pruned network, and so with its search, the student before it and the teacher."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    store = Store(tmp_path_factory.mktemp("runs"), train=True)
    made(store, PRUNED)
    yield store
    torch.set_num_threads(threads)


def another(store: Store, folder: Path, *variants: str) -> Store:
    """A store that has only the runs of these variants."""
    folder.mkdir()
    for variant in variants:
        (folder / spec_of(variant).name).symlink_to(store.root / spec_of(variant).name)
    return Store(folder, train=True)


def multiply_adds(model: nn.Module, image: torch.Tensor) -> int:
    """Counted by hand: each number that a convolution puts out takes as many as one of its filters has weights."""
    counted: list[int] = []
    hooks = [
        module.register_forward_hook(lambda conv, _, out: counted.append(out.numel() * conv.weight[0].numel()))
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return sum(counted)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [SEARCH, PRUNED])
def test_a_record_says_what_the_network_really_costs(store: Store, variant: str) -> None:
    record, recipe = made(store, variant), spec_of(variant).recipe
    with safe_open(record.folder / WEIGHTS, "pt") as file:  # counted in the file, without any class of ours
        stored = {name: file.get_tensor(name) for name in list(file.keys())}
    sizes = {name: values.numel() for name, values in stored.items() if values.is_floating_point()}
    learned = {name: size for name, size in sizes.items() if "running_" not in name and name != "rounds"}
    inference = sum(size for name, size in learned.items() if not name.startswith("intermediate."))
    assert record.means("size")["parameters"] == inference
    assert record.result["parameters"] == sum(learned.values())
    assert (sum(learned.values()) > inference) == (variant == PRUNED), "heads come back for the long training"

    image = recipe.tests["size"][0].make()[0]["image"][None]
    model = record.load_model()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    assert record.means("size")["macs"] == counter.get_total_flops() / 2 == multiply_adds(model, image)

    whole = create_model("mobile", **recipe.model_options | {"intermediate": 0}).eval()
    before = sum(p.numel() for p in whole.parameters())
    rounds = record.result["tests"]["rounds"]["metrics"]
    assert rounds["parameters"][0] == before and rounds["parameters"][-1] == inference <= 1.9e6 / 2_561_665 * before
    assert all(a > b for a, b in zip(rounds["parameters"], rounds["parameters"][1:], strict=False))
    assert record.means("size")["macs"] < multiply_adds(whole, image)


WITHOUT_THE_SEARCH = """
import importlib.abc, json, sys
from pathlib import Path

BLOCKED = ("torch_pruning", "depthlib.papers.mobile.netadapt", "depthlib.papers.mobile.pruning_task")

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in BLOCKED or name.startswith(tuple(f"{b}." for b in BLOCKED)):
            raise ImportError(f"blocked: {name}")

sys.meta_path.insert(0, Blocker())
for name in BLOCKED:
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} could be imported")

import torch
from depthlib.runs.store import read_record
torch.set_num_threads(1)
network = read_record(Path(sys.argv[1])).load_model()
with torch.no_grad():
    print(json.dumps(network(torch.linspace(0, 1, 3 * 32 * 64).view(1, 3, 32, 64)).flatten().tolist()))
"""


@pytest.mark.slow
def test_a_finished_run_needs_neither_the_search_nor_torch_pruning(store: Store) -> None:
    record = made(store, PRUNED)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_SEARCH, str(record.folder)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with torch.no_grad():
        here = record.load_model()(torch.linspace(0, 1, 3 * 32 * 64).view(1, 3, 32, 64))
    assert here.std() > 0 and json.loads(done.stdout) == here.flatten().tolist()


class Killed(Exception):
    """What a kill is in these tests."""


@pytest.mark.slow
def test_a_killed_search_ends_in_the_same_bits(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins anew: whatever the torn one has left behind, in the folder or in torch's generator, must not matter."""
    whole, broken = made(store, SEARCH), another(store, tmp_path / "broken", "teacher", "hard-easy")
    tuned: list[int] = []

    def torn(*args, **options):
        if tuned:
            raise Killed
        tuned.append(1)
        return tune(*args, **options)

    tune = pruning.fit
    monkeypatch.setattr(pruning, "fit", torn)
    with pytest.raises(Killed):
        made(broken, SEARCH)
    assert tuned and broken.get(spec_of(SEARCH)) is None
    monkeypatch.setattr(pruning, "fit", tune)
    torch.manual_seed(12345)
    again = made(broken, SEARCH)
    for name in (RECORD, WEIGHTS):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name
    assert len(whole.load_model().history) > 2, "more than one round, or nothing could have gone astray"


@pytest.mark.slow
def test_a_killed_long_training_ends_in_the_same_bits(store: Store, tmp_path: Path) -> None:
    """Its checkpoint has narrow layers, and the optimiser must know those that it is resumed with."""
    whole, broken = made(store, PRUNED), another(store, tmp_path / "broken", "teacher", SEARCH)

    def torn(step: int, loss: float, rate: float) -> None:
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        made(broken, PRUNED, on_step=torn, checkpoint_seconds=0.0)
    assert (broken.root / spec_of(PRUNED).name / "checkpoint.pt").exists()
    steps: list[int] = []
    again = made(broken, PRUNED, on_step=lambda step, loss, rate: steps.append(step))
    assert steps == list(range(3, spec_of(PRUNED).recipe.plan.steps + 1)), (
        "resumed behind the second step, not begun anew"
    )
    for name in (RECORD, WEIGHTS):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.5, 0.9999])
def test_weights_that_were_cut_off_are_refused(store: Store, tmp_path: Path, share: float) -> None:
    """In the length of the header, in the header, in the numbers: always the same error, which names the file."""
    content = (made(store, PRUNED).folder / WEIGHTS).read_bytes()
    path = tmp_path / "w.safetensors"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match=r"w\.safetensors: not a readable safetensors file"):
        load_weights(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("encoder.steps.0.0.weight", ""),
        ("decoder.levels.1.0.project.0.weight", ""),
        ("out.0.weight", ""),
        ("rounds", "rounds: found shape"),
    ],
)
def test_widths_that_do_not_fit_together_are_refused(store: Store, tmp_path: Path, name: str, why: str) -> None:
    """A network that takes its widths from the file would else be built with any: one tensor loses half of its
    channels.
    """
    with safe_open(made(store, PRUNED).folder / WEIGHTS, "pt") as file:
        state, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    cut = 1 if name in ("out.0.weight", "rounds") else 0
    state[name] = state[name].narrow(cut, 0, state[name].shape[cut] // 2).contiguous()
    path = tmp_path / "w.safetensors"
    save_file(state, path, metadata=metadata)
    with pytest.raises(WeightsError, match=f"weights do not fit the network they name .*{why}"):
        load_weights(path)
