"""Does the stereo teacher look at its second view? The same frames with that of another street."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset


class OtherRight(Dataset):
    """Each frame with the right view of the next one: who only looks at the left one does not notice."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.dataset[index] | {"right": self.dataset[(index + 1) % len(self.dataset)]["right"]}

    def fingerprint(self) -> str:
        return f"right views moved by one in {self.dataset.fingerprint()}"
