"""Kneser's superlogarithm to two dozen digits, its inverse and their slopes."""

import mpmath
import pytest
from mpmath import mp, mpf

from training.iterates import kneser


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(40):
        yield


@pytest.mark.slow
@pytest.mark.parametrize(
    "computed, digits",
    [
        (lambda: kneser.superlog_slope(mpf(0)), "0.915946056499533393949672638910324562425109969"),
        (lambda: kneser.superlog(mpf(1) / 2), "-0.4984983751311689971273212151103788569715"),
        (lambda: kneser.superlog(mpf(2)), "0.7015456018318703657518903980808909493854"),
        (lambda: kneser.exp_iterate(mpf(0), mpf(1) / 4), "0.257388979678387349602355111653879965"),
        (lambda: kneser.exp_iterate(mpf(2), mpf(1) / 2), "3.43129811745375817618045849399876952"),
        (lambda: kneser.exp_iterate(mpf(10), mpf(-1) / 2), "4.11881234250405296876771056584652270"),
    ],
)
def test_two_dozen_digits(computed, digits):
    assert abs(computed() - mpf(digits)) < mpf("2e-23")


@pytest.mark.slow
def test_a_larger_system_has_more_digits():
    small, large = kneser.solve(30, 16, 40), kneser.solve(44, 22, 50)
    exact = mpf("0.915946056499533393949672638910324562425109969")
    errors = [abs(abel(mpf(0), derivative=1) - exact) for abel in (small, large)]
    assert mpf("1e-15") < errors[0] < mpf("1e-9") and errors[1] < errors[0] / 1000


def test_an_odd_degree_leaves_an_equation_over():
    with pytest.raises(ValueError, match="^degree must be even, got 31$"):
        kneser.solve(31, 16, 40)


def test_slopes_are_derivatives():
    for x in ("-2.5", "0.3", "1.7", "40"):
        x = mpf(x)
        numerical = mpmath.diff(kneser.superlog, x)
        assert abs(kneser.superlog_slope(x) / numerical - 1) < mpf("1e-15")
        numerical = mpmath.diff(lambda z: kneser.exp_iterate(z, mpf("0.3")), x)
        assert abs(kneser.exp_iterate_slope(x, mpf("0.3")) / numerical - 1) < mpf("1e-15")
