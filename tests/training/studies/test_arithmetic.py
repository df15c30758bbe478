"""Products learned on [1, 2] and tested on [2, 6]: the task, the rule, training and the table."""

import math

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import stats

from training.experiments import runner
from training.studies.arithmetic import trial as arithmetic
from training.studies.arithmetic.__main__ import STUDY
from training.studies.arithmetic.models import (
    MODELS,
    Learner,
    MonomialOfSums,
    Phase,
    ScaledMLP,
)
from training.studies.arithmetic.report import report
from training.studies.arithmetic.task import Task, draw_rows, mean_squared_error
from training.studies.arithmetic.units import RECIPES, UnitLearner, heim, madsen

SEED = 100  # the figures of the study are of other seeds


@pytest.fixture(scope="module")
def learners() -> dict[str, Learner]:
    """A learner of each model, compiled once; Levenberg-Marquardt with fewer rows."""
    posynomial = Learner(MonomialOfSums, 512)
    return {
        "posynomial": posynomial,
        "posynomial (no ridge)": posynomial,
        "posynomial (Adam)": Learner(MonomialOfSums, 32, adam=True),
        "mlp": Learner(ScaledMLP, 128, adam=True),
    }


@pytest.fixture
def quick(learners, monkeypatch) -> dict[str, Learner]:
    """Learners that are compiled already are those of trials, too."""
    monkeypatch.setattr(arithmetic, "_learner", learners.__getitem__)
    return learners


def outputs_of(learner, rows):
    return learner.network.decode(learner.network(tf.constant(rows)))[:, 0].numpy()


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


def test_the_axis_is_the_models():
    assert (*STUDY.axes["model"], *STUDY.options["model"]) == tuple(MODELS)


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


@pytest.mark.slow
def test_a_step_is_on_rows_of_the_seed(learners):
    """The first step, against the derivatives written out and NumPy's solver."""
    learner, task, ridge = learners["posynomial"], Task.draw(SEED), 1e-5
    network = learner.network
    learner.begin(task, SEED)
    before = [v.numpy() for v in (network.sums.w, network.exponents, network.monomial.b)]
    theta = network.monomial.theta.numpy()
    learner.run(Phase(1, ridge))
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


@pytest.mark.slow
def test_the_ridge_leads_to_equal_exponents(learners):
    """Without it, the exponents stay where the search met the circle of nearly equal fits."""
    learner, task, exponents = learners["posynomial"], Task.draw(SEED), {}
    for ridge in (0.0, 1e-5):
        found = []
        for seed in (101, 102):
            learner.begin(task, seed)
            learner.run(Phase(60, ridge))
            found.append(learner.network.exponents.numpy()[:, 0])
        exponents[ridge] = np.array(found)
    assert (np.abs(exponents[1e-5] - 1) < 0.1).all()
    assert (np.abs(exponents[0.0] - 1) > 0.5).any()
    np.testing.assert_allclose(exponents[0.0].sum(axis=1), 2, atol=0.05)


@pytest.mark.slow
def test_rounded_exponents_stay(learners):
    for name in ("posynomial", "posynomial (Adam)"):
        learner = learners[name]
        learner.begin(Task.draw(SEED), SEED)
        learner.network.exponents.assign([[1.3], [0.8]])
        weights = learner.network.sums.w.numpy()
        learner.run(Phase(5, rounded=True))
        np.testing.assert_array_equal(learner.network.exponents.numpy(), [[1.0], [1.0]])
        assert (learner.network.sums.w.numpy() != weights).all()


@pytest.mark.slow
def test_adam_lowers_the_error(learners):
    learner, task = learners["posynomial (Adam)"], Task.draw(SEED)
    rows = draw_rows(SEED, 1, 500, (1.0, 2.0))
    errors = []
    learner.begin(task, 101)
    for _ in range(2):
        errors.append(np.mean(np.log(outputs_of(learner, rows) / task.targets(rows)) ** 2))
        learner.run(Phase(300))
    assert errors[1] < errors[0] / 100


def test_the_plan():
    free, rounded = arithmetic.plan("posynomial", 7, 100, 1e-5)
    assert (free, rounded) == (Phase(3, 1e-5), Phase(4, rounded=True))
    assert arithmetic.plan("posynomial (no ridge)", 7, 100, 1e-5) == [Phase(3), rounded]
    assert arithmetic.plan("posynomial (Adam)", 7, 100, 1e-5)[0] == Phase(50, 1e-5)
    assert arithmetic.plan("mlp", 7, 100, 1e-5) == [Phase(100)]
    assert arithmetic.plan("NMU", 7, 100, 1e-5) == [Phase(100)]


@pytest.mark.slow
def test_a_network_of_sums_extrapolates_and_an_mlp_does_not(quick, tmp_path):
    axes, settings = {"model": ["posynomial", "mlp"]}, {"adam_steps": 2000}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[SEED], settings=settings, workers=0)
    posynomial, mlp = found["runs"].to_dict("records")
    assert posynomial["success"] == 1 and posynomial["extrapolation_mse"] < 1e-9
    assert mlp["success"] == 0 and mlp["extrapolation_mse"] > 1e4 * mlp["threshold"]
    # The MLP has learned the product where it was trained: nine tenths of the variance and more.
    inside = draw_rows(SEED, 2, 10_000, (1.0, 2.0))
    assert mlp["interpolation_mse"] < 0.1 * Task.draw(SEED).targets(inside).var()
    assert [float(a) for a in posynomial["exponents"].split()] == pytest.approx([1, 1], abs=0.1)
    assert list(report(found).tables["success"]["success %"])[:2] == ["100", "0"]


@pytest.mark.slow
def test_the_scores_are_those_of_the_network(quick):
    row = arithmetic.trial(
        {"model": "mlp"}, 3, None, lm_steps=2, adam_steps=20, ridge=0.0, unit_steps=2
    )
    task, learner = Task.draw(3), quick["mlp"]
    for key, stream, interval in (
        ("interpolation_mse", 2, (1.0, 2.0)),
        ("extrapolation_mse", 3, (2.0, 6.0)),
    ):
        rows = draw_rows(3, stream, 10_000, interval)
        error = np.mean((outputs_of(learner, rows) - brute_force(rows, task.a, task.b)) ** 2)
        assert row[key] == pytest.approx(error)
    assert row["threshold"] == task.threshold(rows)


@pytest.mark.slow
def test_a_trial_is_what_it_is_after_others(quick):
    settings = {"lm_steps": 2, "adam_steps": 30, "ridge": 0.0, "unit_steps": 2}
    first, other, again = (
        arithmetic.trial({"model": "mlp"}, seed, None, **settings) for seed in (5, 6, 5)
    )
    assert again | {"seconds": 0} == first | {"seconds": 0}
    assert first["extrapolation_mse"] != other["extrapolation_mse"]


@pytest.mark.slow
def test_errors_that_are_no_numbers_are_no_success(learners):
    learner, task = learners["posynomial (Adam)"], Task.draw(1)
    learner.begin(task, 1)
    learner.network.sums.w.assign(-np.ones([100, 2]))
    row = arithmetic.score(learner, task, 1)
    assert row["success"] == 0 and math.isnan(row["extrapolation_mse"])
    runs = pd.DataFrame([{"model": "posynomial (Adam)", **row, "seconds": 1.0}])
    assert report({"runs": runs}).tables["success"]["on [2, 6]"][0] == "inf"
    assert math.isnan(mean_squared_error(np.array([np.nan, 1.0]), np.ones(2)))


def test_the_table():
    row = {"model": "mlp", "interpolation_mse": 1e-3, "extrapolation_mse": 2.0, "threshold": 0.16}
    runs = pd.DataFrame(
        [{**row, "success": int(seed < 3), "seconds": 10 + seed % 4} for seed in range(20)]
    )
    table = report({"runs": runs}).tables["success"]
    first, second = table.iloc[:2].fillna("").itertuples(index=False)
    assert first == ("mlp", "3/20", "15", "5.2 to 36.0", "0.001", "2", "12")
    assert second == ("NMU, published", "98/100", "98", "93.0 to 99.4", "", "", "")
    published = [model.split(",")[0] for model in table["model"][1:]]
    assert published == ["NMU", "NAC (multiplicative)", "NALU"]


def test_schedules_of_the_units():
    """Of 5,000,000 steps at 1,000,000 and 2,000,000; of 100,000 every 10,000."""
    for step, expected in ((0, 0), (1_000_000, 0), (1_500_000, 5), (2_000_000, 10), (4e6, 10)):
        assert float(madsen(tf.constant(step / 5e6))) == pytest.approx(expected, abs=1e-5)
    for step, expected in ((0, 1e-5), (9_990, 1e-5), (10_000, 1e-4), (20_000, 1e-3), (1e5, 1e-3)):
        assert float(heim(tf.constant(step / 1e5))) == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def units() -> dict[str, UnitLearner]:
    return {name: UnitLearner(RECIPES[name]) for name in ("NMU", "NPU")}


@pytest.mark.slow
def test_units_with_perfect_weights_are_a_success(units):
    """In float32, too; with one weight that is off, they are none."""
    task = Task.draw(SEED)
    for learner in units.values():
        learner.begin(task, SEED)
        sums, product = learner.network.layers
        sums.w.assign(task.weights)
        for name, value in {"w": 1, "a": 1, "b": 0, "g": 1}.items():
            if hasattr(product, name):
                variable = getattr(product, name)
                variable.assign(tf.fill(variable.shape, float(value)))
        assert arithmetic.score(learner, task, SEED)["success"] == 1
        sums.w.assign(task.weights * (1 - 1e-3))
        assert arithmetic.score(learner, task, SEED)["success"] == 0


@pytest.mark.slow
def test_units_learn_on_fresh_rows_within_their_intervals(units):
    learner, task, errors = units["NMU"], Task.draw(SEED), []
    for steps in (2, 3_000, 2):
        learner.begin(task, SEED)
        learner.run(Phase(steps))
        errors.append(arithmetic.score(learner, task, SEED)["interpolation_mse"])
        sums, product = learner.network.layers
        assert np.abs(sums.w).max() <= 1 and 0 <= np.min(product.w) <= np.max(product.w) <= 1
    assert errors[1] < 0.2 * errors[0]
    assert errors[2] == errors[0]  # whatever was trained before


@pytest.mark.slow
def test_each_chunk_of_a_seed_has_rows_of_its_own(units, monkeypatch):
    learner, task, chunks = units["NMU"], Task.draw(SEED), []

    def record(first, last, rows, targets, steps):
        chunks.append((first, last, rows, targets, steps))

    monkeypatch.setattr(learner._trainer, "run", record)
    for seed, steps in ((SEED, 1_100), (SEED + 1, 100), (SEED, 100)):
        learner.begin(task, seed)
        learner.run(Phase(steps))
    places = [(first, last, int(steps)) for first, last, *_, steps in chunks]
    assert places[:3] == [(0, 500, 1100), (500, 1000, 1100), (1000, 1100, 1100)]
    *own, other, again = [rows for _, _, rows, *_ in chunks]
    np.testing.assert_array_equal(own[0], again)
    batches = np.concatenate([*own, other])[:, 0]  # of each step, its first row
    assert len(np.unique(batches, axis=0)) == 4 * 500
    assert 1 <= batches.min() < 1.01 and 1.99 < batches.max() < 2
    for _, _, rows, targets, _ in chunks[:3]:
        expected = brute_force(rows[7, :5].astype(float), task.a, task.b)
        np.testing.assert_allclose(targets[7, :5], expected, rtol=1e-5)


@pytest.mark.slow
def test_the_penalties_of_the_units_are_those_of_their_authors(units):
    """Written out: distances to whole numbers, weighed by `madsen`; sizes, weighed by `heim`."""
    rng = np.random.default_rng(0)
    rows = np.zeros([500, 128, 100], np.float32)
    rows[300] = rng.uniform(1, 2, [128, 100])
    for name, weight in (("NMU", 5.0), ("NPU", 1e-3)):
        learner = units[name]
        network = learner.network
        for variable in network.trainable_variables:
            variable.assign(rng.uniform(0.1, 0.9, variable.shape))
        sums, product = network.layers
        if name == "NMU":
            distances = [np.minimum(w, 1 - w).mean() for w in (sums.w.numpy(), product.w.numpy())]
            expected = sum(distances)
        else:
            parts = (sums.w, product.a, product.b, product.g)
            expected = sum(np.abs(part.numpy()).sum() for part in parts)
        assert float(network.regularization()) == pytest.approx(expected, rel=1e-5)
        # The loss of step 300 of 1,000, where the targets are the outputs.
        targets = np.zeros([500, 128], np.float32)
        targets[300] = network(rows[300])[:, 0]
        data = tf.constant(rows), tf.constant(targets), tf.constant(1000.0)
        found = float(learner._loss(network, tf.constant(300), *data))
        assert found == pytest.approx(weight * expected, rel=1e-4)
