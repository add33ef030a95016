"""Kill a batch at random moments and start it again until it is done: `python tests/kill_batch.py --kills 20`.

Each time the whole process group is killed with SIGKILL: the command, the workflow, its jobs. In the end every run must be there,
with the same bits as those of a batch that nobody disturbed, and nothing that was finished may have been made again.
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
from pathlib import Path

RECORDS = ("record.json", "weights.safetensors", "predictions.safetensors")
BATCH = """
import sys
from dataclasses import replace
from rich.console import Console
from depthlib.batch.engine import run_batch
from depthlib.batch.plan import make_plan
from depthlib.course import pick_lessons
from depthlib.runs import Store

plan = make_plan(pick_lessons(sys.argv[2:]), profile="smoke", device="cpu", jobs=2, store=Store(sys.argv[1]))
plan = replace(plan, notebooks={}, threads=1)
sys.exit(run_batch(plan, jobs=2, console=Console(width=160)))
"""


def start(store: Path, lessons: list[str]) -> subprocess.Popen:
    """A batch of these lessons' runs at the smallest scale, in a process group of its own."""
    command = [sys.executable, "-c", BATCH, str(store), *lessons]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(store: Path) -> dict[Path, int]:
    """Each finished run with the time at which its record was written."""
    return {path: path.stat().st_mtime_ns for path in store.glob("*/record.json")}


def torture(folder: Path, lessons: list[str], *, kills: int, longest: float, seed: int = 0) -> list[str]:
    """Kill a batch `kills` times, within `longest` seconds of its start each; gives what is wrong in the end, nothing if all is well."""
    whole, broken = folder / "whole", folder / "broken"
    process = start(whole, lessons)
    output, _ = process.communicate()
    if process.returncode:
        return [f"the undisturbed batch ended with {process.returncode}: {output}"]
    wrong, known, moments = [], {}, random.Random(seed)
    for _ in range(kills):
        process = start(broken, lessons)
        time.sleep(moments.uniform(0, longest))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        wrong += [f"{path.parent.name} was made twice" for path, moment in known.items() if finished(broken).get(path) != moment]
        known = finished(broken)
    process = start(broken, lessons)
    output, _ = process.communicate()
    if process.returncode:
        wrong.append(f"the last batch ended with {process.returncode}: {output}")
    wrong += [f"{path.parent.name} was made twice" for path, moment in known.items() if finished(broken).get(path) != moment]
    for path in finished(whole):
        for name in RECORDS:
            a, b = path.parent / name, broken / path.parent.name / name
            if not b.exists() or a.read_bytes() != b.read_bytes():
                wrong.append(f"{path.parent.name}/{name} has other bits than that of the undisturbed batch")
    print(f"{kills} kills; {len(known)} of {len(finished(whole))} runs were finished before the last start")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds after the start of a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("lessons", nargs="*", default=["00", "01"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        problems = torture(Path(place), arguments.lessons, kills=arguments.kills, longest=arguments.longest, seed=arguments.seed)
    print("\n".join(problems) or "all is well")
    sys.exit(bool(problems))
