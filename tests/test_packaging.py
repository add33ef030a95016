"""The two ways to install say the same, and the package imports fast."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from depthlib.base.paths import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = PROJECT["project"]["dependencies"] + sum(PROJECT["project"]["optional-dependencies"].values(), [])
CONDA = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))


def test_environment_leaves_every_version_to_pyproject():
    plain = [d for d in CONDA["dependencies"] if isinstance(d, str)]
    (nested,) = (d for d in CONDA["dependencies"] if isinstance(d, dict))
    assert f"python{PROJECT['project']['requires-python']}" in plain
    assert sorted(d.split(">")[0] for d in plain) == ["pip", "python"]
    assert nested["pip"] == [f"-e .[{','.join(PROJECT['project']['optional-dependencies'])}]"]
    assert PROJECT["dependency-groups"]["dev"] == ["depthlib[test]"]


@pytest.mark.slow
def test_lock_file_covers_every_dependency():
    locked = {p["name"] for p in tomllib.loads((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))["package"]}
    names = {d.split("=")[0].split(">")[0].split("[")[0].strip().lower() for d in DECLARED}
    assert names <= locked, f"not in uv.lock: {names - locked}; run `uv lock`"


def test_declared_dependencies_are_imported_somewhere():
    tools = {  # used through their command or plugin
        "jupyterlab",
        "ipykernel",
        "nbval",
        "pytest",
        "pytest-xdist",
        "ruff",
        "snakemake",
        "snakemake-executor-plugin-slurm",
        "mypy",
    }
    import_names = {
        "scikit-image": "skimage",
        "pillow": "PIL",
        "pyyaml": "yaml",
        "beautifulsoup4": "bs4",
        "websocket-client": "websocket",
        "opencv-python-headless": "cv2",
    }
    source = "\n".join(
        p.read_text(encoding="utf-8") for folder in ("depthlib", "tests") for p in (REPOSITORY / folder).rglob("*.py")
    )
    for dependency in DECLARED:
        name = dependency.split("=")[0].split(">")[0].split("[")[0].strip()
        module = import_names.get(name, name).replace("-", "_")
        types = name.startswith("types-") or name.endswith("-stubs")
        imported = f"import {module}" in source or f"from {module}" in source
        assert name in tools or types or imported, f"{name} is declared and never imported"


def test_readme_is_finished_and_its_links_lead_somewhere():
    """No gap left to fill in, and every file and picture that is linked within the repository is there."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"@\w+@", text) == []
    targets = {target.split("#")[0] for target in re.findall(r"\]\(\s*<?([^)\s>]+)", text)}
    local = {target for target in targets if target and not re.match(r"[a-z]+:", target)}
    assert any(target.endswith(".png") for target in local) and any(target.endswith(".ipynb") for target in local)
    places = {target: (REPOSITORY / target).resolve() for target in local}
    assert (
        sorted(t for t, place in places.items() if not (place.exists() and place.is_relative_to(REPOSITORY.resolve())))
        == []
    )


def test_import_is_light():
    heavy = "{'timm', 'torchvision', 'torchmetrics', 'skimage', 'matplotlib', 'pandas', 'papermill', 'torch'}"
    code = f"import depthlib, sys; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


@pytest.mark.slow
def test_rows_of_the_papers_import_no_library_of_networks():
    """It is imported when a network is built: a lesson's first cell stays quick, and shows no warning of that
    library.
    """
    code = (
        "import sys; from importlib import import_module\n"
        "for name in ('anuw', 'dacnn', 'mobile', 'dual', 'synergy', 'comparison'):\n"
        "    import_module(f'depthlib.papers.{name}.rows').runs('smoke')\n"
        "print(sorted({'timm', 'tqdm.auto', 'huggingface_hub', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_code_passes_the_linter():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "depthlib", "tests", "notebooks"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
