"""Near and far without classes, sharpness of whole maps, and the deviation over the snippets of a sequence."""

from __future__ import annotations

import pytest
import torch

from depthlib.papers.dual.real_measures import FarMinusNear, NearOrFar, SequenceError, WholeSharpness
from depthlib.papers.dual.regions import THRESHOLDS


class Frames(torch.utils.data.Dataset):
    """Two frames: half at 10 m, half at 40 m, known in every other column; and one without any depth."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict[str, object]:
        depth = torch.full((1, 20, 40), 10.0)
        depth[..., 20:] = 40.0
        depth[..., ::2] = 0
        return {"image": torch.zeros(3, 20, 40), "depth": depth * (index == 0), "name": str(index)}


def found(measure, prediction: torch.Tensor):
    batch = torch.utils.data.default_collate([Frames()[i] for i in range(2)])
    measure.begin(torch.nn.Identity(), Frames())
    measure.update(batch, prediction)
    return measure.compute()


def two(far: float, size: tuple[int, int] = (20, 40)) -> torch.Tensor:
    maps = torch.full((2, 1, *size), 10.0)
    maps[..., size[1] // 2 :] = far
    return maps


def test_near_and_far_need_no_classes() -> None:
    for region, error in (("near", 0.0), ("far", 0.25)):
        measure = found(NearOrFar(region, "scenes"), two(50.0))
        assert measure.images == ["0"] and measure.skipped == ["1"]
        assert measure.means()["abs_rel"] == pytest.approx(error, abs=1e-6)
    gap = found(FarMinusNear("scenes"), two(50.0))
    assert gap.means() == {"abs_rel": pytest.approx(0.25)}


def test_sharpness_is_of_the_whole_map_at_both_sizes() -> None:
    measure = found(WholeSharpness("scenes"), two(40.0))
    assert measure.images == ["0"] and measure.skipped == ["1"]
    values = measure.means()
    assert set(values) == {f"{kind}_{t}" for kind in ("tenengrad", "native") for t in THRESHOLDS}
    assert values["tenengrad_50"] == values["native_50"] == pytest.approx(4 * 30 * 20 * 2)  # two columns of a step
    small = found(WholeSharpness("scenes"), two(40.0, (10, 20))).means()
    assert 0.4 < small["native_50"] / values["native_50"] < 0.6  # half as many pixels along the step


def test_the_deviation_stands_beside_every_snippet() -> None:
    class Snippets:
        frames = 3

    measure = SequenceError()
    measure.begin(torch.nn.Identity(), Snippets())
    truth = torch.eye(4, dtype=torch.float64).repeat(2, 3, 1, 1)
    truth[..., 2, 3] = torch.arange(3.0, dtype=torch.float64)
    guess = truth.clone()
    guess[1, 2, 0, 3] = 1.0
    measure.update({"name": ["a", "b"], "T_first_frame": truth}, guess)
    values = measure.compute().metrics
    assert values["ate"][0] == pytest.approx(0) and values["ate"][1] > 0.1
    assert values["ate_std"] == pytest.approx([values["ate"][1] / 2] * 2)
