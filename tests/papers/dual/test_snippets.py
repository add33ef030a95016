"""Snippets of streets and their trajectories, with a network that knows the motion."""

import numpy as np
import pytest
import torch
from dual_parts import found_by
from torch import nn

from depthlib.geometry import make_pose
from depthlib.papers.dual.snippets import StreetSnippets, Trajectory
from depthlib.papers.dual.video_network import VideoDepth


class Drives(nn.Module):
    """A pose network that knows the true motion, in another unit."""

    trajectory = VideoDepth.trajectory

    def __init__(self, dataset, factor=1.0, straight=False):
        super().__init__()
        self.dataset, self.factor, self.straight = dataset, factor, straight

    def shrunk(self, image):
        return image

    def poses(self, target, sources):
        for item in self.dataset:
            for k in range(1, len(item["frames"]) - 1):
                if torch.equal(item["frames"][k], target[0]):
                    poses = torch.from_numpy(item["T_first_frame"])
                    here = torch.stack(
                        [torch.linalg.inv(poses[k - 1]) @ poses[k], torch.linalg.inv(poses[k + 1]) @ poses[k]]
                    )
                    here[:, :3, 3] *= self.factor
                    return (
                        make_pose(torch.eye(3).expand(2, 3, 3).double(), here[:, :3, 3]) if self.straight else here
                    )[None]
        raise AssertionError("a frame that is in no snippet")


@pytest.fixture(scope="module")
def snippets() -> dict[int, StreetSnippets]:
    return {frames: StreetSnippets(frames, 2, 32, 64, split="val") for frames in (3, 5)}


@pytest.mark.slow
@pytest.mark.parametrize("frames", [3, 5])
def test_true_motion_in_any_unit_has_no_trajectory_error(snippets, frames):
    data = snippets[frames]
    right = found_by(Trajectory(), Drives(data, factor=0.1), data)
    assert max(right.metrics["ate"]) < 1e-6 and len(right.images) == 2 and right.protocol == f"ate over {frames} frames"
    poses = data[0]["T_first_frame"]
    np.testing.assert_allclose(Drives(data).trajectory(data[0]["frames"][None])[0], poses, atol=1e-9)
    straight = found_by(Trajectory(), Drives(data, straight=True), data)
    assert straight.metrics["ate"][0] > right.metrics["ate"][0]
    forward = np.diff(poses[:, 2, 3])
    assert (forward > 0.3).all() and forward.max() < 1.2  # metres a frame, ahead


def test_five_frames_go_on_as_three_began(snippets):
    three, five = snippets[3][0], snippets[5][0]
    torch.testing.assert_close(five["frames"][1:4], three["frames"])
    inner = np.linalg.inv(five["T_first_frame"][1]) @ five["T_first_frame"][1:4]
    np.testing.assert_allclose(inner, three["T_first_frame"], atol=2e-6)
    steps = np.linalg.norm(np.diff(five["T_first_frame"][:, :3, 3], axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)
    assert snippets[3].fingerprint() != snippets[5].fingerprint()
    later = StreetSnippets(5, 1, 32, 64, split="val", first=1)
    torch.testing.assert_close(later[0]["frames"], snippets[5][1]["frames"])
    assert later[0]["name"] == snippets[5][1]["name"]
    with pytest.raises(ValueError, match="3 or 5"):
        StreetSnippets(4, 1, 32, 64)
