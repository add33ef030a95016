"""MTAdam (Malkiel and Wolf 2020): Adam for several losses, whose gradients are made equally long, parameter by parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NOTHING = 1e-10  # a gradient whose length is below it is left as it is


class MTAdam(Optimizer):
    """`optimizer.step(losses)` instead of `losses.sum().backward(); optimizer.step()`. Spec mobile, section 4.

    For each parameter tensor and each loss i, with its gradient g_i:

    * n_i: running mean of |g_i|, decay b3; the first one is |g_1| itself, there is no bias correction.
    * The anchor a is the first loss with n_a > 1e-10. g_i becomes rank_i (n_a / n_i) g_i, unless n_i is that small.
    * m_i, v_i: Adam's moments of that; D is the elementwise maximum over i of sqrt(v_i / (1 - b2^t)) + eps.
    * The parameter moves by -lr / (1 - b1^t) times the sum of m_i / D.

    So no factor on a loss other than the anchor, the first one, makes a difference, and with one loss this is Adam, whatever
    its rank. A parameter that no loss reaches does not move; where only some reach it the others' gradients are 0.

    Args:
        params, lr, betas, eps: as for Adam. betas are b1, b2, b3.
        weight_decay: times the parameter is added to each g_i behind the normalisation, so with n losses n times in all.

    Raises ValueError for unfit options.
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
            raise ValueError(f"lr, eps and weight_decay must be at least 0, got {lr}, {eps} and {weight_decay}")
        if len(betas) != 3 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be three numbers from 0 to below 1, got {betas}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def step(  # type: ignore[override]
        self, losses: Sequence[Tensor] | Mapping[str, Tensor] | Callable[[], Any], ranks: Sequence[float] | None = None
    ) -> None:
        """One step on the scalars `losses`, in this order, the anchor first; their number must never change.

        `ranks`: how long each gradient is to be beside the anchor's; 1 without them. Does its own backward passes, one a
        loss, neither reads nor writes `.grad`, and frees the graph. Gradients are those of this process alone.

        Raises ValueError for no losses, another number of ranks or of losses than before, or a loss that is no scalar.
        """
        losses = list(losses() if callable(losses) else losses.values() if isinstance(losses, Mapping) else losses)
        ranks = [1.0] * len(losses) if ranks is None else list(ranks)
        if not losses or len(ranks) != len(losses) or any(loss.numel() != 1 for loss in losses):
            raise ValueError(f"expected at least one scalar loss and as many ranks, got {len(losses)} losses and {len(ranks)} ranks")
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
                        self._move(p, stack, stack.new_tensor(ranks), group)

    def _move(self, p: Tensor, g: Tensor, ranks: Tensor, group: dict[str, Any]) -> None:
        """One parameter; g: its gradients, [n, *p.shape]."""
        b1, b2, b3 = group["betas"]
        state, length = self.state[p], g.reshape(len(g), -1).norm(dim=1)
        if not state:
            state |= {"step": 0, "length": length, "m": torch.zeros_like(g), "v": torch.zeros_like(g)}
        elif len(state["length"]) != len(g):
            raise ValueError(f"expected {len(state['length'])} losses as before, got {len(g)}")
        else:
            state["length"] = b3 * state["length"] + (1 - b3) * length
        state["step"] += 1
        known = state["length"] > NOTHING
        anchor = state["length"][known.to(torch.uint8).argmax()]  # the first one that is known, on the device
        factor = torch.where(known, ranks * anchor / state["length"].clamp_min(NOTHING), 1)
        shape = (-1, *[1] * p.ndim)
        g = factor.view(shape) * g + group["weight_decay"] * p
        m, v, t = state["m"], state["v"], state["step"]
        m.lerp_(g, 1 - b1)
        v.mul_(b2).addcmul_(g, g, value=1 - b2)
        denominator = ((v / (1 - b2**t)).sqrt() + group["eps"]).amax(dim=0)
        p.sub_(group["lr"] / (1 - b1**t) * m.sum(dim=0) / denominator)
