"""How often a classifier is right, by how sure it is."""

import numpy as np
import pytest

from training.report.calibration import calibration, expected_calibration_error


def test_calibration_counts_by_confidence():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.45, 0.55]])
    table = calibration(probabilities, np.array([0, 1, 1, 1]))
    assert table["images"].sum() == 4 and len(table) == 15
    filled = table.dropna().set_index("images")
    assert filled.loc[2, "confidence"] == pytest.approx(0.9)
    assert filled.loc[2, "accuracy"] == 0.5
    expected = (2 * 0.4 + 0.2 + 0.45) / 4
    assert expected_calibration_error(table) == pytest.approx(expected)


def test_a_calibrated_network_has_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 200_000)
    probabilities = np.stack([p, 1 - p], axis=1)
    labels = (rng.uniform(size=len(p)) > p).astype(int)
    assert expected_calibration_error(calibration(probabilities, labels)) < 0.005
    assert expected_calibration_error(calibration(probabilities**3, labels)) > 0.05
