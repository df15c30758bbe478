"""The wheel holds the library alone, and each part of the project declares what it imports."""

import ast
import email
import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.__main__ import COMMANDS as COMMANDS_OF_THE_WHEEL
from weirdonetworks.__main__ import NEEDED

REPOSITORY = Path(__file__).parents[1]
LIBRARIES = {"tensorflow", "dm-sonnet", "numpy", "safetensors"}
# What weirdonetworks.regression needs besides, by the names they are imported by.
REGRESSION = {
    "cvxpy": "cvxpy",
    "pint": "pint",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "sympy": "sympy",
}
# What weirdonetworks.commands needs besides.
COMMANDS = {
    "absl-py": "absl",
    "filelock": "filelock",
    "matplotlib": "matplotlib",
    "pandas": "pandas",
    "tqdm": "tqdm",
}
# What weirdonetworks.export imports where it is called.
EXPORT = {"ai-edge-litert", "onnxruntime", "tf2onnx"}
# Commands compare with these where they are installed, and say so where they are not.
OPTIONAL = {"art", "gplearn", "haiku", "jax", "optax", "pyoperon", "torch"}
OURS = {"weirdonetworks", "training", "tests"}
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that no file that was deleted long ago lives on in build/."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in ("weirdonetworks", "training", "tests", "notebooks", "docs"):
        shutil.copytree(REPOSITORY / name, source / name)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(target)], cwd=source, check=True, capture_output=True
    )
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        yield file


@pytest.fixture(scope="module")
def description(wheel):
    return email.message_from_bytes(
        wheel.read(f"weirdonetworks-{wn.__version__}.dist-info/METADATA")
    )


def requirements(description, extra: str) -> set[str]:
    """Names of the distributions that come with `extra`, or without any if it is empty."""
    parsed = [Requirement(line) for line in description.get_all("Requires-Dist")]
    if extra:
        parsed = [r for r in parsed if r.marker and r.marker.evaluate({"extra": extra})]
    else:
        parsed = [r for r in parsed if r.marker is None]
    return {r.name for r in parsed}


@pytest.mark.slow
def test_wheel_holds_the_library_and_nothing_else(wheel):
    names = set(wheel.namelist())
    info = f"weirdonetworks-{wn.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"weirdonetworks", info}
    modules = (REPOSITORY / "weirdonetworks").rglob("*.py")
    expected = {path.relative_to(REPOSITORY).as_posix() for path in modules}
    assert "weirdonetworks/nets/__init__.py" in expected
    expected |= {"weirdonetworks/py.typed"}
    weights = (REPOSITORY / "weirdonetworks" / "pretrained").glob("*.[sc]*[sv]*")
    expected |= {path.relative_to(REPOSITORY).as_posix() for path in weights}
    assert "weirdonetworks/pretrained/mlp-mnist.safetensors" in expected
    assert {name for name in names if name.startswith("weirdonetworks/")} == expected
    assert 1e5 < Path(wheel.filename).stat().st_size <= 45e6
    assert any(name.startswith(info) and name.endswith("LICENSE") for name in names)


@pytest.mark.slow
def test_wheel_describes_the_library(description):
    assert description["Name"] == "weirdonetworks"
    assert description["Version"] == wn.__version__ == "0.1.0"
    assert description["Requires-Python"] == ">=3.11"
    assert description["License"] == "MIT"
    text = description.get_payload(decode=True).decode()
    assert text.strip() == (REPOSITORY / "README.md").read_text(encoding="utf-8").strip()
    versions = re.findall(r":: (3\.\d+)$", "\n".join(description.get_all("Classifier")), re.M)
    assert versions == ["3.11", "3.12", "3.13"]


@pytest.mark.slow
def test_importers_get_four_libraries_and_extras_bring_the_rest(description):
    assert requirements(description, "") == LIBRARIES
    extras = ["commands", "export", "keras", "regression", "training", "studies"]
    extras += ["cluster", "playground", "notebooks", "docs", "test"]
    assert description.get_all("Provides-Extra") == extras
    of = {extra: requirements(description, extra) for extra in extras}
    commands, export, keras, regression, training, studies = list(of.values())[:6]
    cluster, playground, notebooks, docs, test = list(of.values())[6:]
    assert export == EXPORT < test and keras == {"keras"} < training
    assert regression == set(REGRESSION)
    assert commands == {*REGRESSION, *COMMANDS} < training
    assert {"tensorflow-datasets", "mlxtend", "importlib_resources"} <= training
    assert regression < training < notebooks < docs < test
    assert training < cluster < test and cluster - training == {"grpcio", "ray"}
    assert training < studies < test and studies - training == {"adversarial-robustness-toolbox"}
    assert training < playground < test and playground - training == {"gradio"}
    assert LIBRARIES.isdisjoint(test)


# Runs with the wheel alone: whatever the four libraries do not depend on is made unimportable.
ALONE = """
import importlib.machinery, json, sys
from importlib import metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

wheel, libraries = sys.argv[1], json.loads(sys.argv[2])
installed, pending = set(), list(libraries)
while pending:
    name = canonicalize_name(pending.pop())
    if name not in installed:
        installed.add(name)
        parsed = map(Requirement, metadata.requires(name) or [])
        pending += [r.name for r in parsed if not r.marker or r.marker.evaluate({"extra": ""})]

class NotInstalled(importlib.machinery.PathFinder):
    missing = {"training", "tests"} | {
        module
        for module, owners in metadata.packages_distributions().items()
        if module != "weirdonetworks" and installed.isdisjoint(map(canonicalize_name, owners))
    }
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in cls.missing else super().find_spec(name, path, target)

for name in NotInstalled.missing & set(sys.modules):
    del sys.modules[name]
others = (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)
sys.meta_path[:] = [*others, NotInstalled]  # without those of editable installs
sys.path.insert(0, wheel)
for name in ("mlxtend", "training"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} could be imported: this test tests nothing")
import weirdonetworks as wn
assert wn.__file__.startswith(wheel), wn.__file__
"""

IMPORT_ALONE = """
for name in wn.list_networks():
    wn.create_network(name)
try:
    wn.regression
except ImportError as error:
    assert "pip install 'weirdonetworks[regression]'" in str(error), error
else:
    raise SystemExit("wn.regression could be imported: its libraries are not optional here")
assert "regression" not in dir(wn)
print(*sorted(NotInstalled.missing & set(sys.modules)))
"""

COMMAND_ALONE = """
sys.argv = ["weirdonetworks", *sys.argv[3:]]
from weirdonetworks.__main__ import main
main()
"""

# Runs where all is installed. TensorFlow may import what it finds by itself.
IMPORT_LAZILY = """
import sys, tensorflow, sonnet
print(*sys.modules)
import weirdonetworks as wn
from weirdonetworks import *
wn.create_network("mlp")
print(*sys.modules)
for name in ("sklearn", "scipy", "sympy"):
    hidden, sys.modules[name] = sys.modules.get(name), None
    try:
        wn.regression
    except ImportError as error:
        print(error)
    del sys.modules[name]
    if hidden:
        sys.modules[name] = hidden
sys.modules["pint"] = sys.modules["cvxpy"] = None
wn.regression.PosynomialRegressor
print(*sys.modules)
"""


def run_alone(program: str, wheel, folder: Path, *words: str) -> subprocess.CompletedProcess:
    program = helpers.UNCOLLECTED + ALONE + program
    return subprocess.run(
        [sys.executable, "-c", program, wheel.filename, json.dumps(sorted(LIBRARIES)), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_wheel_imports_with_its_libraries_alone(wheel, tmp_path):
    done = run_alone(IMPORT_ALONE, wheel, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS_OF_THE_WHEEL)
def test_commands_with_these_alone_say_what_is_missing(wheel, tmp_path, command):
    done = run_alone(COMMAND_ALONE, wheel, tmp_path, command, "file", "--target=y")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"error: .*\bpandas\b.* must be installed: pip install 'weirdonetworks\[commands\]'\n",
        done.stderr,
    )
    assert not list(tmp_path.iterdir())
    told = run_alone(COMMAND_ALONE, wheel, tmp_path)
    assert told.returncode == 0 and f"  {command} " in told.stdout


def test_commands_know_what_they_need():
    needed = {**REGRESSION, **COMMANDS}
    needed.pop("cvxpy")  # of geometric programs, which no command writes
    assert {package: module for module, package in NEEDED.items()} == needed


@pytest.mark.slow
def test_regression_imports_its_libraries_where_it_is_asked_for():
    done = subprocess.run(
        [sys.executable, "-c", helpers.UNCOLLECTED + IMPORT_LAZILY],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    without, before, *messages, after = done.stdout.splitlines()
    new = set(before.split()) - set(without.split())
    assert "weirdonetworks.layers" in new and new.isdisjoint(REGRESSION.values())
    assert messages == [
        f"weirdonetworks.regression needs {name}: pip install 'weirdonetworks[regression]'"
        for name in ("sklearn", "scipy", "sympy")
    ]
    assert {"weirdonetworks.regression", "sklearn", "scipy", "sympy"} <= set(after.split())


def imports(source: str) -> set[str]:
    """The top-level modules that a program imports anywhere, relative imports aside."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in names}


def imports_of_folder(folder: str, *without: str) -> set[str]:
    paths = [
        path
        for path in (REPOSITORY / folder).rglob("*.py")
        if not {REPOSITORY / name for name in without} & set(path.parents)
    ]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    for path in (REPOSITORY / folder).glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        sources.append(
            "\n".join(line for cell in code for line in cell.splitlines() if line[:1] != "%")
        )
    assert sources, f"{folder}/ holds no program"
    return set().union(*map(imports, sources)) - sys.stdlib_module_names


def test_imports_are_found():
    source = "import a.b\nfrom . import c\ndef f():\n    from d.e import g\n    import h as i"
    assert imports(source) == {"a", "d", "h"}


@pytest.mark.slow
def test_library_imports_four_libraries_only():
    own = {"tensorflow", "sonnet", "numpy", "safetensors", "weirdonetworks"}
    rooms = ("weirdonetworks/regression", "weirdonetworks/commands")
    assert imports_of_folder("weirdonetworks", *rooms) - own == {"keras"}
    keras = REPOSITORY / "weirdonetworks" / "keras.py"
    others = [p for p in keras.parent.rglob("*.py") if "import keras" in p.read_text()]
    assert others == [keras]
    commands = imports_of_folder("weirdonetworks/commands") - own
    assert {"absl", "pandas"} <= commands <= {*REGRESSION.values(), *COMMANDS.values()}
    regression = imports_of_folder("weirdonetworks/regression") - own
    assert {"sklearn", "scipy", "sympy"} <= regression <= set(REGRESSION.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "extra"),
    [
        ("training", "cluster"),
        ("training/playground", "playground"),
        ("notebooks", "notebooks"),
        ("docs", "docs"),
        ("tests", "test"),
    ],
)
def test_imports_are_declared(description, folder, extra):
    declared = {
        name.lower().replace("_", "-") for name in requirements(description, extra) | LIBRARIES
    }
    owners = metadata.packages_distributions()
    without = ["training/playground"] if folder == "training" else []
    modules = imports_of_folder(folder, *without) - OPTIONAL - OURS
    undeclared = {
        module
        for module in modules
        if declared.isdisjoint(n.lower().replace("_", "-") for n in owners.get(module, []))
    }
    assert not undeclared, f"{folder}/ imports {sorted(undeclared)}: name them in setup.py"
