"""The statistics of comparisons."""

import warnings

import numpy as np
import pytest
import scipy.stats

from training.report.statistics import chosen_rate, holm, verdicts, welch


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm([]) == []


def test_welch_by_its_formula_and_by_scipy():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([3.0, 3.5, 3.6, 5.0])
    va, vb = a.var(ddof=1) / 3, b.var(ddof=1) / 4
    t = (a.mean() - b.mean()) / np.sqrt(va + vb)
    degrees = (va + vb) ** 2 / (va**2 / 2 + vb**2 / 3)
    assert welch(a, b) == pytest.approx(2 * scipy.stats.t.sf(abs(t), degrees))
    assert welch(a, b) == pytest.approx(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)


def test_welch_where_little_varies():
    assert welch([1.0], [5.0, 5.1]) == 1
    assert welch([1.0, 1.0], [1.0, 1.0]) == 1
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert welch([93.9, np.nextafter(93.9, 94)], [94.0, 95.0, 96.0]) < 0.3
        assert welch([93.9, 93.9], [94.0, 95.0, 96.0]) < 0.3


def test_verdicts():
    base = [97.0, 97.1, 96.9]
    told = verdicts(
        {
            "a": ([98.0, 98.1, 97.9], base),
            "b": ([97.1, 96.9, 97.2], base),
            "c": ([90.0, 90.1, 90.2], base),
        }
    )
    assert told == "better a (+1.00); not told apart b (+0.07); worse c (-6.90)"
    assert verdicts({}) == "better none; not told apart none; worse none"


def test_the_more_comparisons_the_less_is_told_apart():
    base, other = [97.0, 97.1, 96.9], [97.3, 97.4, 97.2]
    assert "better x" in verdicts({"x": (other, base)})
    many = {"x": (other, base), **{str(i): (base, base) for i in range(9)}}
    assert "better none; not told apart x (+0.30)" in verdicts(many)


def test_the_chosen_rate():
    def row(rate, accuracy, status="done"):
        return {"learning_rate": rate, "validation_accuracy": accuracy, "status": status}

    diverged = row(1.0, "", "diverged")
    assert chosen_rate([row(0.1, 0.9), row(0.01, 0.95), diverged]) == 0.01
    assert chosen_rate([row(0.1, 0.9), row(0.01, 0.9)]) == 0.01
    assert chosen_rate([diverged]) is None and chosen_rate([]) is None
