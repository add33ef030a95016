"""Runs and the store that remembers them.

A run is a pure function of its `RunSpec`. Its result is a folder of the store, named by a key that covers the spec, the
recipe it resolves to and the code that the run executes. Whoever asks for a run that exists gets the record, so that a
notebook, the batch command and a cluster never train the same thing twice, and a change of code that a run does not use
leaves it alone.

    <paper>-<variant>-<data>-s<seed>-<key>/
        record.json                what came out: the same bits on every repetition; written last, so it marks the end
        provenance.json            when, where, how long, with which versions
        weights.safetensors        half precision; what record.json was measured with
        predictions.safetensors    of the first test images, for pictures
        checkpoint.pt              only while the run is not finished
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from depthlib.base import paths
from depthlib.runs.spec import RunSpec

if TYPE_CHECKING:
    from torch import nn

    from depthlib.runs.recipe import Recipe

RECORD, PROVENANCE, WEIGHTS, PREDICTIONS, CHECKPOINT = (
    "record.json", "provenance.json", "weights.safetensors", "predictions.safetensors", "checkpoint.pt",
)


class MissingRun(RuntimeError):
    """A run is not in the store and training is forbidden (`DEPTHLIB_TRAIN=never`)."""


class CorruptRecord(RuntimeError):
    """A run's folder holds a record that cannot be read or belongs to another run."""


@dataclass(frozen=True)
class RunRecord:
    """A finished run.

    Attributes:
        result: spec, recipe, number of parameters, fingerprints of the data, training curve, errors of each test image.
        provenance: device, versions, duration, date.
    """

    folder: Path
    result: dict[str, Any]
    provenance: dict[str, Any]

    def means(self, test: str) -> dict[str, float]:
        """Mean of each metric over the images of one test set."""
        return {name: sum(v) / len(v) for name, v in self.result["tests"][test]["metrics"].items()}

    def per_image(self, test: str, metric: str) -> list[float]:
        return self.result["tests"][test]["metrics"][metric]

    def load_model(self):
        """The trained network, in eval mode, on the CPU."""
        from depthlib.models.weights import load_weights

        return load_weights(self.folder / WEIGHTS)[0]

    def predictions(self, test: str):
        """Depth [n,1,H,W] of the first images of a test set, as half-precision metres."""
        from safetensors.torch import load_file

        return load_file(self.folder / PREDICTIONS)[test].float()


class Store:
    """A folder of runs.

    Args:
        root: where new runs are written; `paths.store_dir()` by default.
        reference: folders that are only read, looked at when `root` lacks a run. Used when training is forbidden.
        train: False raises MissingRun for a run that does not exist. Default: unless `DEPTHLIB_TRAIN=never`.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None, *, reference: list[Path] | None = None, train: bool | None = None):
        self.root = Path(root) if root is not None else paths.store_dir()
        self.train = os.environ.get("DEPTHLIB_TRAIN") != "never" if train is None else train
        self.reference = reference

    def _folders(self, spec: RunSpec) -> list[Path]:
        extra = self.reference
        if extra is None:       # committed results serve only where training is forbidden: otherwise a run is really made here
            extra = [] if self.train else [paths.reference_dir(spec.profile) / "runs"]
        return [root / spec.name for root in (self.root, *extra)]

    def get(self, spec: RunSpec) -> RunRecord | None:
        """The record of `spec`, or None. Raises CorruptRecord when it is there and cannot be trusted."""
        for folder in self._folders(spec):
            if (folder / RECORD).exists():
                return read_record(folder, key=spec.key)
        return None

    def ensure(self, spec: RunSpec, *, device: str = "auto", on_step=None, checkpoint_seconds: float = 20.0) -> RunRecord:
        """The record of `spec`, trained now if it does not exist.

        Two processes that want the same run make it once: the second waits for the first.
        """
        if (record := self.get(spec)) is not None:
            return record
        if not self.train:
            raise MissingRun(
                f"no run {spec.name} in {', '.join(str(f.parent) for f in self._folders(spec))} and training is forbidden here: "
                "the code or the settings changed after the stored runs were made; `depthlib reproduce` makes them again"
            )
        from depthlib.base.devices import pick_device
        from depthlib.runs.execute import execute
        from depthlib.training.parallel import agreed, join, rank_and_size

        join(pick_device(device))
        leads = rank_and_size()[0] == 0         # of several processes under torchrun one holds the lock, and its word counts
        folder = self.root / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock") if leads else nullcontext():
            if agreed(self.get(spec) is None):
                for left in folder.glob(".*.*") if leads else ():        # half-written files of a process that was killed
                    if left.name != ".lock":
                        left.unlink()
                networks = self.networks(spec.recipe, device=device)
                execute(
                    spec.recipe, folder, seed=spec.seed, identity={"key": spec.key, "spec": asdict(spec)}, networks=networks,
                    device=device, on_step=on_step if leads else None, checkpoint_seconds=checkpoint_seconds,
                )
            agreed("written")                   # the others wait here until the first process has
            return read_record(folder, key=spec.key)

    def networks(self, recipe: Recipe, *, device: str = "auto") -> dict[str, nn.Module]:
        """The trained networks that `recipe.needs()` names; their runs are made now if they do not exist."""
        return {purpose: self.ensure(spec, device=device).load_model() for purpose, spec in recipe.needs().items()}


def read_record(folder: Path, key: str | None = None) -> RunRecord:
    """Read a finished run. Raises CorruptRecord that names the file, what is wrong and what to do."""
    try:
        result = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        if key is not None and result["key"] != key:
            raise ValueError(f"it holds run {result['key']}, expected {key}")
        for test in result["tests"].values():
            if any(len(values) != len(test["images"]) for values in test["metrics"].values()):
                raise ValueError("a metric does not have one value an image")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRecord(f"{folder / RECORD}: unreadable record ({error}); delete the folder to make the run again") from error
    return RunRecord(folder, result, provenance)


def publish(record: RunRecord, target: Path, *, weights: bool) -> None:
    """Copy a finished run into the committed results: record, provenance, predictions and, on demand, the weights."""
    folder = target / record.folder.name
    names = [RECORD, PROVENANCE, PREDICTIONS] + ([WEIGHTS] if weights else [])
    for name in sorted(names, key=lambda n: n == RECORD):      # the record last: it marks the folder as complete
        if (source := record.folder / name).exists():
            with paths.atomic_write(folder / name) as temporary:
                shutil.copyfile(source, temporary)
