"""Lists in every spelling, and edited ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from depthlib.data.errors import DataError
from depthlib.data.kitti import RawFrame, parse_mapping, parse_raw, parse_static, split_lines, without_static
from depthlib.data.manifest import load_manifest


def test_lists_are_understood_in_every_spelling() -> None:
    frame = RawFrame("2011_09_26_drive_0002_sync", 69, "l")
    lines = [
        "2011_09_26/2011_09_26_drive_0002_sync 69 l",
        "2011_09_26/2011_09_26_drive_0002_sync 0000000069 l",
        "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png",
        "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.jpg "
        "2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png 721.5377",
    ]
    assert parse_raw(lines, "lines") == [frame] * 4
    assert parse_raw(["2011_09_26/2011_09_26_drive_0002_sync/image_03/data/0000000001.png"], "x")[0].side == "r"
    for wrong in ("2011_09_26/2011_09_26_drive_0002_sync 69", "2011_09_26_drive_0002_sync 69 m", "0 69 l"):
        with pytest.raises(DataError, match="list.txt, line 2"):
            parse_raw([lines[0], wrong], "list.txt")
    static = parse_static(["2011_09_26 2011_09_26_drive_0002_sync 0000000069"], "static")
    assert without_static([frame, frame._replace(side="r"), frame._replace(number=70)], static) == [
        frame._replace(number=70)
    ]
    assert parse_mapping("2011_09_26 2011_09_26_drive_0002_sync 69\n\n", "m") == [frame, None]


def test_edited_list_is_refused(tmp_path: Path) -> None:
    entry = load_manifest("kitti").splits["eigen/test"]
    path = tmp_path / entry.list
    path.parent.mkdir(parents=True)
    path.write_text("2011_09_26/2011_09_26_drive_0002_sync 0000000069 l\n" * entry.lines)
    with pytest.raises(DataError, match="sha256"):
        split_lines("kitti", "eigen/test", tmp_path)
