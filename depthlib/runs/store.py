"""The store of runs.

A run is a pure function of its `RunSpec`. Its result is a folder of the store, named by a key over the spec, the
training half of its recipe and its code. The scores are stored beside the weights, one file per test, each with a key
of its own. A stored run is not trained again; scores whose test, protocol or code changed are computed anew without
training.

    <paper>-<variant>-<data>-s<seed>-<key>/
        record.json                result of the training: the same bits on every repetition; written last
        provenance.json            date, device, duration, versions
        weights.safetensors        half precision, as used for the scores
        scores/<test>.json         errors of each test image
        scores/<test>.safetensors  pictures and maps of that test, half precision
        checkpoint.pt              only during training
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
from depthlib.runs.json_files import write_json
from depthlib.runs.keys import score_key
from depthlib.runs.spec import RunSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from depthlib.protocols.inference import Progress
    from depthlib.runs.recipe import Recipe
    from depthlib.runs.train import OnStep

RECORD, PROVENANCE, WEIGHTS, CHECKPOINT, SCORES = (
    "record.json", "provenance.json", "weights.safetensors", "checkpoint.pt", "scores",
)


class MissingRun(RuntimeError):
    """A run, or a score of it, is not in the store, and training is forbidden (`DEPTHLIB_TRAIN=never`)."""


class CorruptRecord(RuntimeError):
    """A run's folder holds a record or a score that cannot be read or belongs to another run."""


@dataclass(frozen=True)
class RunRecord:
    """A finished run.

    Attributes:
        result: key, spec, training half of the recipe, number of parameters, fingerprint of the training data, training
            curve, SHA-256 of the weights; under "tests" the scores: test -> protocol, data, images, metrics, skipped,
            pixels.
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

    def load_model(self) -> nn.Module:
        """The trained network, in eval mode, on the CPU."""
        from depthlib.models.weights import load_weights

        return load_weights(self.folder / WEIGHTS)[0]

    def tensors(self, test: str) -> dict[str, Tensor]:
        """The pictures and maps stored by the measure of a test, float32, by name; "prediction" for a protocol."""
        from safetensors.torch import load_file

        return {name: value.float() for name, value in load_file(self.folder / SCORES / f"{test}.safetensors").items()}

    def predictions(self, test: str) -> Tensor:
        """Depth [n,1,H,W] of the first images of a test set, metres in half precision."""
        return self.tensors(test)["prediction"]


class Store:
    """A folder of runs.

    Args:
        root: where new runs are written; `paths.store_dir()` by default.
        reference: read-only folders, searched after `root`. Used when training is forbidden.
        train: False: raise MissingRun for a run that does not exist. Default: True unless `DEPTHLIB_TRAIN=never`.
    """

    def __init__(
        self, root: str | os.PathLike[str] | None = None, *, reference: list[Path] | None = None,
        train: bool | None = None,
    ):
        self.root = Path(root) if root is not None else paths.store_dir()
        self.train = os.environ.get("DEPTHLIB_TRAIN") != "never" if train is None else train
        self.reference = reference

    def _folders(self, spec: RunSpec) -> list[Path]:
        extra = self.reference
        if extra is None:       # committed results are used only where training is forbidden
            extra = [] if self.train else [paths.reference_dir(spec.profile) / "runs"]
        return [root / spec.name for root in (self.root, *extra)]

    def get(self, spec: RunSpec) -> RunRecord | None:
        """The record of `spec` with all its scores, or None. Raises CorruptRecord for an unreadable one."""
        for folder in self._folders(spec):
            record = self._trained(folder, spec)
            if record is not None and not stale_scores(record, spec):
                return record
        return None

    def ensure(
        self, spec: RunSpec, *, device: str = "auto", on_step: OnStep | None = None, on_image: Progress | None = None,
        checkpoint_seconds: float = 20.0,
    ) -> RunRecord:
        """The record of `spec` with all its scores; what is missing is trained or scored now.

        Of two processes that need the same run one trains it, and the other waits.

        Args:
            on_step: see `depthlib.training.fit.fit`. on_image: see `depthlib.protocols.inference.measure`.
        """
        if (record := self.get(spec)) is not None:
            return record
        self._refuse_without_training(spec)
        from depthlib.runs.score import score
        from depthlib.training.parallel import agreed, rank_and_size

        record = self.trained(spec, device=device, on_step=on_step, checkpoint_seconds=checkpoint_seconds)
        leads = rank_and_size()[0] == 0         # under torchrun the first process scores for all
        with FileLock(record.folder / ".lock") if leads else nullcontext():
            stale = stale_scores(record, spec) if leads else []
            if stale:
                identity = {test: {"key": score_key(spec, test), "weights": record.result["weights"]} for test in stale}
                score(
                    spec.recipe, stale, _laid_out(record.load_model()), record.folder / SCORES, identity=identity,
                    device=device, progress=on_image,
                )
            if leads:
                _remove_unknown_scores(record.folder, spec)
        agreed("scored")                        # the other processes wait here for the first
        return read_record(record.folder, key=spec.key, tests=spec.recipe.tests)

    def trained(
        self, spec: RunSpec, *, device: str = "auto", on_step: OnStep | None = None, checkpoint_seconds: float = 20.0,
    ) -> RunRecord:
        """The run with its weights in `root`, whatever its scores; trained now if it is missing."""
        folder = self.root / spec.name
        if (record := self._trained(folder, spec)) is not None and (folder / WEIGHTS).exists():
            return record
        self._refuse_without_training(spec)
        from depthlib.base.devices import pick_device
        from depthlib.runs.train import train
        from depthlib.training.parallel import agreed, join, rank_and_size

        join(pick_device(device))
        # under torchrun the first process holds the lock and broadcasts its answer
        leads = rank_and_size()[0] == 0
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock") if leads else nullcontext():
            if agreed(self._trained(folder, spec) is None or not (folder / WEIGHTS).exists()):
                for left in folder.glob(".*.*") if leads else ():        # partial files of an interrupted process
                    if left.name != ".lock":
                        left.unlink()
                networks = self.networks(spec.recipe, device=device)
                identity = {"key": spec.key, "spec": asdict(spec)}
                made = train(
                    spec.recipe, folder, seed=spec.seed, identity=identity, networks=networks, device=device,
                    on_step=on_step if leads else None, checkpoint_seconds=checkpoint_seconds,
                )
                if made is not None:
                    write_json(folder / PROVENANCE, made[1])
                    write_json(folder / RECORD, {"format": 2, **identity, **made[0]})
                    (folder / CHECKPOINT).unlink(missing_ok=True)
            agreed("written")                   # the other processes wait here for the first
            return read_record(folder, key=spec.key, tests=spec.recipe.tests)

    def networks(self, recipe: Recipe, *, device: str = "auto") -> dict[str, nn.Module]:
        """The trained networks of `recipe.needs()`; missing ones are trained now."""
        return {purpose: self._network(spec, device) for purpose, spec in recipe.needs().items()}

    def _network(self, spec: RunSpec, device: str) -> nn.Module:
        for folder in () if self.train else self._folders(spec):
            if (record := self._trained(folder, spec)) is not None and (folder / WEIGHTS).exists():
                return record.load_model()
        return self.trained(spec, device=device).load_model()

    def _trained(self, folder: Path, spec: RunSpec) -> RunRecord | None:
        return read_record(folder, key=spec.key, tests=spec.recipe.tests) if (folder / RECORD).exists() else None

    def _refuse_without_training(self, spec: RunSpec) -> None:
        if not self.train:
            raise MissingRun(
                f"{spec.name}: found no run with all its scores in "
                f"{', '.join(str(f.parent) for f in self._folders(spec))}, expected one, since training is forbidden "
                "here; code or settings changed since the stored runs: run `depthlib reproduce`"
            )


def stale_scores(record: RunRecord, spec: RunSpec) -> list[str]:
    """The tests whose scores are missing, or computed with other weights, data, measures or code."""
    tests = record.result["tests"]
    return [
        name for name in spec.recipe.tests
        if name not in tests or (tests[name]["key"], tests[name]["weights"]) != (
            score_key(spec, name), record.result["weights"],
        )
    ]


def read_record(folder: Path, key: str | None = None, tests: Any = None) -> RunRecord:
    """Read a finished run.

    Args:
        key: the expected key. tests: names of the scores to read; all by default.

    Raises CorruptRecord with the file, the cause and the remedy.
    """
    file = folder / RECORD
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        if key is not None and result["key"] != key:
            raise ValueError(f"key: found {result['key']}, expected {key}")
        result["tests"] = {}
        names = [path.stem for path in sorted((folder / SCORES).glob("*.json"))] if tests is None else tests
        for file in (path for name in names if (path := folder / SCORES / f"{name}.json").exists()):
            scores = json.loads(file.read_text(encoding="utf-8"))
            if any(len(values) != len(scores["images"]) for values in scores["metrics"].values()):
                raise ValueError("metrics: found a metric of another length than images, expected one value per image")
            result["tests"][file.stem] = scores
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = "the folder" if file.name == RECORD else "it"
        raise CorruptRecord(f"{file}: unreadable record ({error}); delete {remedy} to recompute it") from error
    return RunRecord(folder, result, provenance)


def copy_run(source: Path, target: Path, *, weights: bool = True) -> None:
    """Copy a finished run, with its weights on demand; the record last, since it marks the run as complete."""
    names = [PROVENANCE, *(str(path.relative_to(source)) for path in sorted((source / SCORES).glob("*.*")))]
    for left in (path for path in (target / SCORES).glob("*.*") if str(path.relative_to(target)) not in names):
        left.unlink()
    for name in [*names, *([WEIGHTS] if weights else []), RECORD]:
        if (source / name).exists():
            with paths.atomic_write(target / name) as temporary:
                shutil.copyfile(source / name, temporary)


def _remove_unknown_scores(folder: Path, spec: RunSpec) -> None:
    """Remove scores of tests that the recipe no longer has."""
    for path in (folder / SCORES).glob("*.*"):
        if path.stem not in spec.recipe.tests and not path.name.startswith("."):
            path.unlink()


def _laid_out(model: nn.Module) -> nn.Module:
    import torch

    return model.to(memory_format=torch.channels_last)      # as in training: the same kernels, the same bits
