"""GroupDense: equivariant for every group, and every equivariant linear map is one."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups
from weirdonetworks.layers import GroupDense

CYCLIC = [f"cyclic{n}" for n in (1, 2, 3, 4, 5, 16)]
OTHERS = ["dihedral1", "dihedral3", "dihedral4", "torus1"]


def _layer(name: str, size: int = 4) -> tuple[GroupDense, np.ndarray]:
    group = groups.get_group(name, (3, 3))
    inputs = np.random.default_rng(0).normal(size=(5, group.size, 3))
    layer = GroupDense(size, group)
    layer(inputs)
    helpers.randomise_zeros(layer)
    return layer, inputs


def _permute(values, group: groups.ImageAction, k: int) -> np.ndarray:
    """x_g -> x_{g k}, which is what turning the image by k does to features of the orbit."""
    return np.asarray(values)[:, group.table[:, k]]


@pytest.mark.parametrize("name", [*CYCLIC, *OTHERS])
def test_permuted_inputs_give_permuted_outputs(name):
    layer, inputs = _layer(name)
    outputs = layer(inputs).numpy()
    for k in range(layer.group.size):
        permuted = _permute(inputs, layer.group, k)
        np.testing.assert_allclose(layer(permuted), _permute(outputs, layer.group, k), atol=1e-12)
        if k:
            assert np.abs(layer(permuted).numpy() - outputs).max() > 0.01


def test_the_other_quotient_would_not_do():
    """g^-1 h in place of h g^-1 commutes with the other action, x_g -> x_{k g}."""
    layer, inputs = _layer("dihedral4")
    group, w = layer.group, layer.w.numpy()
    wrong = w[group.table[group.inverses]]  # [g, h, in, out]

    def function(x):
        return np.einsum("bhi,ghio->bgo", x, wrong)

    k = 5
    error = function(_permute(inputs, group, k)) - _permute(function(inputs), group, k)
    assert np.abs(error).max() > 0.1


@pytest.mark.parametrize("name", [*CYCLIC, *OTHERS])
def test_it_is_the_sum_over_the_group(name):
    layer, inputs = _layer(name)
    n, table, inverses = layer.group.size, layer.group.table, layer.group.inverses
    w, expected = layer.w.numpy(), np.tile(layer.b.numpy(), (len(inputs), n, 1))
    for g in range(n):
        for h in range(n):
            expected[:, g] += inputs[:, h] @ w[table[h, inverses[g]]]
    np.testing.assert_allclose(layer(inputs), expected, atol=1e-12)
    flat = inputs.reshape(len(inputs), -1) @ layer.matrix().numpy()
    np.testing.assert_allclose(flat.reshape(expected.shape) + layer.b, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["cyclic5", "cyclic6", "dihedral3"])
def test_every_equivariant_map_is_one(name):
    """Averaging any matrix over the group gives the matrix of a layer: there are no others."""
    layer, inputs = _layer(name, size=1)
    group, n = layer.group, layer.group.size
    any_matrix = np.random.default_rng(1).normal(size=(n, n))  # [h, g], one feature
    permutations = [np.eye(n)[group.table[:, k]] for k in range(n)]
    average = np.mean([p.T @ any_matrix @ p for p in permutations], axis=0)
    one = GroupDense(1, group)
    one(inputs[:, :, :1])
    w = np.zeros([n, 1, 1])
    for h in range(n):
        w[group.table[h, group.inverses[0]]] = average[h, 0]
    one.w.assign(w)
    np.testing.assert_allclose(one.matrix(), average, atol=1e-12)


@pytest.mark.slow
def test_cyclic_groups_need_no_dense_matrix_over_the_group():
    spec = tf.TensorSpec([None, 16, 3], tf.float32)
    sizes = {}
    for name in ("cyclic16", "dihedral8"):
        layer = GroupDense(5, name)
        sizes[name] = helpers.largest(helpers.graph_ops(layer, spec))
    assert sizes["dihedral8"] >= 16 * 16 * 3 * 5
    assert sizes["cyclic16"] < 16 * 16 * 3 * 5 / 2


def test_it_has_a_matrix_for_each_element():
    layer, _ = _layer("dihedral3")
    assert [v.shape for v in layer.trainable_variables] == [[4], [6, 3, 4]]


def test_outputs_have_the_spread_of_a_linear_layer():
    layer = GroupDense(200, "dihedral4")
    inputs = np.random.default_rng(0).normal(size=(100, 8, 30)).astype(np.float32)
    # Truncated at two standard deviations, normal weights keep 0.7737 of their variance.
    assert np.var(layer(inputs)) == pytest.approx(0.7737, rel=0.05)


@pytest.mark.parametrize("name", ["translations1", "torus1"])
def test_sets_that_are_not_closed(name):
    with pytest.raises(ValueError, match=f"^group must be closed under composition, got '{name}'"):
        GroupDense(3, name)


@pytest.mark.parametrize("shape", [(2, 4), (2, 5, 3), (2, 4, 0), (2, 4, 3, 1), (2, None, 3)])
def test_inputs_of_other_shapes(shape):
    layer = GroupDense(3, "cyclic4")
    spec = tf.TensorSpec(shape, tf.float32)
    with pytest.raises(ValueError, match=r"GroupDense inputs must be \[batch, 4, features\]"):
        tf.function(layer).get_concrete_function(spec)


def test_a_matrix_before_there_are_weights():
    with pytest.raises(ValueError, match="^GroupDense must be called before it has a matrix, got"):
        GroupDense(3, "cyclic4").matrix()
