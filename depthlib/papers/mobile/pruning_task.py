"""NetAdapt as a run: a task that narrows a trained network before the first step. Table 7.

A pruned network of Table 7 is made by two runs, so that the search is done once and the training after it can be
resumed:

| run | model | task | start | steps |
|---|---|---|---|---|
| the search | `mobile_pruned`, no intermediate heads | `Search` | the student, or the search of the size before | 0 |
| the long fine-tuning | `mobile_pruned`, with heads | the student's own task | the search | as the student |

The search for 1.5 M goes on from that for 1.9 M, and the one for 1.0 M from that: NetAdapt meets the sizes one after
another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.base.build import Build
from depthlib.base.cost import parameters
from depthlib.papers.mobile.netadapt import Round, netadapt
from depthlib.papers.mobile.pruned import Narrowing, PrunedMobile
from depthlib.protocols.inference import Measure, measure
from depthlib.training.fit import Plan, fit
from depthlib.training.parallel import rank_and_size
from depthlib.training.tasks import BaseTask

SHORT = Plan(steps=200, batch_size=4, optimizer="sgd", lr=1e-3, betas=(0.9, 0.999), schedule="constant", flip=0.0)


class Search(BaseTask):
    """`prepare` narrows the network until it has at most `share` of its parameters; there is no step to take
    afterwards.

    Everything is drawn from torch's seed, so that the same run finds the same network. The network remembers its rounds
    (`PrunedMobile.history`), and a search that starts from a pruned network goes on where that one stopped.

    How coarse the search is: the paper's code has not been published, NetAdapt's own tunes every proposal 500 times.
    `short` says how long each proposal is tuned here, `tries` how many blocks are tried in a round, `first` how much a
    round saves.

    Args:
        task: {"target", "options"} of the task whose loss the short fine-tuning minimises; it is made with `networks`.
            The network has no intermediate heads at that time.
        share: of the parameters that the network had before any search, at most: 0.74 for 1.9 of 2.56 M.
        validation, measure, metric: the score of a network is 1 - the mean of `metric` that `measure` finds on
            `validation`.
        short: fields of the short fine-tuning's `Plan` that differ from `SHORT`.
        tries, first, decay: see `netadapt`.
        networks: what the inner task needs, such as a teacher.

    Raises ValueError for another share.
    """

    def __init__(
        self,
        task: dict[str, Any],
        *,
        share: float,
        validation: Dataset,
        measure: Measure,
        metric: str = "whdr",
        short: dict[str, Any] | None = None,
        tries: int | None = None,
        first: float = 0.03,
        decay: float = 0.98,
        **networks: nn.Module,
    ) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share: found {share}, expected more than 0 and less than 1")
        self.task = Build(**task).make(**networks)
        self.share, self.validation, self.measure, self.metric = share, validation, measure, metric
        self.plan = replace(SHORT, **(short or {}))
        self.steps = {"tries": tries, "first": first, "decay": decay}

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        """Narrow `model` in place. Raises ValueError for another network, heads, or several processes; ImportError, see
        `netadapt`.
        """
        if not isinstance(model, PrunedMobile) or len(model.intermediate):
            raise ValueError("pruning needs a network 'mobile_pruned' without intermediate heads")
        if rank_and_size()[1] > 1:
            raise ValueError("the search for widths runs in one process")
        device, seed = model.rounds.device, torch.initial_seed()

        def tune(candidate: nn.Module) -> None:
            fit(candidate, self.task, dataset, self.plan, seed=seed, device=device)

        def score(candidate: nn.Module) -> float:
            found = measure(candidate, self.validation, {"score": self.measure}, device=device)["score"]
            return 1 - found.means()[self.metric]

        history = model.history or [Narrowing("", 0, parameters(model), score(model))]
        found, rounds = netadapt(
            model,
            torch.zeros(1, 3, 32, 32, device=device),
            budget=round(self.share * history[0].parameters),
            tune=tune,
            score=score,
            resource=parameters,
            start=history[0].parameters,
            done=len(history) - 1,
            seed=seed,
            **self.steps,
        )
        model.load_state_dict(found.state_dict())
        model.remember([*history, *map(_remembered, rounds)])

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        raise NotImplementedError(
            "the widths are known before the first step: plan 0 steps, and fine-tune in a run that starts from this"
        )


def _remembered(done: Round) -> Narrowing:
    return Narrowing(done.taken.block, done.taken.width, int(done.taken.resource), done.taken.score)
