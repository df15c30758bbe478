"""gplearn beside a stand-in for the regression: its programs in SymPy, its time, the table."""

import csv
import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
import sympy

from tests.training.laws import stand_in
from training.studies.feynman import gplearn as compare_gplearn
from training.studies.feynman.laws import genetic
from training.studies.feynman.laws.classify import classify
from training.studies.feynman.laws.genetic import GeneticRegressor, to_sympy
from training.studies.feynman.laws.sample import sample
from training.studies.feynman.laws.score import score
from training.studies.feynman.laws.table import get

METHODS = ["ours", "gplearn, same time", "gplearn, 0.5 s"]


@pytest.fixture(scope="module")
def fitted():
    data = sample(get("I.27.6"), 200)
    return data, GeneticRegressor(0.5).fit(data.x, data.y)


def test_a_program_in_sympy_is_the_program(fitted):
    """Where its protected functions are not in use, it computes the same."""
    data, regressor = fitted
    expression = regressor.to_sympy()
    assert expression.free_symbols and len(str(expression)) > 10
    function = sympy.lambdify([sympy.Symbol(n, positive=True) for n in data.x], expression)
    with np.errstate(all="ignore"):
        values = np.broadcast_to(function(*data.x.to_numpy().T), len(data.x))
    plain = np.isfinite(values)
    assert np.mean(plain) > 0.5
    np.testing.assert_allclose(values[plain], regressor.predict(data.x)[plain], rtol=1e-9)


def test_every_function_in_sympy():
    from gplearn.functions import _function_map as functions

    names = ["I", "v"]  # not the imaginary unit
    x, y = (sympy.Symbol(name, positive=True) for name in names)
    program = [
        functions["div"],
        functions["sub"],
        0,
        1,
        functions["sqrt"],
        functions["mul"],
        0,
        0.5,
    ]
    assert to_sympy(program, names) == (x - y) / sympy.sqrt(x * 0.5)
    program = [functions["add"], functions["neg"], np.int64(1), functions["inv"], 0]
    assert to_sympy(program, names) == 1 / x - y
    assert set(genetic._FUNCTIONS) <= set(functions)


def test_it_finds_an_easy_law_and_stops():
    data = sample(get("I.12.1"), 100)
    regressor = GeneticRegressor(60).fit(data.x, data.y)
    assert score(regressor.to_sympy(), get("I.12.1")).solved
    assert regressor.generations < 20


def test_the_same_seed_finds_the_same():
    data = sample(get("I.27.6"), 50)
    first, again, other = (GeneticRegressor(1e-3, seed).fit(data.x, data.y) for seed in (1, 1, 2))
    assert first.generations == 1
    assert first.to_sympy() == again.to_sympy() != other.to_sympy()


def test_without_gplearn(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="^gplearn is not installed: pip install gplearn$"):
        GeneticRegressor(1)


@pytest.mark.parametrize("seconds", [0, -1, float("inf")])
def test_bad_seconds(seconds):
    with pytest.raises(ValueError, match="^seconds must be a finite number > 0"):
        GeneticRegressor(seconds)


def test_the_table(tmp_path, monkeypatch):
    budgets = []

    def make(seconds, *arguments):
        budgets.append(seconds)
        return GeneticRegressor(seconds, *arguments)

    monkeypatch.setattr(compare_gplearn, "GeneticRegressor", make)
    laws = ["I.12.1", "I.13.4"]
    rows = compare_gplearn.compare(laws, [0.0], [0], tmp_path, 100, 0.5, stand_in.Monomial)
    assert [(row["law"], row["method"]) for row in rows] == [(a, m) for a in laws for m in METHODS]
    assert [row["class"] for row in rows] == 3 * ["monomial"] + 3 * ["posynomial"]
    assert [row["solved"] for row in rows if row["method"] == "ours"] == [True, False]
    assert all(row["status"] == "none" for row in rows if row["method"] != "ours")
    assert budgets[1:] == [rows[0]["seconds"], 0.5, rows[3]["seconds"], 0.5]
    assert rows[5]["seconds"] > 0.4
    with open(tmp_path / "comparison.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["solved"] for row in written] == [str(row["solved"]) for row in rows]
    assert (tmp_path / "comparison.md").read_text() == compare_gplearn.to_markdown(rows)
    assert json.loads((tmp_path / "config.json").read_text())["budget"] == 0.5


def test_the_lines_of_the_table():
    def row(law, method, solved, seconds):
        return {
            "law": law,
            "class": "power",
            "method": method,
            "solved": solved,
            "seconds": seconds,
        }

    rows = [row("A", "ours", True, 1.0), row("A", "theirs", False, 3.0)]
    rows += [row("A", "ours", True, 2.0), row("A", "theirs", True, 5.0), row("B", "ours", False, 9)]
    rows += [row("B", "theirs", False, 10)]
    assert compare_gplearn.to_markdown(rows).splitlines() == [
        "| law | class | ours | theirs |",
        "|---|---|---|---|",
        "| A | power | 2 of 2, 1.5 s | 1 of 2, 4.0 s |",
        "| B | power | 0 of 1, 9.0 s | 0 of 1, 10.0 s |",
        "| all |  | 2 of 3, 2.0 s | 1 of 3, 5.0 s |",
    ]


def test_the_default_laws_are_of_every_class_in_reach():
    laws = compare_gplearn.default_laws()
    classes = [classify(get(law)).name for law in laws]
    assert classes == [n for n in ("monomial", "posynomial", "signomial", "power") for _ in "12"]
    assert len(set(laws)) == 8


def test_the_command(command, monkeypatch):
    calls = []

    def compared(*arguments):
        calls.append(arguments)
        return [{"law": "A", "class": "power", "method": "ours", "solved": True, "seconds": 1.0}]

    monkeypatch.setattr(compare_gplearn, "compare", compared)
    words = ["--laws=I.12.1", "--noise=0", "--seeds=3", "--points=50", "--budget=4"]
    outcome = command(compare_gplearn, *words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert "| A | power | 1 of 1, 1.0 s |" in outcome.stdout
    assert "written to runs/gplearn/: comparison.csv, comparison.md" in outcome.stdout
    assert [*map(str, calls[0])] == ["['I.12.1']", "[0.0]", "[3]", "runs/gplearn", "50", "4.0"]
    command(compare_gplearn)
    assert calls[1][0] == compare_gplearn.default_laws()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--laws=I.0"], "a law's name must be one of"),
        (["--laws="], "laws, noise and seeds must not be empty"),
        (["--budget=0"], "budget must be a finite number > 0, got 0.0"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, message):
    monkeypatch.setattr(pd, "DataFrame", lambda *_: pytest.fail("sampled"))
    command(compare_gplearn, *words).assert_failed(message)
    assert not any(tmp_path.iterdir())
