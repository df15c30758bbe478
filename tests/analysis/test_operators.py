"""Layer normalisation sees the shape of an operator, not its size; and sizes that only grow."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from weirdonetworks.analysis import (
    dense_layers,
    norm_product,
    operator,
    radial_cosines,
    scale_response,
)


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _normalise(x: tf.Tensor) -> tf.Tensor:
    """Layer normalisation, without an epsilon, so that what is exact can be seen to be."""
    x -= tf.reduce_mean(x, axis=-1, keepdims=True)
    return x / tf.sqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True))


def _normalised_relu(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(_normalise(x))


def _relu_normalised(x: tf.Tensor) -> tf.Tensor:
    return _normalise(tf.nn.relu(x))


def _solu_normalised(x: tf.Tensor) -> tf.Tensor:
    return _normalise(x * tf.nn.softmax(x))


def _mlp(activation, inputs: np.ndarray) -> wn.nets.MLP:
    network = wn.nets.MLP(3, (16, 12), activation=activation)
    network(inputs)
    helpers.randomise_zeros(network)
    return network


def test_size_and_shape():
    weights = _normal(5, 8)
    found = operator(weights)
    assert found.size == pytest.approx(np.linalg.norm(weights))
    assert found.norm == pytest.approx(np.linalg.norm(weights, 2))
    assert np.sum(found.shape**2) == pytest.approx(1)
    assert found.norm == pytest.approx(found.size * found.shape[0])
    assert found.stable_rank == pytest.approx((found.size / found.norm) ** 2)
    assert 1 < found.stable_rank < found.participation_ratio < found.effective_rank < 5


def test_a_factor_changes_the_size_alone():
    weights = _normal(5, 8)
    one, large = operator(weights), operator(100 * weights)
    assert large.size == pytest.approx(100 * one.size)
    assert large.norm == pytest.approx(100 * one.norm)
    np.testing.assert_allclose(large.shape, one.shape, rtol=1e-12)
    assert large[3:] == pytest.approx(one[3:])


@pytest.mark.parametrize("factor", [1e-200, 2.0**-1000, 1e200])
def test_weights_whose_squares_are_no_numbers(factor):
    weights = _normal(5, 8)
    one, other = operator(weights), operator(factor * weights)
    assert other.size == pytest.approx(factor * one.size)
    assert other.norm == pytest.approx(factor * one.norm)
    np.testing.assert_allclose(other.shape, one.shape, rtol=1e-9)
    assert other[3:] == pytest.approx(one[3:])


def test_the_product_of_norms_with_a_layer_of_zeros():
    network = _mlp("relu", _normal(10, 6))
    network.layers[1].w.assign(np.zeros((16, 12)))
    assert norm_product(network) == 0


def test_the_product_of_norms_bounds_a_network_of_slopes_of_one():
    inputs = _normal(100, 6)
    network = _mlp("relu", inputs)
    bound = norm_product(network)
    assert bound == pytest.approx(np.prod([np.linalg.norm(w.w, 2) for w in network.layers]))
    moved = np.linalg.norm(network(inputs) - network(inputs[::-1]), axis=1)
    stretched = moved / np.maximum(np.linalg.norm(inputs - inputs[::-1], axis=1), 1e-9)
    assert 0 < stretched.max() <= bound
    assert bound == pytest.approx(wn.stability.lipschitz_constant(network), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.01, 2.0, 1e4])
@pytest.mark.parametrize("activation", [_normalised_relu, _relu_normalised])
def test_normalisation_removes_the_size(activation, factor):
    """LN(c (W x + b)) = LN(W x + b), before a ReLU and after it, which commutes with c > 0."""
    inputs = _normal(100, 6)
    network = _mlp(activation, inputs)
    before = [v.numpy() for v in network.variables]
    *hidden, head = scale_response(network, inputs, factor)
    assert max(hidden) < 1e-12
    assert head == pytest.approx(abs(factor - 1))
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", _solu_normalised])
def test_not_so_without_it_or_behind_what_does_not_commute(activation):
    inputs = _normal(100, 6)
    assert min(scale_response(_mlp(activation, inputs), inputs, 2.0)) > 0.05


@pytest.mark.slow
def test_the_librarys_layer_normalisation_up_to_its_epsilon():
    inputs = _normal(100, 6)
    *hidden, _ = scale_response(
        _mlp(lambda x: tf.nn.relu(wn.functional.layer_norm(x)), inputs), inputs, 2.0
    )
    assert max(hidden) < 1e-3


def _labels(inputs: np.ndarray) -> np.ndarray:
    return (inputs[:, 0] > 0).astype(int) + (inputs[:, 1] > 0)


def _loss(network: snt.Module, inputs: np.ndarray):
    labels = _labels(inputs)

    def loss():
        logits = network(inputs)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    return loss


@pytest.mark.slow
@pytest.mark.parametrize("activation", [_normalised_relu, _relu_normalised])
def test_gradients_are_orthogonal_to_normalised_layers(activation):
    inputs = _normal(100, 6)
    network = _mlp(activation, inputs)
    *hidden, head = radial_cosines(network, _loss(network, inputs))
    assert np.abs(hidden).max() < 1e-12 and abs(head) > 1e-3
    plain = _mlp("relu", inputs)
    assert np.abs(radial_cosines(plain, _loss(plain, inputs))).min() > 1e-3


def _descend(activation, steps: int = 60, rate: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """|(W, b)|^2 of each hidden layer, and the sum of squared steps: [steps + 1, hidden] both."""
    inputs = _normal(100, 6)
    network = _mlp(activation, inputs)
    loss = _loss(network, inputs)
    layers = dense_layers(network)[:-1]
    sizes, travelled = [], [np.zeros(len(layers))]

    def squares(values) -> list[float]:
        return [sum(float(tf.reduce_sum(part**2)) for part in parts) for parts in values]

    for _ in range(steps):
        sizes.append(squares(layer.trainable_variables for layer in layers))
        with tf.GradientTape() as tape:
            value = loss()
        groups = [layer.trainable_variables for layer in layers]
        gradients = tape.gradient(value, groups)
        travelled.append(travelled[-1] + rate**2 * np.array(squares(gradients)))
        for variables, parts in zip(groups, gradients, strict=True):
            for variable, part in zip(variables, parts, strict=True):
                variable.assign_sub(rate * part)
    sizes.append(squares(layer.trainable_variables for layer in layers))
    return np.array(sizes), np.array(travelled)


@pytest.mark.slow
def test_the_size_of_normalised_layers_grows_by_the_squares_of_the_steps():
    sizes, travelled = _descend(_normalised_relu)
    np.testing.assert_allclose(sizes - sizes[0], travelled, rtol=1e-6, atol=1e-12)
    assert np.all(np.diff(sizes, axis=0) > 0)  # it never shrinks
    assert travelled[-1].min() > 1e-3


@pytest.mark.slow
def test_not_so_without_normalisation():
    sizes, travelled = _descend("relu")
    assert np.abs((sizes - sizes[0] - travelled)[-1]).min() > 0.2 * travelled[-1].max()


def test_bad_arguments():
    inputs = _normal(10, 6)
    network = _mlp("relu", inputs)
    with pytest.raises(ValueError, match=r"^factor must be a finite number > 0, got 0$"):
        scale_response(network, inputs, 0)
    with pytest.raises(ValueError, match=r"^inputs must be a tensor of a floating type, got None"):
        scale_response(network, None)
    with pytest.raises(ValueError, match=r"^weights must not all be 0$"):
        operator(np.zeros((2, 2)))
    with pytest.raises(
        ValueError, match=r"^weights must have a finite \|W\|_F, got 1.7e\+308 in it$"
    ):
        operator(np.full((2, 2), 1.7e308))
    with pytest.raises(
        ValueError, match=r"^weights must be real numbers \[in, out\], got complex128$"
    ):
        operator(1j * np.eye(2))
    with pytest.raises(ValueError, match=r"^network must have been called"):
        norm_product(wn.nets.MLP())
    with pytest.raises(ValueError, match=r"^loss must depend on all layers .* not so linear_0$"):
        radial_cosines(network, lambda: tf.reduce_sum(network.layers[-1].w))


def test_outputs_of_zero_do_not_respond():
    network = _mlp("relu", _normal(10, 6))
    for variable in network.layers[-1].variables:
        variable.assign(tf.zeros_like(variable))
    with pytest.raises(
        ValueError, match=r"^network must have outputs that are not all 0, got MLP$"
    ):
        scale_response(network, _normal(10, 6))


def test_a_layer_without_a_gradient_has_no_angle():
    network = _mlp("relu", _normal(10, 6))
    cosines = radial_cosines(network, lambda: 0 * tf.reduce_sum(network(_normal(10, 6))))
    assert np.all(np.isnan(cosines))
