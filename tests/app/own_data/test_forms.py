"""Which form a folder has, what is kept in memory, and what is held out."""

import hashlib

import numpy as np
import pytest
import torch
from own_folders import labelled, manifest, scenes, stereo, video
from PIL import Image

from depthlib.app.own_data import forms
from depthlib.app.own_data.forms import Items, form_of, held_out
from depthlib.app.photo_camera import Lens
from depthlib.data.errors import DataError

pytestmark = pytest.mark.slow  # renders scenes


def opened(folder, **options):
    return form_of(folder, lens=Lens(), **options)


@pytest.fixture(scope="module")
def items():
    return list(scenes(3, views=("current", "previous", "next", "right")))


def test_the_form_is_chosen_by_what_lies_there(tmp_path, items):
    labelled(tmp_path / "a", items)
    video(tmp_path / "b", items)
    stereo(tmp_path / "c", items)
    manifest(tmp_path / "d", items)
    labelled(tmp_path / "e", items)
    (tmp_path / "e/pairs.csv").write_text("image,depth\nimages/000.png,depth/000.png\n")
    kinds = {name: opened(tmp_path / name) for name in "abcde"}
    assert [form.kind for form in kinds.values()] == ["labels", "video", "stereo", "labels", "labels"]
    assert "manifest" in kinds["d"].words and "pairs.csv" in kinds["e"].words


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder.joinpath("notes.txt").write_text("x"), "found nothing to learn from, expected images/"),
        (lambda folder: folder.rmdir(), "no such folder, expected images/"),
    ],
)
def test_a_folder_of_no_form_is_told(tmp_path, make, says):
    folder = tmp_path / "own"
    folder.mkdir()
    make(folder)
    with pytest.raises(DataError, match=says):
        opened(folder)
    with pytest.raises(DataError, match="depth-scale: found 0"):
        opened(folder, depth_scale=0.0)


def test_items_are_read_once_and_again_where_memory_ends(tmp_path, items, monkeypatch):
    form = opened(labelled(tmp_path, items))
    kept = Items(form, (48, 64))
    first = [kept[n] for n in range(3)]
    monkeypatch.setattr(forms, "MOST_BYTES", 0)
    again = Items(form, (48, 64))
    for n in range(3):
        assert all(torch.equal(first[n][key], again[n][key]) for key in ("image", "depth", "valid"))
        assert torch.equal(kept[n]["image"], first[n]["image"])
    (tmp_path / "images/000.png").unlink()
    assert kept[0]["name"] == "000"
    with pytest.raises(DataError):
        again[0]


def test_all_faults_are_counted(tmp_path, items):
    folder = labelled(tmp_path, items)
    for number in (0, 2):
        (folder / f"images/{number:03d}.png").write_bytes(b"\x89PNG no more")
    held = Items(opened(folder), (48, 64))
    with pytest.raises(DataError, match=r"000.png.*\(2 of 3 items have a fault\)"):
        held.read_all(range(3))


class Named:
    def __init__(self, count):
        self.names = [f"photo{number}" for number in range(count)]


def test_the_hash_holds_out_the_same_names_when_others_come():
    _, held, words = held_out(Named(200), None, "hash")
    assert 15 < len(held) < 50 and "hash" in words
    expected = [n for n in range(200) if int(hashlib.sha256(f"photo{n}".encode()).hexdigest()[:8], 16) < 0.15 * 2**32]
    assert held == expected
    train, more, _ = held_out(Named(300), None, "hash")
    assert [n for n in more if n < 200] == held and sorted(train + more) == list(range(300))


def test_the_end_and_a_list(tmp_path):
    assert held_out(Named(20), None, "end")[1] == [17, 18, 19]
    (tmp_path / "val.txt").write_text("photo3\n\nphoto1\n")
    assert held_out(Named(20), str(tmp_path / "val.txt"), "hash")[1] == [1, 3]


def test_no_frame_of_a_video_is_on_both_sides(tmp_path):
    for number in range(20):
        Image.fromarray(np.full((48, 64, 3), number, np.uint8)).save(tmp_path / f"{number:02d}.png")
    form = opened(tmp_path, spacing=2)
    train, held, _ = held_out(form, None, "hash")
    frames = [{one.previous.stem, one.current.stem, one.next.stem} for one in form.triplets]
    assert held and train and not set().union(*(frames[n] for n in train)) & set().union(*(frames[n] for n in held))


@pytest.mark.parametrize(
    ("count", "listed", "how", "says"),
    [
        (1, None, "hash", "found 1 item to learn from, expected at least 2"),
        (9, None, "random", "split: found 'random', expected hash or end"),
        (9, "nobody", "hash", "found 'nobody', expected names of items such as 'photo0'"),
        (9, "", "hash", "found 9 items to train on and 0 held out"),
    ],
)
def test_a_bad_split_is_told(tmp_path, count, listed, how, says):
    if listed is not None:
        (tmp_path / "val.txt").write_text(f"{listed}\n")
    with pytest.raises(DataError, match=says):
        held_out(Named(count), None if listed is None else str(tmp_path / "val.txt"), how)
