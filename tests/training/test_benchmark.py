"""The benchmark's arithmetic, its files and its refusals; never its times."""

import csv
import json

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.benchmark.__main__ import __main__ as benchmark
from training.benchmark import frameworks as contenders
from training.engine import steps
from training.benchmark.__main__ import Group, measure, summarise
from training.benchmark.frameworks import Contender


def counting(name: str, amount: int, log: list[str]) -> Contender:
    """A contender that only says when it runs."""
    return Contender(name, amount, lambda: lambda epochs: log.append((name, epochs)))


def test_contenders_take_turns():
    log = []
    rates = measure([counting("a", 10, log), counting("b", 20, log)], repeats=3, seconds=1e-9)
    warm_up = [("a", 1), ("a", 1), ("b", 1), ("b", 1)]
    assert log == warm_up + 3 * [("a", 1), ("b", 1)]
    assert {name: len(own) for name, own in rates.items()} == {"a": 3, "b": 3}
    assert all(rate > 0 for own in rates.values() for rate in own)


@pytest.mark.parametrize("faster", [False, True])
def test_ratios_are_medians_of_ratios_within_a_round(faster):
    rates = {"a": [10.0, 40.0, 20.0], "b": [20.0, 10.0, 10.0]}
    group = Group("title", [], reference="a", ratio="", faster=faster)
    a, b = summarise(group, rates)
    assert a["ratio"] == 1
    assert b["ratio"] == (0.5 if faster else 2.0)  # of 0.5, 4, 2 and of 2, 0.25, 0.5
    assert (a["rate"], a["lowest"], a["highest"]) == (20, 10, 40)


def test_operations_of_a_step():
    assert contenders.flops_per_image() == 4 * 784 * 100 + 6 * (100 * 100 + 100 * 10)


@pytest.mark.parametrize("index", range(4))
def test_loops_train(index):
    """Ours, Sonnet's and Keras' two run whole epochs of a tiny split."""
    contender = contenders.mlp_loops(contenders.random_split(250))[index]
    assert contender.missing() == [] and contender.amount == 200
    contender.prepare()(1)


def test_the_outer_product_is_the_quadratic_layer_in_full():
    tf.random.set_seed(0)
    x = tf.random.normal([3, 5])
    layer = benchmark.OuterProduct(2)
    y = layer(x)
    w = layer.linear.w.numpy().reshape(5, 5, 2)
    np.testing.assert_allclose(y, np.einsum("bi,bj,ijo->bo", x, x, w), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("on_weights", [False, True])
def test_dense_rotations_compute_what_the_sparse_ones_do(on_weights):
    group = wn.groups.cyclic(3, (5, 6))
    x = tf.random.stateless_normal([4, 5, 6, 1], [0, 0])
    dense = benchmark.DenseRotations(group, (4, 3), on_weights)
    y = dense(x)
    net = snt.Sequential([snt.Flatten(), dense.first, wn.functional.gelu, dense.rest])
    np.testing.assert_allclose(y, wn.layers.Synchronous(net, group)(x), atol=1e-5)


def test_every_step_takes_part():
    group = benchmark.training_steps(200)
    assert [c.name for c in group.contenders] == list(steps.STEPS)
    for contender in group.contenders[1:3]:
        contender.prepare()(1)


def test_peak_memory_is_of_a_process_of_its_own():
    """The products of 200 images with 16 matrices of 784 x 784 are 10 MB, the matrices 39 MB."""
    assert 49 < benchmark.peak_memory("synchronous", "images times 784^2 matrices") < 2000


def test_what_has_no_peak():
    with pytest.raises(RuntimeError, match="^the memory of nobody could not be measured: Trace"):
        benchmark.peak_memory("steps", "nobody")


@pytest.mark.parametrize("of_gradient", [False, True])
def test_functions_of_many_numbers(of_gradient, monkeypatch):
    seen = []

    def square(x):
        seen.append(x.shape)
        return x * x

    contenders.elementwise("square", square, 100, of_gradient).prepare()(2)
    assert seen == [[100]]  # traced once, with numbers that are given


def test_values_and_gradients_take_part_alike():
    group = benchmark.iterates(size=50)
    names = [contender.name for contender in group.contenders]
    half = len(names) // 2
    assert [f"{name}: gradient" for name in names[:half]] == names[half:]
    assert {"tf.exp", "exact GELU", "half_exp"} < set(names) and group.reference == "tf.exp"
    assert all(contender.amount == 50 for contender in group.contenders)


def test_one_core_is_all_that_a_process_gets():
    assert benchmark._in_a_process("_cores", "the cores", one_core=True) == 1


def test_a_group_on_one_core(monkeypatch, tmp_path, capsys):
    names = ["exact GELU", "half_exp", "exact GELU: gradient", "half_exp: gradient"]
    rivals = [counting(name, 10, []) for name in names]
    group = Group("A title", rivals, names[0], "x", one_core=True)
    monkeypatch.setitem(benchmark.GROUPS, "iterates", lambda: group)
    called = []

    def here(function, what, *arguments, one_core=False):
        called.append((function, one_core))
        return getattr(benchmark, function)(*arguments)

    monkeypatch.setattr(benchmark, "_in_a_process", here)
    benchmark.benchmark(["iterates"], 2, 1e-9, tmp_path)
    assert called == [("_measure_group", True)]
    assert "half_exp: gradient costs" in capsys.readouterr().out


def test_the_columns_of_a_table():
    row = {"contender": "a", "rate": 1234.5, "lowest": 1, "highest": 2, "ratio": 1.5}
    group = Group("title", [], reference="a", ratio="times")
    head, line = benchmark.to_text(group, [row]).splitlines()[1:]
    assert head.split() == ["images/s", "lowest", "highest", "peak", "MB", "times"]
    assert line.split() == ["a", "1,234", "1", "2", "1.50"]
    head = benchmark.to_text(group._replace(unit="numbers/s"), []).splitlines()[1]
    assert head.split()[0] == "numbers/s"
    (line,) = benchmark.to_text(group, [{**row, "peak_mb": 56.7}]).splitlines()[2:]
    assert line.split() == ["a", "1,234", "1", "2", "57", "1.50"]


def test_the_groups_are_built_in_a_measured_time():
    assert 0 < benchmark.build_seconds(1) < 60


def test_a_whole_run(monkeypatch, tmp_path, capsys):
    missing = Contender("unheard of", 1, lambda: None, (("no-such-package", "no_such_module"),))
    group = Group(
        "A title", [counting("ours", 10, []), counting("theirs", 5, []), missing], "ours", "x"
    )
    monkeypatch.setitem(benchmark.GROUPS, "quadratic", lambda: group)
    tables = benchmark.benchmark(["quadratic"], 2, 1e-9, tmp_path)
    assert [row["contender"] for row in tables["quadratic"]] == ["ours", "theirs"]
    printed = capsys.readouterr().out
    assert "A title" in printed
    assert "unheard of: not installed (pip install no-such-package)" in printed
    written = json.loads((tmp_path / "benchmark.json").read_text())
    assert written["quadratic"] == tables["quadratic"] and "tensorflow" in written["machine"]
    with open(tmp_path / "benchmark.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["contender"], row["round"]) for row in rows] == [
        ("ours", "0"), ("ours", "1"), ("theirs", "0"), ("theirs", "1")
    ]  # fmt: skip
    assert (tmp_path / "benchmark.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "names, repeats, seconds, message",
    [
        (["loop"], 1, 1.0, "only must hold names among .*'loops'.*got 'loop'"),
        ([], 1, 1.0, "only must not be empty"),
        (["loops"], 0, 1.0, "repeats be >= 1"),
        (["loops"], 1, 0.0, "seconds > 0"),
    ],
)
def test_bad_arguments(names, repeats, seconds, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        benchmark.benchmark(names, repeats, seconds, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_unwritable_workdir_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        benchmark.benchmark(["loops"], 1, 1.0, tmp_path / "file" / "below")


def test_an_older_benchmark_is_not_overwritten(tmp_path):
    (tmp_path / "benchmark.json").write_text("older")
    with pytest.raises(ValueError, match="holds a benchmark already: give another --workdir"):
        benchmark.benchmark(["loops"], 1, 1.0, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["benchmark.json"]
    assert (tmp_path / "benchmark.json").read_text() == "older"


@pytest.mark.parametrize(
    "flag, exit_code, message",
    [("--only=loop", 1, "got 'loop'"), ("--repeats=0", 2, "repeats"), ("--seconds=0", 1, "> 0")],
)
def test_a_wrong_flag_is_one_line(command, tmp_path, flag, exit_code, message):
    command(benchmark, flag).assert_failed(message, exit_code=exit_code)
    assert list(tmp_path.iterdir()) == []
