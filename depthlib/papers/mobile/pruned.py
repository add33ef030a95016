"""The pruned student. Loading and running it needs neither the search nor Torch-Pruning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from depthlib.papers.mobile.network import MobileDepth

HEADS = "intermediate."


class Narrowing(NamedTuple):
    """One round of a search. Round 0 is the network before it: no block, width 0.

    Attributes:
        block: the convolution whose output was narrowed, with its dependent layers.
        width: its remaining channels.
        parameters: of the whole network, without intermediate heads.
        score: 1 - WHDR after the short fine-tuning of the search.
    """

    block: str
    width: int
    parameters: int
    score: float


class PrunedMobile(MobileDepth):
    """`MobileDepth` whose layers take their widths from the weights that it loads. Sec. 3.3 ("Final Words").

    The shapes of the stored tensors give the width of each layer. So a pruned network is built in full, and
    `load_state_dict` narrows each convolution and each norm. The buffer `rounds` [n,4] stores the rounds of the search,
    see `history`.

    Args:
        options: of `MobileDepth`, the same as those of the network that was pruned, but for `intermediate`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.register_buffer("rounds", torch.zeros(0, 4))

    def load_from(self, earlier: MobileDepth) -> None:
        """Load the weights and widths of a network, pruned or not. Heads for intermediate predictions are new."""
        heads = len(self.intermediate)
        self.drop_intermediate()
        state = {name: value for name, value in earlier.state_dict().items() if not name.startswith(HEADS)}
        self.load_state_dict({"rounds": self.rounds} | state)
        self.attach_intermediate(heads)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Narrow the layers to the shapes in `state_dict`, load it, and run the network on a small image.

        Raises ValueError for a layer that would be wider than now, or widths that do not fit together; RuntimeError, as
        for every module, for missing or additional tensors.
        """
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
                narrow(
                    module, {key: state_dict[f"{name}.{key}"] for key in TENSORS if f"{name}.{key}" in state_dict}, name
                )
        if "rounds" in state_dict:
            self.rounds = torch.empty_like(self.rounds).new_empty(_shape_of_rounds(state_dict["rounds"]))
        result = super().load_state_dict(state_dict, strict, assign)
        self._try()
        return result

    @torch.no_grad()
    def _try(self) -> None:
        """Run the whole network once: each tensor may have a valid shape, and the shapes may still not fit together."""
        training = self.training
        try:
            self.eval().predict(torch.zeros(1, 3, 32, 32, device=self.rounds.device))
        except RuntimeError as error:
            raise ValueError(
                f"state_dict: found widths that do not fit together ({error}), expected those of one network"
            ) from error
        finally:
            self.train(training)

    @property
    def history(self) -> list[Narrowing]:
        """The rounds of the search; empty for a network that was not pruned."""
        names = conv_names(self)
        rows = ([*map(int, row[:3]), row[3]] for row in self.rounds.tolist())
        return [
            Narrowing(names[block] if block >= 0 else "", width, count, score) for block, width, count, score in rows
        ]

    def remember(self, history: list[Narrowing]) -> None:
        """Set `history`."""
        names = conv_names(self)
        rows = [[names.index(row.block) if row.block else -1, *row[1:]] for row in history]
        self.rounds = torch.tensor(rows, dtype=self.rounds.dtype, device=self.rounds.device).reshape(-1, 4)


TENSORS = ("weight", "bias", "running_mean", "running_var")


def narrow(module: nn.Conv2d | nn.BatchNorm2d, tensors: Mapping[str, Tensor], name: str = "") -> None:
    """Resize a convolution or a norm, in place, to the tensors that it will load. Their values are not copied.

    A depthwise convolution stays one. Tensors of equal shape are kept, so that an optimiser still refers to them.

    Raises ValueError, with `name`, for a tensor of another kind or one that is wider than the module.
    """
    for key, tensor in tensors.items():
        present = getattr(module, key)
        if present is None or present.shape == tensor.shape:
            continue
        fits = present.ndim == tensor.ndim and present.shape[2:] == tensor.shape[2:]
        if (
            not fits
            or tensor.numel() == 0
            or any(new > old for new, old in zip(tensor.shape, present.shape, strict=True))
        ):
            found, most = list(tensor.shape), list(present.shape)
            raise ValueError(f"{name}.{key}: found shape {found}, expected {most} or fewer channels")
        empty = torch.empty(tensor.shape, dtype=present.dtype, device=present.device)
        setattr(module, key, nn.Parameter(empty, present.requires_grad) if isinstance(present, nn.Parameter) else empty)
    if isinstance(module, nn.BatchNorm2d):
        module.num_features = module.weight.shape[0]
        return
    depthwise = 1 < module.groups == module.in_channels
    module.out_channels = module.weight.shape[0]
    module.groups = module.out_channels if depthwise else module.groups
    module.in_channels = module.weight.shape[1] * module.groups


def conv_names(model: nn.Module) -> list[str]:
    """The names of the convolutions outside intermediate heads, in an order that pruning does not change."""
    return [
        name for name, module in model.named_modules() if isinstance(module, nn.Conv2d) and not name.startswith(HEADS)
    ]


def _shape_of_rounds(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim != 2 or tensor.shape[1] != 4:
        raise ValueError(f"rounds: found shape {list(tensor.shape)}, expected [n, 4]")
    return tensor.shape[0], 4
