"""Removing channels from a network with their dependencies, which Torch-Pruning (MIT) traces."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def conv_weights(model: nn.Module) -> int:
    """Number of weights in convolutions, without biases and norms: NetAdapt's resource WEIGHTS."""
    return sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Conv2d))


def blocks_of(model: nn.Module, example: Tensor, keep: tuple[str, ...] = ("out",)) -> dict[str, int]:
    """The blocks that can be narrowed: name of a convolution -> its output channels. Yang et al. 2018.

    Depthwise convolutions follow those before them. Convolutions whose outputs are added have equal widths: they are
    one block, named after the first of them. `keep`: modules that are not narrowed, such as the output layer.

    Raises ImportError without Torch-Pruning.
    """
    return dict(_Graph(model, example, keep).blocks())


def shrink(model: nn.Module, example: Tensor, widths: Mapping[str, int], keep: tuple[str, ...] = ("out",)) -> nn.Module:
    """A copy whose blocks have the given widths and the filters of largest L2 norm; the layers that they feed
    shrink accordingly. With the widths of a stored network the result fits its weights.

    Raises ValueError for a block that is not in `blocks_of`, or a width that is not 1 to the present one; ImportError
    without Torch-Pruning.
    """
    model = copy.deepcopy(model)
    graph = _Graph(model, example, keep)
    present = dict(graph.blocks())
    for name, width in widths.items():
        if not 1 <= width <= present.get(name, 0):
            raise ValueError(
                f"block {name!r}: found width {width}, expected 1 to {present.get(name, 'nothing: no such block')}"
            )
        graph.narrow(name, width)
    return model


class _Graph:
    """The dependencies of one network, which is narrowed in place."""

    def __init__(self, model: nn.Module, example: Tensor, keep: tuple[str, ...]) -> None:
        self.tp = _torch_pruning()
        self.model, self.keep = model, keep
        training = model.training
        gradients = [parameter.requires_grad for parameter in model.parameters()]
        model.eval().requires_grad_(True)  # the dependencies are traced through the autograd graph of one forward pass
        with torch.enable_grad():
            self.graph = self.tp.DependencyGraph().build_dependency(model, example_inputs=example)
        model.train(training)
        for parameter, needed in zip(model.parameters(), gradients, strict=True):
            parameter.requires_grad_(needed)

    def blocks(self) -> Iterator[tuple[str, int]]:
        known: set[nn.Module] = set()
        for name, module in self.model.named_modules():
            kept = any(name == k or name.startswith(f"{k}.") for k in self.keep)
            if not kept and isinstance(module, nn.Conv2d) and not _is_depthwise(module) and module not in known:
                known.update(member for member, _ in self._members(self._group(name, [0])))
                yield name, module.out_channels

    def narrow(self, name: str, width: int) -> None:
        """Remove the filters of smallest norm, summed over the convolutions of the block, until `width` are left."""
        channels = self.model.get_submodule(name).out_channels
        if width == channels:
            return
        strength = torch.zeros(channels)
        for conv, indices in self._members(self._group(name, list(range(channels)))):
            strength += conv.weight.detach()[indices].flatten(1).square().sum(1).float().cpu()
        weakest = strength.argsort(stable=True)[: channels - width]
        self._group(name, sorted(weakest.tolist())).prune()

    def _group(self, name: str, indices: list[int]) -> Any:
        conv = self.model.get_submodule(name)
        return self.graph.get_pruning_group(conv, self.tp.prune_conv_out_channels, indices)

    def _members(self, group: Any) -> Iterator[tuple[nn.Conv2d, list[int]]]:
        """The convolutions of a group that lose output channels, without the depthwise ones that follow."""
        for dependency, indices in group:
            module = dependency.target.module
            if dependency.handler == self.tp.prune_conv_out_channels and not _is_depthwise(module):
                yield module, list(indices)


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups > 1 and conv.groups == conv.in_channels


def _torch_pruning() -> Any:
    try:
        import torch_pruning
    except ImportError as error:
        raise ImportError(
            "torch_pruning: found none, expected Torch-Pruning: pip install torch-pruning, or depthlib[pruning]"
        ) from error
    return torch_pruning
