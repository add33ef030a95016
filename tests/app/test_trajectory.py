"""The command that scores a camera path: closed forms, the figures of others, pairing, and one line for what cannot be
read.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from samples import SAMPLES, real
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from depthlib.app.cli import main


def called(*arguments: object) -> dict:
    result = CliRunner().invoke(main, ["evaluate-trajectory", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["evaluate-trajectory", *map(str, arguments)])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and result.stderr.startswith("error: "), (
        result.output
    )
    return result.stderr


def drive(frames: int = 400, step: float = 1.01, turn: float = 0.0) -> np.ndarray:
    """[N,4,4]: `step` metres a frame along an arc, and `turn` degrees more than its own a frame."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("y", 0.01 + np.radians(turn)).as_matrix()
    motion[2, 3] = step
    poses = [np.eye(4)]
    for _ in range(frames - 1):
        poses.append(poses[-1] @ motion)
    return np.array(poses)


def kitti(path: Path, poses: np.ndarray, frames: np.ndarray | None = None) -> Path:
    table = poses[:, :3].reshape(-1, 12)
    np.savetxt(path, table if frames is None else np.column_stack((frames, table)), fmt="%.12g")
    return path


def tum(path: Path, poses: np.ndarray, times: np.ndarray) -> Path:
    np.savetxt(
        path, np.column_stack((times, poses[:, :3, 3], Rotation.from_matrix(poses[:, :3, :3]).as_quat())), fmt="%.12g"
    )
    return path


def test_drift_by_closed_form(tmp_path: Path) -> None:
    """Steps 2 % too long: 2 % of the chord of each stretch. A hundredth of a degree more a frame: as much times the
    frames.
    """
    truth = kitti(tmp_path / "truth.txt", drive(900))
    longer = called(kitti(tmp_path / "a.txt", drive(900, step=1.02 * 1.01)), truth, "--alignment", "none")["metrics"]
    assert longer["RPE rmse [m]"] == pytest.approx(0.02 * 1.01, abs=1e-9)
    frames = {length: int(length / 1.01) + 1 for length in range(100, 900, 100)}  # the first frame beyond the length
    stretches = [(length, n) for start in range(0, 900, 10) for length, n in frames.items() if start + n < 900]
    chords = {n: np.linalg.norm(drive(n + 1)[-1, :3, 3]) for n in frames.values()}
    assert longer["t_err [%]"] == pytest.approx(
        100 * np.mean([0.02 * chords[n] / length for length, n in stretches]), rel=1e-8
    )
    assert longer["r_err [deg/100 m]"] == pytest.approx(0, abs=1e-5)
    turning = called(kitti(tmp_path / "b.txt", drive(900, turn=0.01)), truth)["metrics"]
    assert turning["RPE mean [deg]"] == pytest.approx(0.01, abs=1e-6)
    assert turning["r_err [deg/100 m]"] == pytest.approx(np.mean([n / length for length, n in stretches]), rel=1e-5)


def test_alignments(tmp_path: Path) -> None:
    poses = drive()
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = Rotation.from_rotvec([0.2, 1.0, -0.4]).as_matrix(), (5, -3, 2)
    moved, small = world @ poses, poses.copy()
    small[:, :3, 3] *= 0.25
    truth = kitti(tmp_path / "truth.txt", poses)

    def ate(estimate: np.ndarray, alignment: str) -> float:
        return called(kitti(tmp_path / "e.txt", estimate), truth, "--alignment", alignment)["metrics"]["ATE rmse [m]"]

    assert ate(moved, "rigid") < 1e-6 < 1 < ate(moved, "none")
    assert ate(small, "scale") < 1e-6 < 1 < ate(small, "rigid")
    assert ate(world @ small, "sim3") < 1e-6
    assert ate(poses, "none") < 1e-9


def test_frames_without_an_estimate(tmp_path: Path) -> None:
    """Missing frames are paired by their numbers, and the jump over a gap is no motion from one frame to the next."""
    poses, frames = drive(300), np.delete(np.arange(300), np.s_[50:80])
    found = called(kitti(tmp_path / "e.txt", poses[frames], frames), kitti(tmp_path / "t.txt", poses))
    assert found["poses"] == 270 and found["metrics"]["ATE max [m]"] < 1e-9 and found["metrics"]["RPE rmse [m]"] < 1e-9
    assert "expected as many, or pairing by time" in refused(
        kitti(tmp_path / "e.txt", poses[frames]), tmp_path / "t.txt"
    )


def test_pairing_by_time(tmp_path: Path) -> None:
    """The truth at 100 Hz, not in order; the estimate at 10 Hz with clocks 4 ms apart, one pose far from all."""
    poses, times = drive(400), np.arange(400) / 100
    shuffled = np.random.default_rng(0).permutation(400)
    truth = tum(tmp_path / "t.txt", poses[shuffled], times[shuffled])
    stamps = np.append(times[::10] + 0.004, 90.0)
    estimate = tum(tmp_path / "e.txt", np.concatenate((poses[::10], poses[:1])), stamps)
    found = called(estimate, truth)
    assert (found["pairing"], found["poses"], found["of_estimate"]) == ("time", 40, 41) and len(found["notes"]) == 1
    assert found["metrics"]["ATE max [m]"] < 1e-6
    assert "found none within 0.001 s" in refused(estimate, truth, "--tolerance", 0.001)
    assert "no times" in refused(estimate, kitti(tmp_path / "k.txt", poses), "--pairing", "time")
    dense = tum(tmp_path / "d.txt", poses[:200], times[:200])
    sparse = tum(tmp_path / "s.txt", poses[:200:4], times[:200:4])
    assert called(dense, sparse, "--alignment", "none")["poses"] == 50
    assert called(dense, sparse, "--alignment", "none", "--reuse", "--tolerance", 0.025)["poses"] == 199


def test_table_and_csv(tmp_path: Path) -> None:
    truth = tum(tmp_path / "t.txt", drive(40), np.arange(40.0))
    result = CliRunner().invoke(
        main, ["evaluate-trajectory", str(truth), str(truth), "--csv", str(tmp_path / "out/a.csv")]
    )
    assert result.exit_code == 0 and "ATE rmse" in result.stdout and "none" in result.stdout
    assert "the path is 39.4 m long" in result.stderr
    rows = {(row["metric"], row["unit"]): row["value"] for row in csv.DictReader((tmp_path / "out/a.csv").open())}
    assert float(rows["ATE rmse", "m"]) < 1e-9 and rows["t_err", "%"] == ""


def test_what_cannot_be_read(tmp_path: Path) -> None:
    good = kitti(tmp_path / "good.txt", drive(20))
    assert "No such file" in refused(tmp_path / "absent.txt", good)
    (tmp_path / "words.txt").write_text("some words here\n")
    assert "found 3 numbers in the first line, expected 8" in refused(tmp_path / "words.txt", good)
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    refused(tmp_path / "binary.txt", good)
    (tmp_path / "nan.txt").write_text(good.read_text().replace("1 ", "nan ", 1))
    assert "NaN" in refused(tmp_path / "nan.txt", good)
    assert "expected 8 (TUM" in refused(good, good, "--format", "tum")
    refused(tmp_path, good)
    straight = np.tile(np.eye(4), (20, 1, 1))
    straight[:, 2, 3] = np.arange(20)
    assert "on one line" in refused(kitti(tmp_path / "line.txt", straight), tmp_path / "line.txt")


@real
@pytest.mark.parametrize(
    ("estimate", "truth", "options", "published"),
    [
        # the screen of kitti-odom-eval for its example_0, to the four decimals of a table
        (
            "published/kitti-odom-eval/result/example_0/09.txt",
            "kitti/odometry_poses/09.txt",
            ["--alignment", "sim3"],
            {
                "t_err [%]": "2.8841",
                "r_err [deg/100 m]": "0.2491",
                "ATE rmse [m]": "8.3866",
                "RPE mean [m]": "0.3434",
                "RPE mean [deg]": "0.0634",
            },
        ),
        (
            "published/kitti-odom-eval/result/example_0/10.txt",
            "kitti/odometry_poses/10.txt",
            ["--alignment", "sim3"],
            {
                "t_err [%]": "3.2978",
                "r_err [deg/100 m]": "0.3046",
                "ATE rmse [m]": "6.6302",
                "RPE mean [m]": "0.0474",
                "RPE mean [deg]": "0.0663",
            },
        ),
        (
            "published/evo/KITTI_00_ORB.txt",
            "kitti/odometry_poses/00.txt",
            [],
            {
                "ATE rmse [m]": "1.3034497145650",
                "ATE mean [m]": "1.156997128539",
                "ATE median [m]": "1.065624769556",
                "ATE max [m]": "3.587949120679",
            },
        ),
        (
            "published/evo/freiburg1_xyz-rgbdslam.txt",
            "published/evo/freiburg1_xyz-groundtruth.txt",
            [],
            {"ATE rmse [m]": "0.013473"},
        ),
        (
            "published/evo/freiburg1_xyz-ORB_kf_mono.txt",
            "published/evo/freiburg1_xyz-groundtruth.txt",
            ["--alignment", "sim3"],
            {"ATE rmse [m]": "0.009755"},
        ),
    ],
)
def test_figures_of_others(estimate: str, truth: str, options: list[str], published: dict[str, str]) -> None:
    found = called(SAMPLES / estimate, SAMPLES / truth, *options)["metrics"]
    assert {key: f"{found[key]:.{len(value.partition('.')[2])}f}" for key, value in published.items()} == published
