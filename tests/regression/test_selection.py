"""Choice among candidates: the simplest that is not worse, and no simpler."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from weirdonetworks.regression import fitting, selection
from weirdonetworks.regression.fitting import Data, Model
from weirdonetworks.regression.selection import Candidate, complexity, select

HALF = Fraction(1, 2)
ROWS = 200


def _model(known, c=None, power=1) -> Model:
    """A model with these exponents, None for 0.3 as a float."""
    known = tuple(tuple(a if a is None else Fraction(a) for a in row) for row in known)
    a = np.array([[0.3 if e is None else float(e) for e in row] for row in known])
    bases = tuple(np.eye(a.shape[1])[:, [e is None for e in row]] for row in known)
    c = np.ones(len(a)) if c is None else np.array(c, float)
    return Model(c, a, Fraction(power), bases, known)


@pytest.mark.parametrize(
    ("known", "c", "power", "bits"),
    [
        ([[0, 0]], [2], 1, 4),
        ([[1, 0]], [2], 1, 4 + 2),
        ([[3, -1]], [2], 1, 4 + 3 + 2),
        ([[HALF, 0]], [2], 1, 4 + np.log2(2 * 4) + 1),
        ([[Fraction(2, 3), 0]], [2], 1, 4 + np.log2(3 * 9) + 1),
        ([[None, 0]], [2], 1, 4 + 12),
        ([[1, 0], [0, 1]], [2, 3], 1, 12),
        ([[1, 0], [0, 1]], [2, 3], -1, 14),
        ([[1, 0], [0, 1]], [2, 3], HALF, 18),
        ([[1, 0], [0, 1]], [2, -3], 1, 13),
    ],
)
def test_complexity(known, c, power, bits):
    model = _model(known, c, power)
    assert complexity(model) == pytest.approx(bits)
    assert complexity(model, charged=False) == pytest.approx(bits - np.sum(model.c < 0))


def test_complexity_orders_as_people_do():
    order = [[[0]], [[1]], [[2]], [[HALF]], [[Fraction(1, 3)]], [[Fraction(5, 6)]], [[None]]]
    bits = [complexity(_model(known)) for known in order]
    assert bits == sorted(bits) and len(set(bits)) == len(bits)


def _residuals(size=1.0, seed=0):
    return size * np.random.default_rng(seed).normal(size=ROWS)


SIMPLE, COMPLEX = _model([[1, 0]]), _model([[1, None], [None, 2]])


def test_simpler_one_wins_where_they_predict_alike():
    r = _residuals()
    alike = r + 0.01 * _residuals(seed=1)
    for first, second in ((r, alike), (alike, r)):
        candidates = [Candidate(COMPLEX, first), Candidate(SIMPLE, second)]
        assert select(candidates, 0).model is SIMPLE
        assert select(candidates[::-1], 0).model is SIMPLE


def test_simpler_one_that_is_worse_does_not():
    candidates = [Candidate(COMPLEX, _residuals()), Candidate(SIMPLE, 1.5 * _residuals())]
    assert select(candidates, 0).model is COMPLEX
    assert select(candidates[::-1], 0).model is COMPLEX


def test_comparison_is_row_by_row():
    """Worse by a little in every row is worse, though their mean squares hardly differ."""
    r = _residuals()
    candidates = [Candidate(COMPLEX, r), Candidate(SIMPLE, 1.02 * r)]
    assert select(candidates, 0).model is COMPLEX
    squares = [np.square(c.residuals) for c in candidates]
    apart = np.mean(squares[1]) - np.mean(squares[0])
    assert apart < 0.5 * np.std(squares[0]) / np.sqrt(ROWS)
    # A negative control: the same mean squares in rows that do not belong together.
    shuffled = np.random.default_rng(1).permutation(1.02 * r)
    assert select([Candidate(COMPLEX, r), Candidate(SIMPLE, shuffled)], 0).model is SIMPLE


def test_better_one_of_equally_simple_ones_wins():
    twin = _model([[0, 1]])
    r = _residuals()
    candidates = [Candidate(SIMPLE, r), Candidate(twin, r + 0.05 * _residuals(seed=1))]
    better, other = sorted(candidates, key=lambda candidate: candidate.mean_square)
    assert better.mean_square < other.mean_square and not selection.worse(other, better, 0)
    assert select([better, other], 0) is select([other, better], 0) is better


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_threshold_is_that_many_standard_errors(factor):
    r = np.zeros(ROWS)
    worse = np.sqrt(1 + np.resize([0.5, -0.5], ROWS))
    # Squares with mean 1 and standard deviation 0.5, less the mean that is not yet significant.
    shift = 1 - factor * selection._ERRORS * 0.5 / np.sqrt(ROWS)
    best = Candidate(COMPLEX, np.full(ROWS, np.sqrt(shift)))
    assert selection.worse(Candidate(SIMPLE, worse), best, 0) == (factor > 1)
    assert not selection.worse(best, best, 0)
    assert not selection.worse(Candidate(SIMPLE, r), best, 0)


def test_no_differences_below_numerical_precision():
    candidates = [Candidate(COMPLEX, _residuals(1e-16)), Candidate(SIMPLE, _residuals(1e-13))]
    assert select(candidates, 1e-12).model is SIMPLE
    assert select(candidates, 1e-14).model is COMPLEX


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_predictions_that_are_not_finite_are_worse(value):
    r = _residuals()
    r[3] = value
    candidates = [Candidate(SIMPLE, r), Candidate(COMPLEX, _residuals(100))]
    assert candidates[0].mean_square == np.inf
    assert select(candidates, 0).model is COMPLEX


def test_obvious_structure_counts_against_a_law():
    r = _residuals()
    alike = r + 0.01 * _residuals(seed=1)
    plain, structured = Candidate(COMPLEX, r, 0.5), Candidate(SIMPLE, alike, 1e-12)
    assert select([structured, plain], 0) is plain
    # Where all have it, and where it is what chance brings, the simpler one stays.
    plain = dataclasses.replace(plain, p_value=1e-12)
    assert select([structured, plain], 0) is structured
    structured, plain = (
        dataclasses.replace(c, p_value=p) for c, p in ((structured, 0.02), (plain, 0.9))
    )
    assert select([structured, plain], 0) is structured


def test_signs_may_be_free_of_charge():
    negative, power = _model([[1, 0]], [-1]), _model([[1, 0]], [1])
    r = _residuals()
    candidates = [Candidate(negative, r), Candidate(power, r + 1e-3 * _residuals(seed=1))]
    assert select(candidates, 0).model is power
    charged = complexity(negative) - complexity(negative, charged=False)
    assert charged == 1


# Rounding and pruning.


def _fitted(exponents, c, noise, rows=300, seed=0):
    rng = np.random.default_rng(seed)
    a = np.array(exponents, float)
    u = rng.uniform(-1, 1, (rows, a.shape[1]))
    bases, known = (np.eye(a.shape[1]),) * len(a), ((None,) * a.shape[1],) * len(a)
    model = Model(np.array(c, float), a, Fraction(1), bases, known)
    data = Data(u, model.predict(u) + noise * rng.normal(size=rows), False)
    return fitting.fit(model, data), data


def test_variants():
    model, data = _fitted([[0.5, -1]], [2], 0.01)
    assert selection.variants(model, data, None, False) == [model]
    free, *rounded = selection.variants(model, data, "auto", False)
    assert free.known == ((None, None),) and (HALF, -1) in {each.known[0] for each in rounded}
    (whole,) = selection.variants(model, data, 1, False)
    assert whole.known[0] in {(0, -1), (1, -1)}
    (quarters,) = selection.variants(model, data, 4, False)
    assert quarters.known == ((HALF, -1),)


@pytest.mark.parametrize("denominator", [1, 2, 3])
def test_forced_exponents_are_multiples(denominator):
    model, data = _fitted([[0.47, -1.21, 0.1], [2.3, 0.8, -0.4]], [2, 3], 0.05)
    forced = selection.force(model, data, denominator)
    exponents = [a for row in forced.known for a in row]
    assert all(denominator % a.denominator == 0 for a in exponents)
    assert forced.num_parameters == 2
    error = fitting.rms(forced.residuals(data))
    # Coefficients are fitted again: others are worse.
    other = dataclasses.replace(forced, c=forced.c * 1.05)
    assert error < fitting.rms(other.residuals(data))


def test_terms_that_noise_made_are_pruned():
    noisy, data = _fitted([[1, 0]], [2], 0.1)
    more = dataclasses.replace(
        _model([[None, None], [0, 3]], [2, 1e-3]), a=np.array([[1.0, 0], [0, 3]])
    )
    fitted = fitting.fit(more, data)
    pruned = selection.pruned(fitted, data)
    assert pruned.num_terms == 1
    np.testing.assert_allclose(pruned.a, noisy.a, atol=1e-6)


def test_terms_that_the_data_need_are_kept():
    model, data = _fitted([[1, 0], [0, 2]], [2, 0.3], 0.05)
    assert selection.pruned(model, data).num_terms == 2
    exact, data = _fitted([[1, 0], [0, 2]], [2, 1e-6], 0)
    assert selection.pruned(exact, data).num_terms == 2


def test_terms_that_exact_data_do_not_need_are_pruned():
    model = _model([[1, 0], [0, 2]], [2, 0])
    _, data = _fitted([[1, 0]], [2], 0)
    assert selection.pruned(fitting.fit(model, data), data).known == ((1, 0),)


def test_equal_terms_are_one():
    _, data = _fitted([[1, 0], [0, 2]], [2, 1], 0.01)
    model = fitting.fit(_model([[1, 0], [1, 0], [0, 2]], [1.5, 0.5, 1]), data)
    pruned = selection.pruned(model, data)
    assert pruned.known == ((1, 0), (0, 2))
    np.testing.assert_allclose(pruned.c, [2, 1], rtol=0.01)


def test_last_term_stays():
    _, data = _fitted([[1, 0]], [1e-3], 1.0)
    assert selection.pruned(fitting.fit(_model([[1, 0]]), data), data).num_terms == 1


def test_obvious_structure_is_outweighed_by_no_number_of_bits():
    """Thirteen bits of surprise are less than what the simple law saves; its structure rules."""
    zero = Fraction(0)
    simple = fitting.monomial(np.zeros(4), 1.0, np.zeros((4, 0)))
    simple = dataclasses.replace(simple, known=((zero,) * 4,))
    floats = fitting.monomial(np.ones(4), 1.0, np.eye(4))
    residuals = np.random.default_rng(0).normal(size=50)
    chosen = selection.select(
        [
            selection.Candidate(simple, residuals, p_value=1e-6),
            selection.Candidate(floats, residuals, p_value=0.5),
        ],
        1e-12,
    )
    assert chosen.model is floats


def test_a_larger_law_must_fit_better_as_well_as_predict_better():
    """Rows of validation may prefer it by chance, by three errors once in a thousand times."""
    small, large = _model([[None, None]]), _model([[None, None], [None, None]])
    rows = np.ones(100)
    for square, chosen in ((1000.0, small), (600.0, large)):
        candidates = [
            Candidate(small, 1.2 * rows, square=1000.5, rows=300),
            Candidate(large, rows, square=square, rows=300),
        ]
        assert select(candidates, 1e-12).model is chosen
    # One at numerical precision has no sum of squares, and needs none.
    exact = Candidate(large, 0 * rows)
    assert select([Candidate(small, rows, square=1000.0, rows=300), exact], 1e-12) is exact


def test_a_law_that_lacks_what_a_larger_one_has_is_not_taken():
    """Rows of validation may not tell the two apart where the rows of training do."""
    small, large = _model([[1, None]]), _model([[None, None], [None, None]])
    r = _residuals()
    for square, chosen in ((700.0, large), (950.0, small)):
        candidates = [
            Candidate(small, 1.01 * r, square=1000.0, rows=300),
            Candidate(large, r, square=square, rows=300),
        ]
        assert select(candidates, 1e-12).model is chosen
    # Not if it predicts worse.
    candidates[1] = Candidate(large, 1.02 * r, square=700.0, rows=300)
    assert select(candidates, 1e-12).model is small


U = np.random.default_rng(5).normal(size=(ROWS, 2))


def _of(terms) -> np.ndarray:
    """The sum of terms (c, a) in the rows of U."""
    return sum(c * np.exp(U @ np.array(a, float)) for c, a in terms)


def _free(terms) -> Model:
    known = [[None] * 2 for _ in terms]
    model = _model(known, [c for c, _ in terms])
    return dataclasses.replace(model, a=np.array([a for _, a in terms], float))


@pytest.mark.parametrize(
    "left_over",
    [
        [(1e-15, (0.3, 1.7)), (-3e-14, (1.1, 0.2))],  # rounding errors
        [(7.0, (0.5, 0.25)), (-7.0, (0.5, 0.25 + 1e-15))],  # what cancels
        [(1e-16, (0.3, 1.7)), (5.0, (2.0, 0.1)), (-5.0, (2.0, 0.1))],
    ],
)
def test_an_exact_fit_is_tidied(left_over):
    law = [(2.0, (1, 0)), (0.5, (-1.5, 2))]
    tidied = selection.tidied(_free([*law, *left_over]), Data(U, _of(law), False))
    order = np.argsort(tidied.c)
    np.testing.assert_allclose(tidied.c[order], [0.5, 2.0], rtol=1e-9)
    np.testing.assert_allclose(tidied.a[order], [[-1.5, 2], [1, 0]], atol=1e-9)


def test_terms_that_are_parts_of_one_are_taken_together():
    tidied = selection.tidied(
        _free([(1.5, (1, 0)), (0.5, (1, 0))]), Data(U, _of([(2, (1, 0))]), False)
    )
    assert tidied.num_terms == 1 and tidied.c[0] == pytest.approx(2)


def test_terms_near_one_another_that_cancel_but_for_one_are_that_one():
    """c x^a as three terms that differ from it by multiples of d are c x^a, but for d^3."""
    d, law = 1e-5, [(2.0, (1, 0)), (0.5, (-1.5, 2))]
    near = [(0.5 * c, (-1.5, 2 + k * d)) for k, c in ((1, 3), (2, -3), (3, 1))]
    data = Data(U, _of(law), False)
    model = _free([law[0], *near])
    assert fitting.error(model, data) <= fitting.PRECISION
    tidied = selection.tidied(model, data)
    order = np.argsort(tidied.c)
    np.testing.assert_allclose(tidied.c[order], [0.5, 2.0], rtol=1e-9)
    np.testing.assert_allclose(tidied.a[order], [[-1.5, 2], [1, 0]], atol=1e-9)


def test_terms_near_one_another_that_are_the_laws_stay():
    law = [(2.0, (1, 0)), (0.5, (1, 0.03)), (0.7, (1.02, 0))]
    tidied = selection.tidied(_free(law), Data(U, _of(law), False))
    np.testing.assert_allclose(np.sort(tidied.c), [0.5, 0.7, 2.0], rtol=1e-6)


def test_small_terms_that_are_the_laws_stay():
    law = [(2.0, (1, 0)), (1e-4, (-1.5, 2)), (3e-5, (0, 0))]
    tidied = selection.tidied(_free(law), Data(U, _of(law), False))
    np.testing.assert_allclose(np.sort(tidied.c), [3e-5, 1e-4, 2.0], rtol=1e-6)
