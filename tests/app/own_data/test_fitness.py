"""The check of a video on pictures whose faults are known."""

import pytest
import torch
from moved_patterns import K, pattern, turned

from depthlib.app.own_data.fitness import Look, look, verdict


def picture(shift=(0.0, 0.0), brightness=1.0):
    return (pattern(shift) * brightness).clamp(0, 1).expand(3, -1, -1)


def test_the_same_picture_is_still_and_its_noise_as_well():
    noise = 0.01 * torch.randn(3, 96, 160, generator=torch.Generator().manual_seed(0))
    for second in (picture(), picture() + noise):
        found = look(picture(), second, K)
        assert found.still and found.moving == 0 and found.brightness < 0.01


def test_a_turn_moves_without_parallax():
    """Points move by the focal length times the angle, and a little more towards the border."""
    second = turned((0.01, 0.03, -0.01)).expand(3, -1, -1)
    found = look(picture(), second, K)
    assert not found.still and found.motion == pytest.approx(140 * 0.0316, rel=0.15) and found.parallax < 0.5


def test_a_thing_that_moves_before_a_still_camera_is_seen():
    second = picture().clone()
    second[:, 30:70, 60:120] = picture((3.0, 1.0))[:, 30:70, 60:120]
    assert look(picture(), second, K).moving > 0.15


def test_a_jump_of_brightness_is_measured():
    assert look(picture(brightness=0.8), picture(brightness=0.6), K).brightness == pytest.approx(0.288, abs=0.02)


def test_a_wall_without_a_pattern_says_nothing():
    grey, darker = torch.full((3, 96, 160), 0.5), torch.full((3, 96, 160), 0.4)
    assert look(grey, grey, K).still and not look(grey, darker, K).still


def good(**changes):
    return Look(**({"points": 60, "motion": 3.0, "parallax": 2.0, "moving": 0.02, "brightness": 0.01} | changes))


@pytest.mark.parametrize(
    ("changes", "what", "advice"),
    [
        ({"motion": 0.1, "parallax": 0.0}, "still frames", "try --spacing 3"),
        ({"parallax": 0.2}, "parallax", "walk with it, sideways, or --spacing 2"),
        ({"motion": 15.0}, "parallax", "more frames per second"),
        ({"motion": torch.nan, "parallax": torch.nan, "moving": torch.nan}, "parallax", "film slowly"),
        ({"brightness": 0.2}, "brightness", "fix the exposure"),
        ({"moving": 0.3}, "moving things", "choose passages without them"),
    ],
)
def test_each_fault_has_its_advice(changes, what, advice):
    seen = [good(**changes)] * 6 + [good()]
    poor = {one.what: one for one in verdict(seen, 1) if not one.good}
    assert advice in poor[what].advice
    assert set(poor) == {what}


def test_a_good_video_has_none():
    assert all(one.good for one in verdict([good()] * 5, 1))
