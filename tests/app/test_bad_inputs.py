"""Bad inputs of the command line: each is told in one line, with an exit status, and leaves nothing on the disk."""

import errno
import importlib.util
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.base import paths
from depthlib.models import create_model
from depthlib.models.weights import save_weights

# command | exit status | what is said. {name} is a file or folder of the fixture `place`; {smoke}: the smallest
# profile, on the CPU.
SMOKE = "--profile smoke --device cpu"
TABLE = r"""
run nothing a --data rooms                                      | 2 | paper: found 'nothing', expected one of anuw,
run start nothing --data rooms                                  | 2 | unknown variant 'nothing': expected one of
run start unet --data nowhere                                   | 2 | unknown data 'nowhere': expected one of rooms, streets
run start unet --profile huge                                   | 2 | profile: found 'huge', expected one of smoke, quick
run start unet --data rooms --profile smoke --device cube       | 2 | device: found 'cube'
run start unet --data rooms --profile smoke --device cuda       | 2 | device: found 'cuda' (Found no NVIDIA driver
run start unet --data rooms {smoke} --seed 99999999999999999999 | 2 | seed: found 99999999999999999999, expected an integer from 0 to
run start unet --data rooms {smoke} --seed -1                   | 2 | seed: found -1, expected an integer from 0 to 4294967295
run start unet --data rooms {smoke} --seed one                  | 2 | Invalid value for '--seed'
run start unet --data rooms {smoke} --set steps                 | 2 | --set: found 'steps', expected field=number
run start unet --data rooms {smoke} --set steps=0               | 2 | overrides['steps']: found 0, expected an integer of at least 1
run start unet --data rooms {smoke} --set steps=1.5             | 2 | overrides['steps']: found 1.5, expected an integer
run start unet --data rooms {smoke} --set steps=many            | 2 | --set: found 'steps=many', expected field=number
run start unet --data rooms {smoke} --set stesp=3               | 2 | overrides: found stesp, expected some of batch_size, steps
run start unet --data rooms {smoke} --set name=1                | 2 | overrides: found name, expected some of
run start unet --data rooms {smoke} --set batch_size=1000       | 2 | dataset: found 8 images, expected at least one batch of 1000
run start unet --data rooms {smoke} --set width=-4              | 2 | overrides['width']: found -4
run start                                                       | 2 | Missing argument
reproduce 99                                                    | 2 | unknown lesson '99': expected one of 00_start_here
reproduce 00 --profile huge                                     | 2 | profile: found 'huge'
reproduce 00 --profile smoke --device cube                      | 2 | device: found 'cube'
reproduce 00 --profile smoke --device cuda                      | 2 | device: found 'cuda'
reproduce 00 --profile paper --device cpu                       | 2 | nothing at profile paper yet
reproduce anuw --profile paper --device cpu                     | 2 | missing mai train, mai verification:
reproduce 00 --jobs 0                                           | 2 | Invalid value for '--jobs'
reproduce 00 --sample 2                                         | 2 | found no --verify, expected it
reproduce 00 --max-minutes -1                                   | 2 | Invalid value for '--max-minutes'
reproduce 00 --executor slurm                                   | 2 | the extra 'cluster': `uv sync --inexact --extra cluster`, or
reproduce 00 --executor slurm --dry-run                         | 2 | executor: found 'slurm', whose plugin is not installed
reproduce 00 --executor clouds                                  | 2 | `pip install snakemake-executor-plugin-clouds`
reproduce 00 --workflow-profile {slurm}                         | 2 | the extra 'cluster'
reproduce 00 --workflow-profile {nowhere}                       | 2 | nowhere/config.yaml, expected a folder with a config.yaml
reproduce 00 --workflow-profile {text}                          | 2 | text/config.yaml, expected a folder with a config.yaml
reproduce 00 --workflow-profile {loop}                          | 2 | loop/config.yaml, expected a folder with a config.yaml
merge {nowhere}                                                 | 2 | does not exist
merge {text}                                                    | 2 | is a file
merge {loop}                                                    | 2 | does not exist
merge {empty}                                                   | 0 | no runs found
merge {halves}                                                  | 1 | record.json: Unterminated string
notebooks strip {nowhere}                                       | 2 | does not exist
notebooks strip {text}                                          | 2 | found no readable notebook
notebooks strip {empty}                                         | 2 | is a directory
notebooks strip {loop}                                          | 2 | does not exist
notebooks student {nowhere} {new}                               | 2 | does not exist
notebooks student {text} {new}                                  | 2 | found no readable notebook
notebooks student {notebook} {notebook}                         | 2 | expected a new name, or --force to replace it
notebooks student {notebook} {text}                             | 2 | expected a new name, or --force to replace it
notebooks student {notebook} {text}/below                       | 1 | text: File exists
export {nowhere} {new}.onnx                                     | 1 | nowhere: no such weights file
export {text} {new}.onnx                                        | 1 | text: not a readable safetensors file
export {pickle} {new}.onnx                                      | 1 | pickle: not a readable safetensors file
export {foreign} {new}.onnx                                     | 1 | no 'depthlib' metadata, expected weights written by depthlib
export {weights} {new}.pt                                       | 1 | expected a name that ends in .onnx
export {weights} {new}.onnx --format cube                       | 1 | format: found 'cube', expected one of onnx
export {weights} {new}/below/x.onnx --size 0 64                 | 1 | size: found [0, 64], expected height and width
export {weights} {new}/below/x.tflite --format litert --int8    | 1 | int8: found the format litert, expected onnx
export {weights} {new}/below/x.onnx --images {photo}            | 1 | images: found some without --int8
export {weights} {new}/below/x.tflite --format litert           | 1 | litert_torch is not installed: pip install litert-torch
evaluate --pred {nowhere} --gt {maps} --protocol eigen-raw --out {new} | 2 | nowhere: found no such folder
evaluate --pred {empty} --gt {empty} --protocol eigen-raw --out {new}  | 2 | found no file ending in
evaluate --pred {maps} --gt {loop} --protocol eigen-raw --out {new}    | 2 | loop: found no such folder
evaluate --pred {maps} --gt {maps} --protocol nothing --out {new}      | 2 | expected one of
evaluate --pred {maps} --gt {maps} --protocol eigen-raw+cap=x --out {new} | 2 | found cap, expected to replace some of
evaluate-trajectory {nowhere} {text}                            | 2 | nowhere
learn 99                                                        | 2 | unknown lesson '99': expected one of 00_start_here
predict {nowhere} --out {new}                                   | 1 | nowhere: no such file
predict {text} --out {new}                                      | 1 | text: found not an image that can be read
predict {photo} --out {new} --weights {text}                    | 2 | text: not a readable safetensors file
predict {photo} --out {new} --weights {pickle}                  | 2 | pickle: not a readable safetensors file
predict {photo} --out {new} --device cube                       | 2 | device: found 'cube'
kitti-submission {text} --out {maps}                            | 2 | maps: found files in it, expected an empty folder or none
kitti-submission {text} --out {new}                             | 2 | test_depth_prediction_anonymous: no such folder
predict {empty} --out {new}                                     | 2 | empty: found no image in this folder
predict {nowhere}*.jpg --out {new}                              | 2 | nowhere*.jpg: found no file that matches this pattern
predict {photo} --out {new} --batch 0                           | 2 | Invalid value for '--batch'
predict {photo} --out {new} --windows 0                         | 2 | Invalid value for '--windows'
predict {photo} --out {new} --windows 9                         | 2 | Invalid value for '--windows'
predict {photo} --out {new} --size 50 64                        | 2 | size: found 50 x 64, expected multiples of
predict {photo} --out {new} --focal -5                          | 2 | focal: found -5, expected pixels above 0
predict {photo} --out {new} --fov 190                           | 2 | field of view: found 190 degrees
predict {photo} --out {new} --focal 9 --fov 50                  | 2 | focal, fov: found both, expected one of them
predict {photo} --out {new} --known 1,1                         | 2 | known: found '1,1', expected x,y=metres
predict {photo} --out {new} --known 1,1=-2                      | 2 | known: found '1,1=-2', expected metres above 0
predict {photo} --out {new} --known 32,0=2                      | 1 | known: found the pixel 32,0, expected x below 32
predict {photo} {text} --out {new} --known 1,1=2                | 2 | known: found 2 images, expected one
predict {nowhere}.mp4 --out {new}                               | 1 | nowhere.mp4: no such file
predict {nowhere}*.mp4 --out {new}                              | 2 | nowhere*.mp4: found no file that matches this pattern
predict {film} --out {new}                                      | 1 | film.mp4: found no frame that can be decoded
predict {photo} {film} --out {new}                              | 2 | photo.png: found no video file, expected --video
predict {photo} {text} --video --out {new}                      | 2 | expected names that differ only in a number
predict {text} --video --out {new}                              | 1 | text: found not an image that can be read
predict {photo} --smooth --out {new}                            | 2 | smooth, frames16: found photographs, expected a video
predict {film} --ply --out {new}                                | 2 | known, ply, html, windows: found one of them with a video
predict {photo} --video --out {text}                            | 2 | text, expected a folder for the videos
data verify nothing                                             | 2 | no such manifest, expected one of
data verify kitti --root {loop}                                 | 2 | loop: no such folder, expected the root of kitti
data fetch nothing                                              | 2 | no such manifest
data link nothing {empty}                                       | 2 | no such manifest
data link mai {nowhere}                                         | 2 | nowhere: found no such folder, expected the root of mai
data link mai {text}                                            | 2 | text: found no such folder, expected the root of mai
data preview scenes-v2 --count 0 --out {new}.png                | 2 | Invalid value for '--count'
data preview scenes-v2 --split nothing --out {new}.png          | 2 | found 'nothing', expected one of
learn nothing                                                   | 2 | unknown lesson 'nothing': expected one of
train {nowhere} --out {new}                                     | 2 | nowhere: no such folder, expected images/ with depth/
train {text} --out {new}                                        | 2 | text: no such folder
train {loop} --out {new}                                        | 2 | loop: no such folder
train {empty} --out {new}                                       | 2 | empty: found nothing to learn from
train {maps} --out {new}                                        | 2 | maps: found nothing to learn from
train {empty} --out {text}                                      | 2 | out: found the file
train {empty} --out {empty}/below                               | 2 | which lies in the folder of the data
train {empty} --out {new} --weights {pickle}                    | 2 | pickle: not a readable safetensors file
train {empty} --out {new} --device cube                         | 2 | device: found 'cube'
train {empty} --out {new} --lr 0                                | 2 | lr: found 0, expected a rate above 0
train {empty} --out {new} --steps 0                             | 2 | Invalid value for '--steps'
train {empty} --out {new} --depth-scale -1                      | 2 | depth-scale: found -1, expected units per metre
train {empty} --out {new} --focal 9 --fov 50                    | 2 | focal, fov: found both, expected one of them
train {empty} --out {new} --manifest nothing                    | 2 | nothing: no such manifest
bench nothing                                                   | 2 | name: found 'nothing', expected one of
nothing                                                         | 2 | No such command 'nothing'
"""


PLACES = {"DEPTHLIB_STORE": "store", "DEPTHLIB_OUT": "results", "DEPTHLIB_DATA": "data"}


@pytest.fixture(autouse=True)
def training_is_allowed(monkeypatch):
    monkeypatch.delenv("DEPTHLIB_TRAIN", raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Files and folders that no command can use, by name, and some that it can."""
    folder = tmp_path_factory.mktemp("bad")
    at = {
        name: folder / name
        for name in (
            "nowhere",
            "new",
            "text",
            "loop",
            "empty",
            "halves",
            "pickle",
            "foreign",
            "weights",
            "notebook",
            "maps",
        )
    }
    at["text"].write_text("not what it should be\n")
    at["loop"].symlink_to(at["loop"])
    at["empty"].mkdir()
    (at["halves"] / "start-unet-rooms-s0-000000000000").mkdir(parents=True)
    (at["halves"] / "start-unet-rooms-s0-000000000000" / "record.json").write_text('{"key": "0')
    torch.save({"a": torch.zeros(1)}, at["pickle"])
    save_file({"a": torch.zeros(1)}, at["foreign"])
    save_weights(
        create_model("unet", width=4), at["weights"], model_name="unet", options={"width": 4}, input_size=[32, 32]
    )
    at["notebook"].write_bytes((paths.notebooks_dir() / "00_start_here.ipynb").read_bytes())
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folder / "photo.png")
    at["photo"], at["slurm"] = folder / "photo.png", paths.REPOSITORY / "depthlib" / "course" / "batch" / "slurm"
    at["film"] = folder / "film.mp4"
    at["film"].write_text("not a video\n" * 100)
    at["maps"].mkdir()
    np.save(at["maps"] / "a.npy", np.ones((8, 8), np.float32))
    return folder, at


def rows():
    for line in TABLE.strip().splitlines():
        command, status, says = (part.strip() for part in line.split(" | "))
        yield pytest.param(
            command, int(status), says, id=command, marks=[pytest.mark.slow] if "batch_size" in command else []
        )


def on_disk(folder):
    """All files and folders; of a file the time of its last change."""
    return {path: None if path.is_dir() else path.lstat().st_mtime_ns for path in folder.rglob("*")}


def called(command, **at):
    """The command's result, and its output without ends of lines."""
    result = CliRunner().invoke(cli.main, command.format(smoke=SMOKE, **at).split())
    return result, " ".join(result.output.split())


def without_packages(monkeypatch, *starts):
    """As if these packages were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name.startswith(starts) else find(name, *a)
    )


@pytest.mark.parametrize(("command", "status", "says"), list(rows()))
def test_a_bad_input_is_told_and_leaves_nothing(place, monkeypatch, command, status, says):
    folder, at = place
    monkeypatch.chdir(folder)
    without_packages(monkeypatch, "snakemake_executor_plugin")
    for variable, name in PLACES.items():
        monkeypatch.setenv(variable, str(folder / name))
    if "--device cuda" in command and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    if "litert" in command and importlib.util.find_spec("litert_torch"):
        pytest.skip("the package is installed")
    before = on_disk(folder)
    result, said = called(command, **at)
    assert result.exit_code == status, (said, result.exception)
    assert says in said
    assert "Traceback" not in said and "weights_only" not in said
    assert on_disk(folder) == before


def test_the_table_holds_sixty_and_every_command():
    commands = [row.values[0] for row in rows()]
    assert len(commands) == len(set(commands)) >= 60
    groups = {command.name or command.callback.__name__ for command in cli.main.registered_commands}
    assert groups - {"doctor"} <= {command.split()[0] for command in commands}, "a command without a bad input"


@pytest.mark.parametrize("variable", ["DEPTHLIB_STORE", "DEPTHLIB_OUT"])
@pytest.mark.parametrize("where", ["text/below", "loop", "read-only"])
@pytest.mark.parametrize("command", ["reproduce 00 {smoke}", "run start floor-constant --data rooms {smoke}"])
def test_a_place_that_cannot_be_written(place, monkeypatch, command, where, variable):
    """Below a file, a loop of links, and a folder without write access (stood in for: root may write everywhere)."""
    folder, at = place
    if variable == "DEPTHLIB_OUT" and (command.startswith("run") or where == "read-only"):
        pytest.skip("`run` writes no results; what is read-only here is everything")
    for name, default in PLACES.items():
        monkeypatch.setenv(name, str(folder / (where if name == variable else default)))
    if where == "read-only":

        def refuse(*a, **k):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder / where))

        monkeypatch.setattr("depthlib.course.reproduce.tempfile.TemporaryFile", refuse)
        monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    before = on_disk(folder)
    result, said = called(command)
    assert result.exit_code == (2 if command.startswith("reproduce") else 1), (said, result.exception)
    assert (
        str(folder / where.partition("/")[0]) in said.replace(" ", "") and len(result.output.strip().splitlines()) <= 2
    )
    assert "Traceback" not in said and on_disk(folder) == before


def test_a_missing_notebook_is_named(place, monkeypatch):
    folder, _ = place
    for name, default in PLACES.items():
        monkeypatch.setenv(name, str(folder / default))
    monkeypatch.setattr(paths, "notebooks_dir", lambda: folder / "empty")
    before = on_disk(folder)
    for command in ("reproduce 00 {smoke}", "reproduce 00 {smoke} --dry-run"):
        result, said = called(command)
        assert result.exit_code in (1, 2) and f"{folder}/empty/00_start_here.ipynb: No such file or directory" in said
        assert "Traceback" not in said and on_disk(folder) == before


@pytest.mark.parametrize("package", ["onnx", "torch_pruning"])
def test_a_missing_extra_is_named_with_what_brings_it(place, monkeypatch, package):
    folder, at = place
    monkeypatch.setitem(sys.modules, package, None)
    before = on_disk(folder)
    if package == "onnx":
        result, said = called("export {weights} {new}/below/x.onnx", **at)
        assert result.exit_code == 1 and "pip install depthlib[export]" in said and on_disk(folder) == before
    else:
        from depthlib.papers.mobile import surgery

        with pytest.raises(ImportError, match=r"depthlib\[pruning\]"):
            surgery._torch_pruning()
