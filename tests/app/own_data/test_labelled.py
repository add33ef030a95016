"""Folders with labels: which files are pairs, what their numbers mean, and one clear line for each fault."""

import shutil

import numpy as np
import pytest
import torch
from own_folders import labelled, scenes, without_unit
from PIL import Image

from depthlib.app.own_data.labelled import associated, depth_folder, pairs_list
from depthlib.app.photo_camera import Lens
from depthlib.data.depth_png import write_depth_png
from depthlib.data.errors import DataError

pytestmark = pytest.mark.slow  # renders scenes

LENS, FRAME = Lens(), (48, 64)


@pytest.fixture(scope="module")
def items():
    return list(scenes(3))


@pytest.fixture
def folder(tmp_path, items):
    return labelled(tmp_path / "own", items)


def read_all(form):
    return [form.read(number, FRAME) for number in range(len(form.names))]


def test_pairs_by_name_are_what_was_written(folder, items):
    form = depth_folder(folder, None, LENS)
    assert form.names == ["000", "001", "002"] and "3 pictures with depth: images/ and depth/" in form.words
    for found, item in zip(read_all(form), items, strict=True):
        torch.testing.assert_close(found["depth"], item["depth"], atol=6e-4, rtol=0)
        torch.testing.assert_close(found["image"], item["image"], atol=3e-3, rtol=0)
        assert torch.equal(found["valid"], item["depth"] > 0) and "K" not in found


def test_depth_of_another_size_and_arrays_and_endings(folder, items):
    """Half the size in the same format, as telephones store it, and the names that `depthlib predict` gives."""
    shutil.rmtree(folder / "depth")
    (folder / "depth").mkdir()
    for number, item in enumerate(items):
        np.save(folder / f"depth/{number:03d}_depth.npy", item["depth"][0, ::2, ::2].numpy())
    form = depth_folder(folder, None, LENS)
    found = form.read(1, FRAME)
    assert "(*_depth.npy)" in form.words and found["depth"].shape == (1, *FRAME)
    torch.testing.assert_close(found["depth"][:, ::2, ::2], items[1]["depth"][:, ::2, ::2])


def test_masks_and_the_largest_number_hide_pixels(folder):
    (folder / "mask").mkdir()
    for number in range(3):
        mask = np.zeros(FRAME, np.uint8)
        mask[:, 10:20] = 255
        Image.fromarray(mask).save(folder / f"mask/{number:03d}.png")
        without_unit(folder / f"depth/{number:03d}.png")
    stored = np.asarray(Image.open(folder / "depth/000.png")).copy()
    stored[:5] = 65535
    Image.fromarray(stored).save(folder / "depth/000.png")
    valid = depth_folder(folder, 1000, LENS).read(0, FRAME)["valid"]
    assert not valid[..., :10].any() and not valid[..., 20:].any() and not valid[:, :5].any()
    assert valid[:, 5:, 10:20].any()


def test_what_has_no_partner_is_left_out_and_told(folder):
    (folder / "depth/000.png").unlink()
    form = depth_folder(folder, None, LENS)
    assert form.names == ["001", "002"] and form.notes == ["1 pictures left out: no depth of their name"]


def test_the_camera_beside_the_pictures_or_as_given(folder):
    (folder / "intrinsics.txt").write_text("60 60 31.5 23.5\n")
    torch.testing.assert_close(depth_folder(folder, None, LENS).read(0, FRAME)["K"][0], torch.tensor([60, 0, 31.5]))
    assert depth_folder(folder, None, Lens(focal=70.0)).read(0, FRAME)["K"][0, 0] == 70


def test_a_list_of_pairs(folder):
    (folder / "pairs.csv").write_text("depth,image\ndepth/001.png, images/001.png\ndepth/000.png,images/000.png\n")
    form = pairs_list(folder, None, LENS)
    assert form.names == ["images/001", "images/000"] and len(read_all(form)) == 2


def test_the_list_of_tum(folder):
    lines = ["1.0 images/000.png 1.01 depth/000.png", "2.0 images/009.png 2.01 depth/009.png"]
    (folder / "associate.txt").write_text("\n".join(lines))
    form = associated(folder, None, LENS)
    assert form.names == ["images/000"] and form.notes == ["1 lines of associate.txt name files that are not there"]


def no_unit(folder):
    without_unit(folder / "depth/000.png")


def eight_bits(folder):
    Image.fromarray(np.ones(FRAME, np.uint8)).save(folder / "depth/000.png")


def relative(folder):
    from depthlib.data.depth_png import DepthCode

    DepthCode("relative", 100.0).write(folder / "depth/000.png", np.ones(FRAME, np.uint16))


def another_format(folder):
    write_depth_png(folder / "depth/001.png", np.ones((48, 48)))


def empty_depth(folder):
    write_depth_png(folder / "depth/001.png", np.zeros(FRAME))


def millimetres(folder):
    np.save(folder / "depth/001.npy", np.full(FRAME, 1830.0, np.float32))
    (folder / "depth/001.png").unlink()


def no_mask(folder):
    (folder / "mask").mkdir()
    Image.fromarray(np.ones(FRAME, np.uint8)).save(folder / "mask/001.png")


def damaged(folder):
    file = folder / "images/002.png"
    file.write_bytes(file.read_bytes()[:200])


def no_images(folder):
    shutil.rmtree(folder / "images")
    (folder / "images").mkdir()


def other_names(folder):
    for file in list((folder / "depth").iterdir()):
        file.rename(file.with_name(f"d{file.name}"))


def twice(folder):
    shutil.copy(folder / "images/000.png", folder / "images/000.jpg")


def other_camera(folder):
    (folder / "K.txt").write_text("600 0 320 0 600 240 0 0 1")


def half_a_camera(folder):
    (folder / "K.txt").write_text("600 320 240")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_unit, "depth/000.png: found whole numbers and no unit, expected --depth-scale"),
        (eight_bits, "depth/000.png: found a PNG of 8 bits with one channel, expected 16 bits"),
        (relative, "depth/000.png: found relative depth, as the file says, expected metres"),
        (another_format, "depth/001.png: found depth of 48 x 48 for a picture of 64 x 48 pixels, expected one format"),
        (empty_depth, "depth/001.png: found no valid depth"),
        (millimetres, "depth/001.npy: found a median depth of 1830 m at 1 units per metre, expected .* another unit"),
        (no_mask, r"mask: found no mask named 000 \(2 of 3 pairs have none\)"),
        (damaged, "images/002.png: damaged or cut off"),
        (no_images, "images: found no picture, expected files such as"),
        (other_names, "found no picture with a depth of its name .*named like 000, depths like d000"),
        (twice, "a second picture named 000"),
        (other_camera, "K.txt: found 64 x 48 pixels and a camera with fx 600"),
        (half_a_camera, "K.txt: found 3 numbers, expected fx fy cx cy, or the nine"),
    ],
)
def test_a_fault_is_one_line(folder, spoil, says):
    spoil(folder)
    with pytest.raises(DataError, match=says) as told:
        read_all(depth_folder(folder, None, LENS))
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "found the columns a, b, expected image and depth"),
        ("image,depth\n", "found no line below the heading"),
        ("image,depth\nimages/000.png,\n", "line 2: found no depth"),
        ("image,depth\nimages/000.png,depth/7.png\n", "line 2: .*depth/7.png: no such file"),
    ],
)
def test_a_bad_list_is_told(folder, text, says):
    (folder / "pairs.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        pairs_list(folder, None, LENS)
