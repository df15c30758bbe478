"""The invariant start: radial weights of the same spread, in the first layer and nowhere else."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from training.data.transformations import Draw, Transformations, transformation_variance
from training.engine.invariant_start import average_over_rotations

# A hidden layer with as many rows as there are pixels, which must stay as it is.
SMALL = {
    "mlp": ({"hidden_sizes": (144, 9)}, ["linear_0/w"]),
    "quadratic_mlp": ({"rank": 7, "hidden_sizes": (144, 9)}, ["polynomial_dense/v"]),
    "posynomial_mlp": ({"hidden_sizes": (144,), "num_terms": 16}, ["posynomial_0/a"]),
    "signomial_mlp": ({"depth": 1, "num_terms": 16}, ["signomial/a"]),
    "autoactivation_mlp": (
        {"hidden_sizes": (144, 9)},
        ["autoactivation_0/w_plus", "autoactivation_0/w_minus"],
    ),
}


def blobs(channels: int = 1) -> tf.Tensor:
    """Smooth images that are dark towards the frame, [20, 12, 12, channels]."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-5.5:6, -5.5:6]
    centres = rng.uniform(-2, 2, size=(20, 2, channels))
    spots = (x[..., None] - centres[:, None, None, 0]) ** 2
    spots = spots + (y[..., None] - centres[:, None, None, 1]) ** 2
    return tf.constant(np.exp(-spots / 4), tf.float32)


def share_of_variance(network: snt.Module, images: tf.Tensor) -> float:
    """The transformation variance by rotations, as a share of the variance among images."""
    variance = transformation_variance(
        network, images, Transformations(), Draw(0, tf.constant(0)), samples=10
    )
    logits = network(images, is_training=False)
    return float(variance / tf.reduce_sum(tf.math.reduce_variance(logits, axis=0)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("channels", [1, 2])
def test_networks_start_invariant(name, channels):
    arguments, averaged = SMALL[name]
    network, images = wn.create_network(name, 4, **arguments), blobs(channels)
    network(images)
    helpers.randomise_zeros(network)
    before = {v.name: v.numpy() for v in network.trainable_variables}
    ordinary = share_of_variance(network, images)
    average_over_rotations(network, images.shape[1:])
    assert ordinary > 0.1
    assert share_of_variance(network, images) < 0.03 * ordinary
    changed = [
        v for v in network.trainable_variables if not np.array_equal(v.numpy(), before[v.name])
    ]
    assert [v.name.partition("/")[2][: -len(":0")] for v in changed] == averaged
    for variable in changed:
        np.testing.assert_allclose(
            np.std(variable, axis=0), np.std(before[variable.name], axis=0), rtol=1e-3
        )


@pytest.mark.slow
def test_the_mean_over_the_rotations():
    """72 rotations of the weights by the action itself; on pixels that none of them loses."""
    network = wn.create_network("mlp", 4, hidden_sizes=(5,))
    network(tf.zeros([1, 12, 12, 1]))
    w = network.layers[0].w
    turned = wn.groups.rotations(range(0, 360, 5), (12, 12)).apply(
        tf.transpose(tf.reshape(w, [12, 12, 5]), [2, 0, 1])
    )
    mean = np.transpose(np.mean(turned, axis=1)[..., 0], [1, 2, 0]).reshape(144, 5)
    average_over_rotations(network, (12, 12, 1))
    y, x = np.mgrid[-5.5:6, -5.5:6]
    inside = np.hypot(x, y).ravel() < 4.5
    for ours, theirs in zip(w.numpy()[inside].T, mean[inside].T, strict=True):
        # Up to a factor and a constant; a map's transpose turns back, with other weights of taps.
        assert np.corrcoef(ours, theirs)[0, 1] > 0.95


@pytest.mark.slow
def test_weights_without_spread_stay_finite():
    network = wn.create_network("mlp", 4, hidden_sizes=(5,))
    network(tf.zeros([1, 12, 12, 1]))
    w = network.layers[0].w
    constant = np.tile([[1.0, 2.0, 0.0, -1.0]], (144, 1))
    w.assign(np.concatenate([w[:, :1], constant], axis=1))
    average_over_rotations(network, (12, 12, 1))
    np.testing.assert_allclose(w[:, 1:], constant, atol=1e-5)
    assert np.isfinite(w).all()


def test_a_network_without_such_weights():
    network = wn.create_network(
        "synchronous_mlp", 4, lift_sizes=(8,), group=wn.groups.cyclic(4, (12, 12))
    )
    network(tf.zeros([1, 12, 12, 1]))
    message = (
        r"invariant_start must be given to a network with weights \[144, out\].*SynchronousMLP"
    )
    with pytest.raises(ValueError, match=message):
        average_over_rotations(network, (12, 12, 1))
