"""Synchronous and LiftDense: invariance, equivariance, exactness, one module that is shared."""

import numpy as np
import pytest
import scipy.stats
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups, nets
from weirdonetworks.layers import LiftDense, Synchronous

EXACT = ["cyclic4", "dihedral4"]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
POOLINGS = ["mean", "max", "logsumexp", "moments", "sorted"]


def _images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=shape)


def _module() -> snt.Module:
    return nets.MLP(4, (16,))


def _sums(images: tf.Tensor) -> tf.Tensor:
    """Four weighted sums of the pixels, [batch, 4], each in the same order for all images."""
    pixels = tf.reshape(images, [len(images), -1, 1])
    weights = _images(int(pixels.shape[1]), 4, seed=1)
    return tf.reduce_sum(pixels * tf.constant(weights - 0.5, pixels.dtype), axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["digits", "noise"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("group", EXACT)
def test_it_is_invariant_for_any_input(group, pooling, dtype, data, request):
    images = request.getfixturevalue(data).astype(dtype)
    group = groups.get_group(group)
    module = _module()
    layer = Synchronous(module, group, pooling)
    layer(images)
    helpers.randomise_zeros(layer)
    for variable in layer.trainable_variables:  # so that third moments are not tiny
        variable.assign(2 * variable)
    helpers.assert_invariant(layer, group, images, TOLERANCE[dtype])
    # The module by itself is not.
    error, _ = helpers.invariance_error(module, group, images)
    assert error > 0.1


def test_with_concat_it_is_not_invariant(noise):
    """The order-keeping original: g x in place of x permutes what it returns."""
    group, module = groups.dihedral(4), _module()
    layer = Synchronous(module, group, "concat")
    y = layer(noise).numpy().reshape(len(noise), 8, 4)
    for h, matrix in enumerate(group.matrices):
        turned = layer(helpers.turn_exactly(noise, matrix)).numpy().reshape(y.shape)
        np.testing.assert_allclose(turned, y[:, group.table[:, h]], atol=1e-12)
        assert np.abs(turned - y).max() > 0.1 or h == 0


class _Attention(snt.Module):
    """A symmetric pooling with variables: a softmax over the group, of learned scores."""

    @snt.once
    def _initialize(self, values):
        self.w = tf.Variable(np.linspace(-1, 1, values.shape[2]), dtype=values.dtype, name="w")

    def __call__(self, values):
        self._initialize(values)
        shares = tf.nn.softmax(tf.linalg.matvec(values, self.w), axis=1)
        return tf.einsum("bg,bgk->bk", shares, values)


@pytest.mark.slow
def test_a_pooling_of_ones_own_may_have_variables(noise):
    pooling, group = _Attention(), groups.dihedral(4)
    layer = Synchronous(_module(), group, pooling)
    helpers.assert_invariant(layer, group, noise, 1e-12)
    assert any(v is pooling.w for v in layer.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(noise)))
    assert np.all(tape.gradient(loss, pooling.w) != 0)


@pytest.mark.parametrize("pooling", [tf.identity, lambda v: v[:, 0, 0]], ids=["values", "scalars"])
def test_a_pooling_of_ones_own_that_returns_no_features(pooling):
    layer = Synchronous(_module(), groups.cyclic(4, (6, 6)), pooling)
    with pytest.raises(ValueError, match=r"^pooling must return \[batch, m\] for \[batch, \|G"):
        layer(tf.ones([2, 6, 6]))


@pytest.mark.slow
@pytest.mark.parametrize("pooling", [*POOLINGS, "concat"])
def test_exact_outputs_have_the_same_bits(pooling, digits, noise):
    images = np.concatenate([digits, noise]).astype(np.float32)
    group, module = groups.dihedral(4), _module()
    exact, rounded = (Synchronous(module, group, pooling, exact=exact) for exact in (True, False))
    assert helpers.differing_bits(exact, group, images) == 0
    assert exact(images).numpy().std(axis=0).min() > 1e-5
    # Sums in another order have other bits, but for what is no sum over the group. (Not of the
    # module: matrix products may round by the place of a row.)
    rounded_sums = Synchronous(_sums, group, pooling)
    assert (helpers.differing_bits(rounded_sums, group, images) > 0) == (
        pooling not in ("max", "sorted")
    )
    if pooling != "concat":
        np.testing.assert_allclose(exact(images), rounded(images), atol=1e-5)


@pytest.mark.parametrize("group", ["cyclic3", "cyclic16", "translations1", "torus1"])
def test_exact_wants_a_group_of_permutations(group):
    message = "^exact must be False for a set that is not closed or resamples pixels .* got True$"
    with pytest.raises(ValueError, match=message):
        Synchronous(_module(), groups.get_group(group), exact=True)
    assert not Synchronous(_module(), groups.get_group(group)).exact


@pytest.mark.parametrize("exact", [1, None, "yes"])
def test_exact_is_a_flag(exact):
    with pytest.raises(ValueError, match=f"^exact must be True or False, got {exact!r}$"):
        Synchronous(_module(), groups.cyclic(4), exact=exact)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_it_pools_over_the_turned_images(pooling):
    group = groups.cyclic(3, (5, 6))
    images = _images(2, 5, 6, 2)
    module = _module()
    layer = Synchronous(module, group, pooling)
    outputs = layer(images)
    orbit = group.apply(images)
    values = np.stack([module(orbit[:, g]) for g in range(3)], axis=1)
    expected = {
        "mean": values.mean(axis=1),
        "max": values.max(axis=1),
        "logsumexp": np.log(np.exp(values).sum(axis=1)),
        "moments": np.concatenate(
            [values.mean(axis=1), *(scipy.stats.moment(values, k, axis=1) for k in (2, 3))], axis=1
        ),
        "sorted": np.sort(values, axis=1).reshape(2, -1),
    }[pooling]
    np.testing.assert_allclose(outputs, expected, rtol=1e-10)
    assert values.std(axis=1).min() > 1e-3


@pytest.mark.parametrize("make", [lambda g: Synchronous(_module(), g), lambda g: LiftDense(4, g)])
def test_the_variables_do_not_grow_with_the_group(make):
    shapes = []
    for n in (1, 4, 16):
        layer = make(groups.cyclic(n, (6, 6)))
        layer(tf.ones([1, 6, 6]))
        shapes.append([v.shape for v in layer.trainable_variables])
    assert shapes[0] == shapes[1] == shapes[2]


def test_further_arguments_reach_the_module():
    layer = Synchronous(nets.MLP(4, (16,), dropout=0.5), groups.cyclic(4, (6, 6)))
    images = tf.ones([2, 6, 6])
    layer(images)
    np.testing.assert_array_equal(layer(images), layer(images, is_training=False))
    assert np.any(layer(images, is_training=True) != layer(images))


def test_a_module_that_returns_no_features():
    layer = Synchronous(tf.identity, groups.cyclic(4, (6, 6)))
    with pytest.raises(ValueError, match=r"^module must return \[batch, k\], got shape \(8, 6, 6"):
        layer(tf.ones([2, 6, 6]))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("group", ["cyclic4", "dihedral4", "cyclic16", "dihedral3"])
def test_lift_turns_weights_as_if_it_turned_images(group, channels):
    group = groups.get_group(group, (6, 6))
    images = _images(3, 6, 6, channels)
    lift = LiftDense(4, group)
    lift(images)
    helpers.randomise_zeros(lift)
    orbit = tf.reshape(group.apply(images), [3, group.size, -1])
    expected = tf.einsum("bgi,io->bgo", orbit, lift.w) + lift.b
    np.testing.assert_allclose(lift(images), expected, rtol=1e-11, atol=1e-12)
    assert np.std(expected, axis=1).min() > 1e-3


@pytest.mark.parametrize("group", EXACT)
def test_turning_the_input_permutes_the_output_of_lift(group):
    group = groups.get_group(group, (6, 6))
    images = _images(3, 6, 6, 2)
    lift = LiftDense(4, group)
    y = lift(images).numpy()
    for h, matrix in enumerate(group.matrices):
        turned = lift(helpers.turn_exactly(images, matrix))
        np.testing.assert_allclose(turned, y[:, group.table[:, h]], rtol=1e-11, atol=1e-12)
        if h:
            assert np.abs(turned - y).max() > 0.01


def test_lift_takes_a_group_by_its_name():
    lift = LiftDense(4, "dihedral2")
    assert lift(tf.ones([2, 28, 28])).shape == [2, 4, 4]


def test_outputs_of_lift_have_the_spread_of_a_linear_layer():
    lift, linear = LiftDense(300, groups.cyclic(4, (20, 20))), snt.Linear(300)
    images = np.random.default_rng(0).normal(size=(100, 20, 20, 1)).astype(np.float32)
    spread = np.std(linear(images.reshape(100, -1)))
    assert np.std(lift(images)) == pytest.approx(spread, rel=0.05)


def test_other_channels_at_a_later_call():
    lift = LiftDense(4, groups.cyclic(4, (6, 6)))
    lift(tf.ones([1, 6, 6, 2]))
    message = "^LiftDense inputs must have 2 channels as at the first call, got 1$"
    with pytest.raises(ValueError, match=message):
        lift(tf.ones([1, 6, 6]))


@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_of_each_example_at_once(pooling, noise):
    """As differential privacy wants them, by a vectorised map."""
    images = tf.constant(noise[:4], tf.float32)
    layer = Synchronous(nets.MLP(3, (4,)), groups.cyclic(4), pooling)
    layer(images)

    def gradients(image):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(image[None])))
        return tape.gradient(loss, layer.trainable_variables)

    found = tf.vectorized_map(gradients, images)
    for i, image in enumerate(images):
        for each, one in zip(found, gradients(image), strict=True):
            np.testing.assert_allclose(each[i], one, rtol=1e-4, atol=1e-6)
