"""count_numbers: the candidates of small networks, by hand, and what does not count."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks.nets import Numbers, count_numbers

IMAGES = np.random.default_rng(0).uniform(size=(2, 28, 28)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "kwargs", "trained", "fixed"),
    [
        ("mlp", {"hidden_sizes": (14,), "dropout": 0.1}, 785 * 14 + 15 * 10, 0),
        ("dct_mlp", {}, 65 * 32 + 33 * 10, 2 * 8 * 28),
        ("dct_mlp", {"frequencies": 10, "hidden_sizes": (24,)}, 2674, 2 * 10 * 28),
        ("patch_mlp", {}, 3054, 0),
        ("patch_mlp", {"patch_size": 12, "stride": 8, "patch_sizes": (16, 8),
                       "hidden_sizes": (24,)}, 4458, 0),
        ("mixer_mlp", {}, 3914, 0),
        ("row_recurrent", {}, 2316, 0),
        ("row_recurrent", {"size": 90, "rank": 14}, 28 * 14 + 3 * 14 * 90 + 182 + 910, 0),
        ("hashed_mlp", {}, 6125 + 500 + 501 * 10, 784 * 500),
        ("row_attention", {"size": 16, "mlp_size": 32}, 3194, 0),
        ("kronecker_mlp", {}, 2 * 2 * 28 * 12 + 144 + 145 * 10, 0),
        ("synchronous_mlp", {"lift_sizes": (8,), "head_sizes": None, "group": "cyclic4"},
         785 * 8 + 9 * 10, 0),
    ],
)  # fmt: skip
def test_networks(name, kwargs, trained, fixed):
    network = wn.create_network(name, **kwargs)
    network(IMAGES, is_training=True)
    numbers = count_numbers(network)
    assert (numbers.trained, numbers.fixed) == (trained, fixed)
    assert 0 < numbers.nonzero < trained  # biases start at 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["synchronous_mlp", "synchronous_network"])
def test_interpolation_is_fixed_and_permutations_are_nothing(name):
    for group, weighs in (("cyclic4", False), ("cyclic16", True)):
        network = wn.create_network(name, group=group)
        network(IMAGES)
        taps = network.group.taps.weight
        assert count_numbers(network).fixed == (len(taps) if weighs else 0)


class _Half(snt.Module):
    """Weights of which a share is 0, made from data, and a counter."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable([[1.0, 0.0], [0.0, 2.0]])
        self.mean = tf.Variable([1.0, 2.0, 0.0], trainable=False)
        self.count = tf.Variable(3, trainable=False)


def test_zeros_and_what_is_no_number():
    numbers = count_numbers(_Half())
    assert numbers == Numbers(trained=4, nonzero=2, fixed=3)
    # Two of four: one bit each for four places, of 32 bits.
    assert numbers.addressed == pytest.approx(2 + 4 / 32)
    assert Numbers(1000, 10, 0).addressed == pytest.approx(10 + 1000 * 0.0807931 / 32, rel=1e-6)
    assert Numbers(4, 4, 0).addressed == 4 and Numbers(4, 0, 0).addressed == 0


def test_bad_networks():
    with pytest.raises(ValueError, match="^network must be a Sonnet module, got 'mlp'$"):
        count_numbers("mlp")
    with pytest.raises(ValueError, match="^network must have been called before it is counted"):
        count_numbers(wn.create_network("mlp"))
