"""Samples of the laws: ranges, noise, repetition."""

import numpy as np
import pytest

from training.fitting.laws.sample import evaluate, sample
from training.fitting.laws.table import Equation, get, load


@pytest.mark.slow
def test_every_law_can_be_sampled():
    for equation in load():
        x, y, clean = sample(equation, 300, noise=0.1, seed=1)
        assert list(x.columns) == list(equation.variables)
        assert x.shape == (300, len(equation.variables)) and y.shape == clean.shape == (300,)
        assert y.dtype == clean.dtype == np.float64
        assert np.all(np.isfinite(y)) and np.std(clean) > 0
        for name, (low, high) in equation.ranges.items():
            assert low <= x[name].min() < x[name].max() <= high
            assert x[name].max() - x[name].min() > 0.9 * (high - low)
        values = {s: x[s.name].iloc[0] for s in equation.expression.free_symbols}
        assert clean[0] == pytest.approx(float(equation.expression.evalf(subs=values)), rel=1e-9)


def test_the_noise_is_of_the_stated_size():
    for noise in (0.01, 0.1):
        data = sample(get("I.12.1"), 20_000, noise)
        errors = data.y - data.clean
        rms = np.sqrt(np.mean(data.clean**2))
        assert np.std(errors) == pytest.approx(noise * rms, rel=0.03)
        assert abs(np.mean(errors)) < 4 * noise * rms / np.sqrt(20_000)
    # RMS, not standard deviation or mean: 9.9 against 5.3 and 9.
    assert rms > 1.08 * np.mean(data.clean) and rms > 1.5 * np.std(data.clean)


def test_without_noise_it_is_the_law():
    x, y, clean = sample(get("I.12.1"), 50)
    np.testing.assert_array_equal(y, clean)
    np.testing.assert_allclose(y, x["mu"] * x["Nn"], rtol=1e-15)


def test_repetition():
    def rows(law="I.12.1", **settings):
        data = sample(get(law), **({"n": 40, "noise": 0.1, "seed": 3} | settings))
        return np.column_stack([data.x, data.y])

    np.testing.assert_array_equal(rows(), rows())
    for other in ({"seed": 4}, {"law": "I.12.5"}):
        assert not np.any(rows() == rows(**other))
    quiet = rows(noise=0.0)
    np.testing.assert_array_equal(quiet[:, :-1], rows()[:, :-1])
    np.testing.assert_allclose(
        rows(noise=0.2)[:, -1] - quiet[:, -1], 2 * (rows()[:, -1] - quiet[:, -1]), rtol=1e-6
    )


def test_rows_where_a_law_is_undefined_are_drawn_again():
    partly = Equation("partly", "f", "arcsin(x)", {"x": (0.0, 1.5)})
    data = sample(partly, 1000, 0.1)
    assert np.all(np.isfinite(data.y)) and 0.9 < data.x["x"].max() <= 1
    assert np.isnan(evaluate(partly, np.array([[1.2]])))
    hardly = Equation("hardly", "f", "arcsin(x)", {"x": (0.0, 5.0)})
    with pytest.raises(ValueError, match="hardly is finite on half of the box .* of 1000$"):
        sample(hardly, 1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "^n must be an integer >= 1, got 0$"),
        ({"n": 2.5}, "^n must be an integer"),
        ({"noise": -0.1}, "^noise must be a number in .*got -0.1$"),
        ({"noise": float("nan")}, "^noise must be"),
        ({"noise": float("inf")}, "^noise must be"),
        ({"seed": -1}, "^seed must be an integer >= 0, got -1$"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample(get("I.12.1"), **arguments)
