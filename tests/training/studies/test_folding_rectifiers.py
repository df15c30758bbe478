"""A zigzag by depth and by width: both are it, as many side by side are not."""

import numpy as np
import pytest
import tensorflow as tf

from training.experiments import runner
from training.studies.folding_rectifiers.__main__ import STUDY
from training.studies.folding_rectifiers.report import report
from training.studies.folding_rectifiers.trial import (
    count_pieces,
    deep,
    explained,
    wide,
    zigzag,
)
from weirdonetworks.functional import gray_code

X = ((np.arange(4096) + 0.5) / 4096).astype(np.float32)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_both_networks_are_the_zigzag_of_the_next_digit(bits):
    exact = zigzag(X, bits)
    assert count_pieces(exact) == 2**bits
    for network in (deep, wide):
        np.testing.assert_array_equal(network(tf.constant(X), bits), exact)
    digits = gray_code(tf.constant(X), bits + 1).numpy()
    assert np.mean(digits[:, -1] == (exact >= 0.5)) > 0.99  # but at the folds themselves


def test_as_many_rectifiers_side_by_side_explain_what_they_can():
    assert explained(X, zigzag(X, 2), 4) == pytest.approx(1)
    assert explained(X, zigzag(X, 5), 10) < 0.4 < 1 == round(explained(X, zigzag(X, 5), 32), 6)


@pytest.mark.slow
def test_trials_and_report(tmp_path):
    tables = runner.run(STUDY, tmp_path, axes={"bits": [1, 3]}, seeds=[0], settings={}, workers=0)
    table = report(tables).tables["folds"]
    assert table["deep"].tolist() == ["2", "6"] and table["wide"].tolist() == ["2", "8"]
    assert table["error, deep"].tolist() == ["0", "0"]
