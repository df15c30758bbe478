"""gplearn beside the regression: its programs in SymPy, its time, the table."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import sympy

from tests.training.fitting.laws import stand_in
from training.experiments import runner
from training.fitting.laws import attempt as attempts
from training.fitting.laws.classify import CLASSES, classify
from training.fitting.laws.sample import sample
from training.fitting.laws.score import score
from training.fitting.laws.table import get, load
from training.studies.feynman_gplearn import trial as one
from training.studies.feynman_gplearn.__main__ import LAWS, STUDY
from training.studies.feynman_gplearn.genetic import FUNCTIONS, GeneticRegressor, to_sympy
from training.studies.feynman_gplearn.report import report


@pytest.fixture(scope="module")
def fitted():
    data = sample(get("I.27.6"), 200)
    return data, GeneticRegressor(0.5).fit(data.x, data.y)


@pytest.mark.slow
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
    div, sub, sqrt, mul = (functions[name] for name in ("div", "sub", "sqrt", "mul"))
    assert to_sympy([div, sub, 0, 1, sqrt, mul, 0, 0.5], names) == (x - y) / sympy.sqrt(x * 0.5)
    program = [functions["add"], functions["neg"], np.int64(1), functions["inv"], 0]
    assert to_sympy(program, names) == 1 / x - y
    assert set(FUNCTIONS) <= set(functions)


def test_it_finds_an_easy_law_and_stops():
    data = sample(get("I.12.1"), 100)
    regressor = GeneticRegressor(60).fit(data.x, data.y)
    assert score(regressor.to_sympy(), get("I.12.1")).solved
    assert regressor.generations < 20


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_trial(tmp_path, monkeypatch):
    """Both get the same rows, gplearn the regression's time, and then its budget."""
    budgets = []

    def make(seconds, *arguments):
        budgets.append(seconds)
        return GeneticRegressor(seconds, *arguments)

    def attempt(*arguments):
        return attempts.attempt(*(arguments if len(arguments) > 4 else (*arguments, Ours)))

    class Ours(stand_in.Monomial):
        pass

    monkeypatch.setattr(one, "GeneticRegressor", make)
    monkeypatch.setattr(one, "attempt", attempt)
    axes, settings = {"law": ["I.12.1", "I.13.4"], "noise": [0]}, {"points": 100, "budget": 0.3}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    rows = found["runs"].sort_values("class", kind="stable").to_dict("records")
    methods = ["ours", "gplearn, same time", "gplearn, 0.3 s"]
    assert [(row["law"], row["method"]) for row in rows] == [
        (law, method) for law in axes["law"] for method in methods
    ]
    assert [row["class"] for row in rows] == 3 * ["monomial"] + 3 * ["posynomial"]
    assert [row["solved"] for row in rows if row["method"] == "ours"] == [True, False]
    assert all(row["claim"] == "none" for row in rows if row["method"] != "ours")
    assert budgets == [0.3, rows[0]["seconds"], 0.3, 0.3, rows[3]["seconds"], 0.3]
    assert rows[5]["seconds"] > 0.2


def test_the_table():
    def row(law, method, solved, seconds):
        return {"law": law, "class": "power", "method": method, "solved": solved,
                "seconds": seconds}  # fmt: skip

    rows = [row("A", "ours", True, 1.0), row("A", "theirs", False, 3.0)]
    rows += [row("A", "ours", True, 2.0), row("A", "theirs", True, 5.0), row("B", "ours", False, 9)]
    rows += [row("B", "theirs", False, 10)]
    table = report({"runs": pd.DataFrame(rows)}).tables["solved"]
    assert list(table) == ["law", "class", "ours", "theirs"]
    assert table.to_numpy().tolist() == [
        ["A", "power", "2 of 2, 1.5 s", "1 of 2, 4.0 s"],
        ["B", "power", "0 of 1, 9.0 s", "0 of 1, 10.0 s"],
        ["all", "", "2 of 3, 2.0 s", "1 of 3, 5.0 s"],
    ]


def test_the_default_laws_are_the_first_and_the_last_of_every_class_in_reach():
    members = [[e.name for e in load() if classify(e).name == name] for name in CLASSES[:-1]]
    assert list(LAWS) == [law for own in members for law in (own[0], own[-1])]
    every = [*STUDY.axes["law"], *STUDY.options["law"]]
    assert sorted(every) == sorted(equation.name for equation in load())
