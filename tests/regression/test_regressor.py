"""The regressors: laws are found blindly, others are never exact, bad input is refused by name."""

import pickle
import re
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pandas as pd
import pyarrow
import pytest
import sympy
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from training.fitting.laws import random_sums
from weirdonetworks.regression import PosynomialRegressor, SignomialRegressor, search

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
BOTH = pytest.mark.parametrize("regressor", [PosynomialRegressor, SignomialRegressor])

# The law, its power, and the coefficient of each row of exponents.
LAWS = {
    "monomial": (lambda a, b, c: 3 * a * c**0.5 / b**2, 1, {(1, -2, HALF): 3}),
    "negative monomial": (lambda a, b: -3 * a / b, 1, {(1, -1): -3}),
    "thirds": (lambda a, b: 2 * a ** (1 / 3) * b ** (-2 / 3), 1, {(THIRD, -2 * THIRD): 2}),
    "posynomial": (lambda a, b: 2 * a * b + b**2 / a / 2, 1, {(1, 1): 2, (-1, 2): 0.5}),
    "signomial": (lambda a, b, c: a * b - 2 * b * c, 1, {(1, 1, 0): 1, (0, 1, 1): -2}),
    "additive constant": (lambda a, b: a * b + 7, 1, {(1, 1): 1, (0, 0): 7}),
    "p = 2": (lambda a, b: np.sqrt(a**2 + 3 * b**2), 2, {(2, 0): 1, (0, 2): 3}),
    "p = 1/2": (lambda a, b: (a * b + 2 / b**1.5) ** 2, HALF, {(1, 1): 1, (0, -3 * HALF): 2}),
    "p = -1": (lambda a, b: 1 / (1 / a + 1 / b), -1, {(-1, 0): 1, (0, -1): 1}),
    "p = -2": (lambda a, b: (a**-2 + 2 / b) ** -0.5, -2, {(-2, 0): 1, (0, -1): 2}),
    "negative root": (lambda a, b: -np.sqrt(a**2 + 3 * b**2), 2, {(2, 0): 1, (0, 2): 3}),
    "distance": (
        lambda a, b, c, d: (a - b) ** 2 + (c - d) ** 2,
        1,
        {
            (2, 0, 0, 0): 1,
            (1, 1, 0, 0): -2,
            (0, 2, 0, 0): 1,
            (0, 0, 2, 0): 1,
            (0, 0, 1, 1): -2,
            (0, 0, 0, 2): 1,
        },
    ),
}
OUTSIDE = {
    "exp": lambda a, b: np.exp(a / b),
    "sin": lambda a, b: b * np.sin(a / 4),
    "log": lambda a, b: b * np.log(1 + a),
    "rational": lambda a, b: (1 + a) / (3 + b),
    "tanh": lambda a, b: b * np.tanh(a / b),
}


def _data(f, rows=240, noise=0.0, relative=False, seed=0, low=1, high=5):
    """x uniform in [low, high], and f(x) with normal errors: of y, in its RMS; or of log y."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (rows, f.__code__.co_argcount))
    y, errors = f(*x.T), rng.normal(size=rows)
    if relative:
        return x, y * np.exp(noise * errors)
    return x, y + noise * np.sqrt(np.mean(y**2)) * errors


@pytest.fixture(scope="module")
def _searches():
    return {}


@pytest.fixture
def searched_once(monkeypatch, _searches):
    """Both regressors search for the same sums, and then choose otherwise: the search is made once.

    Where data, settings or the state of the generator differ, it is another search.
    """
    candidates = search.candidates

    def kept(*given):
        *_, generator, _ = given
        key = pickle.dumps(given)
        if key not in _searches:
            found = list(candidates(*given))
            _searches[key] = pickle.dumps((found, generator.bit_generator.state))
        found, generator.bit_generator.state = pickle.loads(_searches[key])
        return found

    monkeypatch.setattr(search, "candidates", kept)


def _terms(law):
    return dict(zip(law.exponents, law.coefficients, strict=True))


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("noise", [0, 0.003])
def test_finds_the_law(regressor, noise, name, searched_once):
    f, power, terms = LAWS[name]
    x, y = _data(f, rows=1000 if noise else 240, noise=noise)
    r = regressor().fit(x, y)
    assert r.status_ == ("consistent" if noise else "exact")
    assert r.law_.power == power
    assert r.law_.sign == (-1 if name == "negative root" else 1)
    found = _terms(r.law_)
    assert found == pytest.approx(terms, rel=0.05 if noise else 1e-9)
    assert all(isinstance(a, Fraction) for row in found for a in row)
    error = r.evidence_["relative_error"]
    assert error < 1e-13 if noise == 0 else 0.7 < error / noise < 1.3
    far, expected = _data(f, low=0.2, high=50, seed=1)
    if noise == 0:
        np.testing.assert_allclose(r.predict(far), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 0.001])
def test_exponent_that_is_no_fraction_stays_a_float(noise):
    x, y = _data(lambda a, b: a**0.41421356 * b, noise=noise)
    r = PosynomialRegressor().fit(x, y)
    ((a, b),), ((error, _),) = r.law_.exponents, r.exponent_errors_
    assert type(a) is float and b == 1 and isinstance(b, Fraction)
    assert abs(a - 0.41421356) < max(4 * error, 1e-12)
    assert (1e-5 < error < 1e-3) if noise else error < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("relative", [False, True])
def test_standard_errors_cover_the_truth_as_often_as_they_say(relative):
    """Of intervals of one and two standard errors, as many hold the truth as a normal's do."""
    truth = np.array([3, 1.23, -0.77])
    deviations = []
    for seed in range(120):
        x, y = _data(
            lambda a, b: 3 * a**1.23 * b**-0.77, 80, noise=0.05, relative=relative, seed=seed
        )
        noise = "relative" if relative else "absolute"
        r = PosynomialRegressor(1, rounding=None, noise=noise).fit(x, y)
        estimates = np.append(r.law_.coefficients, r.law_.exponents)
        errors = np.append(r.coefficient_errors_, r.exponent_errors_)
        deviations.append((estimates - truth) / errors)
    for width, inside in ((1, 0.683), (2, 0.954)):
        held = np.sum(np.abs(deviations) < width, axis=0)
        low, high = stats.binom.interval(0.9999, 120, inside)
        assert np.all((low <= held) & (held <= high)), (width, held)
    # A negative control: errors of twice or half the size would not pass.
    held = [np.sum(np.abs(deviations) < width, axis=0) for width in (0.5, 2)]
    low, high = stats.binom.interval(0.9999, 120, 0.683)
    assert np.all(held[0] < low) and np.all(held[1] > high)


@pytest.mark.slow
def test_four_times_the_rows_half_the_error():
    errors = []
    for rows in (100, 400):
        samples = [_data(lambda a, b: a**1.23 / b, rows, noise=0.1, seed=k) for k in range(20)]
        fits = [PosynomialRegressor(1, rounding=None).fit(*sample) for sample in samples]
        errors.append(np.mean([fit.exponent_errors_ for fit in fits], axis=0))
    np.testing.assert_allclose(errors[0] / errors[1], 2, rtol=0.2)


@pytest.mark.slow
def test_number_of_terms_may_be_fixed():
    x, y = _data(LAWS["posynomial"][0], noise=0.01)
    one, two = (PosynomialRegressor(num_terms=k).fit(x, y) for k in (1, 2))
    assert len(one.law_.coefficients) == 1 and one.status_ == "approximate"
    assert len(two.law_.coefficients) == 2 and two.status_ == "consistent"
    x, y = _data(LAWS["monomial"][0], noise=0.01)
    assert len(PosynomialRegressor(num_terms=2).fit(x, y).law_.coefficients) == 2


@pytest.mark.slow
def test_rounding_may_be_fixed():
    x, y = _data(lambda a, b: a ** (1 / 3) / b, noise=0.001)
    rows = {d: PosynomialRegressor(rounding=d).fit(x, y).law_ for d in ("auto", None, 1, 2, 3)}
    assert rows["auto"].exponents == rows[3].exponents == ((THIRD, -1),)
    assert all(type(a) is float for row in rows[None].exponents for a in row)
    for d in (1, 2):
        exponents = [a for row in rows[d].exponents for a in row]
        assert all(isinstance(a, Fraction) and d % a.denominator == 0 for a in exponents)
    assert PosynomialRegressor(rounding=2).fit(x, y).status_ == "approximate"


@pytest.mark.slow
def test_relative_noise():
    """Errors of log y leave the law to be seen over decades, where least squares of y see one."""
    x, y = _data(lambda a, b: 2 * a**3 / b**2, noise=0.1, relative=True, low=0.05, high=20)
    r = PosynomialRegressor(noise="relative").fit(x, y)
    assert r.noise_ == r.evidence_["noise"] == "relative"
    assert r.law_.exponents == ((3, -2),) and r.status_ == "consistent"
    assert r.law_.coefficients[0] == pytest.approx(2, rel=0.05)
    absolute = PosynomialRegressor(rounding=None, num_terms=1, noise="absolute").fit(x, y)
    relative = PosynomialRegressor(rounding=None, num_terms=1, noise="relative").fit(x, y)
    far = [np.abs(np.array(r.law_.exponents) - [3, -2]).max() for r in (absolute, relative)]
    assert far[1] < far[0] / 3


@pytest.mark.slow
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_auto_noise_takes_the_kind_that_the_data_have(relative, sign):
    x, y = _data(lambda a, b: 5 * a * b, noise=0.1, relative=relative, low=2, high=8, seed=3)
    assert np.all(y > 0)
    r = PosynomialRegressor(noise="auto").fit(x, sign * y)
    assert r.noise_ == ("relative" if relative else "absolute")
    assert _terms(r.law_) == pytest.approx({(1, 1): 5 * sign}, rel=0.05)


@pytest.mark.slow
def test_auto_noise_of_both_signs_is_absolute():
    x, y = _data(lambda a, b: a - b, noise=0.01)
    assert PosynomialRegressor(noise="auto").fit(x, y).noise_ == "absolute"


# Units.

PENDULUM = {"l": "cm", "m": "kg", "g": "m/s**2"}


def _pendulum(noise=0.0, constant=False, rows=200):
    x, _ = _data(lambda length, m, g: length, rows)
    table = pd.DataFrame(x, columns=["l", "m", "g"])
    table["l"] *= 20
    if constant:
        table["g"] = 9.81
    rng = np.random.default_rng(1)
    period = 2 * np.pi * np.sqrt(table["l"] / 100 / table["g"])
    return table, (period * (1 + noise * rng.normal(size=rows))).rename("T")


@pytest.mark.slow
@pytest.mark.parametrize("constant", [False, True])
def test_units_determine_the_exponents(constant):
    """A column of one value is welcome where units determine its exponent."""
    x, y = _pendulum(0.2, constant)
    r = PosynomialRegressor(units=PENDULUM, target_units="s", dimensions="constrain").fit(x, y)
    assert r.law_.exponents == ((HALF, 0, -HALF),)
    assert r.law_.coefficients[0] == pytest.approx(2 * np.pi / 10, rel=0.1)
    assert r.units_.consistent and r.evidence_["units"] == r.units_.message
    assert r.units_.constants[0].base_value == pytest.approx(2 * np.pi, rel=0.1)


def test_units_constrain_what_noise_would_blur():
    """With so much noise, the exponents alone would not be these; with units they are."""
    x, y = _pendulum(0.5, rows=60)
    free = PosynomialRegressor(rounding=None, num_terms=1).fit(x, y)
    (row,) = free.law_.exponents
    assert abs(row[0] + row[2]) > 0.01 and abs(row[1]) > 0.01
    bound = PosynomialRegressor(
        rounding=None, num_terms=1, units=PENDULUM, target_units="s", dimensions="constrain"
    ).fit(x, y)
    np.testing.assert_allclose(np.array(bound.law_.exponents, float), [[0.5, 0, -0.5]], atol=1e-12)


@pytest.mark.slow
def test_units_leave_dimensionless_products_free():
    """Two lengths: their quotient may have any exponent."""
    x, y = _data(lambda a, b, g: np.sqrt((a + b * b / a) / g))
    units = {"x0": "m", "x1": "m", "x2": "m/s**2"}
    r = PosynomialRegressor(units=units, target_units="s", dimensions="constrain").fit(x, y)
    assert r.status_ == "exact" and r.law_.power == 2
    assert _terms(r.law_) == pytest.approx({(1, 0, -1): 1, (-1, 2, -1): 1})
    # A law that breaks them is not found: a fit that is bound to them says that it is none.
    x, y = _data(lambda a, b, g: a**2 * g + b)
    r = PosynomialRegressor(units=units, target_units="s", dimensions="constrain").fit(x, y)
    assert r.status_ == "approximate" and r.units_.consistent


@pytest.mark.slow
def test_inconsistent_law_is_reported():
    x, y = _pendulum(0.01, constant=True)
    units = {"l": "cm", "m": "kg"}
    r = PosynomialRegressor(units=units, target_units="s").fit(x[["l", "m"]], y)
    assert r.law_.exponents == ((HALF, 0),) and r.status_ == "consistent"
    assert not r.units_.consistent
    assert "must carry" in r.evidence_["units"]
    whole = PosynomialRegressor(units=PENDULUM, target_units="s").fit(*_pendulum(0.01))
    assert whole.units_.consistent
    assert PosynomialRegressor().fit(*_pendulum(0.01)).units_ is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": {"l": "m", "m": "kg"}}, "'g'"),
        ({"units": PENDULUM | {"g": "parrots"}}, "parrots"),
        ({"units": PENDULUM | {"l": "degC"}}, "degC"),
        ({"units": PENDULUM, "target_units": "A", "dimensions": "constrain"}, "current"),
        ({"target_units": "s"}, "units must be given"),
        ({"dimensions": "constrain"}, "units must be given"),
    ],
)
def test_wrong_units(arguments, message):
    with pytest.raises(ValueError, match=message):
        PosynomialRegressor(**arguments).fit(*_pendulum(0.01))


# Laws outside the family, and data that hold no law.


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("name", OUTSIDE)
def test_law_outside_the_family_is_approximate(regressor, name, searched_once):
    x, y = _data(OUTSIDE[name], 300)
    r = regressor().fit(x, y)
    assert r.status_ == "approximate", r.formula()
    # Eight terms come near 1e-11 of the sine, on this side or that by the order of sums.
    many = "8 terms whose exponents are no fractions" in r.evidence_["reason"]
    assert r.evidence_["reason"] and many is (r.evidence_["relative_error"] <= 1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTSIDE)
def test_law_outside_the_family_is_not_exact_with_noise(name):
    x, y = _data(OUTSIDE[name], 300, noise=1e-3)
    assert PosynomialRegressor().fit(x, y).status_ != "exact"


@pytest.mark.slow
@pytest.mark.parametrize("rows", [8, 15, 40, 100, 300])
def test_noise_is_no_law(rows):
    """In a few rows chance may look like one, in one of twelve tables at most."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.uniform(1, 5, (rows, 2))
        for y in (rng.normal(size=rows), rng.uniform(0.01, 1, rows), rng.lognormal(size=rows)):
            r = PosynomialRegressor().fit(x, y)
            assert r.status_ != "exact"
            if r.status_ == "consistent":
                found.append((seed, r.formula(3), r.evidence_))
    assert len(found) <= (rows < 15), found


@pytest.mark.slow
def test_posynomial_without_signs_does_not_pretend():
    x, y = _data(lambda a, b, c: 3 * a * b - b * c / 3)
    assert np.all(y > 0)
    r = PosynomialRegressor(signomial=False).fit(x, y)
    assert r.law_.is_posynomial and r.status_ == "approximate"
    assert PosynomialRegressor().fit(x, y).status_ == "exact"


@pytest.mark.parametrize("rows", [4, 5])
def test_as_many_rows_as_parameters_confirm_nothing(rows):
    """A monomial in two features has three parameters; a fit of even two terms would be perfect."""
    x, y = _data(lambda a, b: 2 * a / b, rows)
    r = PosynomialRegressor().fit(x, y)
    assert r.status_ == "approximate" and "too few" in r.evidence_["reason"]
    y = np.random.default_rng(5).uniform(1, 2, rows)
    assert PosynomialRegressor().fit(x, y).status_ == "approximate"


@pytest.mark.parametrize("terms", [None, 1, 2])
def test_too_few_rows(terms):
    x, y = _data(lambda a, b, c: a + b + c, 4)
    with pytest.raises(ValueError, match=r"rows"):
        PosynomialRegressor(num_terms=terms).fit(x, y)


def test_constant_target():
    x, _ = _data(lambda a, b: a + b)
    with pytest.raises(ValueError, match=r"y must not be constant .* got 2\.5 only"):
        PosynomialRegressor().fit(x, np.full(len(x), 2.5))


# Bad input.


@pytest.mark.parametrize("value", [0.0, -1.5])
@BOTH
def test_values_that_are_not_positive(regressor, value):
    x, y = _data(lambda a, b: a * b)
    table = pd.DataFrame(x, columns=["mass", "speed"])
    fitted = regressor().fit(table, y)
    table.loc[7, "speed"] = value
    message = rf"X must be > 0 .* got {value:.6g} in row 7 of column speed"
    for call in (lambda t: regressor().fit(t, y), fitted.predict, fitted.extrapolates):
        with pytest.raises(ValueError, match=message):
            call(table)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    """Column and first row are named, of arrays and of tables."""
    x, y = _data(lambda a, b: a * b)
    said = "NaN, a missing value," if np.isnan(value) else f"{value:g}"
    for names in (None, ["mass", "speed"]):
        table = x if names is None else pd.DataFrame(x, columns=names)
        fitted = PosynomialRegressor().fit(table, y)
        bad = x.copy()
        bad[[3, 5], 1] = value
        bad = bad if names is None else pd.DataFrame(bad, columns=names)
        where = f"in row 3 of column {'speed' if names else 'x1'} (2 such rows)"
        for call in (lambda t: PosynomialRegressor().fit(t, y), fitted.predict):
            with pytest.raises(
                ValueError, match=re.escape(f"X must be finite, got {said} {where}")
            ):
                call(bad)
        with pytest.raises(ValueError, match="X must be finite"):
            fitted.extrapolates(bad)
    bad = y.copy()
    bad[4] = value
    for target in (bad, bad.tolist(), pd.Series(bad), pd.DataFrame({"y": bad})):
        with pytest.raises(
            ValueError, match=re.escape(f"y must be finite, got {said} in row 4 (1")
        ):
            PosynomialRegressor().fit(x, target)


BAD_COLUMNS = {
    "truth values": (lambda v: v > 2, "(True|False) in row 0 {} .a truth value"),
    "nullable truth values": (lambda v: (v > 2).astype("boolean"), ".* in row 0 {} .a truth value"),
    "categories": (
        lambda v: v.round().astype(int).astype("category"),
        ".* in row 0 {} .a category",
    ),
    "dates": (lambda v: pd.to_datetime(v, unit="D"), "1970-.* in row 0 {} .a time: count"),
    "durations": (lambda v: pd.to_timedelta(v, unit="s"), ".* in row 0 {} .a time"),
    "text": (lambda v: v.astype(str), "'.*' in row 0 {} .text"),
    "a word": (lambda v: v.astype(object).where(v.index != 7, "3,5"), "'3,5' in row 7 {} .text"),
    "a word in text": (lambda v: v.astype(str).where(v.index != 7, "x"), "'x' in row 7 {} .text"),
    "None": (lambda v: v.astype(object).where(v.index != 7, None), "None in row 7 {} .a missing"),
    "complex": (lambda v: v + 1j, ".*j. in row 0 {} .Complex data not supported"),
}


@pytest.mark.parametrize("kind", BAD_COLUMNS)
def test_columns_that_are_no_numbers(kind):
    x, y = _data(lambda a, b: a * b, 20)
    make, message = BAD_COLUMNS[kind]
    column = make(pd.Series(x[:, 1]))
    table = pd.DataFrame({"mass": x[:, 0], "speed": column})
    fitted = PosynomialRegressor(max_terms=1).fit(table.assign(speed=x[:, 1]), y)
    named = "X must hold numbers, got " + message.format("of column speed")
    for call in (lambda t: PosynomialRegressor().fit(t, y), fitted.predict, fitted.extrapolates):
        with pytest.raises(ValueError, match=named):
            call(table)
    with pytest.raises(ValueError, match="y must hold numbers, got " + message.replace(" {}", "")):
        PosynomialRegressor().fit(x, column)
    if kind not in ("categories", "text", "complex"):  # whose first column is refused as well
        array = np.array([x[:, 0].tolist(), column.tolist()], object).T
        with pytest.raises(ValueError, match="of column x1 "):
            PosynomialRegressor().fit(array, y)


@pytest.mark.parametrize("twice", [["a", "a"], ["1", 1]])
def test_a_column_twice(twice):
    x, y = _data(lambda a, b: a * b, 20)
    fitted = PosynomialRegressor(max_terms=1).fit(pd.DataFrame(x, columns=["a", "b"]), y)
    table = pd.DataFrame(x, columns=twice)
    named = f"^X, y and .* must have a column of each name, got '{twice[0]}' 2 times$"
    for call in (lambda t: PosynomialRegressor().fit(t, y), fitted.predict, fitted.extrapolates):
        with pytest.raises(ValueError, match=named):
            call(table)


def test_a_column_twice_of_arrow():
    x, y = _data(lambda a, b: a * b, 20)
    table = pyarrow.Table.from_arrays(list(x.T), names=["a", "a"])
    with pytest.raises(ValueError, match="must have a column of each name, got 'a' 2 times$"):
        PosynomialRegressor().fit(table, y)


@pytest.mark.slow
def test_numbers_of_other_types():
    """What holds numbers is read as such."""
    x, y = _data(lambda a, b: a * b, 20)
    table = pd.DataFrame(x, columns=["a", "b"])
    expected = PosynomialRegressor(max_terms=1).fit(table, y).formula()
    for same in (table.astype(object), table.astype("Float64"), table.convert_dtypes()):
        assert PosynomialRegressor(max_terms=1).fit(same, list(y)).formula() == expected
    whole = pd.DataFrame({"a": np.arange(1, 21), "b": pd.array([2, 1, 3, 5] * 5, "Int64")})
    y = whole["a"] * whole["b"]
    assert PosynomialRegressor(max_terms=1).fit(whole, y).formula() == "y = a*b"


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 2, 20, 50, 58])
def test_the_least_number_of_rows(columns):
    """It is that of the user's rows; where a table fits, one of more rows does."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 5, (90, columns))
    y = x[:, 0] ** 2
    for rows in (2, columns // 2 + 2, columns + 1):
        message = f"X must have at least {columns + 2} rows to fit one term with, got {rows}$"
        with pytest.raises(ValueError, match=message):
            PosynomialRegressor(max_terms=1).fit(x[:rows], y[:rows])
    for rows in {columns + 2, 59, 60, 61, 69, 70} - set(range(columns + 2)):
        fitted = PosynomialRegressor(max_terms=1).fit(x[:rows], y[:rows])
        assert fitted.formula() == "y = x0**2", rows


@pytest.mark.slow
def test_two_terms_need_no_more_of_sixty_rows_than_of_fifty_nine():
    x = np.random.default_rng(0).uniform(1, 5, (60, 22))
    y = x[:, 0] * x[:, 1] + x[:, 2]
    for rows in (59, 60):
        law = PosynomialRegressor(num_terms=2).fit(x[:rows], y[:rows]).law_
        assert len(law.coefficients) == 2


def test_constant_columns_are_named():
    x, y = _data(lambda a, b, c: a * b / c)
    table = pd.DataFrame(x, columns=["mass", "speed", "area"])
    with pytest.raises(ValueError, match=r"constant columns .* got speed$"):
        PosynomialRegressor().fit(table.assign(speed=3.0), y)
    with pytest.raises(ValueError, match=r"constant columns .* got mass, speed$"):
        PosynomialRegressor().fit(table.assign(speed=3.0, mass=1e-30), y)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (lambda t: 3 * t["mass"] ** 2, "mass, extra"),
        (lambda t: t["speed"], "speed, extra"),
        (lambda t: t["mass"] ** 0.5 / t["area"], "mass, area, extra"),
    ],
)
def test_collinear_columns_are_named(column, names):
    x, y = _data(lambda a, b, c: a * b / c)
    table = pd.DataFrame(x, columns=["mass", "speed", "area"])
    table["extra"] = column(table)
    with pytest.raises(ValueError, match=rf"products of powers of others .* got {names}$"):
        PosynomialRegressor().fit(table, y)
    # Nearly is not exactly: it is for the errors to say what the data do not determine.
    table["extra"] *= np.exp(1e-3 * np.random.default_rng(0).normal(size=len(x)))
    assert PosynomialRegressor().fit(table, y).status_ == "exact"


@pytest.mark.slow
def test_target_of_both_signs():
    x, y = _data(lambda a, b: a - b)
    with pytest.raises(ValueError, match=r"y must be of one sign for a posynomial without signs"):
        PosynomialRegressor(signomial=False).fit(x, y)
    for regressor in (PosynomialRegressor, SignomialRegressor):
        with pytest.raises(ValueError, match=r"y must be of one sign for relative noise"):
            regressor(noise="relative").fit(x, y)
        assert _terms(regressor().fit(x, y).law_) == pytest.approx({(1, 0): 1, (0, 1): -1})


@pytest.mark.slow
def test_relative_noise_with_some_values_of_the_other_sign():
    """Few enough to be noise, but they have no logarithm."""
    x, y = _data(lambda a, b: a * b)
    y[:2] = -1e-3
    for regressor in (PosynomialRegressor, SignomialRegressor):
        with pytest.raises(ValueError, match=r"y must be .*relative noise"):
            regressor(noise="relative").fit(x, y)
    assert PosynomialRegressor(noise="auto").fit(x, y).noise_ == "absolute"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_terms": 0}, r"num_terms must be an integer >= 1, got 0"),
        ({"num_terms": 1.5}, r"num_terms must be an integer >= 1, got 1\.5"),
        ({"max_terms": 0}, r"max_terms must be an integer >= 1, got 0"),
        ({"rounding": 0}, r"rounding must be an integer >= 1, got 0"),
        ({"rounding": "half"}, r"rounding must be 'auto', None or an integer >= 1, got 'half'"),
        ({"powers": ()}, r"powers must be different fractions other than 0 .*, got \(\)"),
        ({"powers": (1, 0)}, r"powers must be different fractions other than 0 .*, got \(1, 0\)"),
        (
            {"powers": (1, 1.0)},
            r"powers must be different fractions other than 0 .*, got \(1, 1\.0\)",
        ),
        ({"powers": ("a",)}, r"powers must be .* got \('a',\)"),
        ({"powers": 2}, r"powers must be .* got 2"),
        ({"powers": (float("nan"),)}, r"powers must be .* got \(nan,\)"),
        ({"noise": "loud"}, r"noise must be one of .* got 'loud'"),
        ({"dimensions": "ignore"}, r"dimensions must be one of .* got 'ignore'"),
        ({"validation_fraction": 0.9}, r"validation_fraction must be a number in .* got 0\.9"),
        ({"signomial": "yes"}, r"signomial must be True or False, got 'yes'"),
    ],
)
def test_bad_arguments(arguments, message):
    x, y = _data(lambda a, b: a * b)
    with pytest.raises(ValueError, match=message):
        PosynomialRegressor(**arguments).fit(x, y)


@pytest.mark.slow
@pytest.mark.parametrize("signs", [1, -1])
def test_powers_may_be_restricted(signs):
    x, y = _data(lambda a, b: np.cbrt(a**2 + b))
    r = PosynomialRegressor(powers=(3,)).fit(x, signs * y)
    assert r.law_.power == 3 and r.law_.sign == signs and r.status_ == "exact"
    assert _terms(r.law_) == pytest.approx({(2, 0): 1, (0, 1): 1})
    assert PosynomialRegressor(powers=(1,)).fit(x, signs * y).status_ == "approximate"


# scikit-learn's ways.


@pytest.mark.slow
def test_names_come_from_the_table():
    x, y = _data(lambda a, b: 2 * a**2 / b)
    table = pd.DataFrame(x, columns=["u_1", "r"])
    r = PosynomialRegressor().fit(table, pd.Series(y, name="F"))
    assert r.formula(3) == "F = 2*u_1**2/r"
    u, radius = sympy.symbols("u_1 r", positive=True)
    assert sympy.simplify(r.to_sympy() / (2 * u**2 / radius) - 1).subs({u: 2, radius: 3}) < 1e-12
    assert list(r.feature_names_in_) == ["u_1", "r"]
    assert r.to_latex(3).startswith("F = ") and "u_{1}" in r.to_latex(3)
    with pytest.raises(ValueError, match="feature names"):
        r.predict(table[["r", "u_1"]])
    plain = PosynomialRegressor().fit(x, y)
    assert plain.formula(3) == "y = 2*x0**2/x1" and plain.law_.names == ("x0", "x1")


@pytest.mark.slow
@BOTH
def test_same_random_state_same_law(regressor):
    x, y = _data(LAWS["posynomial"][0], noise=0.02)
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (regressor(random_state=3).fit(x, y) for _ in range(2))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(first.law_.coefficients, second.law_.coefficients)
    assert first.law_.exponents == second.law_.exponents
    assert first.evidence_ == second.evidence_
    other = regressor(random_state=4).fit(x, y)
    assert other.evidence_["validation_error"] != first.evidence_["validation_error"]
    states = [regressor(random_state=np.random.RandomState(3)).fit(x, y) for _ in range(2)]
    assert states[0].evidence_ == states[1].evidence_


@BOTH
def test_pickle_and_clone(regressor):
    x, y = _data(LAWS["p = 2"][0])
    fitted = regressor(powers=(1, 2), max_terms=5, random_state=7).fit(x, y)
    read = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(read.predict(x), fitted.predict(x))
    assert read.formula() == fitted.formula() and read.evidence_ == fitted.evidence_
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params() and not hasattr(copy, "law_")
    with pytest.raises(NotFittedError):
        copy.predict(x)


@pytest.mark.slow
def test_cross_validation():
    x, y = _data(LAWS["monomial"][0], noise=0.05)
    scores = cross_val_score(PosynomialRegressor(), x, y, cv=3)
    assert np.all(scores > 0.98)


@pytest.mark.parametrize(
    "method",
    ["predict", "formula", "to_sympy", "to_latex", "to_cvxpy", "to_layer", "extrapolates"],
)
def test_nothing_to_say_before_the_fit(method):
    arguments = (np.ones((2, 2)),) if method in ("predict", "extrapolates") else ()
    with pytest.raises(NotFittedError):
        getattr(PosynomialRegressor(), method)(*arguments)


@pytest.mark.parametrize("method", ["predict", "extrapolates"])
def test_other_number_of_features(method):
    x, y = _data(lambda a, b: a * b)
    fitted = PosynomialRegressor().fit(x, y)
    with pytest.raises(ValueError, match="3 features"):
        getattr(fitted, method)(np.ones((2, 3)))


# The law through the estimator.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["monomial", "posynomial", "signomial", "p = 2", "p = -1"])
def test_forms_agree_with_predict(name):
    x, y = _data(LAWS[name][0], noise=0.01)
    r = PosynomialRegressor().fit(x, y)
    expected = r.predict(x)
    assert np.std(expected) > 0.1
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(r.to_layer()(x).numpy()[:, 0], expected, **close)
    layer = r.to_layer(log_input=True)
    np.testing.assert_allclose(layer(np.log(x)).numpy()[:, 0], expected, **close)
    symbols = [sympy.Symbol(n, positive=True) for n in r.law_.names]
    said = sympy.lambdify(symbols, r.to_sympy())(*x.T)
    np.testing.assert_allclose(said, expected, **close)
    right = re.sub(r"^y = ", "", r.formula(17))
    columns = dict(zip(r.law_.names, x.T, strict=True))
    value = eval(right, {"sqrt": np.sqrt}, columns)
    np.testing.assert_allclose(value, expected, **close)


@pytest.mark.slow
def test_geometric_program_on_a_fitted_law():
    """The least a b + 4/(a b^2) + ... for a >= 1, found on noisy data, is the law's own."""
    x, y = _data(lambda a, b: 2 * a * b + 8 / b**2, noise=1e-3, low=0.5, high=4)
    r = PosynomialRegressor().fit(x, y)
    a, b = cp.Variable(pos=True), cp.Variable(pos=True)
    problem = cp.Problem(cp.Minimize(r.to_cvxpy({"x0": a, "x1": b})), [a >= 1])
    problem.solve(gp=True)
    assert problem.status == "optimal"
    assert a.value == pytest.approx(1, rel=1e-3) and b.value == pytest.approx(2, rel=5e-3)
    assert problem.value == pytest.approx(6, rel=5e-3)


def test_says_how_far_it_extrapolates():
    x, y = _data(lambda a, b: a * b)
    r = PosynomialRegressor().fit(pd.DataFrame(x, columns=["mass", "speed"]), y)
    np.testing.assert_array_equal(r.box_, [x.min(axis=0), x.max(axis=0)])
    rows = np.array([[2.0, 3.0], [2.0, 30 * x[:, 1].max()]])
    said = r.extrapolates(pd.DataFrame(rows, columns=["mass", "speed"]))
    np.testing.assert_array_equal(said.inside, [True, False])
    assert said.feature == (None, "speed") and "by a factor of 30" in said.statements[1]
    assert said.decades[1] == pytest.approx(np.log10(30))


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [(1e-30, 1e30), (6.6e-34, 3e8), (1e30, 1e30)])
@pytest.mark.parametrize("noise", [0, 0.003])
def test_units_of_any_scale(first, second, noise):
    """Columns in SI units, such as Planck's constant: the law is found as in units near 1."""
    x, y = _data(lambda a, b: 2 * a * b + b**2 / a / 2, noise=noise)
    r = PosynomialRegressor().fit(x * [first, second], y * 1e20)
    terms = {
        (1, 1): 2e20 / first / second,
        (-1, 2): 0.5e20 * first / second**2,
    }
    assert r.status_ == ("consistent" if noise else "exact")
    assert _terms(r.law_) == pytest.approx(terms, rel=0.05 if noise else 1e-9)
    np.testing.assert_allclose(r.predict(x * [first, second]), y * 1e20, rtol=0.2)
    assert np.all(np.isfinite(r.coefficient_errors_))


def test_constants_that_no_double_holds():
    x, y = _data(lambda a, b: a**6 / b**6)
    with pytest.raises(ValueError, match="constants of the law are between"):
        PosynomialRegressor().fit(x * [1e60, 1e-60], y)


@pytest.mark.slow
def test_rows_that_repeat_count_once():
    """Two points determine a power, and no number of repetitions confirms it."""
    x, y = np.tile([[1.0], [2.0]], (30, 1)), np.tile([1.0, 4.0], 30)
    r = PosynomialRegressor().fit(x, y)
    assert r.status_ == "approximate" and "2 different rows are too few" in r.evidence_["reason"]
    three = PosynomialRegressor().fit(
        np.tile([[1.0], [2.0], [3.0]], (30, 1)), np.tile([1, 5, 2], 30)
    )
    assert three.status_ == "approximate"
    many = np.arange(1, 31, dtype=float)[:, None]
    assert PosynomialRegressor().fit(many, many[:, 0] ** 2).status_ == "exact"


@pytest.mark.slow
def test_many_columns_and_few_rows_are_not_called_consistent():
    rng = np.random.default_rng(100)
    x = rng.uniform(1, 5, (60, 12))
    r = PosynomialRegressor().fit(x, x[:, 0] * x[:, 3] + x[:, 5] ** 2)
    assert r.status_ == "approximate" or r.formula() == "y = x0*x3 + x5**2"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_exponents_that_the_data_do_not_tell_from_others_stay_floats(seed):
    rng = np.random.default_rng(seed)
    x = np.exp(rng.uniform(0, 1, (100, 1)))
    y = x[:, 0] ** 1.7 * np.exp(0.3 * rng.normal(size=100))
    r = PosynomialRegressor(noise="relative").fit(x, y)
    assert isinstance(r.law_.exponents[0][0], float)
    assert abs(r.law_.exponents[0][0] - 1.7) < 4 * r.exponent_errors_[0, 0]
    assert isinstance(PosynomialRegressor(rounding=2).fit(x, y).law_.exponents[0][0], Fraction)


@pytest.mark.parametrize("scale", [1e160, 1e300, 1e-200, -1e-300])
def test_targets_whose_squares_are_no_numbers(scale):
    x, y = _data(lambda a, b: a**2 / b)
    r = PosynomialRegressor().fit(x, scale * y)
    assert r.status_ == "exact" and r.law_.exponents == ((2, -1),)
    np.testing.assert_allclose(r.law_.coefficients, scale, rtol=1e-9)


@pytest.mark.slow
def test_a_target_that_is_constant_but_for_rounding_is_no_exact_law():
    x, y = _data(lambda a, b: a**2 / b)
    assert PosynomialRegressor().fit(x, 7 + 1e-12 * y).status_ == "approximate"
    assert PosynomialRegressor().fit(x, 7 + 1e-6 * y).status_ == "exact"


def test_constrained_dimensions_need_those_of_the_target():
    x, y = _data(lambda a, b: a**2 / b)
    r = PosynomialRegressor(units={"x0": "m", "x1": "s"}, dimensions="constrain")
    with pytest.raises(ValueError, match="target_units must be given with dimensions='constrain'"):
        r.fit(x, y)
    r.set_params(target_units="m**2/s").fit(x, y)
    assert r.status_ == "exact" and r.units_.consistent


def test_a_law_is_exact_only_if_it_is_so_in_each_row():
    """Of a steep one, two rows hold both numbers, and noise of 1 % in the others is not seen."""
    rng = np.random.default_rng(0)
    x = np.geomspace(1, 1e8, 12)[:, None]
    clean = 3 / x[:, 0] ** 2.5
    noisy = clean * (1 + 0.01 * rng.normal(size=12) * (x[:, 0] > 1e5))
    assert PosynomialRegressor(noise="absolute").fit(x, clean).status_ == "exact"
    found = PosynomialRegressor(noise="absolute").fit(x, noisy)
    assert found.status_ == "approximate" and "smaller ones are not" in found.evidence_["reason"]


@pytest.mark.slow
def test_few_terms_under_another_noise_come_before_many():
    """Under absolute noise, sums of many steep terms bend to errors in proportion to y."""
    rng = np.random.default_rng(28)
    x = 10 ** rng.uniform(-2, 2, (300, 3))
    y = 5 * x[:, 0] ** 1.965 * x[:, 1] ** 2.702 / x[:, 2] ** 2.712
    y = y * np.exp(0.1 * rng.normal(size=300))
    found = PosynomialRegressor().fit(x, y)
    assert found.noise_ == "relative" and len(found.law_.coefficients) == 1


@pytest.mark.slow
def test_laws_over_many_decades_of_y():
    """Of y over 30 decades, the smallest tell as much as the largest if errors are in proportion;
    and of a reciprocal over ten, the largest y are those of the smallest sums."""
    rng = np.random.default_rng(0)
    x = 10 ** rng.uniform(-4, 4, (150, 2))
    noise = 1 + 0.02 * rng.normal(size=150)
    y = (3e-5 * x[:, 0] ** 4 / x[:, 1] + 50 * x[:, 1] ** 2.5 / x[:, 0]) * noise
    found = PosynomialRegressor().fit(x, y)
    assert found.noise_ == "relative" and found.status_ == "consistent"
    assert set(found.law_.exponents) == {(4, -1), (-1, Fraction(5, 2))}
    y = noise / (2 * x[:, 0] ** 1.5 + 7 / x[:, 1])
    found = PosynomialRegressor().fit(x, y)
    assert found.law_.power == -1 and found.status_ == "consistent"
    assert set(found.law_.exponents) == {(Fraction(3, 2), 0), (0, -1)}


def test_exact_asks_for_each_row_to_a_billionth_and_for_given_errors():
    rng = np.random.default_rng(0)
    x = np.exp(rng.uniform(0, 7, (300, 1)))
    found = PosynomialRegressor(noise="absolute", num_terms=1).fit(x, x[:, 0] ** 4 + 5e-7)
    assert found.status_ == "approximate" and "smaller ones are not" in found.evidence_["reason"]
    y = x[:, 0] ** 4 * (1 + 1e-12 * rng.normal(size=300))
    assert PosynomialRegressor(num_terms=1).fit(x, y).status_ == "exact"
    found = PosynomialRegressor(num_terms=1).fit(x, y, y_error=1e-14 * y)
    assert found.status_ == "approximate" and "larger than the errors" in found.evidence_["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("posynomial", 9), ("signomial", 4), ("signomial", 13)])
def test_what_becomes_exact_in_the_last_fit_has_the_terms_of_the_law(kind, seed):
    """And no others, whose coefficients are rounding errors, or that cancel."""
    place = [seed, 3, 3, random_sums.KINDS.index(kind)]
    law = random_sums.draw(3, 3, kind, 0, np.random.default_rng(place))
    regressor = PosynomialRegressor().fit(law.x, law.y)
    found = regressor.law_.explicit()
    assert regressor.status_ == "exact" and found.power == 1
    assert law.is_found(np.array(found.exponents, float), found.coefficients)
    assert all(isinstance(a, Fraction) for row in regressor.law_.exponents for a in row)
    assert regressor.evidence_["validation_error"] < 1e-11
