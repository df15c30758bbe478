"""Checks say whether, and change nothing."""

import ast
from pathlib import Path

import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks import _tensor_checks

LIBRARY = Path(wn.__file__).parent
CHECKS = [path for path in LIBRARY.rglob("*.py") if path.stem.endswith("checks")]


def writes(function: ast.FunctionDef) -> list[str]:
    """What a function assigns to attributes and entries, which others may hold."""
    targets = []
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets += node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            targets.append(node)
    inner = [t for target in targets for t in getattr(target, "elts", [target])]
    kinds = (ast.Attribute, ast.Call)
    return [ast.unparse(target) for target in inner if isinstance(target, kinds)]


def functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_writes_are_found():
    source = (
        "def check(a):\n    a.size = 1\n    b, a.x = 1, 2\n    setattr(a, 'y', b)\n    return b"
    )
    (function,) = ast.parse(source).body
    assert writes(function) == ["a.size", "a.x", "setattr(a, 'y', b)"]


def test_no_check_writes():
    found = [
        (path.name, function.name, written)
        for path in LIBRARY.rglob("*.py")
        for function in functions(path)
        if path in CHECKS or "check" in function.name
        if (written := writes(function))
    ]
    assert len(CHECKS) == 3 and not found


@pytest.mark.parametrize("check", [_tensor_checks.features, _tensor_checks.same_dtype])
def test_a_module_is_left_as_it_is(check):
    module = snt.Linear(3)
    before = dict(vars(module))
    check(module, tf.ones([2, 5]))
    check(module, tf.ones([2, 4], tf.float64))  # nothing is known of a first call
    assert vars(module) == before


def test_a_call_that_is_refused_is_no_first_call():
    """What a network knows of its inputs comes from the call that made its variables."""
    network = wn.nets.UniversalRegressor(floor=1e6)
    with pytest.raises(ValueError, match="^floor must be at most 65504 for float16 inputs"):
        network(tf.ones([2, 5], tf.float16))
    network(tf.ones([2, 4]))
    with pytest.raises(ValueError, match="must have 4 features as at the first call, got 5"):
        network(tf.ones([2, 5]))
    with pytest.raises(ValueError, match="must be float32 as at the first call, got float64"):
        network(tf.ones([2, 4], tf.float64))


def test_arguments_go_to_the_parent_class_by_name():
    found = [
        f"{path.name}: {ast.unparse(node)}"
        for path in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__" and node.args
    ]
    assert not found
