"""Faults of the first, long gone version of this code, which must not come back.

Others are tested where they belong: the dense, colliding rotation matrices and the degrees taken
for radians in test_groups.py, invariance in layers/test_synchronous.py, and those of the training
in training/.
"""

import ast
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "weirdonetworks").rglob("*.py"))
# Regression and commands are NumPy, SciPy and pandas: nothing of them is traced, and they declare
# what they need themselves.
TRACED = [path for path in LIBRARY if not {"regression", "commands"} & set(path.parts)]
CODE = [*LIBRARY, *sorted((ROOT / "training").rglob("*.py")), ROOT / "setup.py"]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def _imports(path: pathlib.Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


@pytest.mark.slow
def test_the_quadratic_network_can_be_made_and_called_on_digits():
    net = wn.nets.QuadraticMLP(rank=None, hidden_sizes=(2,))
    assert net(tf.ones([1, 28, 28, 1])).shape == [1, 10]
    # Each product once: not the 614,656 entries of an outer product.
    assert net.polynomial.w.shape == [785 * 786 // 2, 2]


def test_a_flattened_orbit_would_not_be_shared(digits):
    """A first layer on all of the orbit at once, as there was, is not invariant."""
    group = wn.groups.cyclic(4)
    w = np.random.default_rng(0).normal(size=(4 * 784, 8)) / 56
    flattened = np.tanh(np.reshape(group.apply(digits), (len(digits), -1)) @ w)
    turned = np.rot90(digits, axes=(1, 2)).copy()
    again = np.tanh(np.reshape(group.apply(turned), (len(digits), -1)) @ w)
    assert np.abs(again - flattened).max() > 0.1

    net = wn.nets.SynchronousMLP(lift_sizes=(8,), group=group)
    net(digits)
    assert net.lift.w.shape == [784, 8]
    np.testing.assert_allclose(net(turned), net(digits), atol=1e-12)


@pytest.mark.slow
def test_what_is_random_is_drawn_at_each_call_of_a_graph():
    net = wn.create_network("mlp", dropout=0.5)
    images = tf.ones([2, 28, 28])
    net(images)
    step = tf.function(lambda: net(images, is_training=True))
    assert np.any(step() != step())


@pytest.mark.parametrize("path", TRACED, ids=lambda path: path.stem)
def test_the_library_uses_no_random_numbers_of_python(path):
    """They would be frozen into a graph when it is traced."""
    assert "random" not in _imports(path)
    # `analysis` takes networks apart, in NumPy and never in a graph, with a seed it is given.
    # Places of hashed weights, directions of random features and phase errors of a device are
    # tables, drawn from a seed that is an argument, and the same whenever they are drawn.
    drawn = ("hashed", "random_features", "mesh")
    seeded = path.parent.name == "analysis" or path.stem in drawn
    allowed = "np.random.default_rng(_checks.integer(" if seeded else None
    text = path.read_text().replace(": np.random.Generator", "")  # the type of an argument
    assert text.count("np.random") == (text.count(allowed) if allowed else 0)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_library_needs_what_it_declares(path):
    declared = {"numpy", "safetensors", "sonnet", "tensorflow", "weirdonetworks"}
    if path not in TRACED:
        declared |= {"scipy", "sklearn", "sympy"}
    if "commands" in path.parts:
        declared |= {"absl", "filelock", "matplotlib", "pandas", "tqdm"}
    if path.stem == "keras":
        declared.add("keras")
    used = {name.partition(".")[0] for name in _imports(path)}
    assert used <= declared | set(sys.stdlib_module_names)


def test_tensorflow_addons_are_gone():
    assert len(CODE) > len(LIBRARY) > 10
    assert not [path for path in CODE if "addons" in path.read_text()]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_every_test_file_tests(path):
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    assert [function for function in functions if function.name.startswith("test_")]
