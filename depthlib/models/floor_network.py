"""A floor as a network: built by name, stored and scored like the networks that have to beat it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.models.blocks import check_image
from depthlib.models.floors import Constant, FixedMap, GroundPlane, Items


class Relabelled(Items):
    """The same items with other labels: depth [1,H,W] becomes `change(depth, valid)`, above 0 where valid."""

    def __init__(self, dataset: Items, change: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.dataset, self.change = dataset, change

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.dataset[index]
        return {"depth": self.change(item["depth"], item["valid"]), "valid": item["valid"]}


class RankMap(FixedMap):
    """The usual order of the pixels: at each the median of its rank in the depth maps, 0 is nearest, 1 farthest."""

    @classmethod
    def of(cls, dataset: Items) -> RankMap:
        """See `FixedMap.of`."""
        return cls(FixedMap.of(Relabelled(dataset, _ranks)).depth)


class LogMap(FixedMap):
    """The usual log depth where depth has no unit: of each map over its own median."""

    @classmethod
    def of(cls, dataset: Items) -> LogMap:
        """See `FixedMap.of`."""
        return cls(FixedMap.of(Relabelled(dataset, lambda depth, valid: depth / depth[valid].median())).depth.log())


class ClassMap(nn.Module):
    """At each pixel the class that most training images have there.

    class_logits: image [B,3,H,W] -> how often each class is there [B,K,H,W].

    Args:
        share: [K,H,W].
    """

    share: Tensor

    def __init__(self, share: Tensor) -> None:
        super().__init__()
        self.register_buffer("share", share)

    @classmethod
    def of(cls, dataset: Items) -> ClassMap:
        """Counted over the `semantics` [H,W] of all items."""
        count = len(dataset)  # type: ignore[arg-type]
        labels = torch.stack([dataset[index]["semantics"] for index in range(count)])
        return cls(F.one_hot(labels.long()).float().mean(dim=0).permute(2, 0, 1))

    def class_logits(self, image: Tensor) -> Tensor:
        check_image(image)
        share = F.interpolate(self.share.to(image)[None], size=image.shape[-2:], mode="bilinear", align_corners=False)
        return share.expand(len(image), -1, -1, -1)


class StraightDrive(nn.Module):
    """A camera that goes straight ahead without turning.

    trajectory: snippets [B,N,3,H,W] -> poses in the frame of the first camera [B,N,4,4], a unit of length a frame.
    """

    @classmethod
    def of(cls, dataset: Items) -> StraightDrive:
        """The same for every data set."""
        return cls()

    def trajectory(self, frames: Tensor) -> Tensor:
        poses = torch.eye(4, dtype=torch.float64).repeat(*frames.shape[:2], 1, 1)
        poses[..., 2, 3] = torch.arange(frames.shape[1], dtype=torch.float64)
        return poses


KINDS: dict[str, Any] = {
    "constant": Constant,
    "map": FixedMap,
    "ground": GroundPlane,
    "rank": RankMap,
    "log": LogMap,
    "classes": ClassMap,
    "drive": StraightDrive,
}


class Floor(nn.Module):
    """One of `KINDS`, empty until `fit` or `load_state_dict`; it has the outputs of that kind.

    Args:
        kind: a key of `KINDS`.
    Raises:
        ValueError: an unknown kind.
    """

    inner: Any

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        self.kind = kind
        self.inner = nn.Module()

    @property
    def inputs(self) -> tuple[str, ...]:
        return getattr(self.inner, "inputs", ("image",))

    def fit(self, dataset: Items) -> None:
        """Make it from the labels of a training set."""
        self.inner = KINDS[self.kind].of(dataset)

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        self.inner = KINDS[self.kind](**{name.removeprefix("inner."): value for name, value in state_dict.items()})
        return super().load_state_dict(state_dict, *args, **kwargs)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.inner(*inputs)

    def class_logits(self, image: Tensor) -> Tensor:
        return self.inner.class_logits(image)

    def trajectory(self, frames: Tensor) -> Tensor:
        return self.inner.trajectory(frames)


def _ranks(depth: Tensor, valid: Tensor) -> Tensor:
    """Rank of each valid pixel among them, in (0, 1]; equal depths share the rank of the last."""
    values = depth[valid]
    rank = torch.searchsorted(values.sort().values, values, right=True) / len(values)
    return torch.zeros_like(depth).masked_scatter(valid, rank.to(depth))
