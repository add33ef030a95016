"""The store of runs.

A run is a pure function of its `RunSpec`. Its result is a folder of the store, named by a key over the spec, the
training half of its recipe and its code. The scores are stored beside the weights, one file per test, each with a key
of its own. A stored run is not trained again; scores whose test, protocol or code changed are computed anew without
training.

Each file is verified when it is read: the JSON files hold a checksum of their own, the record that of the weights, each
file of scores that of its tensors (`depthlib.runs.files`).

    <paper>-<variant>-<data>-s<seed>-<key>/
        record.json                result of the training: the same bits on every repetition; written last
        provenance.json            date, device, duration, versions
        weights.safetensors        half precision, as used for the scores
        scores/<test>.json.xz      errors of each test image
        scores/<test>.safetensors  pictures and maps of that test, half precision
        checkpoint.pt              only during training
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthlib.base import paths
from depthlib.runs.files import (
    DAMAGED,
    PROVENANCE,
    RECORD,
    SCORE,
    SCORES,
    TENSORS,
    WEIGHTS,
    CorruptRecord,
    check,
    is_sealed,
    read_part,
    score_files,
    test_of,
)
from depthlib.runs.keys import score_key
from depthlib.runs.spec import RunSpec

if TYPE_CHECKING:
    from torch import Tensor, nn


class MissingRun(RuntimeError):
    """A run, or a score of it, is not in the store, and training is forbidden (`DEPTHLIB_TRAIN=never`)."""


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
        values: list[float] = self.result["tests"][test]["metrics"][metric]
        return values

    def load_model(self) -> nn.Module:
        """The trained network, in eval mode, on the CPU. Raises CorruptRecord for weights that are not the record's."""
        from depthlib.models.weights import load_weights

        check(self.folder / WEIGHTS, self.result["weights"])
        return load_weights(self.folder / WEIGHTS)[0]

    def tensors(self, test: str) -> dict[str, Tensor]:
        """The pictures and maps stored by the measure of a test, float32, by name; "prediction" for a protocol.

        Raises CorruptRecord as `load_model`.
        """
        from safetensors.torch import load_file

        file = self.folder / SCORES / f"{test}{TENSORS}"
        check(file, self.result["tests"][test].get("tensors"))
        return {name: value.float() for name, value in load_file(file).items()}

    def predictions(self, test: str) -> Tensor:
        """Depth [n,1,H,W] of the first images of a test set, metres in half precision."""
        return self.tensors(test)["prediction"]


class Store:
    """A folder of runs.

    Args:
        root: where new runs are written; `paths.store_dir()` by default.
        reference: read-only folders, searched after `root`: the committed runs, where `root` is the default store or
            training is forbidden.
        train: False: raise MissingRun for a run that does not exist. Default: True unless `DEPTHLIB_TRAIN=never`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        reference: list[Path] | None = None,
        train: bool | None = None,
    ):
        self.root = Path(root) if root is not None else paths.store_dir()
        self.train = os.environ.get("DEPTHLIB_TRAIN") != "never" if train is None else train
        self.reference = reference

    def folders(self, profile: str) -> list[Path]:
        """Where runs of a profile are looked for, in order."""
        extra = self.reference
        if extra is None:  # the committed runs stand behind the default store; one that is named stands alone
            alone = self.train and (self.root != paths.store_dir() or "DEPTHLIB_STORE" in os.environ)
            extra = [] if alone else [paths.reference_dir(profile) / "runs"]
        return [self.root, *extra]

    def get(self, spec: RunSpec) -> RunRecord | None:
        """The record of `spec` with all its scores, or None. Raises CorruptRecord for a damaged one."""
        for record in self._found(spec, self.folders(spec.profile)):
            if not stale_scores(record, spec) and not self._lost_weights(record):
                return record
        return None

    def _lost_weights(self, record: RunRecord) -> bool:
        """Whether the weights were damaged and are to be trained again; a run may also have been stored without any."""
        return self.train and not (record.folder / WEIGHTS).exists() and any(record.folder.glob(f"{WEIGHTS}{DAMAGED}*"))

    def trained(self, spec: RunSpec) -> RunRecord | None:
        """The record of `spec` whose weights are there, whatever its scores, or None: in `root`, unless training is
        forbidden.

        Raises as `get`.
        """
        found = self._found(spec, [self.root] if self.train else self.folders(spec.profile))
        return next((record for record in found if (record.folder / WEIGHTS).exists()), None)

    def _found(self, spec: RunSpec, roots: list[Path]) -> Iterator[RunRecord]:
        for folder in (root / spec.name for root in roots):
            if not (folder / RECORD).exists():
                continue
            try:
                record = read_record(folder, key=spec.key, tests=spec.recipe.tests)
            except CorruptRecord as error:
                if not self.train or folder.parent == self.root:
                    raise
                logging.getLogger("depthlib").warning(
                    "%s: damaged (%s); passed over, made in %s", error.file, error.reason, self.root
                )
                continue
            yield record


def stale_scores(record: RunRecord, spec: RunSpec) -> list[str]:
    """The tests whose scores or tensors are missing, or computed with other weights, data, measures or code."""
    tests = record.result["tests"]
    return [
        name
        for name in spec.recipe.tests
        if name not in tests
        or (tests[name]["key"], tests[name]["weights"]) != (score_key(spec, name), record.result["weights"])
        or "tensors" in tests[name]
        and not (record.folder / SCORES / f"{name}{TENSORS}").exists()
    ]


def read_record(folder: Path, key: str | None = None, tests: Any = None) -> RunRecord:
    """Read a finished run, and verify what is read.

    Args:
        key: the expected key. tests: names of the scores to read; all by default.

    Raises CorruptRecord with the file and the cause.
    """
    result = read_part(folder / RECORD, key=key)
    sealed = is_sealed(result)
    provenance = read_part(folder / PROVENANCE, sealed=sealed)
    names = [test_of(path) for path in sorted((folder / SCORES).glob(f"*{SCORE}"))] if tests is None else tests
    files = [path for name in names if (path := folder / SCORES / f"{name}{SCORE}").exists()]
    scores = {test_of(file): read_part(file, sealed=sealed) for file in files}
    return RunRecord(folder, result | {"tests": scores}, provenance)


def copy_run(source: Path, target: Path, *, weights: bool = True) -> None:
    """Copy a finished run, with its weights on demand; the record last, since it marks the run as complete."""
    names = [PROVENANCE, *(str(path.relative_to(source)) for path in score_files(source))]
    for left in (path for path in score_files(target) if str(path.relative_to(target)) not in names):
        left.unlink()
    for name in [*names, *([WEIGHTS] if weights else []), RECORD]:
        if (source / name).exists():
            with paths.atomic_write(target / name) as temporary:
                shutil.copyfile(source / name, temporary)
