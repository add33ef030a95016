"""The manifest of the benchmark: the meaning of its numbers, and the hash of every canonical frame.

`python -m depthlib.scenes.manifest` writes it (`--check 4` renders four frames of each split and compares them).
"""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from depthlib.base import paths
from depthlib.base.progress import bar
from depthlib.base.yaml_files import read_yaml
from depthlib.scenes.classes import CLASSES, NYU4_CLASSES, NYU4_OF_NYU13
from depthlib.scenes.distribution import DEPTH_RANGE, DEPTH_SCALE, SEEDS, SPLITS, VERSION, SceneDistribution
from depthlib.scenes.frame import NORMAL_SCALE, canonical_frame
from depthlib.scenes.generate import make_scene
from depthlib.scenes.parallel import in_threads
from depthlib.scenes.renderer import intrinsics

FILE = f"{VERSION}.yaml"
COUNTS = {"train": 256, "val": 32, "test": 64}
DIGITS = 16


def frame_hash(family: str, split: str, index: int) -> str:
    """First 16 hex digits of the SHA-256 of the left view's pixels under the default knobs."""
    distribution = SceneDistribution(family)
    return canonical_frame(make_scene(distribution, split, index), "current", distribution).digest()[:DIGITS]


def build_manifest(progress: bool = False) -> dict[str, Any]:
    """Render all listed frames and describe the benchmark."""
    jobs = [(family, split, index) for family in CLASSES for split in SPLITS for index in range(COUNTS[split])]
    found: Any = in_threads(lambda job: frame_hash(*job), jobs)
    if progress:
        found = bar(found, total=len(jobs), title=VERSION, unit="frame")
    hashes: dict[str, dict[str, list[str]]] = {family: {split: [] for split in SPLITS} for family in CLASSES}
    for (family, split, _), value in zip(jobs, found, strict=True):
        hashes[family][split].append(value)
    return {
        "name": VERSION,
        "description": "Procedural rooms and streets, ray-cast in float64 and quantised; made by depthlib, nothing "
        "to download.",
        "licence": "Apache-2.0",
        "frame": {
            "image": "uint8 [3, H, W], sRGB-like, not linear",
            "depth": "uint16 [H, W], metres along z = value / depth_units_per_metre, 0 = no surface",
            "semantics": "uint8 [H, W], position in classes",
            "instances": "uint16 [H, W], 0 = sky",
            "normals": f"int16 [3, H, W], camera frame, unit vector = value / {NORMAL_SCALE}, 0 = no surface",
            "glossy": "bool [H, W]",
            "hash": f"first {DIGITS} hex digits of SHA-256 over these arrays in this order, little-endian, C order; "
            f"left view",
        },
        "splits": {
            "counts_listed": COUNTS,
            "rule": f"a scene's seed is a hash of {SEEDS}, family, split and number; splits share no scene",
        },
        "families": {family: _family(family) | {"frames": hashes[family]} for family in CLASSES},
    }


def _family(family: str) -> dict[str, Any]:
    distribution = SceneDistribution(family)
    k = intrinsics(distribution)
    described: dict[str, Any] = {
        "height": distribution.height,
        "width": distribution.width,
        "antialias": distribution.antialias,
        "depth_units_per_metre": DEPTH_SCALE[family],
        "depth_range_metres": list(DEPTH_RANGE[family]),
        "depth_invalid": 0,
        "intrinsics": {"fx": float(k[0, 0]), "fy": float(k[1, 1]), "cx": float(k[0, 2]), "cy": float(k[1, 2])},
        "classes": list(CLASSES[family]),
    }
    if family == "rooms":
        described["classes_4"] = list(NYU4_CLASSES)
        described["class_4_of_class"] = dict(NYU4_OF_NYU13)
    return described


def write_manifest(progress: bool = False) -> None:
    """Render all listed frames and write the manifest into `data_manifests`."""
    text = yaml.safe_dump(build_manifest(progress), sort_keys=False, width=118, default_flow_style=None)
    with paths.atomic_write(paths.manifests_dir() / FILE) as temporary:
        temporary.write_text(
            "# Written by `python -m depthlib.scenes.manifest`; never edit by hand.\n" + text, encoding="utf-8"
        )


def read_manifest() -> dict[str, Any]:
    """The manifest in the repository."""
    return read_yaml(paths.manifests_dir() / FILE)


def check_manifest(count: int) -> list[str]:
    """Render the first `count` frames of each split again; returns the names of those whose hash differs."""
    differing = []
    for family, described in read_manifest()["families"].items():
        for split, hashes in described["frames"].items():
            differing += [
                f"{family}/{split}/{index:06d}"
                for index, known in enumerate(hashes[:count])
                if frame_hash(family, split, index) != known
            ]
    return differing


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=int, metavar="N", help="do not write; compare the first N frames of each split")
    options = parser.parse_args(argv)
    if options.check is None:
        write_manifest(progress=True)
        return 0
    differing = check_manifest(options.check)
    print(
        "\n".join(f"{name}: the pixels differ from the manifest" for name in differing)
        or "all frames as in the manifest"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
