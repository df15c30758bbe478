"""Ways to fit a law: one trial, the laws themselves, and what the tables say of the runs."""

import math

import numpy as np
import pandas as pd
import pytest

from training.experiments import runner
from training.studies.cooking import contenders, problems
from training.studies.cooking.__main__ import STUDY
from training.studies.cooking.report import report
from training.studies.cooking.trial import exponent_error


def test_the_axes_are_the_laws_and_the_methods():
    assert STUDY.axes["problem"] == tuple(problems.PROBLEMS)
    assert STUDY.axes["method"] == contenders.METHODS


@pytest.mark.slow
def test_a_trial(tmp_path):
    axes = {"problem": ["monomial"], "method": ["least_squares", "differential_evolution"]}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[1], workers=0)
    rows = found["runs"].to_dict("records")
    assert [row["method"] for row in rows] == axes["method"]
    for row in rows:
        assert row["success"] is True and row["test_error"] < 1e-6
        assert row["exponent_error"] < 1e-6 and row["validation_error"] < 1e-6
        assert row["starts"] == 1 and 0 < row["seconds"] < 2


def test_the_problems_are_what_their_formulas_say():
    x = np.random.default_rng(0).uniform(1, 3, (5, 6))
    for name, problem in problems.PROBLEMS.items():
        formula = problem.formula.split(",")[0].replace("^", "**").replace(" + ", "+")
        terms = [term.replace("/ ", "/").replace(" /", "/") for term in formula.split("+")]
        code = "+".join(term.strip().replace(" ", "*") for term in terms)
        names = {f"x{i}": x[:, i] for i in range(6)}
        expected = eval(code, {"exp": np.exp, **names})
        np.testing.assert_allclose(problem(x[:, : problem.inputs]), expected, err_msg=name)


def test_samples():
    clean, noisy = problems.PROBLEMS["two_terms"], problems.PROBLEMS["noisy"]
    data, (x, y) = clean.sample(0)
    other, (x_too, y_too) = noisy.sample(0)
    np.testing.assert_array_equal(y[:, 0], clean(x))
    np.testing.assert_array_equal(y_too[:, 0], noisy(x_too))
    r = other.train_targets[:, 0] - noisy(other.train_inputs)
    rms = np.sqrt(np.mean(noisy(other.train_inputs) ** 2))
    assert np.std(r) / rms == pytest.approx(0.01, rel=0.2)
    assert {len(a) for a in data} == {200, 100} and len(x) == 1000
    assert np.any(clean.sample(1)[0].train_inputs != data.train_inputs)


def test_exponents_are_compared_in_any_order():
    problem = problems.PROBLEMS["two_terms"]
    found = np.array(problem.exponents)[::-1] + 1e-4
    assert exponent_error(problem, found) == pytest.approx(1e-4)
    assert exponent_error(problem, found[:1]) == math.inf
    assert exponent_error(problems.PROBLEMS["outside"], found) is None
    for law in problems.PROBLEMS.values():
        low, high = contenders.EXPONENTS
        assert all(low < a < high for term in law.exponents for a in term)
        low, high = contenders.LOG_COEFFICIENTS
        assert all(low < math.log(c) < high for c in law.coefficients)


@pytest.mark.slow
def test_differential_evolution_ends_in_time():
    problem = problems.PROBLEMS["three_terms"]
    data, _ = problem.sample(0)
    exponents, c, starts = contenders.differential_evolution(data, 3, 0, 1e-3)
    assert exponents.shape == (3, 6) and c.shape == (3,) and starts == 1
    assert exponent_error(problem, exponents) > 1e-2


def _row(problem, method, success, error, seconds):
    known = {"problem": problem, "method": method, "success": success, "test_error": error}
    wrong = None if success is None else error
    return {**known, "seconds": seconds, "starts": 1, "exponent_error": wrong}


def test_the_tables_follow_from_the_numbers():
    rows = [
        _row("two_terms", "slow", True, 0.1, 3),
        _row("two_terms", "quick", True, 0.2, 1),
        _row("two_terms", "wrong", False, 0.01, 0.5),
        _row("noisy", "slow", False, 0.1, 3),
        _row("noisy", "quick", False, 0.3, 1),
        _row("outside", "slow", None, 0.1, 3),
        _row("outside", "quick", None, 0.01, 9),
    ]
    found = report({"runs": pd.DataFrame(rows)})
    lawful, error = "most often, then soonest", "least test error"
    assert found.tables["ranking"].to_numpy().tolist() == [
        ["two_terms", lawful, 1, "quick", "1 of 1", "1.0", "2.0e-01"],
        ["two_terms", lawful, 2, "slow", "1 of 1", "3.0", "1.0e-01"],
        ["two_terms", lawful, 3, "wrong", "0 of 1", "0.5", "1.0e-02"],
        ["noisy", error, 1, "slow", "0 of 1", "3.0", "1.0e-01"],  # nobody finds it
        ["noisy", error, 2, "quick", "0 of 1", "1.0", "3.0e-01"],
        ["outside", error, 1, "quick", "", "9.0", "1.0e-02"],
        ["outside", error, 2, "slow", "", "3.0", "1.0e-01"],
    ]
    assert found.tables["fits"].to_numpy().tolist()[1] == [
        "two_terms", "quick", "1 of 1", "2.0e-01", "2.0e-01", "1", "1.0"
    ]  # fmt: skip
    counts = found.tables["found"]
    assert list(counts) == ["problem", "slow", "quick", "wrong"]
    assert list(counts["problem"]) == ["two_terms", "noisy"]
    assert list(counts.iloc[0]) == ["two_terms", "1 of 1", "1 of 1", "0 of 1"]
    hollow = [line.get_fillstyle() for line in found.figures["errors"].axes[0].lines]
    assert hollow == ["full", "full", "none"]
