"""Files of depth: every kind gives the same metres, and what cannot be read or paired is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scored_maps import truth

from depthlib.data.depth_png import write_depth_png
from depthlib.data.errors import DataError
from depthlib.protocols.depth_files import depth_files, pair_files, read_depth


@pytest.mark.parametrize("kind", ["png metres", "png option", "npy", "npy mm", "npz", "npz key", "axes"])
def test_every_kind_of_file_gives_the_same_metres(tmp_path, kind):
    depth = np.rint(truth(0) * 1000) / 1000
    path, options = tmp_path / "d.npy", {}
    if kind == "png metres":
        path = tmp_path / "d.png"
        write_depth_png(path, depth, 1000)
    elif kind == "png option":
        path, options = tmp_path / "d.png", {"scale": 1000}
        Image.fromarray(np.rint(depth * 1000).astype(np.uint16)).save(path)
    elif kind == "npy mm":
        options = {"scale": 1000}
        np.save(path, np.rint(depth * 1000).astype(np.int32))
    elif kind.startswith("npz"):
        path, options = tmp_path / "d.npz", {"key": "far"} if kind == "npz key" else {}
        np.savez_compressed(path, **({"near": depth * 0, "far": depth} if options else {"anything": depth}))
    else:
        np.save(path, depth[None, :, :, None] if kind == "axes" else depth)
    found = read_depth(path, **options)
    assert found.dtype == torch.float64 and found.shape == (30, 40)
    np.testing.assert_allclose(found.numpy(), depth, atol=1e-6)


def test_what_cannot_be_read_is_named(tmp_path):
    depth = truth(0)
    files = {}

    def save(name: str, array: np.ndarray, message: str, **options):
        np.save(tmp_path / name, array)
        files[name] = (message, options)

    hollow, negative = depth.copy(), depth.copy()
    hollow[3, 4], hollow[5, 6], negative[7, 8] = np.nan, np.inf, -1
    save("nan.npy", hollow, "2 NaN or infinite")
    save("negative.npy", negative, "1 negative")
    save("whole.npy", depth.astype(np.uint16), "whole numbers .uint16., expected a scale")
    save("colour.npy", np.ones((30, 40, 3)), "expected numbers .H,W.")
    save("line.npy", np.ones(30), "expected numbers")
    save("objects.npy", np.array([{}, None]), "cannot be read")
    save("scale.npy", depth, "found the scale -3", scale=-3)
    np.savez(tmp_path / "two.npz", a=depth, b=depth)
    files["two.npz"] = ("found the arrays a, b", {})
    files["none.npy"] = ("cannot be read", {})
    (tmp_path / "cut.npy").write_bytes((tmp_path / "scale.npy").read_bytes()[:500])
    files["cut.npy"] = ("cannot be read", {})
    (tmp_path / "empty.npz").write_bytes(b"")
    files["empty.npz"] = ("cannot be read", {})
    Image.fromarray((depth * 20).astype(np.uint8)).save(tmp_path / "eight.png")
    files["eight.png"] = ("expected a 16-bit one-channel PNG", {})
    Image.fromarray((depth * 1000).astype(np.uint16)).save(tmp_path / "unitless.png")
    files["unitless.png"] = ("units per metre", {})
    write_depth_png(tmp_path / "whole.png", depth)
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-300])
    files["cut.png"] = ("damaged or cut off", {})
    files["whole.png"] = ("found 1000 units per metre in the file", {"scale": 256})
    (tmp_path / "text.txt").touch()
    files["text.txt"] = ("found the ending '.txt'", {})
    for name, (message, options) in files.items():
        with pytest.raises(DataError, match=f"{name}: .*{message}") as caught:
            read_depth(tmp_path / name, **options)
        assert "\n" not in str(caught.value)


def test_pairing(tmp_path):
    for name in ("a.npy", "b_depth16.png", "b_depth.png", "sub/c_depth16.png", ".hidden.npy", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(depth_files(tmp_path)) == ["a", "b_depth", "b_depth16", "sub/c_depth16"]
    assert list(depth_files(tmp_path, "*_depth16.png")) == ["b", "sub/c"]
    pairs, unused = pair_files(depth_files(tmp_path), depth_files(tmp_path, "*.npy"))
    assert [name for name, *_ in pairs] == ["a"] and len(unused) == 3
    with pytest.raises(
        DataError, match=r"a.npy: found no prediction named a \(4 of 4 have none; predictions are named like b\)"
    ):
        pair_files(depth_files(tmp_path, "*_depth16.png"), depth_files(tmp_path))
    (tmp_path / "a.png").touch()
    for call, message in [
        (lambda: depth_files(tmp_path), "second file named a beside a.npy"),
        (lambda: depth_files(tmp_path / "nowhere"), "no such folder"),
        (lambda: depth_files(tmp_path, "*_x*"), "exactly one"),
        (lambda: depth_files(tmp_path, "*.npz"), r"found no file \*\.npz"),
    ]:
        with pytest.raises(DataError, match=message):
            call()


def test_truths_in_folders_take_the_names_of_predict(tmp_path):
    def pairs(predictions, truths):
        named = [
            {name: tmp_path / kind / name for name in names} for kind, names in (("p", predictions), ("t", truths))
        ]
        found, unused = pair_files(*named)
        return {name: prediction.relative_to(tmp_path / "p").as_posix() for name, prediction, _ in found}, unused

    assert pairs(["k_1", "s_1", "2", "x"], ["k/1", "s/1", "s/2"]) == ({"k/1": "k_1", "s/1": "s_1", "s/2": "2"}, ["x"])
    assert pairs(["k/1", "k_1", "1"], ["k/1"]) == ({"k/1": "k/1"}, ["k_1", "1"])  # the name itself is the surest
    for predictions, truths in ((["1"], ["k/1", "s/1"]), (["k_1"], ["k/1", "k_1"]), (["1"], ["1", "k/1"])):
        with pytest.raises(DataError, match="found no prediction named"):  # one prediction for two truths
            pairs(predictions, truths)
