"""A data set made of another one by changing its items: nothing else differs, and its fingerprint says so."""

from typing import Any

import pytest

from depthlib.data.changed import Changed


class Numbers:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"name": f"n{index}", "depth": float(index)}

    def fingerprint(self) -> str:
        return "numbers"


class Doubled(Changed):
    what = "doubled "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        return {"depth": 2 * item["depth"], "place": index}


def test_only_what_change_gives_differs() -> None:
    numbers = Numbers()
    doubled = Doubled(numbers)
    assert len(doubled) == 3
    assert [doubled[i] for i in range(3)] == [{"name": f"n{i}", "depth": 2.0 * i, "place": i} for i in range(3)]
    assert numbers[2] == {"name": "n2", "depth": 2.0}, "the items of the other set stay as they are"
    assert doubled.fingerprint() == "doubled numbers" != numbers.fingerprint()


def test_without_a_change_it_refuses() -> None:
    with pytest.raises(NotImplementedError):
        Changed(Numbers())[0]
