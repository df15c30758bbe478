"""SynchronousMLP: invariant where its group is exact, and one net for all of the group."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups, nets

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def _built(images: np.ndarray, group: str = "cyclic4", **kwargs) -> nets.SynchronousMLP:
    net = nets.SynchronousMLP(10, (32, 16), (), (8,), group, **kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.parametrize("data", ["digits", "noise"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("pooling", ["mean", "max", "logsumexp"])
@pytest.mark.parametrize("group", ["cyclic4", "dihedral4"])
def test_it_is_invariant_for_any_input(group, pooling, dtype, data, request):
    images = request.getfixturevalue(data).astype(dtype)
    net = _built(images, group, pooling=pooling)
    helpers.assert_invariant(net, groups.get_group(group), images, TOLERANCE[dtype])


@pytest.mark.parametrize("data", ["digits", "noise"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_an_mlp_is_not(dtype, data, request):
    images = request.getfixturevalue(data).astype(dtype)
    net = nets.MLP()
    net(images)
    helpers.randomise_zeros(net)
    with pytest.raises(AssertionError, match=r"F\(gx\) - F\(x\)"):
        helpers.assert_invariant(net, groups.cyclic(4), images, TOLERANCE[dtype])


def test_constant_outputs_do_not_count_as_invariant(digits):
    with pytest.raises(AssertionError, match="outputs are constant"):
        helpers.assert_invariant(
            lambda images: np.ones((len(images), 3)), groups.cyclic(4), digits, 1e-5
        )


def test_the_default_network_is_invariant_under_quarter_turns(digits):
    images = digits.astype(np.float32)
    net = nets.SynchronousMLP()
    net(images)
    helpers.randomise_zeros(net)
    helpers.assert_invariant(net, groups.cyclic(4), images, 1e-5)


@pytest.mark.parametrize("group", ["cyclic4", "dihedral4"])
def test_turning_the_image_permutes_the_shared_features(group, noise):
    net = _built(noise, group)
    group = groups.get_group(group)
    features = net.shared(noise).numpy()
    assert features.shape == (len(noise), group.size, 16)
    assert features.std(axis=1).mean() > 1e-3
    for h, matrix in enumerate(group.matrices):
        turned = net.shared(helpers.turn_exactly(noise, matrix))
        np.testing.assert_allclose(turned, features[:, group.table[:, h]], atol=1e-12)


@pytest.mark.parametrize("group", ["dihedral4", "cyclic16"])
def test_it_is_one_net_on_turned_images(group, noise):
    """The formula: MLP(pool f(g x)), with f on images that are turned themselves."""
    net = _built(noise, group)
    orbit = groups.get_group(group).apply(noise)
    values = []
    for g in range(orbit.shape[1]):
        x = tf.reshape(orbit[:, g], [len(noise), -1])
        x = net.activation(tf.matmul(x, net.lift.w) + net.lift.b)
        values.append(net.activation(net.layers[0](x)))
    expected = net.head(tf.reduce_mean(tf.stack(values), axis=0))
    np.testing.assert_allclose(net(noise), expected, rtol=1e-9, atol=1e-11)


def test_its_variables_do_not_grow_with_the_group():
    images = np.ones((1, 28, 28), np.float32)
    shapes = [
        [v.shape for v in _built(images, group).trainable_variables]
        for group in ("cyclic1", "cyclic4", "cyclic16", "dihedral4")
    ]
    assert all(each == shapes[0] for each in shapes)


def test_other_angles_are_invariant_as_far_as_interpolation_allows(digits):
    group = groups.cyclic(16)
    net = _built(digits, "cyclic16")
    plain = nets.MLP(10, (32, 16))
    plain(digits)
    turned = group.apply(digits)[:, 1]  # by 22.5 degrees
    error, plain_error = (float(tf.reduce_max(abs(f(turned) - f(digits)))) for f in (net, plain))
    assert 1e-3 < error < plain_error / 5


def test_a_group_brings_its_image_shape():
    net = nets.SynchronousMLP(3, (4,), group=groups.cyclic(2, (5, 6)), image_shape=(5, 6))
    assert net(np.ones((2, 5, 6))).shape == [2, 3]
    named = nets.SynchronousMLP(3, (4,), group="cyclic2", image_shape=(5, 6))
    assert named(np.ones((2, 5, 6))).shape == [2, 3]
    assert nets.SynchronousMLP(3, (4,), group="cyclic2").group.image_shape == (28, 28)


def test_a_group_for_another_image_shape_is_refused():
    with pytest.raises(ValueError, match=r"image_shape must be .*\(5, 6\), got \(6, 5\)"):
        nets.SynchronousMLP(3, (4,), group=groups.cyclic(2, (5, 6)), image_shape=(6, 5))
