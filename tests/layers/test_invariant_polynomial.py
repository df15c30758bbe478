"""InvariantPolynomialDense: all invariant polynomials and no others; the invariant energy."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups
from weirdonetworks.functional import monomial_indices, monomials, num_monomials
from weirdonetworks.layers import (
    InvariantPolynomialDense,
    PolynomialDense,
    invariant_energy,
    monomial_orbits,
)

each_degree = pytest.mark.parametrize("degree", [1, 2, 3])
each_kind = pytest.mark.parametrize("homogeneous", [False, True])


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _permutations(group: groups.ImageAction, channels: int) -> np.ndarray:
    """Where g takes each value of an image from, found by applying g to a numbered image."""
    n = group.num_pixels * channels
    numbered = np.arange(n, dtype=np.float64).reshape(1, *group.image_shape, channels)
    return group.apply(numbered).numpy().reshape(group.size, n).astype(int)


def _fixed(permutation: np.ndarray, degree: int, homogeneous: bool) -> int:
    """How many monomials are the same after permuting the variables, by looking at each."""
    symbols = [-1, *range(len(permutation))] if not homogeneous else range(len(permutation))
    image = {-1: -1, **{i: int(j) for i, j in enumerate(permutation)}}
    rows = itertools.combinations_with_replacement(symbols, degree)
    return sum(tuple(sorted(image[i] for i in row)) == row for row in rows)


@each_kind
@each_degree
@pytest.mark.parametrize(
    "name, shape, channels",
    [
        *(("cyclic2", (2, 3), 1), ("cyclic4", (3, 3), 1), ("cyclic4", (2, 2), 2)),
        *(("dihedral4", (3, 3), 1), ("dihedral1", (2, 3), 2), ("torus1", (3, 2), 1)),
        ("cyclic1", (2, 2), 1),
    ],
)
def test_burnside_counts_the_orbits(name, shape, channels, degree, homogeneous):
    group = groups.get_group(name, shape)
    fixed = [_fixed(p, degree, homogeneous) for p in _permutations(group, channels)]
    assert sum(fixed) % group.size == 0
    orbits = monomial_orbits(group, channels, degree, homogeneous)
    n = group.num_pixels * channels
    assert len(orbits) == num_monomials(n, degree, homogeneous)
    assert set(orbits) == set(range(sum(fixed) // group.size))
    assert (orbits.max() + 1 == len(orbits)) == (group.size == 1)


@each_degree
@pytest.mark.parametrize("group", ["cyclic4", "dihedral4", "cyclic4*torus1"])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-5)])
def test_it_is_invariant_for_any_input(group, degree, dtype, tolerance):
    group = groups.get_group(group, (3, 3))
    images = _normal(5, 3, 3, 2).astype(dtype)
    layer, plain = InvariantPolynomialDense(4, group, degree), PolynomialDense(4, degree)
    layer(images)
    helpers.randomise_zeros(layer)
    orbit = group.apply(images).numpy().reshape(-1, 3, 3, 2)
    y = layer(orbit).numpy().reshape(5, group.size, 4)
    assert np.abs(y - y[:, :1]).max() < tolerance * np.abs(y).max()
    assert y[:, 0].std(axis=0).min() > 0.01
    y = plain(orbit.reshape(-1, 18)).numpy().reshape(5, group.size, 4)
    assert np.abs(y - y[:, :1]).max(axis=(0, 2))[1:].min() > 0.1


@pytest.mark.slow
def test_it_is_invariant_at_the_size_of_digits(digits):
    layer = InvariantPolynomialDense(4, "dihedral4")
    layer(digits)
    helpers.randomise_zeros(layer)
    helpers.assert_invariant(layer, groups.dihedral(4), digits, 1e-12)
    share = layer.w.shape[0] / num_monomials(784, 2)
    assert 1 / 8 < share < 1.02 / 8


@each_kind
@each_degree
def test_the_formula(degree, homogeneous):
    group = groups.cyclic(4, (3, 3))
    images = _normal(5, 3, 3)
    layer = InvariantPolynomialDense(2, group, degree, homogeneous)
    layer(images)
    helpers.randomise_zeros(layer)
    orbits = monomial_orbits(group, 1, degree, homogeneous)
    values = monomials(images.reshape(5, 9), degree, homogeneous).numpy()
    expected = sum(
        np.outer(values[:, orbits == o].sum(axis=1) / np.sqrt(np.sum(orbits == o)), w)
        for o, w in enumerate(layer.w.numpy())
    )
    np.testing.assert_allclose(layer(images), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@each_kind
@each_degree
@pytest.mark.parametrize("group", ["cyclic4", "dihedral4"])
def test_it_spans_the_invariant_polynomials_and_no_others(group, degree, homogeneous):
    group = groups.get_group(group, (2, 2) if degree == 3 else (3, 3))
    shape = (200, *group.image_shape)
    images, others = _normal(*shape), _normal(*shape, seed=1)
    layer = InvariantPolynomialDense(1, group, degree, homogeneous)
    layer(images)
    number = layer.w.shape[0]

    def basis(x):
        layer_of_all = InvariantPolynomialDense(number, group, degree, homogeneous)
        layer_of_all(x)
        layer_of_all.w.assign(np.eye(number))
        return layer_of_all(x).numpy()

    assert number < 200
    assert np.linalg.matrix_rank(basis(images)) == number

    polynomial = PolynomialDense(3, degree, homogeneous=homogeneous)
    polynomial(images.reshape(200, -1))
    helpers.randomise_zeros(polynomial)

    def average(x):
        orbit = group.apply(x).numpy().reshape(200 * group.size, -1)
        return polynomial(orbit).numpy().reshape(200, group.size, 3).mean(axis=1)

    def error(function):
        """Of the best fit to the function, at other images than those it was fitted to."""
        w = np.linalg.lstsq(basis(images), function(images), rcond=None)[0]
        return np.abs(basis(others) @ w - function(others)).max()

    assert error(average) < 1e-10
    assert error(lambda x: polynomial(x.reshape(200, -1)).numpy()) > 0.1


@pytest.mark.slow
@each_kind
@each_degree
def test_outputs_have_the_spread_of_a_polynomial_layer(degree, homogeneous):
    group = groups.cyclic(4, (5, 5) if degree < 3 else (4, 4))
    images = _normal(4000, *group.image_shape).astype(np.float32)
    layer = InvariantPolynomialDense(200, group, degree, homogeneous)
    plain = PolynomialDense(200, degree, homogeneous=homogeneous)
    spread = np.std(layer(images)) / np.std(plain(images.reshape(4000, -1)))
    assert abs(spread - 1) < 0.1
    # Averaging a polynomial over the group leaves half of its spread.
    orbit = group.apply(images[:500]).numpy().reshape(2000, -1)
    average = np.reshape(plain(orbit), (500, 4, -1)).mean(axis=1)
    assert np.std(average) / np.std(plain(images.reshape(4000, -1))) < 0.7


def test_each_weight_is_as_wide_as_that_of_its_monomial_alone():
    """Of the coefficients w_O / sqrt(|O|); the centre, fixed by all turns, is no exception."""
    group = groups.cyclic(4, (3, 3))
    layer = InvariantPolynomialDense(4000, group, 1, homogeneous=True)
    layer(np.zeros((1, 3, 3)))
    sizes = np.bincount(monomial_orbits(group, 1, 1, True))
    assert sorted(sizes) == [1, 4, 4]
    coefficients = layer.w / np.sqrt(sizes)[:, None]
    np.testing.assert_allclose(np.std(coefficients, axis=1), 1 / 3, rtol=0.05)


def test_gradients_are_differences():
    group = groups.cyclic(4, (3, 3))
    images = tf.constant(_normal(2, 3, 3, 1))
    layer = InvariantPolynomialDense(2, group, 3)
    layer(images)
    helpers.randomise_zeros(layer)
    (gradient,) = helpers.gradients(layer, images)
    direction, step = _normal(2, 3, 3, 1, seed=1), 1e-6
    ahead, behind = (tf.reduce_sum(layer(images + s * direction)) for s in (step, -step))
    expected = float(ahead - behind) / (2 * step)
    assert float(tf.reduce_sum(gradient * direction)) == pytest.approx(expected, rel=1e-6)
    # The gradient of an invariant function turns with the image.
    (turned,) = helpers.gradients(layer, tf.constant(np.rot90(images, axes=(1, 2)).copy()))
    np.testing.assert_allclose(turned, np.rot90(gradient, axes=(1, 2)), atol=1e-11)


def _symmetric_matrices(layer: PolynomialDense) -> np.ndarray:
    """A_o from values of the polynomial alone: second differences, [output_size, n, n]."""
    n = layer.input_size
    basis, zero = np.eye(n), np.zeros((1, n))
    pairs = (basis[:, None] + basis).reshape(n * n, n)
    both = layer(pairs).numpy().reshape(n, n, -1)
    one = layer(basis).numpy()
    return np.moveaxis(both - one[:, None] - one + layer(zero).numpy()[0], 2, 0) / 2


@each_kind
@pytest.mark.parametrize("rank", [None, 5])
@pytest.mark.parametrize(
    "name, shape, channels",
    [
        ("cyclic4", (3, 3), 1),
        ("dihedral4", (3, 3), 2),
        ("cyclic2", (2, 3), 2),
        ("torus1", (3, 2), 1),
    ],
)
def test_the_energy_is_that_of_the_projected_matrices(name, shape, channels, rank, homogeneous):
    group = groups.get_group(name, shape)
    n = group.num_pixels * channels
    layer = PolynomialDense(3, 2, rank, homogeneous)
    layer(_normal(1, n))
    helpers.randomise_zeros(layer)
    matrices = _symmetric_matrices(layer)
    p = np.eye(n)[_permutations(group, channels)]  # g x = p_g x
    projected = np.mean(np.swapaxes(p, 1, 2)[:, None] @ matrices @ p[:, None], axis=0)
    invariant, all_of_it = invariant_energy(layer, group)
    np.testing.assert_allclose(all_of_it, np.square(matrices).sum(axis=(1, 2)), rtol=1e-10)
    np.testing.assert_allclose(invariant, np.square(projected).sum(axis=(1, 2)), rtol=1e-10)
    assert np.all(invariant < 0.9 * all_of_it)


@each_kind
def test_an_invariant_polynomial_has_all_its_energy(homogeneous):
    group = groups.dihedral(4, (3, 3))
    images = _normal(1, 3, 3)
    invariant = InvariantPolynomialDense(4, group, 2, homogeneous)
    invariant(images)
    layer = PolynomialDense(4, 2, homogeneous=homogeneous)
    layer(images.reshape(1, 9))
    orbits = monomial_orbits(group, 1, 2, homogeneous)
    sizes = np.bincount(orbits)
    layer.w.assign((invariant.w.numpy() / np.sqrt(sizes)[:, None])[orbits])
    np.testing.assert_allclose(layer(images.reshape(1, 9)), invariant(images), rtol=1e-12)
    np.testing.assert_allclose(np.divide(*invariant_energy(layer, group)), 1, rtol=1e-12)
    # One weight that differs from those of its orbit.
    row = int(
        np.flatnonzero((sizes[orbits] > 1) & (monomial_indices(9, 2, homogeneous)[:, 0] > 0))[0]
    )
    layer.w[row].assign(layer.w[row] + 1)
    assert np.all(np.divide(*invariant_energy(layer, group)) < 0.999)


@pytest.mark.parametrize("rank", [None, 20])
def test_random_weights_have_the_share_of_the_dimensions(rank):
    group = groups.cyclic(4, (5, 5))
    layer = PolynomialDense(500, 2, rank, homogeneous=True)
    layer(_normal(1, 25))
    if rank is None:  # of equal width in each direction of the symmetric matrices
        indices = monomial_indices(25, 2, True)
        width = np.where(indices[:, 0] == indices[:, 1], 1, math.sqrt(2))
        layer.w.assign(width[:, None] * _normal(*layer.w.shape))
    share = np.mean(np.divide(*invariant_energy(layer, group)))
    dimensions = (monomial_orbits(group, 1, 2, True).max() + 1) / num_monomials(25, 2, True)
    assert 1 / 4 < dimensions < 0.28
    assert share == pytest.approx(dimensions, rel=0.05 if rank is None else 0.2)


@pytest.mark.parametrize("group", ["cyclic3", "torus1", "translations1"])
def test_sets_that_are_no_groups_of_permutations(group):
    message = "^group must be closed and act by permutations of the pixels .* got"
    with pytest.raises(ValueError, match=message):
        InvariantPolynomialDense(3, group)


# Closed but resampled; permutations that are not closed, over which no mean is a projection.
NO_GROUPS = [groups.cyclic(3, (3, 3)), groups.rotations([0, 90], (3, 3)), groups.cyclic(4, (2, 3))]


@pytest.mark.parametrize("group", NO_GROUPS, ids=str)
def test_orbits_and_energies_of_no_group(group):
    message = "^group must be closed and act by permutations of the pixels .* got <ImageAction"
    with pytest.raises(ValueError, match=message):
        monomial_orbits(group, 1, 2)
    for rank in (None, 4):
        layer = PolynomialDense(3, 2, rank)
        layer(_normal(1, group.num_pixels))
        with pytest.raises(ValueError, match=message):
            invariant_energy(layer, group)


@pytest.mark.parametrize("made", ["degree 3", "not called", "another layer"])
def test_energies_of_layers_that_have_none(made):
    if made == "degree 3":
        layer = PolynomialDense(2, 3)
        layer(_normal(1, 9))
    elif made == "not called":
        layer = PolynomialDense(2, 2)
    else:
        layer = InvariantPolynomialDense(2, groups.cyclic(4, (3, 3)))
    message = "^layer must be a PolynomialDense of degree 2 that has been called, got"
    with pytest.raises(ValueError, match=message):
        invariant_energy(layer, groups.cyclic(4, (3, 3)))


def test_energies_for_images_of_another_size():
    layer = PolynomialDense(2, 2)
    layer(_normal(1, 10))
    message = "^group must act on images of 10 / channels pixels, got <ImageAction cyclic4"
    with pytest.raises(ValueError, match=message):
        invariant_energy(layer, groups.cyclic(4, (3, 3)))


@pytest.mark.parametrize("name", ["output_size", "degree"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_sizes_and_degrees_that_are_none(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be an integer >= 1, got {value!r}$"):
        InvariantPolynomialDense(**{"output_size": 3, name: value})


def test_homogeneous_is_a_flag():
    with pytest.raises(ValueError, match="^homogeneous must be True or False, got 1$"):
        InvariantPolynomialDense(3, homogeneous=1)


def test_images_of_other_shapes_and_other_channels_at_a_later_call():
    layer = InvariantPolynomialDense(3, groups.cyclic(4, (3, 3)))
    layer(tf.ones([1, 3, 3, 2]))
    message = "^InvariantPolynomialDense inputs must have 2 channels as at the first call, got 1$"
    with pytest.raises(ValueError, match=message):
        layer(tf.ones([1, 3, 3]))
    with pytest.raises(
        ValueError, match=r"^InvariantPolynomialDense inputs must be images \[batch"
    ):
        layer(tf.ones([1, 3, 4, 2]))


def test_too_many_monomials():
    with pytest.raises(ValueError, match=r"^degree must leave at most .*, got 4"):
        InvariantPolynomialDense(3, "cyclic4", 4)(tf.zeros([1, 28, 28]))
