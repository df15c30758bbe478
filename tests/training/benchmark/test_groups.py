"""Those who take part, and that what is compared computes the same."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.benchmark import __main__ as command_module
from training.benchmark import groups
from training.engine import steps


def test_names_are_those_of_the_command():
    assert list(groups.GROUPS) == list(command_module.GROUPS)


def test_the_outer_product_is_the_quadratic_layer_in_full():
    tf.random.set_seed(0)
    x = tf.random.normal([3, 5])
    layer = groups.OuterProduct(2)
    y = layer(x)
    w = layer.linear.w.numpy().reshape(5, 5, 2)
    np.testing.assert_allclose(y, np.einsum("bi,bj,ijo->bo", x, x, w), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("on_weights", [False, True])
def test_dense_rotations_compute_what_the_sparse_ones_do(on_weights):
    group = wn.groups.cyclic(3, (5, 6))
    x = tf.random.stateless_normal([4, 5, 6, 1], [0, 0])
    dense = groups.DenseRotations(group, (4, 3), on_weights)
    y = dense(x)
    net = snt.Sequential([snt.Flatten(), dense.first, wn.functional.gelu, dense.rest])
    np.testing.assert_allclose(y, wn.layers.Synchronous(net, group)(x), atol=1e-5)


@pytest.mark.slow
def test_every_step_takes_part():
    group = groups.training_steps(200)
    assert [c.name for c in group.contenders] == list(steps.STEPS)
    for contender in group.contenders[1:3]:
        contender.prepare()(1)


def test_values_and_gradients_take_part_alike():
    group = groups.iterates(size=50)
    names = [contender.name for contender in group.contenders]
    half = len(names) // 2
    assert [f"{name}: gradient" for name in names[:half]] == names[half:]
    assert {"tf.exp", "exact GELU", "half_exp"} < set(names) and group.reference == "tf.exp"
    assert all(contender.amount == 50 for contender in group.contenders)


@pytest.mark.slow
def test_forms_of_attention_take_part_at_every_length():
    group = groups.attention(lengths=(8, 16), size=4)
    names = [contender.name for contender in group.contenders]
    assert names[0] == "softmax, 8" and group.reference == "softmax, 16" in names
    assert len(names) == 2 * len({name.rsplit(", ", 1)[0] for name in names})
    for contender in group.contenders[:7]:
        contender.prepare()(1)


@pytest.mark.slow
def test_pursuits_find_the_same():
    group = groups.pursuit(vectors=5, shape=(12, 20), k=3)
    found = [contender.prepare()(1) for contender in group.contenders]
    assert [c.name for c in group.contenders] == ["scikit-learn", "ours, graph", "ours, XLA"]
    assert group.reference == "scikit-learn" and all(c.amount == 5 for c in group.contenders)
    for own in found[1:]:
        np.testing.assert_allclose(own, found[0], rtol=1e-9, atol=1e-12)
    assert np.all(np.sum(found[0] != 0, axis=1) == 3)
