"""Photographs with pairs at the size of a network: to learn from, and to be asked where people marked the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from depthlib.data.changed import Changed
from depthlib.data.transforms import Compose, Resize, resize
from depthlib.papers.mobile.measures import PairOrder
from depthlib.papers.mobile.transforms import Apart


class PairsSeen(Changed):
    """Pictures and their pairs at one size, as a network learns from them; points that fell together are taken apart.

    Args:
        dataset: items with `image` [3,H,W] and `pairs` [P,5], such as `depthlib.data.diw.DIW`.
        size: rows and columns.
    """

    def __init__(self, dataset: Dataset, size: Sequence[int]) -> None:
        super().__init__(dataset)
        self.view = Compose((Resize((int(size[0]), int(size[1]))), Apart()))
        self.what = f"pictures and pairs at {list(size)}, of "

    def __getitem__(self, index: int) -> dict[str, Any]:
        seen: dict[str, Any] = self.view(self.dataset[index])
        return seen


class PairsAtSize(Changed):
    """The same pictures at one size; their pairs keep the pixels of the photograph, whose size is `own` [2].

    Args:
        dataset: items with `image` [3,H,W] and `pairs` [P,5], such as `depthlib.data.diw.DIW`.
        size: rows and columns of the pictures.
        count: only the first so many; None for all.
    """

    what = "pairs at their own size, pictures at "

    def __init__(self, dataset: Dataset, size: Sequence[int], count: int | None = None) -> None:
        super().__init__(dataset)
        self.size, self.count = (int(size[0]), int(size[1])), count
        self.what = f"{self.what}{self.size}, the first {count or 'all'}: "

    def __len__(self) -> int:
        return min(super().__len__(), self.count or super().__len__())

    def __getitem__(self, index: int) -> dict[str, Any]:
        return super().__getitem__(range(len(self))[index])

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        small = resize({"image": item["image"][None]}, self.size)["image"][0]
        return {"image": small, "own": torch.tensor(item["image"].shape[-2:])}


class OrderAtOwnSize(PairOrder):
    """`PairOrder` of maps that are enlarged, bilinearly, to the size of the photograph (`own` of the item)."""

    title = "order of pairs in the photograph's own pixels, ties wrong"

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> dict[str, float]:
        size = tuple(item["own"].tolist())
        whole = F.interpolate(predicted[None], size=size, mode="bilinear", align_corners=False)[0]
        return super().measures(whole, item)
