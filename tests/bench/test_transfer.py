"""Which knobs help on photographs: the arithmetic of the table, the maps that need no training, and the whole on a
frame.
"""

from __future__ import annotations

import pytest
import torch

from depthlib.bench import transfer
from depthlib.bench.transfer import Row, error, on_sets, ramp, stored, table, training_set
from depthlib.data.real_samples import RealFrame


def frame(name: str, depth: torch.Tensor) -> RealFrame:
    image = torch.rand(3, *depth.shape[-2:], generator=torch.Generator().manual_seed(0))
    return RealFrame(name, "made up", image, depth, depth > 0)


ROOM = 1 + torch.arange(48.0 * 64).reshape(1, 48, 64) / 1000


def test_errors_are_free_of_scale_and_of_invalid_pixels():
    assert error(7 * ROOM[0], frame("tum-1", ROOM)) == pytest.approx(0, abs=1e-6)
    holes = ROOM.clone()
    holes[..., :10] = 0
    assert error(ROOM[0], frame("tum-1", holes)) == pytest.approx(0, abs=1e-6)
    two = torch.tensor([[[1.0, 1.0, 1.0, 2.0]]])
    assert error(torch.ones(1, 4), frame("tum-1", two)) == pytest.approx((0 + 0 + 0 + 0.5) / 4)


def test_the_ramp_falls_from_three_to_one():
    depth = ramp(5, 2)
    assert depth[:, 0].tolist() == [3, 2.5, 2, 1.5, 1] and depth.shape == (5, 2)
    assert error(depth, frame("tum-1", 2 * depth[None])) == pytest.approx(0, abs=1e-6)


def test_sets_that_choose_are_kept_apart_from_those_that_report():
    frames = [frame("tum-1", ROOM), frame("nyu-test-601", ROOM), frame("redwood-0", ROOM), frame("kitti-small-0", ROOM)]
    errors = iter([0.1, 0.3, 0.7])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "error", lambda depth, frame: next(errors))
        found = on_sets("rooms", lambda f: f.depth, frames)
    assert found == {"tum": 0.1, "nyu": 0.3, "redwood": 0.7, "choosing": pytest.approx(0.2), "reporting": 0.7}


def test_one_knob_at_a_time_and_all():
    assert training_set("rooms", "none", 4).make().distribution.pitch is None
    pitched = training_set("rooms", "pitch", 4).make().distribution
    assert pitched.pitch == (-40.0, 10.0) and pitched.clutter == 0 and pitched.field_of_view is None
    everything = training_set("streets", "all", 4).make().dataset.distribution
    assert everything.pitch == (-8.0, 8.0) and everything.clutter > 0


@pytest.mark.slow
def test_the_command_measures_once_and_keeps_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transfer, "real_frames", lambda more: [frame("tum-1", ROOM), frame("redwood-2", ROOM)])
    arguments = ["--profile", "smoke", "--knobs", "none blur", "--csv", str(tmp_path / "t.csv")]
    transfer.main(arguments)
    rows = stored(tmp_path / "t.csv")
    assert {(row.knob, row.what) for row in rows} == {
        ("constant", "constant"),
        ("ramp", "ramp"),
        *((knob, what) for knob in ("none", "blur") for what in ("network", "fixed map")),
    }
    assert all(0 < row.abs_rel < 5 for row in rows)
    monkeypatch.setattr(transfer, "measured", lambda *a: pytest.fail("measured again"))
    transfer.main(arguments)
    assert stored(tmp_path / "t.csv") == rows and "blur" in capsys.readouterr().out
    monkeypatch.setattr(transfer, "real_frames", lambda more: [])
    with pytest.raises(SystemExit, match="DEPTHLIB_SAMPLES: found no real frames"):
        transfer.main(arguments)
    with pytest.raises(SystemExit, match="knobs: found zoom"):
        transfer.main([*arguments[:3], "zoom"])


def test_the_table_says_mean_and_range_and_the_fixed_map():
    def rows(knob, values, fixed):
        return [
            *(
                Row("rooms", knob, seed, "network", frames, value + more)
                for seed, value in enumerate(values)
                for frames, more in (("tum", 0), ("redwood", 1), ("choosing", 0), ("reporting", 1))
            ),
            *(Row("rooms", knob, 0, "fixed map", frames, fixed) for frames in ("tum", "choosing", "reporting")),
        ]

    other = Row("streets", "none", 0, "network", "kitti", 9.0)
    free = [Row("rooms", "ramp", 0, "ramp", frames, 0.25) for frames in ("tum", "redwood", "choosing", "reporting")]
    found = table([*free, *rows("none", (0.2, 0.4), 0.5), other, *rows("blur", (0.1,), 0.6)], "rooms")
    assert list(found.index) == ["blur", "ramp", "none"], "by the sets that choose"
    none, blur = found.loc["none"], found.loc["blur"]
    assert none["tum"] == pytest.approx(0.3) and none["reporting"] == pytest.approx(1.3)
    assert none["reporting, range"] == "1.200 to 1.400" and none["fixed map, choosing"] == 0.5 and none["seeds"] == 2
    assert blur["reporting, range"] == "" and blur["seeds"] == 1 and found.loc["ramp", "seeds"] == 0
    streets = table([other, other._replace(what="fixed map", abs_rel=8.0)], "streets")
    assert streets.loc["none", "kitti"] == 9 and streets.loc["none", "fixed map, kitti"] == 8
