"""The comparison of ways to fit: that it is what the runs say, and that it goes on."""

import csv
import json
import math

import numpy as np
import pytest

from training.studies.cooking import __main__ as compare_cooking
from training.studies.cooking import contenders
from training.studies.cooking import problems

METHODS = ["least_squares", "differential_evolution"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """A comparison that was interrupted after its first method, and then finished."""
    folder = tmp_path_factory.mktemp("cooking") / "table"
    compare_cooking.compare(["monomial"], METHODS[:1], 1, 2.0, folder)
    stamp = (folder / "monomial-least_squares-seed0.json").stat().st_mtime_ns
    rows = compare_cooking.compare(["monomial"], METHODS, 2, 2.0, folder)
    return folder, rows, stamp


def test_a_row_for_each_run(comparison):
    folder, rows, stamp = comparison
    assert [(r["method"], r["seed"]) for r in rows] == [(m, s) for m in METHODS for s in (0, 1)]
    for row in rows:
        assert tuple(row) == compare_cooking.COLUMNS
        assert row["success"] and row["test_error"] < 1e-6 and row["exponent_error"] < 1e-6
        file = f"monomial-{row['method']}-seed{row['seed']}.json"
        assert json.loads((folder / file).read_text()) == row
    assert (folder / "monomial-least_squares-seed0.json").stat().st_mtime_ns == stamp
    with open(folder / "runs.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{k: str(v) for k, v in row.items()} for row in rows]
    assert (folder / "errors.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = (folder / "table.md").read_text()
    assert table.startswith(compare_cooking.to_markdown(rows))
    assert table.endswith(compare_cooking.verdicts(rows))
    with pytest.raises(ValueError, match="another configuration .*seconds: 2.0 there, 3.0 here"):
        compare_cooking.compare(["monomial"], METHODS, 2, 3.0, folder)


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
    assert compare_cooking._exponent_error(problem, found) == pytest.approx(1e-4)
    assert compare_cooking._exponent_error(problem, found[:1]) == math.inf
    assert compare_cooking._exponent_error(problems.PROBLEMS["outside"], found) is None
    for law in problems.PROBLEMS.values():
        low, high = contenders.EXPONENTS
        assert all(low < a < high for term in law.exponents for a in term)
        low, high = contenders.LOG_COEFFICIENTS
        assert all(low < math.log(c) < high for c in law.coefficients)


def test_differential_evolution_ends_in_time():
    problem = problems.PROBLEMS["three_terms"]
    data, _ = problem.sample(0)
    exponents, c, starts = contenders.differential_evolution(data, 3, 0, 1e-3)
    assert exponents.shape == (3, 6) and c.shape == (3,) and starts == 1
    assert compare_cooking._exponent_error(problem, exponents) > 1e-2


def _row(problem, method, success, error, seconds):
    known = {"problem": problem, "method": method, "success": success, "test_error": error}
    return {**known, "seconds": seconds, "starts": 1, "exponent_error": error}


def test_verdicts_follow_from_the_numbers():
    rows = [
        _row("a", "slow", True, 0.1, 3),
        _row("a", "quick", True, 0.2, 1),
        _row("a", "wrong", False, 0.0, 0.5),
        _row("b", "slow", False, 0.1, 3),
        _row("c", "slow", None, 0.1, 3),
        _row("c", "quick", None, 0.01, 9),
    ]
    a, b, c = compare_cooking.verdicts(rows).splitlines()
    assert a.endswith("quick 1/1 in 1.0 s, slow 1/1 in 3.0 s, wrong 0/1 in 0.5 s")
    assert b.startswith("- b: nobody finds the law: ")
    assert c == "- c: least test error, median: quick 1.0e-02, slow 1.0e-01"
    assert "| a | quick | 1 / 1 | 2.0e-01 | 2.0e-01 | 1 | 1.0 |" in compare_cooking.to_markdown(
        rows
    )


def test_the_command(comparison, command, monkeypatch):
    folder, rows, _ = comparison
    monkeypatch.setattr(compare_cooking, "run", lambda *_: pytest.fail("ran"))
    words = ["--problems=monomial", f"--methods={','.join(METHODS)}", "--repetitions=2"]
    outcome = command(compare_cooking, *words, "--fit_seconds=2", f"--workdir={folder}")
    assert outcome.exit_code == 0, outcome
    assert outcome.stdout.startswith(compare_cooking.to_markdown(rows))
    assert f"written to {folder}/: runs.csv, table.md, errors.png" in outcome.stdout


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--problems=riddle"], 1, "problems must be one of ['monomial', "),
        (["--methods="], 1, "methods must be at least one, and each once, got []"),
        (["--methods=adam,adam"], 1, "methods must be at least one, and each once"),
        (["--fit_seconds=0"], 1, "seconds must be a finite number > 0, got 0.0"),
        (["--repetitions=0"], 2, "--repetitions=0"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(compare_cooking, "run", lambda *_: pytest.fail("ran"))
    command(compare_cooking, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
