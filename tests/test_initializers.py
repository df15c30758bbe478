"""Weights start as Sonnet's do, in types in which Sonnet's cannot."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks._initializers import VarianceScaling


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("distribution", ["normal", "truncated_normal"])
def test_their_spread_is_sonnets(distribution, dtype):
    theirs = snt.initializers.VarianceScaling(2.0, "fan_in", distribution)([50, 2000], tf.float32)
    graph = tf.function(lambda: VarianceScaling(2.0, distribution)([50, 2000], tf.as_dtype(dtype)))
    ours = graph().numpy().astype(np.float64)
    assert graph().dtype == dtype
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.02)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.2)
