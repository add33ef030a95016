"""Training in several processes, each with a share of every batch: torch's DDP under torchrun.

In a single process nothing here has an effect. Each of n processes takes every n-th image of the global batch, and DDP
averages the gradients. So the steps equal those of one process if the loss of a batch is the mean of the losses of its
shares: the same number of valid pixels in each, and no batch norm.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

T = TypeVar("T")


def rank_and_size() -> tuple[int, int]:
    """Rank of this process and number of processes; (0, 1) for a single one."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def join(device: torch.device) -> torch.device:
    """Under torchrun, join the process group and return the device of this process; otherwise return `device`."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def agreed(answer: T) -> T:
    """The answer of the first process, broadcast to all, so that they proceed alike."""
    if rank_and_size()[1] == 1:
        return answer
    answers = [answer]
    distributed.broadcast_object_list(answers, src=0)
    return answers[0]


class LossOf(nn.Module):
    """Network and task as one module, batch -> loss and terms, since DDP hooks into `forward`."""

    def __init__(self, model: nn.Module, task: Any) -> None:
        super().__init__()
        self.model = model
        self.task = task

    def forward(self, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        return self.task.loss(self.model, batch)


def in_parallel(model: nn.Module, task: Any, device: torch.device) -> nn.Module:
    """`LossOf(model, task)`, with gradients averaged over all processes.

    Raises ValueError for several processes and a task with state per image, since each process sees other images.
    """
    module = LossOf(model, task)
    if rank_and_size()[1] == 1:
        return module
    if task.state_dict():
        raise ValueError(
            f"processes: found {rank_and_size()[1]}, expected 1 for {type(task).__name__}, which keeps state per image"
        )
    return nn.parallel.DistributedDataParallel(module, device_ids=[device.index] if device.type == "cuda" else None)


def mean_over_processes(row: dict[str, float]) -> dict[str, float]:
    """The mean of each value over all processes."""
    size = rank_and_size()[1]
    if size == 1:
        return row
    values = torch.tensor(list(row.values()), dtype=torch.float64)
    if distributed.get_backend() == "nccl":
        values = values.cuda()
    distributed.all_reduce(values)
    return dict(zip(row, (values / size).tolist(), strict=True))
