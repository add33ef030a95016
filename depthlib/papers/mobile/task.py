"""Training tasks of the mobile paper: dense maps, ordinal pairs, distillation, and loss rebalancing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.losses.ranking import PAIRS, improved_ranking_loss
from depthlib.papers.mobile.critic import Critic
from depthlib.papers.mobile.loss import mobile_terms, over_predictions
from depthlib.papers.mobile.network import MobilePrediction
from depthlib.papers.mobile.rebalancing import LossRebalancer
from depthlib.papers.mobile.scale_free import mannequin_loss
from depthlib.papers.mobile.structured_distillation import critic_loss, holistic_loss
from depthlib.training.tasks import BaseTask

TERMS = ("ranking", "rmse", "pairwise", "holistic")
CRITIC_LR = 4e-4
HOLISTIC = 0.05  # weight of the holistic loss; the critic is trained at every second step (Sec. 4.3.1)


def predictions_of(model: nn.Module, image: Tensor) -> MobilePrediction:
    """All outputs of a network in training, in float32 also under autocast; without `predict`, its map alone."""
    if not hasattr(model, "predict"):
        return MobilePrediction([model(image).float()], torch.empty(0))
    said = model.predict(image)
    return MobilePrediction([depth.float() for depth in said.depths], said.features.float())


class ScaleFreeDepth(BaseTask):
    """Log depth from dense maps of unknown scale: Eq. 1 for all predictions. Items with `image`, `depth` and
    `valid`.
    """

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        def of(prediction: Tensor) -> Tensor:
            return mannequin_loss(prediction, batch["depth"], batch["valid"], batch["image"])[0]

        return over_predictions(of, predictions_of(model, batch["image"]).depths), {}


class RelativeDepth(BaseTask):
    """The order of random points of relative maps: Eq. 3, over all predictions. Items with `image`, `relative` and
    `valid`.

    Points are drawn from torch's default generator, whose state is part of a checkpoint. `pairs`: per image and step.
    """

    def __init__(self, pairs: int = PAIRS) -> None:
        self.pairs = pairs

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        def of(prediction: Tensor) -> Tensor:
            return improved_ranking_loss(prediction, batch["relative"], batch["valid"], pairs=self.pairs)

        return over_predictions(of, predictions_of(model, batch["image"]).depths), {}


class PairsAndTeacher(BaseTask):
    """L_kd: ordinal pairs and distillation, Eq. 5, with fixed or rebalanced weights. Items with `image` and `pairs`.

    The curve records every term before weighting; terms keep their gradients, as MTAdam needs, "ranking" first. With
    rebalancing it also records the weights of the step, as "weight_<term>".

    Args:
        terms: some of `TERMS`; all but "ranking" need the teacher. Fixed weights are 1, that of "holistic" is 0.05.
        teacher: a trained network with `estimate`, such as `EncDecResNet`; it is frozen.
        rebalance: options of `LossRebalancer`, but for the names: steps_per_epoch, order, initialise; None for fixed
            weights.
        separate: rebalance a term per prediction, instead of Eq. 4 with fixed weights ("FIP" of Table 6).
        critic: options of `Critic`, which is trained by Adam, rate 4e-4, betas 0 and 0.9.

    Raises ValueError for unknown terms, terms without a teacher, or rebalancing with the holistic loss, which is
    unbounded below.
    """

    def __init__(
        self,
        terms: Sequence[str],
        teacher: nn.Module | None = None,
        rebalance: dict[str, Any] | None = None,
        separate: bool = False,
        critic: dict[str, Any] | None = None,
    ) -> None:
        if not terms or not set(terms) <= set(TERMS):
            raise ValueError(f"terms: found {', '.join(terms) or 'none'}, expected some of {', '.join(TERMS)}")
        if teacher is None and set(terms) != {"ranking"}:
            raise ValueError(f"teacher: found None, expected a network for the terms {', '.join(terms)}")
        if rebalance is not None and "holistic" in terms:
            raise ValueError("rebalance: found the term holistic, which may be negative, expected terms of at least 0")
        self.terms, self.teacher, self.separate = tuple(terms), teacher, separate
        self.balance_options, self.critic_options = rebalance, critic or {}
        self.balance: LossRebalancer | None = None
        self.critic: Critic | None = None

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        """Reset teacher, weights and critic to their state before the first step."""
        device = next(model.parameters()).device
        if self.teacher is not None:
            self.teacher.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
        if self.balance_options is not None:
            self.balance = LossRebalancer(self._names(model), **self.balance_options)
        self.steps = 0
        if "holistic" in self.terms:
            self.critic = Critic(**self.critic_options).to(device)
            self.moving = torch.optim.Adam(self.critic.parameters(), lr=CRITIC_LR, betas=(0.0, 0.9))

    def _names(self, model: nn.Module) -> list[str]:
        if not self.separate:
            return list(self.terms)
        heads = range(1 + len(model.intermediate))
        return [
            name for term in self.terms for name in ([term] if term == "pairwise" else [f"{term}_{i}" for i in heads])
        ]

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        image = batch["image"]
        said = predictions_of(model, image)
        about: dict[str, Any] = {"separate": self.separate}
        if "ranking" in self.terms:
            about |= {"points": batch["pairs"][..., :4], "relation": batch["pairs"][..., 4]}
        if self.teacher is not None:
            with torch.no_grad():
                lesson = self.teacher.estimate(image)
            if "rmse" in self.terms:
                about["teacher"] = lesson.depth.float()
            if "pairwise" in self.terms:
                about |= {"features": said.features, "teacher_features": lesson.features.float()}
        terms = mobile_terms(said.depths, **about) if set(self.terms) != {"holistic"} else {}
        if self.balance is not None:
            weights = {f"weight_{name}": torch.tensor(weight) for name, weight in self.balance.weights.items()}
            total = self.balance.total(terms)
            self.balance.observe(terms, samples=len(image))
            return total, terms | weights
        total = torch.stack([*terms.values(), image.new_zeros(())]).sum()
        if self.critic is not None:
            judged = self._holistic(said.depths[0], lesson.depth.float())
            total, terms = total + HOLISTIC * judged["holistic"], terms | judged
        return total, terms

    def _holistic(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """Train the critic at every second step, then score the student. "critic": its own loss when it was trained."""
        self.steps += 1
        terms = {}
        if self.steps % 2 == 0:
            self.critic.requires_grad_(True)
            own = critic_loss(self.critic(teacher), self.critic(student.detach()))
            self.moving.zero_grad(set_to_none=True)
            own.backward()
            self.moving.step()
            terms["critic"] = own.detach()
        self.critic.requires_grad_(False)  # the student's loss must not train the critic
        return {"holistic": holistic_loss(self.critic(student))} | terms

    def state_dict(self) -> dict[str, Any]:
        """Weights of the losses, the critic and its optimiser: the mutable state besides the network."""
        state: dict[str, Any] = {}
        if self.balance is not None:
            state["balance"] = self.balance.state_dict()
        if self.critic is not None:
            state |= {"critic": self.critic.state_dict(), "moving": self.moving.state_dict(), "steps": self.steps}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.balance is not None:
            self.balance.load_state_dict(state["balance"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
            self.moving.load_state_dict(state["moving"])
            self.steps = state["steps"]
