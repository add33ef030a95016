"""The fingerprint changes with code that can run, and with nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from depthlib.base.fingerprint import closure, code_fingerprint, data_fingerprint, imports_of

FILES = {
    "__init__.py": '"""Package."""\n__version__ = "1.0"\n',
    "a/__init__.py": "",
    "a/entry.py": '"""Entry."""\nfrom ..b import middle\n\n\ndef run():\n    """Do it."""\n    return middle.value()\n',
    "a/typed.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from depthlib.b import far\nelse:\n    import "
        "depthlib.other\n"
    ),
    "a/named.py": "NAMES = {'far': 'depthlib.b.far:depth', 'text': 'see depthlib.b.middle'}\n",
    "a/chosen.py": "import importlib\n\n\ndef get(name):\n    return importlib.import_module(f'depthlib.b.{name}')\n",
    "b/__init__.py": "SCALE = 1\n",
    "c/__init__.py": "from .inner import x\nfrom .second import y as z\n__all__ = ['x', 'z']\nFACTOR = 3\n",
    "c/inner.py": "x = 1\n",
    "c/second.py": "y = 1\n",
    "c/user.py": "from depthlib.c import x\n",
    "c/other_user.py": "from depthlib.c import FACTOR, z\n",
    "b/middle.py": (
        "def value(scale=1):\n    from .far import depth\n    if depth < 0:\n        warnings.warn('found less')\n"
        "        raise ValueError(f'depth: found {depth}, expected something else') from None\n    return depth\n"
    ),
    "b/far.py": "depth = 2.0  # metres\n",
    "b/table.yaml": "abs_rel: 0.1\n",
    "other.py": "unrelated = 1\n",
}


def package(folder: Path, **changed: str) -> Path:
    """A package of its own under `folder`, with some files changed (`b_far` is b/far.py); a fresh folder, a fresh
    cache.
    """
    root = folder / "-".join(changed or ["original"]) / "depthlib"
    assert not root.exists()
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed.get(path.relative_to(root).with_suffix("").as_posix().replace("/", "_"), text))
    return root


def test_closure_follows_functions_relative_imports_and_parents(tmp_path):
    root = package(tmp_path)
    expected = ("depthlib", "depthlib.a", "depthlib.a.entry", "depthlib.b", "depthlib.b.far", "depthlib.b.middle")
    assert closure(["depthlib.a.entry"], root) == expected
    assert closure(["depthlib.a.typed"], root) == ("depthlib", "depthlib.a", "depthlib.a.typed", "depthlib.other")
    assert closure(["depthlib.c"], root) == ("depthlib", "depthlib.c", "depthlib.c.inner", "depthlib.c.second")
    assert closure(["numpy", "depthlib.other"], root) == ("depthlib", "depthlib.other")


def test_closure_of_modules_chosen_by_name(tmp_path):
    root = package(tmp_path)
    own = ("depthlib", "depthlib.a", "depthlib.a.named")
    assert closure(["depthlib.a.named"], root) == own
    assert closure(["depthlib.a.named"], root, named=True) == (*own, "depthlib.b", "depthlib.b.far")
    assert {"depthlib.b.far", "depthlib.b.middle"} <= set(closure(["depthlib.a.chosen"], root, named=True))


@pytest.mark.parametrize(
    "changed",
    [
        {"b_far": "# a new comment\ndepth   =   2.0\n\n"},
        {"a_entry": FILES["a/entry.py"].replace("Do it.", "Do that.").replace("Entry.", "A long\n\ntext.")},
        {"other": "unrelated = 2\n"},
        {"__init__": '"""Another text."""\n__version__ = "2.0"\n'},
        {"b_middle": FILES["b/middle.py"].replace("found", "is").replace("else", "otherwise")},
        {
            "b_middle": (
                "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import "
                "numpy as np\n" + FILES["b/middle.py"].replace("(scale=1)", "(scale: np.ndarray = 1) -> np.ndarray")
            )
        },
        {"b_far": "unit: str\ndepth: float = 2.0\n"},
    ],
)
def test_what_cannot_run_keeps_it(tmp_path, changed):
    old, new = package(tmp_path), package(tmp_path, **changed)
    assert code_fingerprint(["depthlib.a.entry"], old) == code_fingerprint(["depthlib.a.entry"], new)


@pytest.mark.parametrize(
    "changed",
    [
        {"b_far": "depth = 2.5\n"},
        {"b_far": "depth = 2\n"},  # int and float are different code
        {"b___init__": "SCALE = 2\n"},
        {"b_middle": FILES["b/middle.py"].replace("return depth", "return -depth")},
        {"b_middle": FILES["b/middle.py"].replace("scale=1", "scale=2")},
        {"b_middle": "class Value:\n    depth: float\n" + FILES["b/middle.py"]},
        {"a_entry": FILES["a/entry.py"].replace('"""Do it."""', 'x = """Do it."""')},
    ],
)
def test_code_of_a_transitive_import_alters_it(tmp_path, changed):
    old, new = package(tmp_path), package(tmp_path, **changed)
    assert code_fingerprint(["depthlib.a.entry"], old) != code_fingerprint(["depthlib.a.entry"], new)


def test_a_name_leads_through_its_package_to_its_module(tmp_path):
    root = package(tmp_path)
    assert closure(["depthlib.c.user"], root) == ("depthlib", "depthlib.c", "depthlib.c.inner", "depthlib.c.user")
    everything = ("depthlib", "depthlib.c", "depthlib.c.inner", "depthlib.c.other_user", "depthlib.c.second")
    assert closure(["depthlib.c.other_user"], root) == everything  # FACTOR is code of the package itself


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (
            {
                "c___init__": "from .inner import x\nfrom .second import y as z\nfrom .new import w\n__all__ = "
                "['w']\nFACTOR = 3\n"
            },
            True,
        ),
        ({"c_second": "y = 2\n"}, True),
        ({"c___init__": FILES["c/__init__.py"].replace("FACTOR = 3", "FACTOR = 4")}, False),
        ({"c___init__": FILES["c/__init__.py"].replace("from .inner import x", "from .second import y as x")}, False),
        ({"c_inner": "x = 2\n"}, False),
    ],
)
def test_what_a_package_offers_besides_leaves_a_user_alone(tmp_path, changed, same):
    old, new = package(tmp_path), package(tmp_path, **changed)
    assert (code_fingerprint(["depthlib.c.user"], old) == code_fingerprint(["depthlib.c.user"], new)) is same


def test_data_beside_the_code(tmp_path):
    old, new = package(tmp_path), package(tmp_path, b_table="abs_rel: 0.2\n")
    assert data_fingerprint(["depthlib.a.entry"], old) != data_fingerprint(["depthlib.a.entry"], new)
    assert data_fingerprint(["depthlib.other"], old) == data_fingerprint(["depthlib.other"], new)
    assert code_fingerprint(["depthlib.a.entry"], old) == code_fingerprint(["depthlib.a.entry"], new)


def test_only_a_docstring_is_left_out(tmp_path):
    """A string that is used as a value is code."""
    old = package(tmp_path)
    new = package(tmp_path, b_far="depth = 2.0\nnames = ['a']\n")
    other = package(tmp_path, b_far="depth = 2.0\nnames = ['b']\n", other=FILES["other.py"])
    prints = {code_fingerprint(["depthlib.b.far"], root) for root in (old, new, other)}
    assert len(prints) == 3


def test_clear_errors(tmp_path):
    root = package(tmp_path)
    with pytest.raises(ValueError, match="depthlib.missing"):
        closure(["depthlib.missing"], root)
    with pytest.raises(TypeError, match="several names"):
        closure("depthlib.other", root)


@pytest.mark.slow
def test_the_closure_is_enough_to_run(tmp_path):
    """A copy of the package with nothing but the closure of a training must be able to train: else a change could go
    unseen.
    """
    import re
    import shutil
    import subprocess

    from depthlib.base.fingerprint import PACKAGE, SILENT
    from depthlib.runs.keys import training_modules
    from depthlib.runs.spec import RunSpec

    recipe = RunSpec("start", "unet", "rooms", "smoke").recipe
    names = {*closure(training_modules(recipe), without=SILENT), *SILENT}
    for name in names:
        source = PACKAGE.joinpath(*name.split(".")[1:])
        source = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
        target = tmp_path / source.relative_to(PACKAGE.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        if source.name == "__init__.py":  # what it offers from modules that the closure leaves out
            gone = [m for m in re.findall(r"^from (depthlib[\w.]+) import", text, re.M) if m not in names]
            for module in gone:
                text = re.sub(rf"^from {re.escape(module)} import (\([^)]*\)|[^\n]*)\n", "", text, flags=re.M)
        target.write_text(text)
    for data in PACKAGE.rglob("*.yaml"):
        (tmp_path / data.relative_to(PACKAGE.parent)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data, tmp_path / data.relative_to(PACKAGE.parent))
    code = (
        "import pathlib, types; from depthlib.base.build import Build; from depthlib.training.fit import Plan;"
        "from depthlib.runs.train import train;"
        f"recipe = types.SimpleNamespace(model={recipe.model!r}, model_options={recipe.model_options!r}, "
        f"task={recipe.task!r},"
        f"    train={recipe.train!r}, transform=(), plan={recipe.plan!r}, networks={{}}, training=dict);"
        f"train(recipe, pathlib.Path({str(tmp_path)!r}), seed=0, identity={{'key': 'x'}}, networks={{}}, device='cpu')"
    )
    environment = {"PATH": "", "PYTHONPATH": str(tmp_path), "DEPTHLIB_CACHE": str(tmp_path / "cache")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]
    assert (tmp_path / "weights.safetensors").exists()


def test_imports_of_a_notebook():
    tree = ast.parse("import depthlib.data as d\nfrom depthlib.losses import silog\nimport torch")
    assert imports_of(tree) >= {"depthlib.data", "depthlib.losses", "depthlib.losses.silog", "torch"}


@pytest.mark.slow
def test_threads_may_ask_at_once():
    """Scenes are rendered in threads, and any of them may be the first to ask; a collector that calls back lets them
    interleave.
    """
    code = (
        "import gc, time\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from depthlib.base.fingerprint import PACKAGE, code_fingerprint\n"
        "names = [f'depthlib.scenes.{path.stem}' for path in PACKAGE.glob('scenes/*.py') if path.stem != '__init__']\n"
        "gc.callbacks.append(lambda *a: time.sleep(0))\ngc.set_threshold(50)\n"
        "with ThreadPoolExecutor(8) as pool:\n    assert all(pool.map(lambda name: code_fingerprint([name]), names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
