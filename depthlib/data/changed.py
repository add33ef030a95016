"""A data set made of another one by changing its items."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset


class Changed(Dataset):
    """Items of `dataset` with the entries that `change` gives, in the same order.

    Args:
        dataset: items are dicts; with a fingerprint.
    """

    what = ""  # of the other data set this one is, as its fingerprint says it: "gaps of "

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.dataset[index]
        return item | self.change(item, index)

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        """Entries that are new or differ."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        return self.what + self.dataset.fingerprint()
