"""Products learned on [1, 2] and tested on [2, 6]: the task, the rule, training and command."""

import csv
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from training.studies.arithmetic import __main__ as extrapolate_product
from training.studies.arithmetic import models as product_models
from training.studies.arithmetic.__main__ import extrapolate, wilson
from training.studies.arithmetic.models import Phase
from training.studies.arithmetic.task import Task, draw_rows, mean_squared_error

SEED = 100  # the command's own figures are of other seeds
QUICK = {"lm_steps": 200, "adam_steps": 2000}


@pytest.fixture(scope="module")
def trainers():
    """A trainer of each model, compiled once; Levenberg-Marquardt with fewer rows."""
    return {
        "posynomial": product_models.LevenbergMarquardt(product_models.MonomialOfSums(), 512),
        "posynomial_adam": product_models.Adam(product_models.MonomialOfSums(), 32),
        "mlp": product_models.MODELS["mlp"](),
    }


@pytest.fixture
def quick_models(trainers, monkeypatch):
    for name, trainer in trainers.items():
        monkeypatch.setitem(product_models.MODELS, name, lambda trainer=trainer: trainer)


def outputs_of(trainer, rows):
    return trainer.network.decode(trainer.network(tf.constant(rows)))[:, 0].numpy()


def brute_force(rows, a, b):
    """The products of the sums of rows[a], ..., rows[a + 24] and rows[b], ..., rows[b + 24]."""
    products = []
    for row in rows:
        first = second = 0.0
        for i in range(25):
            first += row[a + i]
            second += row[b + i]
        products.append(first * second)
    return np.array(products)


@pytest.mark.parametrize("seed", range(5))
def test_the_task_is_the_product_of_two_sums(seed):
    task = Task.draw(seed)
    rows = draw_rows(seed, 1, 30, (1.0, 2.0))
    np.testing.assert_allclose(task.targets(rows), brute_force(rows, task.a, task.b), rtol=1e-13)
    assert (task.weights.sum(axis=0) == 25).all()
    assert (task.weights.sum(axis=1) == 2).sum() == 12  # the overlap
    assert set(task.weights.flat) == {0.0, 1.0}


def test_all_placements_occur_and_no_others():
    places = [Task.draw(seed).a for seed in range(1500)]
    assert set(places) == set(range(63))


def test_rows_are_uniform_and_differ_between_streams():
    inside, outside = draw_rows(3, 2, 2000, (1.0, 2.0)), draw_rows(3, 3, 2000, (2.0, 6.0))
    assert stats.kstest(inside.flat, stats.uniform(1, 1).cdf).pvalue > 1e-3
    assert stats.kstest(outside.flat, stats.uniform(2, 4).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(inside.flat, outside.flat)[0, 1]) < 0.02
    np.testing.assert_array_equal(inside, draw_rows(3, 2, 2000, (1.0, 2.0)))


def test_the_threshold_is_the_error_of_a_nearly_perfect_solution():
    task, epsilon = Task.draw(7), 1e-5
    rows = draw_rows(7, 3, 200, (2.0, 6.0))
    squares = []
    for row in rows:
        sums = []
        for start in (task.a, task.b):
            inside = row[start : start + 25].sum()
            sums.append((1 - epsilon) * inside + epsilon * (row.sum() - inside))
        squares.append((sums[0] * sums[1] - brute_force([row], task.a, task.b)[0]) ** 2)
    assert task.threshold(rows) == pytest.approx(np.mean(squares), rel=1e-6)
    # With sums 100 and 300 outside, each is 2e-3 too large, and the product 0.4.
    assert task.threshold(rows) == pytest.approx(0.4**2, rel=0.05)
    assert task.threshold(rows, 1e-4) == pytest.approx(100 * task.threshold(rows), rel=1e-2)


@pytest.mark.parametrize("epsilon", [0, -1e-5, 0.5, math.nan])
def test_bad_epsilon(epsilon):
    with pytest.raises(ValueError, match=r"epsilon must be in \(0, 1/2\)"):
        Task.draw(0).threshold(np.ones([2, 100]), epsilon)


@pytest.mark.parametrize("trials", [1, 5, 20, 100])
def test_wilson(trials):
    for successes in range(trials + 1):
        for confidence in (0.8, 0.95):
            expected = stats.binomtest(successes, trials).proportion_ci(confidence, "wilson")
            assert wilson(successes, trials, confidence) == pytest.approx(
                tuple(expected), abs=1e-12
            )


@pytest.mark.parametrize("arguments", [(0, 0), (-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0)])
def test_bad_rates(arguments):
    with pytest.raises(ValueError, match="must be in"):
        wilson(*arguments)


def test_a_step_solves_the_damped_normal_equations(trainers):
    """The first step, against the derivatives written out and NumPy's solver."""
    trainer, task, ridge = trainers["posynomial"], Task.draw(SEED), 1e-5
    network = trainer.network
    trainer.begin(task, SEED)
    before = [v.numpy() for v in (network.sums.w, network.exponents, network.monomial.b)]
    theta = network.monomial.theta.numpy()
    trainer.run(Phase(1, ridge), lambda steps: None)
    after = [v.numpy() for v in (network.sums.w, network.exponents, network.monomial.b)]
    np.testing.assert_array_equal(network.monomial.theta.numpy(), theta)

    # XLA draws other numbers than TensorFlow does without it.
    draw = tf.function(tf.random.stateless_uniform, jit_compile=True)
    x = draw([512, 100], [SEED, 0], 1.0, 2.0, tf.float64).numpy()
    w, a, b = before
    sums = x @ w
    constant = b + 20 * np.tanh(theta[0, 0] / 20)
    errors = constant + np.log(sums) @ a[:, 0] - np.log(brute_force(x, task.a, task.b))
    slopes = (x[:, :, None] * (a[:, 0] / sums)[:, None, :]).reshape(512, 200)
    jacobian = np.hstack([slopes, np.log(sums), np.ones([512, 1])])
    penalty = np.r_[np.zeros(200), ridge, ridge, 0]
    matrix = jacobian.T @ jacobian / 512 + np.diag(penalty + 1e-3)
    gradient = jacobian.T @ errors / 512 + penalty * np.r_[np.zeros(200), a[:, 0], 0]
    step = np.linalg.solve(matrix, gradient)
    moved = np.concatenate([(old - new).ravel() for old, new in zip(before, after, strict=True)])
    assert np.abs(step).max() > 1e-2
    np.testing.assert_allclose(moved, step, rtol=1e-6, atol=1e-9)


def test_the_ridge_leads_to_equal_exponents(trainers):
    """Without it, the exponents stay where the search met the circle of nearly equal fits."""
    trainer, task, exponents = trainers["posynomial"], Task.draw(SEED), {}
    for ridge in (0.0, 1e-5):
        found = []
        for seed in (101, 102):
            trainer.begin(task, seed)
            trainer.run(Phase(60, ridge), lambda steps: None)
            found.append(trainer.network.exponents.numpy()[:, 0])
        exponents[ridge] = np.array(found)
    assert (np.abs(exponents[1e-5] - 1) < 0.1).all()
    assert (np.abs(exponents[0.0] - 1) > 0.5).any()
    np.testing.assert_allclose(exponents[0.0].sum(axis=1), 2, atol=0.05)


def test_rounded_exponents_stay(trainers):
    for name in ("posynomial", "posynomial_adam"):
        trainer = trainers[name]
        trainer.begin(Task.draw(SEED), SEED)
        trainer.network.exponents.assign([[1.3], [0.8]])
        weights = trainer.network.sums.w.numpy()
        trainer.run(Phase(5, rounded=True), lambda steps: None)
        np.testing.assert_array_equal(trainer.network.exponents.numpy(), [[1.0], [1.0]])
        assert (trainer.network.sums.w.numpy() != weights).all()


def test_calls_do_not_change_the_numbers(trainers, monkeypatch):
    trainer, weights = trainers["posynomial_adam"], []
    for size in (20, 7):
        monkeypatch.setattr(trainer, "steps_a_call", size)
        reports = []
        trainer.begin(Task.draw(SEED), SEED)
        trainer.run(Phase(20, 1e-5), reports.append)
        weights.append(trainer.network.sums.w.numpy())
        assert sum(reports) == 20 and len(reports) == math.ceil(20 / size)
    np.testing.assert_array_equal(*weights)


def test_adam_lowers_the_error(trainers):
    trainer, task = trainers["posynomial_adam"], Task.draw(SEED)
    rows = draw_rows(SEED, 1, 500, (1.0, 2.0))
    errors = []
    trainer.begin(task, 101)
    for _ in range(2):
        errors.append(np.mean(np.log(outputs_of(trainer, rows) / task.targets(rows)) ** 2))
        trainer.run(Phase(300), lambda steps: None)
    assert errors[1] < errors[0] / 100


def test_a_network_of_sums_extrapolates_and_an_mlp_does_not(tmp_path, quick_models):
    rows = extrapolate(["posynomial", "mlp"], [SEED], tmp_path / "run", **QUICK)
    posynomial, mlp = rows
    assert posynomial["success"] == 1 and posynomial["extrapolation_mse"] < 1e-9
    assert mlp["success"] == 0 and mlp["extrapolation_mse"] > 1e4 * mlp["threshold"]
    # The MLP has learned the product where it was trained: nine tenths of the variance and more.
    inside = draw_rows(SEED, 2, 10_000, (1.0, 2.0))
    assert mlp["interpolation_mse"] < 0.1 * Task.draw(SEED).targets(inside).var()
    assert [float(a) for a in posynomial["exponents"].split()] == pytest.approx([1, 1], abs=0.1)
    assert (posynomial["iterations"], mlp["iterations"]) == (200, 2000)
    with open(tmp_path / "run" / "runs.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{k: str(v) for k, v in row.items()} for row in rows]
    assert (tmp_path / "run" / "errors.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_scores_are_those_of_the_network(trainers, tmp_path, quick_models):
    (row,) = extrapolate(["mlp"], [3], tmp_path / "run", lm_steps=2, adam_steps=20)
    task, trainer = Task.draw(3), trainers["mlp"]
    for key, stream, interval in (
        ("interpolation_mse", 2, (1.0, 2.0)),
        ("extrapolation_mse", 3, (2.0, 6.0)),
    ):
        rows = draw_rows(3, stream, 10_000, interval)
        error = np.mean((outputs_of(trainer, rows) - brute_force(rows, task.a, task.b)) ** 2)
        assert row[key] == pytest.approx(error)
    assert row["threshold"] == task.threshold(rows)


def test_a_command_that_was_interrupted_goes_on(tmp_path, quick_models, trainers, monkeypatch):
    """Killed in the second seed: the first is kept, the second is what it would have been."""
    settings = {"lm_steps": 2, "adam_steps": 30}
    folder, begun, begin = tmp_path / "run", [], product_models.Adam.begin

    def interrupted(self, task, seed):
        begun.append(seed)
        if len(begun) == 2:
            raise KeyboardInterrupt
        begin(self, task, seed)

    monkeypatch.setattr(product_models.Adam, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extrapolate(["mlp"], [5, 6], folder, **settings)
    rows = extrapolate(["mlp"], [5, 6], folder, **settings)
    assert begun == [5, 6, 6]
    whole = extrapolate(["mlp"], [6, 5], tmp_path / "whole", **settings)
    for row, other in zip(rows, reversed(whole), strict=True):
        assert row | {"seconds": 0} == other | {"seconds": 0}
    assert extrapolate(["mlp"], [6], folder, **settings) == rows[1:]
    with pytest.raises(ValueError, match="another configuration .*adam_steps: 30 there, 31 here"):
        extrapolate(["mlp"], [5], folder, lm_steps=2, adam_steps=31)
    (folder / "runs.csv").write_text("model,seed\nmlp,5\n")
    with pytest.raises(ValueError, match="runs.csv cannot be read"):
        extrapolate(["mlp"], [5], folder, **settings)


def test_errors_that_are_no_numbers_are_no_success(trainers, quick_models, tmp_path, monkeypatch):
    trainer = trainers["posynomial_adam"]
    monkeypatch.setattr(
        trainer, "run", lambda phase, report: trainer.network.sums.w.assign(-np.ones([100, 2]))
    )
    (row,) = extrapolate(["posynomial_adam"], [1], tmp_path / "run", lm_steps=2, adam_steps=2)
    assert row["success"] == 0 and math.isnan(row["extrapolation_mse"])
    (again,) = extrapolate(["posynomial_adam"], [1], tmp_path / "run", lm_steps=2, adam_steps=2)
    assert math.isnan(again["interpolation_mse"]) and again["success"] == 0
    assert " inf" in extrapolate_product.to_text([row])
    assert math.isnan(mean_squared_error(np.array([np.nan, 1.0]), np.ones(2)))


def test_the_table():
    row = {"interpolation_mse": 1e-3, "extrapolation_mse": 2.0, "success": 0}
    rows = [{**row, "model": "mlp", "seed": seed, "success": int(seed < 3)} for seed in range(20)]
    lines = extrapolate_product.to_text(rows).splitlines()
    assert lines[1].split() == ["mlp", "3/20", "15", "%", "[5.2,", "36.0]", "0.001", "2"]
    assert lines[2].split() == ["NMU,", "published", "98/100", "98", "%", "[93.0,", "99.4]"]
    assert [line.split(",")[0] for line in lines[2:]] == ["NMU", "NAC (multiplicative)", "NALU"]


def test_the_command(command, quick_models, tmp_path):
    words = ["--models=mlp", "--num_seeds=2", "--first_seed=8", "--adam_steps=20"]
    outcome = command(extrapolate_product, *words, "--lm_steps=2")
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert lines[1].split()[:2] == ["mlp", "0/2"]
    assert lines[-2].startswith("The published runs: 5,000,000 steps of Adam")
    assert lines[-1] == "written to runs/extrapolate-product/: runs.csv, errors.png"
    with open(tmp_path / "runs" / "extrapolate-product" / "runs.csv", newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["8", "9"]


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--models=mlp,transformer"], 1, "models must be among ['posynomial', "),
        (["--models="], 1, "models and seeds must not be empty"),
        (["--models=mlp,mlp"], 1, "models must differ from one another"),
        (["--num_seeds=0"], 2, "--num_seeds=0"),
        (["--first_seed=-1"], 2, "--first_seed=-1"),
        (["--lm_steps=1"], 2, "--lm_steps=1"),
        (["--adam_steps=x"], 2, "--adam_steps=x"),
        (["--ridge=-1"], 2, "--ridge=-1"),
        (["--ridge=nan"], 1, "ridge must be a finite number >= 0, got nan"),
        (["--ridge=inf"], 1, "ridge must be a finite number >= 0, got inf"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
        (["stray"], 2, "unexpected argument 'stray'"),
    ],
)
def test_bad_flags(command, tmp_path, words, exit_code, message):
    command(extrapolate_product, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": []}, "models and seeds must not be empty"),
        ({"seeds": [1, 1]}, "seeds must differ from one another, got .1, 1."),
        ({"seeds": [0, -1]}, "seeds must be integers >= 0, got .0, -1."),
        ({"lm_steps": 1}, "lm_steps must be an integer >= 2, got 1"),
        ({"adam_steps": 0}, "adam_steps must be an integer >= 2, got 0"),
        ({"ridge": -1.0}, "ridge must be a finite number >= 0, got -1.0"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        extrapolate(**{"models": ["mlp"], "seeds": [0], "workdir": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()
