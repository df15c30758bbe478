"""Random sums: what is drawn, which of them rows can tell, and when one is found."""

import numpy as np
import pytest

from training.fitting.laws.random_laws import FRACTIONS
from training.fitting.laws.random_sums import KINDS, draw


def laws(kind="signomial", terms=3, variables=4, noise=0.01, number=40):
    generator = np.random.default_rng(0)
    return [draw(terms, variables, kind, noise, generator) for _ in range(number)]


@pytest.mark.parametrize("kind", KINDS)
def test_ranges(kind):
    known = {0.0, *(sign * float(f) for f in FRACTIONS for sign in (1, -1))}
    common = 0
    for law in laws(kind):
        assert law.x.shape == (1000, 4) and np.all(law.x > 0)
        assert np.all(law.x.max(axis=0) / law.x.min(axis=0) < 10)
        assert set(law.exponents.ravel()) <= known and law.exponents.shape == (3, 4)
        assert np.all(np.any(law.exponents, axis=0))
        assert len(np.unique(law.exponents, axis=0)) == 3
        signs = set(np.sign(law.coefficients))
        assert signs == ({1} if kind == "posynomial" else {1, -1})
        same = np.all((law.exponents == law.exponents[0]) & (law.exponents != 0), axis=0)
        common += same.sum() >= 1
    assert 5 <= common <= 30  # half have one, if it is not 0


def test_noise_is_a_share_of_y():
    for law in laws(noise=0.05, number=5):
        size = np.sqrt(np.mean(np.square(law.clean)))
        assert np.std(law.y - law.clean) == pytest.approx(0.05 * size, rel=0.1)
        terms = [
            c * np.prod(law.x**a, axis=1)
            for c, a in zip(law.coefficients, law.exponents, strict=True)
        ]
        np.testing.assert_allclose(sum(terms), law.clean, atol=1e-9 * size)
    assert np.array_equal(laws(noise=0, number=1)[0].y, laws(noise=0, number=1)[0].clean)


@pytest.mark.slow
def test_laws_are_told_where_each_coefficient_is():
    """The standard error of a coefficient is at most 2 %, the exponents being known."""
    told = {noise: [law.is_told(noise) for law in laws(number=100)] for noise in (1e-6, 0.01, 0.3)}
    assert np.mean(told[1e-6]) > 0.95 and np.mean(told[0.3]) < 0.05
    assert 0.3 < np.mean(told[0.01]) < 0.9
    for law in laws(number=100):
        noise = 0.01 * np.sqrt(np.mean(np.square(law.clean)))
        design = np.stack([np.prod(law.x**a, axis=1) for a in law.exponents], axis=1)
        errors = noise * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
        if law.is_told(0.01):
            assert np.all(errors / np.abs(law.coefficients) <= 0.0201)


def test_is_found():
    law = laws(number=1)[0]
    a, c = law.exponents, law.coefficients
    assert law.is_found(a, c) and law.is_found(a[::-1], c[::-1]) and law.is_found(a, 1.04 * c)
    assert not law.is_found(a, 1.06 * c) and not law.is_found(a, c[::-1])
    assert not law.is_found(a + 1e-6, c) and not law.is_found(a[:2], c[:2])
    assert not law.is_found(a[[0, 0, 1]], c[[0, 0, 1]])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((1, 3, "posynomial"), "terms must be an integer >= 2, got 1"),
        ((2, 0, "posynomial"), "variables must be an integer >= 1, got 0"),
        ((2, 3, "sum"), "kind must be one of"),
    ],
)
def test_bad_input(arguments, told):
    with pytest.raises(ValueError, match=told):
        draw(*arguments, 0.0, np.random.default_rng(0))
