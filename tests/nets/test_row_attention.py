"""RowAttention: what it computes, and what the order of the rows means to it."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks import nets

SMALL = {"size": 6, "heads": 2, "mlp_size": 5}


def _built(images: np.ndarray, **kwargs) -> nets.RowAttention:
    net = nets.RowAttention(10, **{**SMALL, **kwargs})
    net(images)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.slow
@pytest.mark.parametrize("weights, alpha", [("normalized", 0.5), ("comodulated", 0.25)])
def test_formula(weights, alpha, noise):
    net = _built(noise, depth=2, weights=weights, alpha=alpha, activation="relu")
    t = noise[..., 0] @ net.embedding.w + net.embedding.b + net.p
    for attention, (expand, contract) in zip(net.attentions, net.layers, strict=True):
        assert (attention.weights, attention.alpha, attention.heads) == (weights, alpha, 2)
        t = t + attention(t)
        hidden = np.maximum(t @ expand.w + expand.b, 0)
        t = t + hidden @ contract.w + contract.b
    expected = np.mean(t, axis=1) @ net.head.w + net.head.b
    np.testing.assert_allclose(net(noise), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["normalized", "comodulated"])
def test_without_positions_the_order_of_rows_makes_no_difference(weights, digits):
    shuffled = digits[:, np.random.default_rng(0).permutation(28)]
    for positions in (False, True):
        net = _built(digits, weights=weights, positions=positions)
        difference = np.abs(net(shuffled) - net(digits)).max()
        assert difference > 1e-2 if positions else difference < 1e-12
        assert np.std(net(digits), axis=0).min() > 1e-2


@pytest.mark.slow
def test_rows_see_each_other_by_attention_alone(noise):
    """How what is changed in one row acts depends on the others: not without attention."""
    net = _built(noise, weights="normalized")
    one, two = noise.copy(), noise.copy()
    one[:, 3] += 1
    two[:, 9] += 1
    both = one + two - noise

    def interaction():
        return np.abs(net(both) - net(one) - net(two) + net(noise)).max()

    assert interaction() > 1e-4
    for variable in net.attentions[0].output.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    assert interaction() < 1e-12


@pytest.mark.slow
def test_channels_belong_to_the_rows():
    images = np.random.default_rng(0).uniform(size=(3, 5, 4, 2))
    net = _built(images)
    assert net.embedding.w.shape == [8, 6] and net.p.shape == [5, 6]
    same = _built(images.reshape(3, 5, 8))
    for variable, value in zip(same.variables, net.variables, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(same(images.reshape(3, 5, 8)), net(images), rtol=1e-12)


@pytest.mark.slow
def test_dropout_acts_on_both_branches_in_training(noise):
    for silent in ((), ("attention",), ("hidden",), ("attention", "hidden")):
        net = _built(noise, dropout=0.5)
        branches = {"attention": net.attentions[0].output, "hidden": net.layers[0][1]}
        for branch in silent:
            for variable in branches[branch].trainable_variables:
                variable.assign(tf.zeros_like(variable))
        if "hidden" in silent:  # its dropout is before the last map
            net.layers[0][0].w.assign(tf.zeros_like(net.layers[0][0].w))
        np.testing.assert_array_equal(net(noise), net(noise, is_training=False))
        moved = np.abs(net(noise, is_training=True) - net(noise)).max()
        assert (moved > 1e-2) == (len(silent) < 2)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["normalized", "comodulated"])
def test_each_block_and_head_learns_an_alpha(weights, digits):
    net = _built(digits, depth=2, weights=weights, trainable_alpha=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(net(digits)))
    gradients = tape.gradient(loss, [attention.theta for attention in net.attentions])
    for gradient in gradients:
        assert gradient.shape == [2]
        assert np.all(np.isfinite(gradient)) and np.all(gradient != 0)


@pytest.mark.slow
def test_the_spread_of_the_start(digits):
    images = digits.astype(np.float32)
    spreads = []
    for weights in ("normalized", "comodulated"):
        for depth in (1, 2):
            net = nets.RowAttention(10, depth=depth, weights=weights)
            logits = net(images)
            spreads.append(float(np.sqrt(np.mean(np.square(logits)))))
    assert min(spreads) > 0.1 and max(spreads) < 3, spreads


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": 0}, "^size must be an integer >= 1, got 0$"),
        ({"heads": 5}, "^size must be a multiple of heads=5, got 32$"),
        ({"depth": 0}, "^depth must be an integer >= 1, got 0$"),
        ({"mlp_size": 1.5}, "^mlp_size must be an integer >= 1, got 1.5$"),
        ({"weights": "sharp"}, "^weights must be one of .* got 'sharp'$"),
        ({"alpha": 2}, r"^alpha must be a number in \[0.01, 1\], got 2$"),
        ({"positions": None}, "^positions must be True or False, got None$"),
        ({"trainable_alpha": "yes"}, "^trainable_alpha must be True or False, got 'yes'$"),
        ({"dropout": 1}, r"^dropout must be a number in \[0, 1\), got 1$"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        nets.RowAttention(**kwargs)


@pytest.mark.parametrize("shape", [(2, 784), (2, 28, 0), (2, 28, 28, 1, 1)])
def test_bad_shapes(shape):
    message = r"^images must be \[batch, height, width, channels\] .* got shape \(2, "
    with pytest.raises(ValueError, match=message):
        nets.RowAttention()(tf.zeros(shape))


@pytest.mark.slow
def test_other_images_at_a_later_call(noise):
    net = _built(noise)
    message = r"^images must be \(28, 28, 1\) as at the first call, got \(29, 28, 1\)$"
    with pytest.raises(ValueError, match=message):
        net(tf.zeros([2, 29, 28], tf.float64))
    with pytest.raises(ValueError, match="must be float64 as at the first call, got float32"):
        net(noise.astype(np.float32))
