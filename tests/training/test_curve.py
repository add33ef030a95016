"""The curve of a training: when losses are read."""

import math

import pytest
import torch

from depthlib.training.curve import READ_EVERY, Curve, Log, TrainingDiverged


def test_on_cuda_losses_are_read_from_time_to_time() -> None:
    """No GPU is needed: only the kind of the device decides."""
    log = Log(curve := Curve(), torch.device("cuda"))
    for step in range(READ_EVERY + 2):
        log.add({"loss": torch.tensor(float(step)), "part": torch.tensor(2.0)})
        log.end_step(step, lr=0.1)
        assert len(curve) == (1 if step < READ_EVERY else READ_EVERY + 1)
    log.read()
    assert curve.values["loss"] == [float(step) for step in range(READ_EVERY + 2)] and log.loss == READ_EVERY + 1
    for step, loss in enumerate((1.0, math.inf, math.nan), start=READ_EVERY + 2):
        log.add({"loss": torch.tensor(loss)})
        log.end_step(step, lr=0.1)
    with pytest.raises(TrainingDiverged, match=f"step {READ_EVERY + 3}: loss = inf"):
        log.read()
    log = Log(curve := Curve(), torch.device("cpu"))
    log.add({"loss": torch.tensor(1.0)})
    log.end_step(0, lr=0.1)
    assert len(curve) == 1
