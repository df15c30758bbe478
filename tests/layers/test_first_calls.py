"""A call while another thread is at its first one, between the sizes that it keeps."""

import pytest
import tensorflow as tf

from weirdonetworks import layers


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (layers.ProductOfExperts, {"num_experts": 4}),
        (lambda: layers.ToeplitzAttention(2, size=4), {"tokens": 4}),
    ],
)
def test_a_size_that_is_not_kept_yet_refuses_nothing(make, first):
    layer = make()
    for name, value in first.items():
        setattr(layer, name, value)
    assert layer(tf.ones([2, 4, 3])).shape[0] == 2
    with pytest.raises(ValueError, match="as at the first call"):  # now there are both
        layer(tf.ones([2, 5, 3]))
