"""Regression by y = phi(W) x: the compiled loop against the layer itself, problems, starts."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from training.studies.autoactivation import problems, samples
from training.studies.autoactivation.problems import METHODS, Problem
from training.studies.autoactivation.regression import run
from training.studies.autoactivation.rows import fit
from training.studies.autoactivation.samples import start
from weirdonetworks.functional import PARAMETER_ACTIVATIONS

SIGNED = Problem("signed", "dense", 8, 10, "all", 30)
POSITIVE = SIGNED._replace(data="positive")
SEEDS = (3, 4)
RATES = {"sgd": 0.05, "momentum": 0.01, "adam": 0.01}


def matrix(problem: Problem, seed: int) -> np.ndarray:
    sample = samples.draw(problem, (seed,))
    return samples.hessian(problem, sample) @ np.eye(problem.inputs)


def rows_of(problem: Problem, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As many rows as inputs whose mean of x x' is H, and their targets."""
    values, vectors = np.linalg.eigh(matrix(problem, seed))
    x = problem.inputs**0.5 * (vectors * np.sqrt(values)) @ vectors.T
    return x, x @ samples.draw(problem, (seed,)).weights[0]


@pytest.mark.slow
def test_the_loop_trains_the_layer():
    """The loss at each step and the weights at the end are those of AutoactivationDense.

    Of each map, by the optimizers in turn.
    """
    for phi, optimizer in zip(PARAMETER_ACTIVATIONS, itertools.cycle(problems.OPTIMIZERS)):
        rate = RATES[optimizer]
        runs = run(
            SIGNED,
            phi,
            optimizer,
            SEEDS,
            np.full(4, rate),
            np.array([0, 1, 1, 0]),
            dtype=tf.float64,
        )
        for seed, place in zip(SEEDS, (0, 1), strict=True):
            x, y = rows_of(SIGNED, seed)
            layer, losses = fit(
                x, y, phi, "paired", optimizer=optimizer, learning_rate=rate, steps=30, seed=seed
            )
            forward = PARAMETER_ACTIVATIONS[phi].forward
            plus, minus = forward(runs.parameters[:, place])
            # Sonnet's optimizers round their rates and decays to float32.
            np.testing.assert_allclose(
                plus - minus, layer.effective_weights[:, 0], rtol=2e-5, atol=2e-6
            )
            unit = samples.draw(SIGNED, (seed,)).variance[0] / 2
            seen = runs.curve[:, place][np.isfinite(runs.curve[:, place])]
            np.testing.assert_allclose(seen, losses / unit, rtol=2e-5, atol=1e-7)
            assert seen[-1] != pytest.approx(seen[0], rel=1e-3)
        np.testing.assert_array_equal(runs.parameters[:, 2], runs.parameters[:, 1])
        assert not np.allclose(runs.parameters[:, 0], runs.parameters[:, 1])


@pytest.mark.slow
def test_positive_data_train_one_part():
    runs = run(POSITIVE, "exp", "sgd", (3,), np.array([5.0]), np.array([0]), dtype=tf.float64)
    x, y = rows_of(POSITIVE, 3)
    layer, _ = fit(x, y, "exp", "positive", learning_rate=5.0, steps=30, seed=3)
    np.testing.assert_allclose(
        np.exp(runs.parameters[0, 0]), layer.effective_weights[:, 0], rtol=1e-6
    )


def by_hand(problem: Problem, method: str, rate: float, seed: int) -> np.ndarray:
    """A after gradient descent in NumPy, row by row or on H."""
    sample = samples.draw(problem, (seed,))
    w, base, slope = (a[:, 0] for a in start(problem._replace(steps=1), method, (seed,)))
    form, _, dual = METHODS[method]
    signs = np.array([[1.0], [-1.0]])[: len(w)]
    mass = 2 * np.abs(sample.weights[0]).sum()
    for i in range(problem.steps):
        if form == "linear":
            parts, derivative = base + slope * w, slope
        elif form == "mass":
            parts = mass * np.exp(w) / np.exp(w).sum()
        else:
            parts = derivative = np.exp(w)
        error = np.sum(signs * parts, axis=0) - sample.weights[0]
        if problem.rows == "one":
            x = sample.rows[0, i].astype(float)
            gradient = x * (x @ error)
        else:
            gradient = matrix(problem, seed) @ error
        w = w - rate * signs * gradient * (1 if dual else derivative)
    if form == "linear":
        return np.sum(signs * (base + slope * w), axis=0)
    parts = mass * np.exp(w) / np.exp(w).sum() if form == "mass" else np.exp(w)
    return np.sum(signs * parts, axis=0)


@pytest.mark.slow
def test_all_methods_by_hand():
    methods = ["plain", "plain own rates", "exp", "EGU", "EG"]
    for method, data, rows in itertools.product(methods, problems.DATA, problems.ROWS):
        problem = Problem(data, "dense", 8, 10, rows, 12)
        runs = run(problem, method, "sgd", (5,), np.array([0.07]), np.array([0]), dtype=tf.float64)
        w, base, slope = start(problem._replace(steps=1), method, (5,))
        form = METHODS[method].form
        end = runs.parameters[:, 0]
        mass = 2 * np.abs(samples.draw(problem, (5,)).weights).sum()
        if form == "linear":
            parts = base[:, 0] + slope[:, 0] * end
        else:
            parts = np.exp(end) * (mass / np.exp(end).sum() if form == "mass" else 1)
        found = parts[0] - parts[1] if len(parts) > 1 else parts[0]
        np.testing.assert_allclose(found, by_hand(problem, method, 0.07, 5), rtol=1e-9, atol=1e-12)
        assert not np.allclose(end, w[:, 0])


@pytest.mark.slow
def test_geometry_is_the_map_to_first_order():
    """A moved by phi'^2 times its gradient; the difference falls with the square of the rate."""

    def gap(rate: float) -> float:
        ends = []
        for geometry in (False, True):
            runs = run(
                SIGNED._replace(steps=1),
                "softplus",
                "sgd",
                (3,),
                np.array([rate]),
                np.array([0]),
                dtype=tf.float64,
                geometry=geometry,
            )
            w = runs.parameters[:, 0]
            ends.append(w if geometry else PARAMETER_ACTIVATIONS["softplus"].forward(w).numpy())
        return np.abs(ends[0] - ends[1]).max()

    assert gap(1e-3) / gap(5e-4) == pytest.approx(4, abs=0.1)


def test_plain_weights_have_no_geometry():
    with pytest.raises(ValueError, match=r"^method must be a map phi .* got 'linear'$"):
        run(SIGNED, "plain", "sgd", (3,), np.ones(1), np.zeros(1, int), geometry=True)


# Problems


@pytest.mark.parametrize("condition", [1, 10, 1000])
@pytest.mark.parametrize("data", problems.DATA)
def test_condition_numbers_are_what_they_say(data, condition):
    problem = Problem(data, "dense", 16, condition, "all", 5)
    h = matrix(problem, 0)
    values = np.linalg.eigvalsh(h)
    np.testing.assert_allclose(h, h.T, atol=1e-12)
    np.testing.assert_allclose([values[0], values[-1]], [1 / condition, 1], rtol=1e-9)
    if data == "positive":  # E x x' of positive data
        assert h.min() > -1e-12
        np.testing.assert_allclose(values[:-1], 1 / condition, rtol=1e-9)
    elif condition > 1:
        assert np.abs(h - np.diag(np.diag(h))).max() > 0.1
        assert not np.allclose(h, matrix(problem, 1))


@pytest.mark.parametrize("data", problems.DATA)
def test_rows_have_the_second_moments_that_are_used(data):
    problem = Problem(data, "dense", 4, 10, "one", 40_000)
    sample = samples.draw(problem, (0,))
    x = sample.rows[0].astype(float)
    np.testing.assert_allclose(x.T @ x / len(x), matrix(problem, 0), atol=0.02)
    y = x @ sample.weights[0]
    assert y.var() == pytest.approx(sample.variance[0], rel=0.03)
    assert set(np.unique(x)) == ({0, 1} if data == "positive" else {-1, 1})


def test_variances():
    sample = samples.draw(SIGNED, SEEDS)
    for i, seed in enumerate(SEEDS):
        w = sample.weights[i]
        assert sample.variance[i] == pytest.approx(w @ matrix(SIGNED, seed) @ w)
    # Of positive data, without that of their mean: m 1 1' is no variance.
    positive = samples.draw(POSITIVE, SEEDS)
    np.testing.assert_allclose(positive.variance, np.sum(positive.weights**2, axis=1) / 10)


def test_targets():
    for data in problems.DATA:
        dense = samples.draw(Problem(data, "dense", 400, 10, "all", 5), SEEDS).weights
        sparse = samples.draw(Problem(data, "sparse", 400, 10, "all", 5), SEEDS).weights
        assert np.all(np.count_nonzero(sparse, axis=1) == 2)
        if data == "positive":
            assert dense.min() > 0 and sparse.min() == 0
            np.testing.assert_allclose([dense.sum(axis=1), sparse.sum(axis=1)], 1, rtol=0.1)
        else:
            assert dense.min() < 0
            squares = np.sum(dense**2, axis=1), np.sum(sparse**2, axis=1)
            np.testing.assert_allclose(squares, 1, rtol=0.2)
    scaled = samples.draw(SIGNED._replace(scale=7.0), SEEDS).weights
    np.testing.assert_allclose(scaled, 7 * samples.draw(SIGNED, SEEDS).weights)


def test_a_seed_is_the_same_in_any_company():
    alone, both = samples.draw(SIGNED, (4,)), samples.draw(SIGNED, (3, 4))
    np.testing.assert_array_equal(alone.weights[0], both.weights[1])
    for a, b in zip(start(SIGNED, "exp", (4,)), start(SIGNED, "exp", (3, 4)), strict=True):
        np.testing.assert_array_equal(a[:, 0], b[:, 1])


# Starts


@pytest.mark.slow
def test_starts():
    problem = SIGNED._replace(inputs=400)
    w, _, _ = start(problem, "plain", SEEDS)
    assert w.std() * 400**0.5 == pytest.approx(0.88, abs=0.05) and np.abs(w).max() <= 2 / 20
    exp = np.exp(start(problem, "exp", SEEDS)[0])
    plain, _, slope = start(problem, "plain log-normal", SEEDS)
    np.testing.assert_allclose(plain[0], exp[0] - exp[1], rtol=1e-12)
    assert np.all(slope == 1)
    v, base, slope = start(problem, "plain own rates", SEEDS)
    np.testing.assert_allclose([base, slope], [exp, exp], rtol=1e-12)
    assert not v.any()
    even = np.exp(start(problem, "EGU", SEEDS)[0])
    np.testing.assert_allclose(even, 1 / 800)
    positive = problem._replace(data="positive")
    assert start(positive, "exp", SEEDS)[0].shape == (1, 2, 400)
    assert start(positive, "exp_exp", SEEDS)[0].shape == (2, 2, 400)  # cannot reach weights below 1


@pytest.mark.parametrize(
    "problem, method, message",
    [
        (SIGNED, "exp", r"must be 'auto' or 'paired' for data that have signs .* got 'positive'$"),
        (POSITIVE, "exp_exp", r"must be 'auto' or 'paired' for targets below 1 .* got 'positive'$"),
    ],
)
def test_negative_data_and_a_positive_map(problem, method, message):
    with pytest.raises(ValueError, match=f"^sign {message}"):
        problems.is_paired(problem, method, "positive")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"data": "negative"}, r"^data must be one of \['positive', 'signed'\], got 'negative'$"),
        ({"target": "round"}, r"^target must be one of \['dense', 'sparse'\], got 'round'$"),
        ({"inputs": 1}, r"^inputs must be an integer >= 2, got 1$"),
        ({"condition": 0.5}, r"^condition must be a number in \[1, .*, got 0.5$"),
        ({"rows": "two"}, r"^rows must be one of \['all', 'one'\], got 'two'$"),
        ({"steps": 0}, r"^steps must be an integer >= 1, got 0$"),
        ({"scale": 0}, r"^scale must be a finite number > 0, got 0$"),
    ],
)
def test_bad_problems(change, message):
    with pytest.raises(ValueError, match=message):
        samples.draw(SIGNED._replace(**change), SEEDS)


X, Y = np.ones((3, 2)), np.ones(3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"x": -X}, r"^x must be >= 0 for 'exp' with sign='positive' \(or give .*\), got -1$"),
        ({"y": -Y}, r"^y must be >= 0 for 'exp' with sign='positive' \(or give .*\), got -1$"),
        ({"x": Y}, r"^x must be \[rows, inputs\] and y \[rows\], got \(3,\) and \(3,\)$"),
        ({"y": X}, r"^x must be \[rows, inputs\] and y \[rows\], got \(3, 2\) and \(3, 2\)$"),
        ({"x": np.inf * X}, r"^x must be finite, got inf$"),
        ({"steps": 0}, r"^steps must be an integer >= 1, got 0$"),
        ({"parameter_activation": "sin"}, r"^parameter_activation must be one of .* got 'sin'$"),
        ({"optimizer": "lion"}, r"^optimizer must be one of .* got 'lion'$"),
        ({"optimizer": ["sgd"]}, r"^optimizer must be one of .* got \['sgd'\]$"),
        ({"x": "abc"}, r"^x must be an array of real numbers, got <U3 'abc'$"),
        ({"x": None}, r"^x must be an array of real numbers, got object None$"),
        ({"x": [["1", "2"]]}, r"^x must be an array of real numbers, got <U1 \[\['1', '2'\]\]$"),
        (
            {"x": [[1.0, 2.0], [3.0]]},
            r"^x must be an array of real numbers, all rows alike, got \[\[1.0, 2.0\], \[3.0\]\]$",
        ),
        ({"x": (1 + 1j) * X}, r"^x must be an array of real numbers, got complex128 \[\[\(1\+1j\)"),
        ({"y": 1j * Y}, r"^y must be an array of real numbers, got complex128 \[1j, 1j, 1j\]$"),
        ({"learning_rate": 0}, r"^learning_rate must be a finite number > 0, got 0$"),
        ({"learning_rate": -1.0}, r"^learning_rate must be a finite number > 0, got -1.0$"),
        ({"learning_rate": np.nan}, r"^learning_rate must be a finite number > 0, got nan$"),
        ({"learning_rate": "a"}, r"^learning_rate must be a finite number > 0, got 'a'$"),
        ({"learning_rate": None}, r"^learning_rate must be a finite number > 0, got None$"),
        ({"seed": "a"}, r"^seed must be an integer >= 0, got 'a'$"),
        ({"seed": 1.5}, r"^seed must be an integer >= 0, got 1.5$"),
        ({"seed": None}, r"^seed must be an integer >= 0, got None$"),
        ({"seed": -1}, r"^seed must be an integer >= 0, got -1$"),
    ],
)
def test_bad_rows(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(**{"x": X, "y": Y, "sign": "positive", **arguments})


@pytest.mark.slow
def test_signed_rows_are_fine_where_maps_or_signs_admit_them():
    for phi, sign in (("exp", "paired"), ("cube", "positive")):
        _, losses = fit(-X, Y, phi, sign, steps=20)
        assert losses[-1] < losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["positive", "signed"])
def test_a_run_that_overflows_has_not_arrived(data):
    """At such rates float32 ends, on the way to which e'He may become -inf."""
    problem = Problem(data, "dense", 8, 10, "one", 300)
    rates = np.array([0.1, 1e3, 1e5, 1e8], np.float32)
    runs = run(problem, "plain", "sgd", [0], rates, np.zeros(4, int))
    assert np.isfinite(runs.final[0]) and runs.final[0] < runs.curve[0, 0]
    assert np.all(np.isinf(runs.final[1:])) and np.all(runs.solved[1:] == -1)
    assert not np.any(runs.curve < 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sin"}, r"^method must be one of .* got 'sin'$"),
        ({"optimizer": "lion"}, r"^optimizer must be one of .* got 'lion'$"),
        ({"rates": np.ones(3)}, r"^rates and owners must be \[runs\], got \(3,\) and \(2,\)$"),
        ({"rates": np.ones(0), "owners": np.zeros(0, int)}, r"^rates and owners must be \[runs\]"),
        ({"owners": np.array([0, 1])}, r"^owners must be places of the 1 seeds, got 0 .. 1$"),
        ({"owners": np.array([-1, 0])}, r"^owners must be places of the 1 seeds, got -1 .. 0$"),
        (
            {"owners": [0.0, 0.0]},
            r"^owners must be an array of integers, got float64 \[0.0, 0.0\]$",
        ),
        ({"owners": [True, False]}, r"^owners must be an array of integers, got bool \[True, F"),
        ({"rates": ["a", "b"]}, r"^rates must be an array of real numbers, got <U1 \['a', 'b'\]$"),
        ({"rates": [0.1, np.nan]}, r"^rates must be finite numbers > 0, got nan$"),
        ({"rates": [0.1, -1.0]}, r"^rates must be finite numbers > 0, got -1.0$"),
        ({"seeds": ["a"]}, r"^seeds\[0\] must be an integer >= 0, got 'a'$"),
        ({"seeds": [-1]}, r"^seeds\[0\] must be an integer >= 0, got -1$"),
        ({"seeds": 3}, r"^seeds must be a sequence of integers >= 0, got 3$"),
    ],
)
def test_bad_runs(change, message):
    settings = {"method": "plain", "optimizer": "sgd", "seeds": [0], "rates": np.ones(2)}
    settings |= {"owners": np.zeros(2, int)}
    with pytest.raises(ValueError, match=message):
        run(Problem("positive", "dense", 8, 10, "all", 300), **settings | change)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["positive", "signed"])
def test_plain_weights_from_zero(data):
    problem = Problem(data, "dense", 8, 10, "all", 300)
    w, base, slope = start(problem, "plain zero", SEEDS)
    assert not w.any() and not base.any() and (slope == 1).all() and w.shape == slope.shape
    runs = run(problem, "plain zero", "sgd", SEEDS, np.full(len(SEEDS), 0.1), np.arange(len(SEEDS)))
    sample = samples.draw(problem, SEEDS)
    moved = samples.hessian(problem, sample) @ sample.weights
    expected = np.sum(sample.weights * moved, axis=1) / sample.variance
    np.testing.assert_allclose(runs.curve[0], expected, rtol=1e-4)
