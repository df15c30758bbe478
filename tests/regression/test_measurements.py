"""Measurements as people have them: errors of several kinds, weights, outliers, few rows."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import stats
from sklearn.model_selection import cross_val_score

from weirdonetworks.regression import PosynomialRegressor, SignomialRegressor, diagnostics
from weirdonetworks.regression.diagnostics import structure


def _errors(r, exponents, coefficient) -> np.ndarray:
    """How far a law of one term is from the truth, in its own standard errors."""
    z = (np.array(r.law_.exponents, float) - exponents) / r.exponent_errors_
    c = (r.law_.coefficients - coefficient) / r.coefficient_errors_
    return np.abs(np.concatenate([z.ravel(), c]))


def _allometry(seed):
    g = np.random.default_rng(seed)
    mass = 10 ** g.uniform(-2, 3.5, 30)
    return mass[:, None], 3.4 * mass**0.75 * np.exp(0.2 * g.normal(size=30)), [[0.75]], 3.4


def _nusselt(seed):
    g = np.random.default_rng(seed)
    x = np.column_stack([10 ** g.uniform(4, 5, 40), 10 ** g.uniform(np.log10(0.7), 2, 40)])
    y = 0.023 * x[:, 0] ** 0.8 * x[:, 1] ** 0.4 * (1 + 0.1 * g.normal(size=40))
    return x, y, [[0.8, 0.4]], 0.023


@pytest.mark.slow
@pytest.mark.parametrize("table", [_allometry, _nusselt])
def test_errors_in_proportion_to_y_are_seen_and_covered(table):
    """By default; taken to be of one size, they give errors that do not cover."""
    z, wrong, consistent = [], [], 0
    for seed in range(20):
        x, y, exponents, c = table(seed)
        r = PosynomialRegressor(max_terms=2).fit(x, y)
        if r.status_ == "consistent" and len(r.law_.coefficients) == 1:
            z.extend(_errors(r, exponents, c))
            consistent += 1
        r = PosynomialRegressor(num_terms=1, noise="absolute").fit(x, y)
        wrong.extend(_errors(r, exponents, c))
    assert consistent >= 12
    assert np.mean(np.array(z) > 2) < 0.15 and np.max(z) < 4
    assert np.mean(np.array(wrong) > 3) > 0.05


@pytest.mark.slow
def test_a_wrong_model_of_the_noise_is_not_consistent():
    found = []
    for seed in range(10):
        x, y, *_ = _allometry(seed)
        r = PosynomialRegressor(num_terms=1, noise="absolute").fit(x, y)
        found.append((r.status_, r.evidence_["noise_p_value"] < 0.01))
    assert sum(status == "consistent" for status, _ in found) <= 1
    assert sum(failed for _, failed in found) >= 7


@pytest.mark.slow
def test_noise_of_two_parts_is_mixed():
    g = np.random.default_rng(0)
    x = 10 ** g.uniform(-1, 1.5, (400, 1))
    y = 3 * x[:, 0] ** 1.5
    y = y * (1 + 0.05 * g.normal(size=400)) + 0.3 * g.normal(size=400)
    r = PosynomialRegressor().fit(x, y)
    assert r.noise_ == "mixed" and r.status_ == "consistent"
    assert r.law_.exponents == ((Fraction(3, 2),),) and np.all(_errors(r, [[1.5]], 3) < 3)


@pytest.mark.slow
def test_a_real_exponent_near_a_fraction_is_told_as_it_is():
    g = np.random.default_rng(2)
    x = 10 ** g.uniform(3, 4, (60, 1))
    y = 2 * x[:, 0] ** 0.61 * np.exp(0.02 * g.normal(size=60))
    r = PosynomialRegressor(noise="relative").fit(x, y)
    assert isinstance(r.law_.exponents[0][0], float) and np.all(_errors(r, [[0.61]], 2) < 3)
    # A fraction, with its free value and error beside it.
    y = 2 * x[:, 0] ** 0.5 * np.exp(0.02 * g.normal(size=60))
    r = PosynomialRegressor(noise="relative").fit(x, y)
    assert r.law_.exponents == ((Fraction(1, 2),),)
    assert r.free_exponents_[0, 0] != 0.5
    assert abs(r.free_exponents_[0, 0] - 0.5) < 3 * r.exponent_errors_[0, 0]


@pytest.mark.slow
def test_scaling_laws_are_not_rounded():
    g = np.random.default_rng(0)
    n, d = 10 ** g.uniform(7, 10, 200), 10 ** g.uniform(9, 11.5, 200)
    y = (1.69 + 406.4 / n**0.34 + 410.7 / d**0.28) * (1 + 0.005 * g.normal(size=200))
    r = PosynomialRegressor().fit(np.column_stack([n, d]), y)
    truth = {0: 0.34, 1: 0.28}
    for row, errors in zip(r.law_.exponents, r.exponent_errors_, strict=True):
        for i, a in enumerate(row):
            if r.status_ == "consistent" and a:
                assert abs(abs(float(a)) - truth[i]) < 4 * errors[i]


@pytest.mark.slow
def test_wide_columns_do_not_lose_the_law():
    """A model of the noise that cannot be fitted leaves the one that can."""
    g = np.random.default_rng(0)
    x = 10 ** g.uniform(-8, 8, (80, 2))
    y = x[:, 0] ** 1.5 / x[:, 1] * (1 + 0.05 * g.normal(size=80))
    r = PosynomialRegressor().fit(x, y)
    assert r.noise_ == "relative" and r.law_.exponents == ((Fraction(3, 2), -1),)


# Concentrations in ppm and rates in counts / min^2, treated with puromycin: Treloar 1974.
_CONCENTRATION = np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.10], 2)[:, None]
_RATE = np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200.0])


@pytest.mark.slow
def test_saturation_is_found_from_twelve_rows():
    """With the constants and the residual of nonlinear least squares, 212.7, 0.06412 and 10.93."""
    r = PosynomialRegressor().fit(_CONCENTRATION, _RATE)
    assert r.law_.power == -1 and set(r.law_.exponents) == {(-1,), (0,)}
    constants = dict(zip(r.law_.exponents, r.law_.coefficients, strict=True))
    assert 1 / constants[(0,)] == pytest.approx(212.7, rel=1e-3)
    assert constants[(-1,)] / constants[(0,)] == pytest.approx(0.06412, rel=1e-3)
    residual = np.sqrt(np.sum((_RATE - r.predict(_CONCENTRATION)) ** 2) / 10)
    assert residual == pytest.approx(10.93, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("f", "power", "exponents"),
    [
        (lambda x: 1 / (1 + 1 / x**2), -1, {(0,), (-2,)}),
        (lambda x: 5 + x**2, 1, {(0,), (2,)}),
        (lambda x: 210 * x / (0.6 + x), -1, {(0,), (-1,)}),
    ],
)
def test_sums_of_two_terms_are_found_from_eighteen_rows(f, power, exponents):
    found = 0
    for seed in range(6):
        g = np.random.default_rng(seed)
        x = g.uniform(0.3, 4, (18, 1))
        y = f(x[:, 0]) * (1 + 0.02 * g.normal(size=18))
        r = PosynomialRegressor(max_terms=2).fit(x, y)
        found += r.law_.power == power and set(r.law_.exponents) == exponents
    assert found >= 4


def test_replicates_tell_lack_of_fit_from_error():
    g = np.random.default_rng(0)
    u = np.repeat(np.linspace(-1, 1, 8), 5)[:, None]
    noise = 0.1 * g.normal(size=40)
    assert structure(u, noise, 2, neighbours=False).p_value > 0.01
    wrong = structure(u, noise + 0.3 * np.sign(np.sin(9 * u[:, 0])), 2, neighbours=False)
    assert wrong.test == "replicates" and wrong.p_value < 1e-6
    # Of one row each, there is no pure error.
    assert structure(u + g.normal(size=u.shape), noise, 2, neighbours=False).test != "replicates"


def test_replicates_of_unequal_errors_are_weighted():
    """Means of equal rows are those of y: without the weights, the F-test is no F-test."""
    u = np.repeat(np.linspace(-1, 1, 8), 5)[:, None]
    p_values = []
    for seed in range(200):
        g = np.random.default_rng(seed)
        w = np.exp(g.uniform(-2, 2, 40))
        p_values.append(diagnostics._replicates(u, g.normal(size=40), 0, w))  # y - f = e / w
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


@pytest.mark.slow
def test_replicates_count_as_rows():
    g = np.random.default_rng(1)
    x = np.repeat(np.geomspace(1, 30, 6), 6)[:, None]
    y = 2 * x[:, 0] ** 1.5 * np.exp(0.1 * g.normal(size=36))
    r = PosynomialRegressor(noise="relative").fit(x, y)
    assert r.evidence_["rows"] == 36 and r.status_ == "consistent"


def _table(seed=0, rows=60, error=0.02):
    g = np.random.default_rng(seed)
    x = g.uniform(1, 5, (rows, 2))
    return x, 3 * x[:, 0] ** 1.5 / x[:, 1] * (1 + error * g.normal(size=rows)), g


@pytest.mark.slow
def test_errors_of_measurement_are_taken_as_they_are_given():
    x, y, g = _table()
    error = 0.02 * y * np.exp(g.uniform(-1, 1, 60))
    y = 3 * x[:, 0] ** 1.5 / x[:, 1] + error * g.normal(size=60)
    r = PosynomialRegressor().fit(x, y, y_error=error)
    assert r.noise_ == "measured" and r.status_ == "consistent"
    assert 0.5 < r.evidence_["chi_square"] < 1.6
    assert np.all(_errors(r, [[1.5, -1]], 3) < 3)
    smaller = PosynomialRegressor().fit(x, y, y_error=pd.Series(error / 3))
    assert (
        smaller.status_ == "approximate" and "larger than the errors" in smaller.evidence_["reason"]
    )
    assert smaller.evidence_["chi_square"] == pytest.approx(9 * r.evidence_["chi_square"], rel=0.1)
    # Errors that are too large are believed: they are not made smaller by residuals.
    larger = PosynomialRegressor(rounding=None, num_terms=1).fit(x, y, y_error=10 * error)
    plain = PosynomialRegressor(rounding=None, num_terms=1).fit(x, y, y_error=error)
    np.testing.assert_allclose(larger.exponent_errors_, 10 * plain.exponent_errors_, rtol=0.3)
    # A single number stands for all rows.
    assert PosynomialRegressor().fit(x, y, y_error=0.1).noise_ == "measured"


@pytest.mark.slow
def test_weights_are_inverse_variances():
    """They find what a few good rows say among bad ones, and are relative."""
    g = np.random.default_rng(3)
    x = g.uniform(1, 5, (80, 1))
    error = np.where(np.arange(80) < 40, 0.01, 3.0)
    y = 3 * x[:, 0] ** 1.5 + error * g.normal(size=80)
    make = {"rounding": None, "num_terms": 1, "noise": "absolute"}
    plain = PosynomialRegressor(**make).fit(x, y)
    weighted = PosynomialRegressor(**make).fit(x, y, sample_weight=1 / error**2)
    assert weighted.exponent_errors_[0, 0] < plain.exponent_errors_[0, 0] / 20
    assert np.all(_errors(weighted, [[1.5]], 3) < 3.5)
    same = PosynomialRegressor(**make).fit(x, y, sample_weight=7 / error**2)
    np.testing.assert_allclose(same.law_.coefficients, weighted.law_.coefficients, rtol=1e-8)
    # Rows without weight take no part.
    none = PosynomialRegressor(**make).fit(x, y, sample_weight=np.repeat([1, 0], 40))
    few = PosynomialRegressor(**make).fit(x[:40], y[:40])
    np.testing.assert_allclose(none.law_.coefficients, few.law_.coefficients, rtol=1e-12)
    assert none.evidence_["rows"] == 40


@pytest.mark.slow
def test_weights_go_through_scikit_learn():
    x, y, _ = _table()
    with sklearn.config_context(enable_metadata_routing=True):
        regressor = PosynomialRegressor(num_terms=1).set_fit_request(y_error=True)
        scores = cross_val_score(regressor, x, y, params={"y_error": 0.02 * y}, cv=3)
    assert np.all(scores > 0.99)


@pytest.mark.slow
def test_a_few_outliers_are_named_and_leave_the_law():
    x, y, _ = _table()
    y[[3, 17, 40]] *= 10
    r = PosynomialRegressor(loss="robust").fit(x, y)
    assert r.evidence_["outliers"] == [3, 17, 40] and r.status_ == "consistent"
    assert np.all(_errors(r, [[1.5, -1]], 3) < 3)
    # Least squares loses the law, and says that it is not sure of it.
    plain = PosynomialRegressor().fit(x, y)
    assert (
        plain.status_ == "approximate" and np.max(np.abs(plain.predict(x) / r.predict(x) - 1)) > 0.1
    )


@pytest.mark.slow
@pytest.mark.parametrize("factor", [-10, -1, 1e-3])
def test_outliers_may_be_of_the_other_sign_or_small(factor):
    x, y, _ = _table()
    y[[3, 17, 40]] *= factor
    r = PosynomialRegressor(loss="robust").fit(x, y)
    assert r.evidence_["outliers"] == [3, 17, 40] and r.noise_ == "relative"
    assert np.all(_errors(r, [[1.5, -1]], 3) < 3)


@pytest.mark.slow
def test_many_outliers_are_said():
    x, y, _ = _table()
    y[:12] *= 10
    r = PosynomialRegressor(loss="robust").fit(x, y)
    assert r.evidence_["outliers"] == list(range(12))
    assert r.status_ == "approximate" and r.evidence_["reason"] == "12 of 60 rows are outliers"
    assert r.law_.predict([[2.0, 2.0]]) == pytest.approx(3 * 2**0.5, rel=0.02)


@pytest.mark.slow
def test_rows_without_outliers_are_rarely_called_so():
    """In at most a few of a hundred tables of normal errors, and then a row or two."""
    named = [
        len(
            PosynomialRegressor(loss="robust", max_terms=1)
            .fit(*_table(seed)[:2])
            .evidence_["outliers"]
        )
        for seed in range(40)
    ]
    assert np.count_nonzero(named) <= 4 and max(named) <= 2


@pytest.mark.parametrize("regressor", [PosynomialRegressor, SignomialRegressor])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y_error": -1.0}, r"y_error must be > 0, got -1 in row 0"),
        ({"y_error": [0.0] * 60}, r"y_error must be > 0, got 0 in row 0"),
        ({"y_error": [1.0] * 5}, r"y_error must be one number a row, 60, got shape \(5,\)"),
        ({"y_error": [np.nan] * 60}, r"y_error must be finite, got NaN"),
        (
            {"y_error": 1e300},
            r"y_error must be within a factor of 1e100 of the largest y, .*1e\+300",
        ),
        ({"y_error": "error"}, r"y_error must be numbers, one a row, got 'error'"),
        (
            {"sample_weight": [0] * 60},
            r"sample_weight must be >= 0 and not zero in all rows, got 0",
        ),
        ({"sample_weight": [1] * 59 + [-1]}, r"sample_weight must be >= 0 .*, got -1 in row 59"),
        ({"sample_weight": [[1, 2]] * 60}, r"sample_weight must be one column, got shape"),
        ({"sample_weight": ["a"] * 60}, r"sample_weight must hold numbers, got 'a' in row 0"),
        (
            {"sample_weight": [1] * 60, "y_error": [1] * 60},
            r"y_error and sample_weight say the same",
        ),
    ],
)
def test_bad_weights_and_errors_are_refused(regressor, given, message):
    x, y, _ = _table()
    with pytest.raises(ValueError, match=message):
        regressor().fit(x, y, **given)


@pytest.mark.slow
def test_tensors_are_taken_where_they_have_values():
    tf = pytest.importorskip("tensorflow")
    x, y, _ = _table()
    r = PosynomialRegressor(num_terms=1).fit(tf.constant(x), tf.constant(y), y_error=0.02 * y)
    plain = PosynomialRegressor(num_terms=1).fit(x, y, y_error=tf.constant(0.02 * y))
    assert r.formula() == plain.formula()
    with pytest.raises(ValueError, match="got a SymbolicTensor without values"):
        tf.function(lambda a: PosynomialRegressor().fit(a, y) and a, autograph=False)(
            tf.constant(x)
        )


@pytest.mark.parametrize("kind", ["RaggedTensor", "SparseTensor", "Dataset", "list"])
def test_what_is_no_table_is_refused_by_name(kind):
    tf = pytest.importorskip("tensorflow")
    x, y, _ = _table()
    table = {
        "RaggedTensor": lambda: tf.ragged.constant([[1.0, 2.0], [1.0]]),
        "SparseTensor": lambda: tf.sparse.from_dense(x),
        "Dataset": lambda: tf.data.Dataset.from_tensor_slices(x),
        "list": lambda: [[1.0, 2.0], [1.0]],
    }[kind]()
    with pytest.raises(ValueError, match=f"must be tables of numbers, got a .*{kind}"):
        PosynomialRegressor().fit(table, y)


def test_what_does_not_go_together_is_refused():
    x, y, g = _table()
    with pytest.raises(ValueError, match="noise must be 'auto' with y_error"):
        PosynomialRegressor(noise="relative").fit(x, y, y_error=0.1)
    with pytest.raises(ValueError, match=r"y must not be constant .*, got 0.0 only"):
        PosynomialRegressor(loss="robust").fit(x, 0 * y)
    with pytest.raises(ValueError, match=r"loss must be one of .*, got 'huber'"):
        PosynomialRegressor(loss="huber").fit(x, y)
    # Where hardly any two rows agree.
    y = 10.0 ** g.uniform(-150, 150, 8)
    x = g.uniform(1, 2, (8, 1))
    y[3:] = -y[3:]
    with pytest.raises(ValueError, match=r"y must .*"):
        PosynomialRegressor(loss="robust", noise="relative", signomial=False).fit(x, y)


def test_a_column_that_varies_by_rounding_alone_is_constant():
    x, y, _ = _table()
    x = np.column_stack([x[:, 0], 3 * (1 + 1e-14 * np.arange(len(y)) / len(y))])
    with pytest.raises(ValueError, match="constant columns .* got x1"):
        PosynomialRegressor().fit(x, y)


def test_outliers_are_not_in_the_box():
    rng = np.random.default_rng(1)
    x = rng.uniform(1, 5, (60, 2))
    y = 3 * x[:, 0] ** 2 / x[:, 1] * (1 + 0.01 * rng.normal(size=60))
    x[7, 0], y[7] = 9, 10 * y[7]
    r = PosynomialRegressor(loss="robust", max_terms=1).fit(x, y)
    assert r.evidence_["outliers"] == [7]
    assert r.box_[1][0] < 5 and r.extrapolates([[8.5, 2.0]]).statements != ("inside",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample_weight": np.r_[1e-300, np.ones(11)]}, r"must be 0 or within a factor of 1e100"),
        ({"sample_weight": 1j}, "must be real numbers, one a row, got 1j"),
    ],
)
def test_weights_that_are_no_use(given, message):
    x = np.arange(1.0, 13)[:, None]
    with pytest.raises(ValueError, match=f"^sample_weight {message}"):
        PosynomialRegressor(max_terms=1).fit(x, x[:, 0] ** 2, **given)


def test_an_error_of_all_rows_may_be_an_array():
    x = np.arange(1.0, 13)[:, None]
    y = 2 * x[:, 0] ** 2 + np.tile([0.1, -0.1], 6)
    fits = [
        PosynomialRegressor(max_terms=1).fit(x, y, y_error=error) for error in (0.1, np.array(0.1))
    ]
    assert str(fits[0].law_) == str(fits[1].law_)
    np.testing.assert_array_equal(fits[0].deviations_, fits[1].deviations_)
