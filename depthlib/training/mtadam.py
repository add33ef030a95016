"""MTAdam (Malkiel and Wolf 2020): Adam for several losses, whose gradients are scaled to equal norms per parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

MIN_NORM = 1e-10  # gradients with a smaller norm are not scaled


class MTAdam(Optimizer):
    """`optimizer.step(losses)` instead of `losses.sum().backward(); optimizer.step()`.

    For each parameter tensor and each loss i, with its gradient g_i:

    * n_i: running mean of |g_i| with decay b3, started at the first |g_i|, without bias correction.
    * The anchor a is the first loss with n_a > 1e-10. g_i becomes rank_i (n_a / n_i) g_i, unless n_i <= 1e-10.
    * m_i, v_i: Adam's moments of that; D is the elementwise maximum over i of sqrt(v_i / (1 - b2^t)) + eps.
    * The update is -lr / (1 - b1^t) times the sum of m_i / D.

    So the scale of every loss but the anchor cancels, and with one loss this is Adam, whatever its rank. A parameter
    without a gradient is not updated; if only some losses reach it, the other gradients are 0.

    Args:
        params, lr, betas, eps: as for Adam. betas are b1, b2, b3.
        weight_decay: L2 penalty, added to each g_i after the scaling, so n times for n losses.

    Raises ValueError for invalid options.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if lr < 0 or eps < 0 or weight_decay < 0:
            raise ValueError(f"lr, eps, weight_decay: found {lr}, {eps} and {weight_decay}, expected values >= 0")
        if len(betas) != 3 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas: found {betas}, expected three numbers in [0, 1)")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def step(self, losses: Sequence[Tensor], ranks: Sequence[float] | None = None) -> None:  # type: ignore[override]
        """One step on the scalars `losses`, the anchor first; their number and order must not change between steps.

        `ranks`: norm of each gradient relative to the anchor's; None: all 1. Runs one backward pass per loss, neither
        reads nor writes `.grad`, and frees the graph. Gradients are those of this process alone.

        Raises ValueError without losses, for another number of ranks or of losses than before, or a loss that is no
        scalar.
        """
        ranks = [1.0] * len(losses) if ranks is None else list(ranks)
        if not losses or len(ranks) != len(losses) or any(loss.numel() != 1 for loss in losses):
            raise ValueError(
                f"losses, ranks: found {len(losses)} and {len(ranks)}, expected at least one scalar loss, as many ranks"
            )
        parameters = [p for group in self.param_groups for p in group["params"] if p.requires_grad]
        gradients = [
            torch.autograd.grad(loss, parameters, retain_graph=index + 1 < len(losses), allow_unused=True)
            for index, loss in enumerate(losses)
        ]
        of = {id(p): [g[k] for g in gradients] for k, p in enumerate(parameters)}
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if any(g is not None for g in of.get(id(p), ())):
                        stack = torch.stack([torch.zeros_like(p) if g is None else g for g in of[id(p)]])
                        self._update(p, stack, stack.new_tensor(ranks), group)

    def _update(self, p: Tensor, g: Tensor, ranks: Tensor, group: dict[str, Any]) -> None:
        """Update one parameter; g: its gradients, [n, *p.shape]."""
        b1, b2, b3 = group["betas"]
        state, length = self.state[p], g.reshape(len(g), -1).norm(dim=1)
        if not state:
            state |= {"step": 0, "length": length, "m": torch.zeros_like(g), "v": torch.zeros_like(g)}
        elif len(state["length"]) != len(g):
            raise ValueError(f"losses: found {len(g)}, expected {len(state['length'])} as before")
        else:
            state["length"] = b3 * state["length"] + (1 - b3) * length
        state["step"] += 1
        known = state["length"] > MIN_NORM
        anchor = state["length"][known.to(torch.uint8).argmax()]  # the first one, without a copy to the host
        factor = torch.where(known, ranks * anchor / state["length"].clamp_min(MIN_NORM), 1)
        shape = (-1, *[1] * p.ndim)
        g = factor.view(shape) * g + group["weight_decay"] * p
        m, v, t = state["m"], state["v"], state["step"]
        m.lerp_(g, 1 - b1)
        v.mul_(b2).addcmul_(g, g, value=1 - b2)
        denominator = ((v / (1 - b2**t)).sqrt() + group["eps"]).amax(dim=0)
        p.sub_(group["lr"] / (1 - b1**t) * m.sum(dim=0) / denominator)
