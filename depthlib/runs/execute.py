"""Making what a store lacks: a run is trained, unless it has been, and scored where its scores are not current.

The store only keeps runs; whoever wants one that may not exist yet asks here. Damaged files are set aside first, so
that they are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from depthlib.base.paths import folder_for
from depthlib.runs.files import CHECKPOINT, PROVENANCE, RECORD, SCORES, mend, score_files, test_of
from depthlib.runs.json_files import write_json
from depthlib.runs.keys import score_key
from depthlib.runs.store import MissingRun, RunRecord, Store, read_record, stale_scores

if TYPE_CHECKING:
    from torch import nn

    from depthlib.protocols.inference import Progress
    from depthlib.runs.recipe import Recipe
    from depthlib.runs.spec import RunSpec
    from depthlib.runs.train import OnStep


def ensure(
    spec: RunSpec,
    store: Store,
    *,
    device: str = "auto",
    on_step: OnStep | None = None,
    on_image: Progress | None = None,
    checkpoint_seconds: float = 20.0,
) -> RunRecord:
    """The record of `spec` with all its scores; what is missing or damaged is trained or scored now.

    Of two processes that need the same run one trains it, and the other waits.

    Args:
        on_step: see `depthlib.training.fit.fit`. on_image: see `depthlib.protocols.inference.measure`.

    Raises:
        MissingRun, CorruptRecord: something is missing or damaged and `store.train` is False.
        OSError: something is damaged and cannot be set aside, or the disk is full.
    """
    if store.train:
        mend(store.root / spec.name, spec.key)
    if (record := store.get(spec)) is not None:
        return record
    _refuse_without_training(spec, store)
    import torch

    from depthlib.runs.score import score
    from depthlib.training.parallel import agreed, rank_and_size

    record = ensure_trained(spec, store, device=device, on_step=on_step, checkpoint_seconds=checkpoint_seconds)
    leads = rank_and_size()[0] == 0  # under torchrun the first process scores for all
    with FileLock(record.folder / ".lock") if leads else nullcontext():
        stale = stale_scores(record, spec) if leads else []
        if stale:
            identity = {test: {"key": score_key(spec, test), "weights": record.result["weights"]} for test in stale}
            # as in training: the same kernels, the same bits
            model = record.load_model().to(memory_format=torch.channels_last)
            score(
                spec.recipe, stale, model, record.folder / SCORES, identity=identity, device=device, progress=on_image
            )
        if leads:
            _remove_unknown_scores(record.folder, spec)
    agreed("scored")  # the other processes wait here for the first
    return read_record(record.folder, key=spec.key, tests=spec.recipe.tests)


def ensure_trained(
    spec: RunSpec,
    store: Store,
    *,
    device: str = "auto",
    on_step: OnStep | None = None,
    checkpoint_seconds: float = 20.0,
) -> RunRecord:
    """The run with its weights, whatever its scores; trained now if it is missing. Raises as `ensure`.

    Ctrl-C and SIGTERM take effect once the training has saved a checkpoint.
    """
    if store.train:
        mend(store.root / spec.name, spec.key)
    if (record := store.trained(spec)) is not None:
        return record
    _refuse_without_training(spec, store)
    from depthlib.base.devices import pick_device
    from depthlib.runs.score import validator
    from depthlib.runs.train import train
    from depthlib.training.parallel import agreed, join, rank_and_size
    from depthlib.training.stopping import signals_held

    join(pick_device(device))
    leads = rank_and_size()[0] == 0  # under torchrun the first process holds the lock and broadcasts its answer
    folder = store.root / spec.name
    with _locked(folder) if leads else nullcontext():
        if agreed(store.trained(spec) is None):
            identity = {"key": spec.key, "spec": asdict(spec)}
            networks = needed_networks(spec.recipe, store, device=device)
            with signals_held():
                made = train(
                    spec.recipe,
                    folder,
                    seed=spec.seed,
                    identity=identity,
                    networks=networks,
                    validate=validator(spec.recipe, device) if leads else None,
                    device=device,
                    on_step=on_step if leads else None,
                    checkpoint_seconds=checkpoint_seconds,
                )
                if made is not None:
                    write_json(folder / PROVENANCE, made[1])
                    write_json(folder / RECORD, {"format": 3, **identity, **made[0]})
                    (folder / CHECKPOINT).unlink(missing_ok=True)
        agreed("written")  # the other processes wait here for the first
        return read_record(folder, key=spec.key, tests=spec.recipe.tests)


def needed_networks(recipe: Recipe, store: Store, *, device: str = "auto") -> dict[str, nn.Module]:
    """The trained networks of `recipe.needs()`; missing ones are trained now. Raises as `ensure`."""
    return {
        purpose: ensure_trained(spec, store, device=device).load_model() for purpose, spec in recipe.needs().items()
    }


def _refuse_without_training(spec: RunSpec, store: Store) -> None:
    if not store.train:
        raise MissingRun(
            f"{spec.name}: found no run with all its scores in {', '.join(map(str, store.folders(spec.profile)))}, "
            f"expected one, "
            "since training is forbidden here; code or settings changed since the stored runs: run `depthlib reproduce`"
        )


def _remove_unknown_scores(folder: Path, spec: RunSpec) -> None:
    """Remove scores of tests that the recipe no longer has."""
    for path in score_files(folder):
        if test_of(path) not in spec.recipe.tests:
            path.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make and lock the folder of a run, without partial files of an interrupted process.

    On failure the folder goes, if nothing came into it.
    """
    with folder_for(folder):
        lock = FileLock(folder / ".lock")
        try:
            with lock:
                for left in folder.glob(".*.*"):
                    left.unlink()
                yield
        except BaseException:
            if {path.name for path in folder.iterdir()} <= {".lock"}:
                (folder / ".lock").unlink(missing_ok=True)  # the folder goes with `folder_for`
            raise
