"""The measures of the mobile paper by hand, against the package's metrics and Chen's protocol."""

from __future__ import annotations

import math

import pytest
import torch

from depthlib.metrics.benchmark import errors
from depthlib.models.floors import FixedMap
from depthlib.papers.mobile.measures import InMetres, MetresOfRelative, PairOrder, ScaleInvariant, ramp
from depthlib.protocols.inference import measure
from depthlib.protocols.scaling import SCALINGS
from depthlib.scenes.variants import Frames, OrdinalFrames


def test_whdr_counts_ties_as_wrong_and_the_floor_lets_a_coin_decide_them() -> None:
    rows = torch.tensor(
        [[0, 0, 3, 0, 1], [3, 1, 0, 1, 1], [1, 0, 1, 3, 1], [2, 0, 2, 3, -1]]
    )  # right, wrong, two in a row
    item = {"pairs": rows}
    found = PairOrder().measures(ramp(4, 4), item)
    assert found == {"whdr": 0.75, "whdr_ramp": 0.5}  # of the ramp itself: wrong, and two ties of which a coin gets one
    assert PairOrder().measures(torch.zeros(1, 4, 4).double(), item)["whdr"] == 1.0


def test_whdr_of_the_true_depth_is_0_and_of_its_negative_1(pairs: OrdinalFrames) -> None:
    many = OrdinalFrames(pairs.frames, pairs=100)
    for index, frame in enumerate(pairs.frames):
        assert PairOrder().measures(frame["depth"].double(), many[index])["whdr"] == 0
        assert PairOrder().measures(-frame["depth"].double(), many[index])["whdr"] == 1


def test_si_rmse_in_its_three_forms_is_that_of_the_metrics(rooms: Frames) -> None:
    generator = torch.Generator().manual_seed(0)
    item = rooms[0]
    z = torch.randn(1, 32, 64, generator=generator, dtype=torch.float64)
    found = ScaleInvariant().measures(z, item)
    arguments = z.exp()[None], item["depth"][None].double(), item["valid"][None]
    for name in ("si_mse", "si_rmse", "si_rmse_pairs"):
        assert found[name] == pytest.approx(errors(*arguments, (name,))[name].item(), rel=1e-9), name
    assert ScaleInvariant().measures(z + 5, item)["si_rmse"] == pytest.approx(found["si_rmse"])
    metres = ScaleInvariant("metres").measures(z.exp().clamp_min(0.1), item)
    assert metres["si_rmse"] == pytest.approx(ScaleInvariant().measures(z.clamp_min(math.log(0.1)), item)["si_rmse"])
    flat = torch.ones_like(arguments[0])
    assert found["si_rmse_constant"] == pytest.approx(
        errors(flat, *arguments[1:], ("si_rmse",))["si_rmse"].item(), rel=1e-9
    )
    assert found["si_rmse_ramp"] <= found["si_rmse_constant"]


def test_the_other_reading_of_si_rmse_brings_the_map_to_metres_first(rooms: Frames) -> None:
    item, z = rooms[0], torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    aligned, metres = ScaleInvariant("aligned", rooms), InMetres(rooms)(z)
    by_metres = ScaleInvariant("metres").measures(metres, item)
    assert aligned.measures(z, item) == by_metres == pytest.approx(aligned.measures(7 * z - 3, item))
    assert metres.mean().item() == pytest.approx(InMetres(rooms).mean)
    with pytest.raises(ValueError, match="reference: found none for output 'aligned'"):
        ScaleInvariant("aligned")
    with pytest.raises(ValueError, match="reference: found one for output 'log'"):
        ScaleInvariant("log", rooms)


def test_metres_of_relative_is_chens_protocol_with_the_numbers_of_the_rooms(rooms: Frames) -> None:
    metres = MetresOfRelative(rooms)
    per_image = [frame["depth"][frame["valid"]].double() for frame in rooms]
    aligned = metres.in_metres
    assert aligned.mean == pytest.approx(sum(x.mean().item() for x in per_image) / 4)
    assert aligned.deviation == pytest.approx(sum(((x - x.mean()) ** 2).mean().item() ** 0.5 for x in per_image) / 4)
    z = torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    item = rooms[1]
    found = metres.measures(z, item)
    assert metres.measures(3 * z - 7, item)["rmse"] == pytest.approx(found["rmse"], rel=1e-9)  # no scale, no shift
    aligned.mean, aligned.deviation = 2.8424594402, 0.6148231626  # NYU's: as the protocol has it
    wanted = SCALINGS["nyu_zscore"](z[None], item["depth"][None], item["valid"][None], 10.0)[0]
    assert torch.allclose(metres.in_metres(z), wanted, atol=2e-3)  # n against n - 1
    inside = item["valid"].clone()
    inside[..., [0, -1], :] = inside[..., [0, -1]] = False  # 32 // 30 pixels
    wanted_rmse = (metres.in_metres(z) - item["depth"])[inside].square().mean().sqrt().item()
    assert metres.measures(z, item)["rmse"] == pytest.approx(wanted_rmse)


def test_a_measure_of_a_network_has_one_value_an_image(rooms: Frames) -> None:
    many = OrdinalFrames(rooms, pairs=20)
    found = measure(FixedMap(ramp(32, 64).float()), many, {"pairs": PairOrder()})["pairs"]
    assert found.images == [f"rooms/val/{i:06d}" for i in range(4)] and all(
        len(values) == 4 for values in found.metrics.values()
    )
    assert found.protocol == "order of pairs, ties wrong"
    assert found.metrics["whdr"][2] == PairOrder().measures(ramp(32, 64), many[2])["whdr"]
