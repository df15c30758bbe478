"""Random laws: ranges, noise of the stated size, terms that the rows can tell."""

from fractions import Fraction

import numpy as np
import pytest

from training.fitting.laws.random_laws import FRACTIONS, LARGEST_REAL, NOISES, deviations, draw


def laws(terms, rows, count, noise="mixed"):
    return [draw(terms, rows, noise, np.random.default_rng([seed, terms])) for seed in range(count)]


def distances(law):
    """How far in standard deviations, squared, the rows without noise are from each law that lacks
    a term; parameters of the others are free, near to what they are."""
    log_x, weights = np.log(law.x), 1 / deviations(law)
    values = law.coefficients * np.exp(log_x @ law.exponents.T)
    found = []
    for k in range(values.shape[1]):
        others = [j for j in range(values.shape[1]) if j != k]
        columns = [values[:, [j]] * np.column_stack([np.ones(len(log_x)), log_x]) for j in others]
        design = np.hstack(columns) if others else np.ones((len(log_x), 1))
        design = design * weights[:, None]
        design = design / np.linalg.norm(design, axis=0)
        target = values[:, k] * weights
        left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        found.append(left @ left)
    return found


@pytest.mark.slow
def test_ranges():
    drawn = laws(1, 60, 150) + laws(2, 60, 150)
    assert {law.x.shape for law in drawn} == {(60, columns) for columns in range(1, 6)}
    decades = np.concatenate([np.log10(law.x.max(axis=0) / law.x.min(axis=0)) for law in drawn])
    assert 0.4 < decades.min() < 0.7 and 7 < decades.max() < 8
    levels = np.array([law.level for law in drawn])
    assert 1e-3 <= levels.min() < 2e-3 and 0.1 < levels.max() <= 0.2
    known = {0.0, *(sign * float(f) for f in FRACTIONS for sign in (1, -1))}
    told = np.concatenate([law.exponents[law.fractions] for law in drawn])
    real = np.concatenate([law.exponents[~law.fractions] for law in drawn])
    assert set(told) <= known and Fraction(1, 3) in FRACTIONS
    assert np.all(np.abs(real) < LARGEST_REAL) and not known & set(real)
    # At even odds, of those that are not missing; harder to tell are neither.
    assert 0.4 < len(real) / np.sum(np.concatenate([told, real]) != 0) < 0.6
    for law in drawn:
        assert np.all(law.coefficients > 0) and np.all(np.any(law.exponents, axis=0))


def test_rows_without_noise_are_the_law():
    for law in laws(3, 100, 5):
        values = [
            sum(c * np.prod(row**a) for c, a in zip(law.coefficients, law.exponents, strict=True))
            for row in law.x
        ]
        np.testing.assert_allclose(law.clean, values, rtol=1e-9)


@pytest.mark.parametrize("noise", NOISES)
def test_the_noise_is_of_the_stated_size(noise):
    for seed in range(3):
        law = draw(1, 20_000, noise, np.random.default_rng(seed))
        size = {
            "absolute": law.level * np.sqrt(np.mean(law.clean**2)),
            "proportional": law.level * law.clean,
            "log-normal": law.level,
            "mixed": law.level * np.sqrt(law.clean**2 + np.median(law.clean) ** 2),
        }[noise]
        # Of two halves of the rows: the size goes with y as it should.
        large = law.clean > np.median(law.clean)
        change = np.log(law.y / law.clean) if noise == "log-normal" else law.y - law.clean
        for rows in (large, ~large):
            z = (change / size)[rows]
            assert np.std(z) == pytest.approx(1, rel=0.03) and abs(np.mean(z)) < 0.05


def test_rows_tell_each_term():
    """And would not, were one of them as small as makes no difference."""
    hidden = 0
    for terms, rows in ((1, 12), (2, 12), (2, 100), (3, 30), (3, 1000)):
        for law in laws(terms, rows, 8):
            assert min(distances(law)) > 59.9
            if terms > 1:
                less = law.coefficients * np.r_[1e-6, np.ones(terms - 1)]
                hidden += distances(law._replace(coefficients=less))[0] < 60
    assert hidden > 25


def test_repetition():
    first, again, other = (draw(2, 30, "mixed", np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.array_equal(first.y, other.y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 30, "mixed"), "terms must be an integer >= 1, got 0"),
        ((1, 2.5, "mixed"), "rows must be an integer >= 1, got 2.5"),
        ((1, 30, "none"), "noise must be one of .*absolute.* got 'none'"),
        ((3, 12, "mixed"), "rows must be enough to tell 3 terms, got 12"),
        ((1, 5, "mixed"), "rows must be enough to tell 1 terms, got 5"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        draw(*arguments, np.random.default_rng(0))
