"""Arrays in a temporary file come back as they were."""

import pytest
import torch

from depthlib.app.array_file import ArrayFile


def test_arrays_come_back_in_any_order_while_others_are_added() -> None:
    torch.manual_seed(0)
    given, kept = torch.randn(5, 1, 3, 4), ArrayFile()
    for index, array in enumerate(given):
        kept.append(array.double() if index == 2 else array)
        assert torch.equal(kept[index // 2], given[index // 2]) and len(kept) == index + 1
    assert torch.equal(torch.stack(list(kept)), given)
    assert [torch.equal(a, b) for a, b in zip(kept, given, strict=True)] == [True] * 5


def test_other_shapes_and_places_are_refused() -> None:
    kept = ArrayFile()
    kept.append(torch.zeros(1, 3, 4))
    with pytest.raises(ValueError, match=r"array: found shape \[1, 4, 3\], expected \[1, 3, 4\]"):
        kept.append(torch.zeros(1, 4, 3))
    for index in (-1, 1):
        with pytest.raises(IndexError, match=f"index: found {index}, expected 0 to 0"):
            kept[index]
