"""What a run is asked for: names of papers, the profile with a paper's fields and with overrides."""

import pytest

from depthlib.runs.profiles import SMOKE
from depthlib.runs.spec import RunSpec


def test_a_paper_is_found_by_the_key_it_had_and_an_unknown_one_is_refused():
    former = RunSpec("together", "unet", "streets", "smoke")
    assert former == RunSpec("comparison", "unet", "streets", "smoke") and former.name.startswith("comparison-unet-")
    with pytest.raises(ValueError, match="paper: found 'dorn', expected one of anuw, comparison, "):
        RunSpec("dorn", "unet", "streets")


def test_overrides_win_over_the_fields_of_a_paper_and_these_over_the_profile():
    scaled = RunSpec("start", "unet", "rooms", "smoke", overrides={"steps": 5}).scaled(steps=9, width=3)
    assert (scaled.steps, scaled.width, scaled.batch_size, scaled.name) == (5, 3, SMOKE.batch_size, "smoke")
    with pytest.raises(TypeError, match="stesp"):
        RunSpec("start", "unet", "rooms").scaled(stesp=9)


@pytest.mark.parametrize("value", [0, 2.5, True, "9"])
def test_overrides_are_positive_integers(value):
    with pytest.raises(ValueError, match=r"overrides\['steps'\]: found .*, expected an integer of at least 1"):
        RunSpec("start", "unet", "rooms", overrides={"steps": value})


def test_override_of_an_unknown_field():
    with pytest.raises(ValueError, match="overrides: found stesp, expected some of"):
        RunSpec("start", "unet", "rooms", "smoke", overrides={"stesp": 5})


@pytest.mark.parametrize("seed", [-1, 2**32, 99999999999999999999, True, "1", 1.0])
def test_absurd_seeds(seed):
    with pytest.raises(ValueError, match="seed: found .*, expected an integer from 0 to 4294967295"):
        RunSpec("start", "unet", "rooms", "smoke", seed)
