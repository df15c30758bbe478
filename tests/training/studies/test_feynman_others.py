"""gplearn, Operon and the bound beside the regression: formulas in SymPy, time, a trial, tables."""

import functools
import sys
import time

import numpy as np
import pandas as pd
import pytest
import sympy

from tests.training.fitting.laws import stand_in
from training.experiments import runner
from training.fitting.laws.classify import classify
from training.fitting.laws.names import NAMES
from training.fitting.laws.sample import sample
from training.fitting.laws.score import score
from training.fitting.laws.table import get, load, symbol
from training.studies.feynman_others import trial as one
from training.studies.feynman_others.__main__ import STUDY
from training.studies.feynman_others.genetic import FUNCTIONS, GeneticRegressor, to_sympy
from training.studies.feynman_others.given import GivenForm, constants_error
from training.studies.feynman_others.operon import OperonRegressor
from training.studies.feynman_others.report import report
from training.studies.feynman_others.rounding import readings

METHODS = [GeneticRegressor, OperonRegressor]
each_method = pytest.mark.parametrize("method", METHODS)
x, y = symbol("x"), symbol("y")


@functools.cache
def fitted(method):
    data = sample(get("I.27.6"), 200)
    began = time.process_time()
    regressor = method(0.5).fit(data.x, data.y)
    return data, regressor, time.process_time() - began


@pytest.mark.slow
@each_method
def test_a_formula_in_sympy_is_the_model(method):
    """Where protected functions are not in use, it computes the same."""
    data, regressor, _ = fitted(method)
    expression = regressor.to_sympy()
    assert expression.free_symbols <= {symbol(name) for name in data.x}
    assert expression.free_symbols and len(str(expression)) > 10
    function = sympy.lambdify([symbol(name) for name in data.x], expression)
    with np.errstate(all="ignore"):
        values = np.broadcast_to(function(*data.x.to_numpy().T), len(data.x))
    plain = np.isfinite(values)
    assert np.mean(plain) > 0.5
    rtol = 1e-9 if method is GeneticRegressor else 1e-3  # float32
    np.testing.assert_allclose(values[plain], regressor.predict(data.x)[plain], rtol=rtol)
    assert np.ptp(values[plain]) > 10 * rtol


@pytest.mark.slow
@each_method
def test_it_takes_its_seconds_of_cpu(method):
    _, regressor, seconds = fitted(method)
    assert regressor.generations > 1 and 0.5 <= seconds < 2
    assert regressor.status_ == "none"


@pytest.mark.slow
@each_method
def test_the_same_seed_finds_the_same(method):
    data = sample(get("I.27.6"), 50)
    first, again, other = (method(1e-3, seed).fit(data.x, data.y) for seed in (1, 1, 2))
    assert first.generations == 1
    assert first.to_sympy() == again.to_sympy() != other.to_sympy()


@pytest.mark.slow
def test_gplearn_finds_an_easy_law_and_stops():
    data = sample(get("I.12.1"), 100)
    regressor = GeneticRegressor(60).fit(data.x, data.y)
    assert score(regressor.to_sympy(), get("I.12.1")).solved
    assert regressor.generations < 20


@pytest.mark.slow
def test_operon_finds_an_easy_law_and_goes_on_from_generation_to_generation():
    data, law = sample(get("II.37.1"), 100), get("II.37.1")
    short, long = (OperonRegressor(s).fit(data.x, data.y) for s in (1e-3, 1.5))
    solved = [
        any(score(m, law).solved for m in (r.to_sympy(), *readings(r.to_sympy())))
        for r in (short, long)
    ]
    assert solved == [False, True]


def test_every_function_of_gplearn_in_sympy():
    names = ["I", "v"]  # not the imaginary unit
    own = {f.name: f for f in _functions()}
    assert list(own) == list(FUNCTIONS)
    a, b = (symbol(name) for name in names)
    program = [own["div"], own["sub"], 0, 1, own["sqrt"], own["mul"], 0, 0.5]
    assert to_sympy(program, names) == (a - b) / sympy.sqrt(a * 0.5)
    program = [own["add"], own["exp"], np.int64(1), own["log"], own["sin"], own["cos"], 0]
    assert to_sympy(program, names) == sympy.exp(b) + sympy.log(sympy.sin(sympy.cos(a)))
    a_minus_b = [own["sub"], 0, 1]
    assert to_sympy([own["sqrt"], *a_minus_b], names) == sympy.sqrt(a - b)  # it takes |a - b|
    minus_a = [own["mul"], -4.0, 0]
    assert to_sympy([own["sqrt"], *minus_a], names) == 2.0 * sympy.sqrt(a)
    assert not to_sympy([own["log"], *minus_a], names).has(sympy.I)
    values = own["exp"](np.array([-1e9, 0.0, 1.0, 1e9]))
    np.testing.assert_allclose(values[:3], [0, 1, np.e])
    assert np.isfinite(values[3] ** 2)


def _functions():
    from gplearn.functions import _function_map

    given = GeneticRegressor(1).regressor.function_set
    return [_function_map.get(f, f) if isinstance(f, str) else f for f in given]


@pytest.mark.parametrize(
    ("method", "name"), list(zip(METHODS, ["gplearn", "pyoperon"], strict=True))
)
def test_without_the_package(method, name, monkeypatch):
    for module in (name, "gplearn.functions", "pyoperon.sklearn"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"^{name} is not installed: pip install {name}$"):
        method(1)


@each_method
@pytest.mark.parametrize("seconds", [0, -1, float("inf")])
def test_bad_seconds(method, seconds):
    with pytest.raises(ValueError, match="^seconds must be a finite number > 0"):
        method(seconds)


@each_method
def test_bad_seed(method):
    with pytest.raises(ValueError, match="^seed must be an integer >= 0"):
        method(1, -1)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (2.0004 * x + 3e-5 * y, {2 * x}),
        (0.0004 * x + 1.5, {sympy.Rational(3, 2), sympy.Rational(4, 10**4) * x + 1.5}),
        (12.3456 * x, {sympy.Rational("12.346") * x, sympy.Rational("12.3") * x}),
        (x**0.33334 * y**-1.4999, {x ** sympy.Rational(1, 3) * y ** sympy.Rational(-3, 2)}),
        (-0.66666 * sympy.sqrt(x), {sympy.Rational("-0.667") * sympy.sqrt(x)}),
        (1 / (1e-5 * x + 2e-5 * y), set()),
        (x / 3, {x / 3}),
    ],
)
def test_readings(model, expected):
    found = {sympy.nsimplify(m, rational=True) for m in readings(model)}
    assert found == {sympy.nsimplify(e, rational=True) for e in expected}


def test_the_bound_is_least_squares_of_the_constants():
    """Of a root of a sum, whose noise no logarithm and no square leaves as it is."""
    law = get("I.10.7")
    data = sample(law, 500, 0.01)
    given = GivenForm(law).fit(data.x, data.y)

    def loss(factors):
        other = GivenForm(law)
        other.factors = np.asarray(factors)
        return np.mean((other.predict(data.x) - data.y) ** 2)

    least = loss(given.factors)
    for k in range(len(given.factors)):
        for step in (-1e-3, 1e-3):
            moved = given.factors.copy()
            moved[k] += step
            assert loss(moved) > least
    assert least < loss(np.ones_like(given.factors))
    values = sympy.lambdify([symbol(n) for n in data.x], given.to_sympy())(*data.x.to_numpy().T)
    np.testing.assert_allclose(values, given.predict(data.x), rtol=1e-12)
    error = constants_error(given.to_sympy(), law)
    assert error == pytest.approx(np.max(np.abs(given.factors - 1)), rel=1e-9) and error > 1e-6


@pytest.mark.slow
def test_the_bound_knows_every_law_in_reach():
    laws = [law for law in load() if classify(law).name != "outside"]
    assert len(laws) == 65
    for law in laws:
        data = sample(law, 100)
        given = GivenForm(law).fit(data.x, data.y)
        scale = np.sqrt(np.mean(data.clean**2))
        np.testing.assert_allclose(given.predict(data.x), data.clean, atol=1e-9 * scale)
        assert constants_error(given.to_sympy(), law) < 1e-6, law.name


def test_the_bound_refuses_other_laws():
    with pytest.raises(ValueError, match=r"^equation must be a signomial to a power, got I\.6\.2a"):
        GivenForm(get("I.6.2a"))


def test_errors_of_constants():
    law = get("II.37.1")  # mom (1 + chi) B
    mom, chi, b = (symbol(name) for name in ("mom", "chi", "B"))
    assert constants_error(mom * b * (1.01 + 0.98 * chi), law) == pytest.approx(0.02)
    root, negative = get("I.8.14"), -sympy.sqrt(get("I.8.14").expression ** 2)
    assert constants_error(-negative, root) == 0 and np.isnan(constants_error(negative, root))
    for other in (mom * b * (1 + chi**2), mom * b, sympy.sqrt(mom * b * (1 + chi)), sympy.sin(mom)):
        assert np.isnan(constants_error(other, law))
    assert np.isnan(constants_error(mom, get("I.6.2a")))


class Found:
    """A stand-in that finds what it is told."""

    status_ = "none"

    def __init__(self, formula):
        self.model = sympy.parse_expr(formula, {n: symbol(n) for n in ("mu", "Nn")})

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.ones(len(x))

    def to_sympy(self):
        return self.model


@pytest.fixture
def made(monkeypatch):
    """Stand-ins for the three, and what the others are made with."""
    calls = []

    def make(formula, *arguments):
        calls.append(arguments)
        return Found(formula)

    monkeypatch.setattr(one, "posynomial_regressor", stand_in.Monomial)
    monkeypatch.setattr(one, "GeneticRegressor", functools.partial(make, "mu + Nn"))
    dusty = "1.0001*Nn*mu + 0.00002*mu"
    monkeypatch.setattr(one, "OperonRegressor", functools.partial(make, dusty))
    return calls


def test_a_trial(tmp_path, made):
    axes, settings = {"law": ["I.12.1", "I.6.2a"], "noise": [0]}, {"points": 100, "budget": 0.3}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[3], settings=settings, workers=0)
    rows = found["runs"].sort_values("class", kind="stable").to_dict("records")
    assert [(row["law"], row["method"]) for row in rows] == [
        *[("I.12.1", method) for method in ("ours", "gplearn", "operon", "curve_fit")],
        *[("I.6.2a", method) for method in ("gplearn", "operon")],
    ]
    ours, gplearn, operon, given = rows[:4]
    assert [row["solved"] for row in rows[:4]] == [True, False, True, True]
    assert [row["rounded"] for row in rows[:4]] == [False, False, True, False]
    assert operon["same_terms"] and np.isnan(operon["constants_error"])  # as it was found
    assert ours["constants_error"] < 1e-9 and given["constants_error"] < 1e-9
    assert gplearn["constants_error"] == ""
    assert not any(row["solved"] for row in rows[4:])
    assert made == [(0.3, 3)] * 4


def test_a_fit_that_is_refused_is_a_row(made, monkeypatch):
    monkeypatch.setattr(one, "posynomial_regressor", stand_in.Refuses)
    rows = one.trial({"law": "I.12.1", "noise": 0}, 0, None, points=10, budget=1)
    assert (rows[0]["claim"], rows[0]["solved"]) == ("error", False) and rows[2]["solved"]


def test_all_laws_are_tried():
    assert tuple(STUDY.axes["law"]) == NAMES and tuple(STUDY.axes["noise"]) == (0, 0.01)
    assert tuple(STUDY.seeds) == (0,)


def run(law, kind, noise, method, solved, seconds, values=1.0, constants=np.nan):
    return {"law": law, "class": kind, "noise": noise, "seed": 0, "method": method,
            "solved": solved, "same_terms": solved, "seconds": seconds,
            "relative_error": values, "constants_error": constants}  # fmt: skip


@pytest.fixture
def tables():
    rows = []
    for noise in (0.0, 0.01):
        for law, ours, theirs in (("A", 1.05, 1.0), ("B", 3.0, 2.0), ("C", 9.0, 1.0)):
            solved = law != "C"
            rows += [run(law, "power", noise, "ours", solved, 2, ours, ours * 2)]
            rows += [run(law, "power", noise, "gplearn", law == "A", 10)]
            rows += [run(law, "power", noise, "operon", False, 11)]
            rows += [run(law, "power", noise, "curve_fit", True, 0, theirs, theirs * 4)]
        rows += [run("D", "outside", noise, method, method == "operon" and noise > 0, 7)
                 for method in ("gplearn", "operon")]  # fmt: skip
    return report({"runs": pd.DataFrame(rows)}).tables


def test_the_tables_of_what_is_solved(tables):
    solved = tables["solved"]
    assert list(solved) == ["noise", "laws solved", "of", "ours", "gplearn", "operon"]
    assert solved[solved["noise"] == "0.01"].to_numpy().tolist() == [
        ["0.01", "power", 3, "2", "1", "0"],
        ["0.01", "in reach", 3, "2", "1", "0"],
        ["0.01", "outside", 1, "", "0", "1"],
        ["0.01", "all", 4, "2", "1", "1"],
        ["0.01", "median seconds", "", "2.0", "10.0", "11.0"],
    ]
    assert solved[solved["noise"] == "0"]["operon"].tolist() == ["0", "0", "0", "0", "11.0"]
    assert tables["outside"].to_numpy().tolist() == [
        ["0", "gplearn", "none"], ["0", "operon", "none"],
        ["0.01", "gplearn", "none"], ["0.01", "operon", "D"],
    ]  # fmt: skip


def test_the_tables_of_accuracy(tables):
    """At noise alone, of laws whose terms are right; the one that is not counts in `laws`."""
    values, constants = tables["accuracy"].to_dict("records")
    both = np.sqrt((1.05**2 + 3**2) / (1 + 2**2))
    assert values == {
        "noise": "0.01",
        "our error over curve_fit's": "values on new rows",
        "laws": "2 of 3",
        "<= 1.1, %": "50.0",
        "median": "1.275",
        "largest": "1.500",
        "together": f"{both:.3f}",
    }
    assert constants["<= 1.1, %"] == "100.0" and constants["together"] == f"{both / 2:.3f}"
    assert tables["worst"].iloc[:, :4].to_numpy().tolist() == [
        ["0.01", "B", "3.00e+00", "2.00e+00"],
        ["0.01", "A", "1.05e+00", "1.00e+00"],
    ]
    assert tables["worst"]["ratio of values"].tolist() == ["1.500", "1.050"]
