"""Stop a single run at random moments and start it again until it is done: `python tests/support/kill_run.py --kills
20`.

Each stop is SIGKILL, SIGTERM or SIGINT, in turn, for the process group of `depthlib run`. What must hold:

* no process is left, and SIGTERM and SIGINT are answered with one sentence and 143 or 130;
* in the end the files are those of a run that nobody disturbed, bit for bit, and no others.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from kill_batch import survivors

# `depthlib run`, but that the file `at` holds the last step, and that checkpoints are a second apart.
COMMAND = """
import sys
from pathlib import Path

from depthlib.app import cli
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.curve import Log

end_step = Log.end_step

def told(self, step, **values):
    Path("at").write_text(str(step))
    return end_step(self, step, **values)

Log.end_step = told
initialise = Checkpoint.__init__
Checkpoint.__init__ = lambda self, path, every_seconds: initialise(self, path, 1.0)
cli.main(["run", "start", "unet", "--data", "rooms", "--profile", "smoke", "--device", "cpu", "--set", "steps=60"])
"""
STATUS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
OWN = ("at", "log.txt", ".lock", "provenance.json")


def start(folder: Path) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "at").unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "DEPTHLIB_TRAIN"}
    environment |= {"DEPTHLIB_STORE": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    with open(folder / "log.txt", "wb") as output:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def torture(folder: Path, *, kills: int, seed: int = 0) -> tuple[list[str], str]:
    """What is wrong, nothing if all is well; and a sentence about the moments of the kills."""
    began, draw, hits = time.monotonic(), random.Random(seed), Counter()
    whole, broken = folder / "whole", folder / "broken1"
    if start(whole).wait():
        return [f"the undisturbed run failed: {(whole / 'log.txt').read_text()}"], "nothing was killed"
    wrong: list[str] = []
    runs = 1
    while sum(hits.values()) < kills and not wrong:
        number = list(STATUS)[sum(hits.values()) % 3]
        process = start(broken)
        # half of them in the training, the others at any moment since the start
        waits = draw.random() < 0.5
        while waits and process.poll() is None and not (broken / "at").exists():
            time.sleep(0.02)
        try:
            process.wait(draw.uniform(0, 2) if waits else draw.uniform(0, 8))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)
            status, log = process.wait(), (broken / "log.txt").read_text()
            hits[f"{number.name} {'in the training' if (broken / 'at').exists() else 'before it'}"] += 1
            wrong += survivors(broken)
            at_work = (broken / "at").exists() and "/runs/start-unet" not in log  # the last line of a run that is done
            if number != signal.SIGKILL and at_work and (status != STATUS[number] or "stopped; the same" not in log):
                wrong.append(f"{number.name}: found status {status} and {log!r}")
            continue
        wrong += differences(whole, broken, process.returncode)
        runs += 1
        broken = folder / f"broken{runs}"
    if not wrong:
        wrong = differences(whole, broken, start(broken).wait())
    moments = ", ".join(f"{count} {name}" for name, count in sorted(hits.items()))
    return wrong, f"{sum(hits.values())} kills ({moments}) in {runs} runs, {time.monotonic() - began:.0f} s"


def differences(whole: Path, broken: Path, status: int) -> list[str]:
    if status:
        return [f"a run that was started again failed: {(broken / 'log.txt').read_text()}"]
    a, b = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name not in OWN
        }
        for folder in (whole, broken)
    )
    return [
        f"{name} is not as in the undisturbed run" for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        problems, told = torture(Path(place), kills=arguments.kills, seed=arguments.seed)
    print("\n".join([told, *(problems or ["all is well"])]))
    sys.exit(bool(problems))
