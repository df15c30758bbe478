"""What starts without TensorFlow, and that what is imported late is the same as ever."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import weirdonetworks as wn
from tests import helpers
from weirdonetworks._lazy import Registry, load

REPOSITORY = Path(__file__).parents[1]


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", helpers.UNCOLLECTED + program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


NAMES = """
import sys
import weirdonetworks as wn
assert "numpy" not in sys.modules and "tensorflow" not in sys.modules
assert set(wn.__all__) <= set(dir(wn))
import weirdonetworks.nets
assert "mlp" in wn.nets.NETWORKS and "MLP" in dir(wn.nets) and len(wn.nets.NETWORKS) > 10
assert not hasattr(wn, "layer") and not hasattr(wn.nets, "CNN")
print(*wn.list_networks())
assert set(wn.list_networks(pretrained=True)) <= set(wn.list_networks())
assert "tensorflow" not in sys.modules and "sonnet" not in sys.modules
assert wn.nets.NETWORKS["mlp"] is wn.nets.MLP
assert "tensorflow" in sys.modules
assert "weirdonetworks.nets.synchronous_mlp" not in sys.modules
"""


@pytest.mark.slow
def test_the_names_of_networks_need_no_tensorflow():
    assert run(NAMES).split() == wn.list_networks()


FIT = """
import sys
import numpy as np
from weirdonetworks.regression import PosynomialRegressor, SignomialRegressor
x = np.random.default_rng(0).uniform(1, 3, (60, 2))
fitted = PosynomialRegressor(max_terms=1).fit(x, 3 * x[:, 0] ** 2 / x[:, 1])
print(fitted.formula(3))
assert np.allclose(fitted.predict(x), fitted.law_.predict(x))
fitted.extrapolates(2 * x), fitted.to_sympy(), fitted.to_latex(), fitted.to_cvxpy()
print(fitted.law_, fitted.status_)
assert "tensorflow" not in sys.modules and "sonnet" not in sys.modules
layer = fitted.to_layer()
assert np.allclose(layer(x)[:, 0], fitted.predict(x)) and "tensorflow" in sys.modules
"""


@pytest.mark.slow
def test_a_law_is_found_and_said_without_tensorflow():
    formula, law, *_ = run(FIT).splitlines()
    assert formula == "y = 3*x0**2/x1"
    assert law == "y = 3*x0**2/x1 exact"


def test_a_star_import_brings_all_names():
    names = {}
    exec("from weirdonetworks import *", names)
    assert set(wn.__all__) == set(names) - {"__builtins__"}
    assert names["create_network"] is wn.nets.create_network
    names = {}
    exec("from weirdonetworks.nets import *", names)
    assert set(wn.nets.__all__) == set(names) - {"__builtins__"}


@pytest.mark.parametrize("package", [wn, wn.nets], ids=["weirdonetworks", "nets"])
def test_dir_holds_the_public_names_and_no_others(package):
    extra = {"__version__"} if package is wn else set()
    assert set(dir(package)) == set(package.__all__) | extra


def declared(source: str) -> set[str]:
    """The names that a module imports for type checkers alone."""
    blocks = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    nodes = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in nodes for alias in node.names}


def test_type_checkers_know_what_is_imported_late():
    assert declared(Path(wn.__file__).read_text()) == set(wn.__all__)
    own = {"NETWORKS", "create_network", "list_networks"}
    assert declared(Path(wn.nets.__file__).read_text()) | own == set(wn.nets.__all__)
    for name in wn.nets.__all__:
        assert getattr(wn.nets, name) is not None


@pytest.mark.parametrize("module", [wn, wn.nets])
def test_an_unknown_name_is_an_attribute_error(module):
    message = f"^module '{module.__name__}' has no attribute 'unknown'$"
    with pytest.raises(AttributeError, match=message):
        _ = module.unknown


def test_a_registry_is_a_dict_of_what_its_paths_name():
    registry = Registry({"square root": "math:sqrt", "own": len})
    assert list(registry) == ["square root", "own"] and "own" in registry
    assert load("math:sqrt") is registry["square root"] is registry.get("square root")
    assert dict(registry) == dict(registry.items())
    assert list(registry.values())[0](4) == 2 and list(registry.values())[1] is len
    registry["own"] = max
    assert registry.pop("own") is max and len(registry) == 1
