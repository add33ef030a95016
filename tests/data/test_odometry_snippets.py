"""Snippets of a drive: which frames they have, and the camera's poses in them."""

from __future__ import annotations

import pytest
import torch

from depthlib.data.odometry_snippets import OdometrySnippets


class Pairs:
    """Five pairs of six frames that the camera takes a metre apart; frame n has the brightness n / 10."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> dict[str, object]:
        image, following = (torch.full((3, 20, 30), number / 10) for number in (index, index + 1))
        T = torch.eye(4)
        T[2, 3] = -1.0  # what is ahead comes nearer
        return {"image": image, "next": following, "T_next_current": T, "name": f"09/{index:06d}/l"}

    def fingerprint(self) -> str:
        return "pairs"


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_snippets_overlap_and_start_at_their_first_camera(frames: int) -> None:
    snippets = OdometrySnippets(Pairs(), frames, (16, 24))
    assert len(snippets) == 6 - frames + 1
    for index in (0, len(snippets) - 1):
        item = snippets[index]
        assert item["frames"].shape == (frames, 3, 16, 24) and item["name"] == f"09/{index:06d}/l"
        assert item["frames"].mean(dim=(1, 2, 3)).tolist() == pytest.approx([(index + n) / 10 for n in range(frames)])
        positions = item["T_first_frame"][:, :3, 3]
        assert positions.dtype == torch.float64 and positions[:, 2].tolist() == list(range(frames))
    assert snippets[-1]["name"] == snippets[len(snippets) - 1]["name"]
    with pytest.raises(IndexError):
        snippets[len(snippets)]
    assert snippets.fingerprint() != OdometrySnippets(Pairs(), frames, (16, 25)).fingerprint()


def test_too_short_a_drive_is_refused() -> None:
    for frames in (1, 7):
        with pytest.raises(ValueError, match=f"frames: found {frames} of 5 pairs"):
            OdometrySnippets(Pairs(), frames, (16, 24))
