"""Gaps in the bulk of a layer's spectrum: of random weights, of independent levels, of none."""

import math

import numpy as np
import pytest
import sonnet as snt

from training.analyse.spectra import describe

GOE, POISSON = 0.5307, 2 * math.log(2) - 1


def _row(weights: np.ndarray) -> dict:
    layer = snt.Linear(weights.shape[1])
    layer(np.zeros([1, len(weights)], np.float32))
    layer.w.assign(weights)
    return describe(layer)[0][0]


def _is(row: dict, law: float) -> bool:
    return abs(row["gap_ratio"] - law) < 4 * row["gap_error"]


@pytest.mark.slow
def test_the_bulk_of_random_weights_repels_and_outliers_are_no_part_of_it():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(500, 300))
    plain = _row(weights)
    assert _is(plain, GOE) and not _is(plain, POISSON)
    assert (plain["levels"], plain["outliers"]) == (300, 0)
    spikes = 90 * np.linalg.qr(rng.normal(size=(500, 5)))[0] @ np.eye(5, 300)
    row = _row(weights + spikes)
    assert (row["levels"], row["outliers"]) == (295, 5) and _is(row, GOE)


def test_independent_singular_values_do_not_repel():
    rng = np.random.default_rng(0)
    (u, _), (v, _) = (np.linalg.qr(rng.normal(size=(300, 300))) for _ in range(2))
    row = _row(u * rng.uniform(1, 2, size=300) @ v)
    assert _is(row, POISSON) and not _is(row, GOE)


@pytest.mark.parametrize("weights", [np.eye(20), np.diag(np.arange(1.0, 6))])
def test_equal_levels_and_few_ones_have_no_ratio(weights):
    row = _row(weights)
    assert row["levels"] == len(weights) - row["outliers"]
    assert row["gap_ratio"] is None is row["gap_error"]
