"""The search: spaces of exponents, starting points, terms one by one, polynomials."""

from fractions import Fraction

import numpy as np
import pytest

from weirdonetworks.regression import PosynomialRegressor, fitting, search
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data
from weirdonetworks.regression.lattice import pursuit

FREE = Space(np.zeros(2), np.eye(2))
POWERS = tuple(map(Fraction, (1, -1, 2, -2, 0.5, -0.5)))


def _data(f, rows=300, noise=0.0, relative=False, seed=0):
    """x uniform in [1, 5], with logarithms as they are, and y with normal errors."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(1, 5, (rows, f.__code__.co_argcount))
    y, errors = f(*x.T), noise * rng.normal(size=rows)
    y = y * np.exp(errors) if relative else y + errors * np.sqrt(np.mean(y**2))
    return Data(np.log(x), y, relative)


def _free(n):
    return Space(np.zeros(n), np.eye(n))


def _all(data, powers=POWERS, numbers=range(1, 13), positive=False, seed=0, space=None):
    space = _free(data.u.shape[1]) if space is None else space
    generator = np.random.default_rng(seed)
    return list(search.candidates(data, space, powers, tuple(numbers), positive, generator))


def _is_law(model, terms, power=1):
    """Whether a model is the law with these coefficients of rows of exponents, to 1e-6."""
    found = {tuple(np.round(a, 6) + 0.0): c for a, c in zip(model.a, model.c, strict=True)}
    return model.power == power and found == pytest.approx(terms, rel=1e-6)


def test_space_of_constrained_exponents():
    """a + b = 1 for y, and so 2 for y^2."""
    space = Space(np.array([1.0, 0]), np.array([[1.0], [-1]]))
    near = space.nearest(np.array([[1.0, 1.0], [0.5, 0.5]]), 1)
    np.testing.assert_allclose(near, [[0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_array_equal(space.holds(np.array([[3.0, -2], [1, 1]]), 1), [True, False])
    np.testing.assert_array_equal(space.holds(np.array([[3.0, -2], [1, 1]]), 2), [False, True])
    np.testing.assert_array_equal(_free(2).nearest(np.array([[0.3, 7]]), 1), [[0.3, 7]])


@pytest.mark.parametrize("relative", [False, True])
def test_first_term(relative):
    data = _data(lambda a, b: 3 * a**1.3 / b, relative=relative)
    model = search.first_term(data, FREE)
    np.testing.assert_allclose(model.a, [[1.3, -1]], rtol=1e-9)
    np.testing.assert_allclose(model.c, [3], rtol=1e-9)


def test_first_term_with_values_that_noise_made_negative():
    data = _data(lambda a, b: a**4 / b**4, noise=0.05)
    assert np.any(data.y < 0)
    np.testing.assert_allclose(search.first_term(data, FREE).a, [[4, -4]], atol=0.2)


def test_first_term_is_least_squares_of_y():
    """No start from elsewhere does better, nor does the log-linear fit itself."""
    data = _data(lambda a, b: a + b**2, noise=0.1)
    model = search.first_term(data, FREE)
    least = fitting.rms(model.residuals(data))
    design = np.column_stack([np.ones(300), data.u])
    t = np.linalg.lstsq(design, np.log(np.maximum(data.y, 0.1)), rcond=None)[0]
    log_linear = fitting.monomial(t[1:], np.exp(t[0]), np.eye(2))
    assert least < fitting.rms(log_linear.residuals(data))
    for seed in range(5):
        start = fitting.monomial(np.random.default_rng(seed).normal(size=2), 1.0, np.eye(2))
        assert fitting.rms(fitting.fit(start, data).residuals(data)) > least * (1 - 1e-6)


def test_first_term_keeps_constraints():
    space = Space(np.array([1.0, 0]), np.array([[1.0], [-1]]))
    model = search.first_term(_data(lambda a, b: a**0.3 * b), space)
    assert model.a.sum() == pytest.approx(1)


@pytest.mark.parametrize("power", POWERS)
def test_one_term_of_another_power_is_the_same_function(power):
    data = _data(lambda a, b: 3 * a**1.3 / b)
    model = search.first_term(data, FREE)
    other = search.with_power(model, power)
    assert other.power == power
    np.testing.assert_allclose(other.predict(data.u), model.predict(data.u))


def test_space_of_a_model():
    model = search.first_term(_data(lambda a, b: a**0.3 * b), FREE)
    bound = search.restricted(model, Space(np.array([0, 1.0]), np.array([[1.0], [0]])))
    np.testing.assert_allclose(bound.a, [[0.3, 1]], rtol=1e-6)
    assert bound.bases[0].shape == (2, 1)
    free = search.freed(bound, FREE)
    assert free.bases[0].shape == (2, 2) and free.num_parameters == 3


@pytest.mark.parametrize("noise", [0, 0.02])
@pytest.mark.parametrize("relative", [False, True])
def test_added_term_finds_what_is_missing(noise, relative):
    data = _data(lambda a, b: 2 * a * b + b**2 / a, noise=noise, relative=relative)
    one = search.first_term(data, FREE)
    two = search.add_term(one, data, FREE, np.random.default_rng(0))
    assert two.num_terms == 2
    assert search.error(two, data) <= max(1.05 * noise, fitting.PRECISION)
    assert search.error(one, data) > 2 * search.error(two, data)


def test_term_is_added_even_to_what_is_exact():
    data = _data(lambda a, b: 2 * a * b)
    two = search.add_term(search.first_term(data, FREE), data, FREE, np.random.default_rng(0))
    assert search.error(two, data) <= fitting.PRECISION


@pytest.mark.parametrize("noise", [0, 0.01])
def test_factor_finds_the_features_that_log_y_is_linear_in(noise):
    data = _data(lambda a, b, c, d: a**2 * d**-0.5 * (b + c), noise=noise)
    space = search.factor(data, _free(4))
    np.testing.assert_array_equal(space.offset, [2, 0, 0, -0.5])
    np.testing.assert_array_equal(space.basis, np.eye(4)[:, [1, 2]])


def test_factor_keeps_slopes_that_are_no_halves():
    data = _data(lambda a, b, c: a**0.3 * (b + c))
    space = search.factor(data, _free(3))
    np.testing.assert_allclose(space.offset, [0.3, 0, 0], atol=0.02)


def test_factor_leaves_a_sum_of_all_features_alone():
    data = _data(lambda a, b, c: 4 * a + b**2 + 9 / c)
    space = search.factor(data, _free(3))
    np.testing.assert_array_equal(space.basis, np.eye(3))
    np.testing.assert_array_equal(space.offset, 0)


def test_factor_finds_the_direction_of_two_terms():
    """Of x^a + x^b, log y bends along a - b alone."""
    data = _data(lambda a, b: a**2 + 3 * b, 1000)
    direction = search.factor(data, FREE).directions[0]
    direction = direction / direction[0]
    np.testing.assert_allclose(direction, [1, -0.5], atol=0.1)


def test_factor_leaves_constrained_spaces_alone():
    space = Space(np.array([1.0, 0]), np.array([[1.0], [-1]]))
    assert search.factor(_data(lambda a, b: a * (1 + b)), space) is space


@pytest.mark.parametrize("noise", [0, 0.01])
def test_polynomials_find_the_distance_of_points(noise):
    data = _data(lambda a, b, c, d: (a - b) ** 2 + (c - d) ** 2, 600, noise)
    space = _free(4)
    models = list(search.polynomials(data, space, space, POWERS, range(1, 13), False))
    terms = {(2, 0, 0, 0): 1, (0, 2, 0, 0): 1, (0, 0, 2, 0): 1, (0, 0, 0, 2): 1}
    terms |= {(1, 1, 0, 0): -2, (0, 0, 1, 1): -2}
    (model,) = [m for m in models if m.power == 1]
    found = {tuple(map(int, a)): c for a, c in zip(model.a, model.c, strict=True)}
    assert found == pytest.approx(terms, rel=0.1 if noise else 1e-9)
    if noise == 0:
        data = Data(data.u, np.sqrt(data.y), False)
        models = search.polynomials(data, space, space, POWERS, range(1, 13), False)
        assert any(_is_law(m, terms, 2) for m in models)


def test_polynomials_with_a_factor():
    data = _data(lambda a, b, c: (a + b + a * b) / c**2, 400)
    free = _free(3)
    factored = search.factor(data, free)
    models = search.polynomials(data, free, factored, POWERS[:1], range(1, 13), True)
    assert any(_is_law(m, {(1, 0, -2): 1, (0, 1, -2): 1, (1, 1, -2): 1}) for m in models)


def test_polynomials_keep_to_the_number_of_terms_and_to_signs():
    data = _data(lambda a, b: (a - b) ** 2, 400)
    free = _free(2)
    arguments = (data, free, free, POWERS[:1])
    assert [m.num_terms for m in search.polynomials(*arguments, range(1, 13), False)] == [3]
    assert not list(search.polynomials(*arguments, (1, 2), False))
    assert not list(search.polynomials(*arguments, range(1, 13), True))


def test_sums_have_real_roots_or_are_left():
    data = _data(lambda a, b: a - b)
    model = fitting.monomial(np.array([1.0, 0]), 1.0, np.eye(2))
    difference = fitting.Model(
        np.array([1.0, -1]), np.eye(2), Fraction(1), (np.eye(2),) * 2, ((None,) * 2,) * 2
    )
    assert search.is_real(model, data) and search.is_real(difference, data)
    assert search.is_real(search.with_power(model, Fraction(2)), data)
    root = fitting.Model(
        difference.c, difference.a, Fraction(2), difference.bases, difference.known
    )
    assert not search.is_real(root, data)


LAWS = {
    "one term": (lambda a, b: 3 * a**1.3 / b, {(1.3, -1): 3}, 1),
    "sum": (lambda a, b: 2 * a * b + b**2 / a, {(1, 1): 2, (-1, 2): 1}, 1),
    "difference": (lambda a, b: 2 * a * b - b**2 / a, {(1, 1): 2, (-1, 2): -1}, 1),
    "root": (lambda a, b: np.sqrt(a**2 + 3 * b**2), {(2, 0): 1, (0, 2): 3}, 2),
    "parallel": (lambda a, b: a * b / (a + b), {(-1, 0): 1, (0, -1): 1}, -1),
    "three terms": (lambda a, b: a + 2 / b + b**3, {(1, 0): 1, (0, -1): 2, (0, 3): 1}, 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_candidates_end_with_the_exact_law(name):
    f, terms, power = LAWS[name]
    data = _data(f)
    models = _all(data)
    assert _is_law(models[-1], terms, power)
    assert sum(search.error(m, data) <= fitting.PRECISION for m in models) == 1


def _six(a, b):
    return a**2 + 3 * b**2 + 2 * a * b + 5 * a + 7 / b + 11


@pytest.mark.slow
def test_six_terms_are_found_and_the_limit_is_said():
    """In noise of 0.1 %; with room for four terms, what is left is not hidden."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 5, (400, 2))
    y = _six(*x.T) * (1 + 0.001 * rng.normal(size=400))
    found = PosynomialRegressor().fit(x, y)
    assert set(found.law_.exponents) == {(2, 0), (0, 2), (1, 1), (1, 0), (0, -1), (0, 0)}
    assert found.status_ == "consistent" and "limit" not in found.evidence_["reason"]
    short = PosynomialRegressor(max_terms=2).fit(x, y)
    assert short.status_ == "approximate"
    assert "the limit of terms, 2, was reached" in short.evidence_["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 0.01])
def test_pursuit_finds_fractions(noise):
    exponents = [[2, 0, 0, 1, 0], [0, -1, 0.5, 0, 1], [0, 0, 3, 0, -1], [1, 1, 0, 0, 0]]
    rng = np.random.default_rng(1)
    u = np.log(10) * (rng.random((1000, 5)) - 0.5)
    clean = np.exp(u @ np.array(exponents).T).sum(axis=1)
    data = Data(u, clean + noise * clean.std() * rng.normal(size=1000), False)
    model = pursuit(np.zeros((1, 5)), data, 8)
    assert sorted(model.a.tolist()) == sorted(exponents)
    np.testing.assert_allclose(model.c, 1, rtol=0.2 if noise else 1e-9)


@pytest.mark.slow
def test_candidates_end_where_noise_is_left():
    models = _all(_data(LAWS["one term"][0], noise=0.05))
    # A term beyond the law without structure, to see what it would explain, for p = 1 only.
    assert models[0].num_terms == 1
    assert all(m.power == 1 for m in models if len(set(m.known)) == 2 and None in m.known[0])
    models = _all(_data(LAWS["sum"][0], noise=0.02))
    numbers = [m.num_terms for m in models]
    assert numbers[0] == 1 and 2 in numbers and numbers[-1] <= 3


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(1,), (2,), (3,), (1, 2)])
def test_candidates_have_the_numbers_of_terms_that_were_asked_for(numbers):
    models = _all(_data(LAWS["three terms"][0], noise=0.01), numbers=numbers)
    assert models and {m.num_terms for m in models} <= set(numbers)


@pytest.mark.slow
def test_candidates_of_one_sign():
    models = _all(_data(lambda a, b: 3 * a * b - b**2 / a), positive=True)
    assert models and all(np.all(m.c > 0) for m in models)


@pytest.mark.slow
def test_candidates_keep_constraints():
    space = Space(np.array([1.0, 0]), np.array([[1.0], [-1]]))
    data = _data(lambda a, b: np.sqrt(a**2 + 3 * b**2))
    models = _all(data, space=space)
    for model in models:
        assert np.all(space.holds(model.a, float(model.power)))
    assert search.error(models[-1], data) <= fitting.PRECISION


@pytest.mark.slow
def test_candidates_depend_on_the_generator_alone():
    data = _data(LAWS["three terms"][0], noise=0.02)
    first, second = _all(data, seed=1), _all(data, seed=1)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.a, other.a)
        np.testing.assert_array_equal(one.c, other.c)


def test_search_is_done_where_no_structure_is_left():
    data = _data(LAWS["one term"][0], noise=0.05)
    assert search.done(search.first_term(data, FREE), data)
    data = _data(LAWS["sum"][0], noise=0.001)
    assert not search.done(search.first_term(data, FREE), data)
    data = _data(LAWS["one term"][0])
    assert search.done(search.first_term(data, FREE), data)


@pytest.mark.slow
def test_search_is_not_done_where_too_few_rows_could_show_structure():
    """With many features no test sees that one monomial is no law for a - 3."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 5, (150, 10))
    y = x[:, 4] - 3 + 0.1 * rng.normal(size=150)
    data = Data(np.log(x), y, False)
    assert search.error(search.first_term(data, _free(10)), data) > 0.3
    assert max(model.num_terms for model in _all(data, powers=POWERS[:1])) > 1


@pytest.mark.slow
@pytest.mark.parametrize("rows", [100, 300])
def test_of_fifty_columns_those_that_matter_are_found(rows):
    rng = np.random.default_rng(3)
    x = np.exp(rng.uniform(-1, 1, (rows, 50)))
    y = 2 * x[:, 3] ** 2 / x[:, 17] * np.sqrt(x[:, 40]) * np.exp(0.02 * rng.normal(size=rows))
    (exponents,) = PosynomialRegressor().fit(x, y).law_.exponents
    assert {i: float(a) for i, a in enumerate(exponents) if a} == {3: 2, 17: -1, 40: 0.5}


def test_a_wide_table_is_done_unless_a_product_is_left():
    """Of 15 columns in 100 rows, of which no polynomial of degree 2 can be fitted."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (100, 15))
    noise = 0.01 * rng.normal(size=100)
    space = Space(np.zeros(15), np.eye(15))
    for product, done in ((0, True), (0.2, False)):
        y = np.exp(u[:, 0] + product * u[:, 3] * u[:, 7] + noise)
        data = Data(u, y, relative=True)
        model = fitting.fit(search.first_term(data, space), data)
        assert search.done(model, data) is done


@pytest.mark.parametrize("columns", [12, 13])
def test_fractions_are_pursued_in_up_to_twelve_columns(monkeypatch, columns):
    seen = []
    monkeypatch.setattr(search, "pursuit", lambda *args: seen.append(args))
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, (300, columns))
    data = Data(u, np.exp(1.5 * u[:, 0]) + np.exp(2.5 * u[:, 1]), relative=False)
    space = Space(np.zeros(columns), np.eye(columns))
    list(search.candidates(data, space, (Fraction(1),), (1, 2), False, rng))
    assert bool(seen) is (columns == 12)


@pytest.mark.slow
def test_a_term_that_is_not_needed_is_exchanged_for_one_that_is():
    rng = np.random.default_rng(0)
    u = rng.uniform(-1.2, 1.2, (300, 2))
    y = np.exp(u @ np.array([[2, 0], [0, -1], [1, 1]]).T).sum(axis=1)
    data = Data(u, y + 1e-3 * rng.normal(size=300), relative=False)
    a = np.array([[2, 0], [0, -1], [2, 0.05]])
    model = fitting.Model(np.ones(3), a, Fraction(1), (np.eye(2),) * 3, ((None,) * 2,) * 3)
    model = fitting.solve_coefficients(model, data)
    better = search.exchanged(model, data, _free(2), rng)
    assert search.error(model, data) > 0.05 and search.error(better, data) < 1e-3
    assert search._losses(model, data).argmin() in (0, 2)


@pytest.mark.parametrize(
    ("width", "fractions", "supported"),
    [
        (2, [[1, 0], [0, 2]], True),
        (0.01, [[1, 0], [0, 2]], False),
        (2, [[1, 0], [0, Fraction(9, 5)]], False),
    ],
)
def test_pursued_fractions_are_supported(width, fractions, supported):
    """Where the rows know the exponents, and no structure is left."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-width, width, (300, 2))
    y = np.exp(u[:, 0]) + np.exp(2 * u[:, 1])
    data = Data(u, y + 0.01 * rng.normal(size=300), relative=False)
    known = tuple(tuple(map(Fraction, row)) for row in fractions)
    model = fitting.Model(
        np.ones(2), np.array(fractions, float), Fraction(1), (np.zeros((2, 0)),) * 2, known
    )
    pursued = search._Pursued(data, data, _free(2), (1, 2), False, 2)
    assert pursued._supported(fitting.fit(model, data)) is supported


@pytest.mark.parametrize(("grown", "most"), [(2, 4), (4, 8), (8, 8)])
def test_twice_as_many_fractions_are_pursued_as_terms_are_grown(monkeypatch, grown, most):
    """Those too many are eliminated."""
    seen = []
    monkeypatch.setattr(search, "pursuit", lambda a, data, most, denominator: seen.append(most))
    rng = np.random.default_rng(0)
    data = _data(lambda a, b: a**1.5 + b**-2.5)
    list(search.candidates(data, _free(2), POWERS[:1], range(1, 13), False, rng, grown))
    assert set(seen) == {most}


def test_no_terms_are_grown_for_more_than_can_be(monkeypatch):
    monkeypatch.setattr(search, "add_term", lambda *args: pytest.fail("grown"))
    models = _all(_data(lambda a, b: a**1.5 + b**-2.5), numbers=(9,))
    assert all(m.num_terms == 9 and not any(b.size for b in m.bases) for m in models)


def test_laurent_polynomials_are_found():
    data = _data(lambda a, b: a / b + 2 * b / a + 3 / (a * b) + 4, noise=0.001)
    models = list(search.polynomials(data, _free(2), _free(2), POWERS[:1], range(1, 13), False))
    assert {frozenset(m.known) for m in models} >= {frozenset({(1, -1), (-1, 1), (-1, -1), (0, 0)})}


@pytest.mark.slow
def test_terms_are_exchanged_from_three_on(monkeypatch):
    """Under the power that fits best, while structure is left."""
    seen = []
    monkeypatch.setattr(search, "exchanged", lambda model, *_: seen.append(model) or model)
    monkeypatch.setattr(search, "pursuit", lambda *args: None)
    data = _data(lambda a, b: np.exp(a) * np.sin(b), noise=1e-6)
    _all(data, powers=POWERS[:1], numbers=range(1, 5))
    assert [model.num_terms for model in seen] == [3, 4]
