"""Checks say whether, and change nothing."""

import ast
import itertools
import sys
import time
from pathlib import Path

import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks import _checks, _tensor_checks, functional, groups, layers, nets

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_arguments_go_to_the_parent_class_by_name():
    found = [
        f"{path.name}: {ast.unparse(node)}"
        for path in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__" and node.args
    ]
    assert not found


@pytest.mark.slow
def test_no_function_that_runs_is_a_docstring_alone():
    """AutoGraph cannot transform it, and says so in a user's `tf.function`."""
    found = [
        f"{path.name}: {node.name}"
        for path in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and len(node.body) == 1
        and ast.get_docstring(node)
        and "abc.abstractmethod" not in map(ast.unparse, node.decorator_list)
    ]
    assert not found


def test_sizes_have_an_end():
    """Before anything is made of them."""
    assert _checks.integer("rank", 7, maximum=7) == 7
    with pytest.raises(ValueError, match="^rank must be an integer <= 7, got 8$"):
        _checks.integer("rank", 8, maximum=7)
    with pytest.raises(ValueError, match="^hidden_sizes must hold at most 1000 sizes, got more$"):
        _checks.sizes("hidden_sizes", itertools.repeat(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.PolynomialDense(1, degree=10**9), "degree must be an integer <= 100"),
        (lambda: functional.monomials(tf.ones([1, 2]), 10**9), "degree must be an integer <= 100"),
        (lambda: nets.PosynomialMLP(3, depth=10**9), "depth must be an integer <= 1000"),
        (lambda: nets.RowAttention(3, depth=10**9), "depth must be an integer <= 1000"),
        (lambda: groups.get_group("cyclic1000000000"), "n must be an integer <= 4096"),
        (lambda: groups.get_group("dihedral1000000000"), "n must be an integer <= 4096"),
        (lambda: groups.get_group("torus1000000000"), "max_shift must be an integer <= 127"),
        (lambda: nets.MLP(3, itertools.repeat(4)), "hidden_sizes must hold at most 1000 sizes"),
    ],
)
def test_what_would_never_end_is_refused_at_once(make, message):
    with pytest.raises(ValueError, match=f"^{message}, got "):
        make()


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="memory is not told here")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nets.QuadraticMLP(10, rank=10**9)(tf.ones([1, 28, 28, 1])),
            r"rank must leave weights that fit in memory, got 1000000000, which needs 77\d\d",
        ),
        (
            lambda: nets.MLP(10, (10**9,))(tf.ones([1, 28, 28, 1])),
            r"output_size must leave weights that fit in memory, got 1000000000, which needs 29",
        ),
    ],
)
def test_what_does_not_fit_in_memory_is_refused_at_once(make, message):
    start = time.process_time()
    with pytest.raises(ValueError, match=f"^{message}"):
        make()
    assert time.process_time() - start < 1


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="memory is not told here")
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.PolynomialDense(1, degree=3)(tf.ones([1, 40])),
        lambda: layers.InvariantPolynomialDense(1, groups.cyclic(4, (6, 6)), 3)(tf.ones([1, 6, 6])),
        lambda: functional.monomials(tf.ones([1, 41]), 3),
    ],
)
def test_monomials_that_do_not_fit_in_memory(make, monkeypatch):
    module = sys.modules[functional.num_monomials.__module__]
    monkeypatch.setattr(module, "_BYTES", 2**32)  # each
    rule = r"^degree must leave monomials that fit in memory \(give a rank instead\), got 3, which "
    with pytest.raises(ValueError, match=rule + r"needs \d+\.\d GiB of \d+\.\d free$"):
        make()


def test_what_fits_is_not_refused():
    _checks.memory("size must fit", 1, 1024)
