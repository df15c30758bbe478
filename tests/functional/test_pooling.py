"""Poolings: their values, their symmetry, what they keep, and finite gradients."""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import POOLINGS, get_pooling, moments
from weirdonetworks.functional.pooling import pool

NUMPY = {
    "mean": lambda v: v.mean(axis=1),
    "max": lambda v: v.max(axis=1),
    "logsumexp": lambda v: scipy.special.logsumexp(v, axis=1),
    "moments": lambda v: np.concatenate(
        [v.mean(axis=1), *(scipy.stats.moment(v, k, axis=1) for k in (2, 3))], axis=1
    ),
    "sorted": lambda v: np.sort(v, axis=1).reshape(len(v), -1),
    "concat": lambda v: v.reshape(len(v), -1),
}


def _values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_each_is_checked_against_numpy():
    assert set(NUMPY) == set(POOLINGS)


@pytest.mark.parametrize("name", POOLINGS)
def test_values_are_numpys(name):
    values = _values(5, 4, 3)
    pooled = get_pooling(name)(values)
    np.testing.assert_allclose(pooled, NUMPY[name](values), rtol=1e-12)
    sizes = {"moments": 9, "sorted": 12, "concat": 12}
    assert pooled.shape == [5, sizes.get(name, 3)]


@pytest.mark.parametrize("name", POOLINGS)
def test_all_but_concat_are_symmetric(name):
    values = _values(5, 4, 3)
    pooled = get_pooling(name)(values)
    for order in itertools.permutations(range(4)):
        error = np.abs(get_pooling(name)(values[:, order]) - pooled).max()
        if name == "concat" and order != (0, 1, 2, 3):
            assert error > 0.1
        else:
            assert error < 1e-12


@pytest.mark.parametrize("name", POOLINGS)
def test_features_are_pooled_each_by_itself(name):
    """Another feature, or another image, changes nothing."""
    values = _values(2, 4, 3)
    other = values.copy()
    other[0, :, 1], other[1] = _values(4, seed=1), 7
    same = np.isclose(get_pooling(name)(values), get_pooling(name)(other), rtol=1e-12)
    np.testing.assert_array_equal(same[0].reshape(-1, 3), [[True, False, True]] * (same.size // 6))
    assert not same[1].any()


@pytest.mark.parametrize("num_moments", [1, 2, 5])
def test_as_many_moments_as_wanted(num_moments):
    values = _values(5, 7, 3)
    pooled = np.reshape(moments(values, num_moments), (5, num_moments, 3))
    np.testing.assert_allclose(pooled[:, 0], values.mean(axis=1), rtol=1e-12)
    for k in range(2, num_moments + 1):
        expected = scipy.stats.moment(values, k, axis=1)
        np.testing.assert_allclose(pooled[:, k - 1], expected, rtol=1e-10, atol=1e-12)
        # About the mean, not about 0.
        assert np.abs(pooled[:, k - 1] - np.mean(values**k, axis=1)).max() > 0.01


def _from_moments(mean: float, central: np.ndarray) -> np.ndarray:
    """n numbers from their mean and central moments 2 .. n: Newton's identities, then roots."""
    n = len(central) + 1
    power_sums = np.concatenate([[n, 0], n * central])
    elementary = [1.0]
    for k in range(1, n + 1):
        terms = [(-1) ** (i - 1) * elementary[k - i] * power_sums[i] for i in range(1, k + 1)]
        elementary.append(sum(terms) / k)
    return mean + np.sort(np.roots([(-1) ** k * e for k, e in enumerate(elementary)]).real)


def test_as_many_moments_as_elements_determine_the_values():
    values = _values(5, 4, 1)
    pooled = moments(values, 4).numpy()
    back = np.stack([_from_moments(row[0], row[1:]) for row in pooled])
    np.testing.assert_allclose(back, np.sort(values[:, :, 0], axis=1), atol=1e-6)


def test_fewer_moments_do_not():
    """Four numbers apart, of equal mean, variance and (zero) third moment."""
    a = np.array([-2.0, -1, 1, 2])
    b = np.sqrt(2.5) * np.array([-1.0, -1, 1, 1])
    values = np.stack([a, b])[:, :, None]
    np.testing.assert_allclose(*moments(values, 3).numpy(), atol=1e-12)
    assert abs(np.diff(moments(values, 4)[:, -1])) > 1


def test_order_statistics_keep_the_values_and_forget_their_order():
    values = _values(5, 4, 3)
    kept = np.reshape(get_pooling("sorted")(values), (5, 4, 3))
    np.testing.assert_array_equal(np.sort(values, axis=1), kept)
    # Shuffling the features apart from each other goes unnoticed: it is the price.
    apart = np.stack([values[:, :, 0], values[:, ::-1, 1], values[:, :, 2]], axis=2)
    np.testing.assert_array_equal(get_pooling("sorted")(apart), get_pooling("sorted")(values))


def test_logsumexp_lies_between_mean_and_maximum():
    values = 3 * _values(50, 4, 3)
    logsumexp, mean, maximum = (get_pooling(n)(values) for n in ("logsumexp", "mean", "max"))
    assert np.all(mean + np.log(4) <= logsumexp) and np.all(logsumexp <= maximum + np.log(4))
    assert np.any(logsumexp > maximum) and np.any(logsumexp < maximum + 0.1)
    large = get_pooling("logsumexp")(tf.fill([1, 4, 1], 1e4))
    np.testing.assert_allclose(large, 1e4 + np.log(4), rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, -3.0, 1e4])
@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_are_finite_also_for_constant_values(name, constant):
    (gradient,) = helpers.gradients(get_pooling(name), tf.fill([2, 4, 3], constant))
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
    # A standard deviation would not have one.
    (other,) = helpers.gradients(
        lambda v: tf.math.reduce_std(v, axis=1), tf.fill([2, 4, 3], constant)
    )
    assert not np.all(np.isfinite(other))


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_are_differences(name):
    values = tf.constant(_values(1, 3, 2))

    def function(v):
        pooled = get_pooling(name)(v)
        return pooled * np.linspace(1, 2, pooled.shape[1])

    (gradient,) = helpers.gradients(function, values)
    step = 1e-6
    for index in np.ndindex(*values.shape):
        move = np.zeros(values.shape)
        move[index] = step
        expected = tf.reduce_sum(function(values + move) - function(values - move)) / (2 * step)
        assert float(gradient[index]) == pytest.approx(float(expected), abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", POOLINGS)
def test_types_and_unknown_batches_are_kept(name):
    for dtype in (tf.float32, tf.float64):
        function = tf.function(get_pooling(name)).get_concrete_function(
            tf.TensorSpec([None, 4, 3], dtype)
        )
        assert function.output_dtypes == dtype
        values = tf.cast(_values(5, 4, 3), dtype)
        np.testing.assert_allclose(function(values), get_pooling(name)(values), rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3, 2), (5, None, 3), (5, 4, None)])
@pytest.mark.parametrize("name", POOLINGS)
def test_values_of_other_shapes(name, shape):
    message = r"^values must be \[batch, \|G\|, k\] with static \|G\| and k, got shape"
    with pytest.raises(ValueError, match=message):
        tf.function(get_pooling(name), autograph=False).get_concrete_function(
            tf.TensorSpec(shape, tf.float32)
        )


@pytest.mark.parametrize("name", POOLINGS)
def test_values_of_integers(name):
    with pytest.raises(ValueError, match="^values must be of a floating type"):
        get_pooling(name)(tf.ones([5, 4, 3], tf.int32))


@pytest.mark.parametrize("num_moments", [0, -1, 2.0, "3", None, True])
def test_numbers_of_moments_that_are_none(num_moments):
    message = f"^num_moments must be an integer >= 1, got {num_moments!r}$"
    with pytest.raises(ValueError, match=message):
        moments(tf.ones([5, 4, 3]), num_moments)


def test_names():
    assert get_pooling("mean") is POOLINGS["mean"]
    assert get_pooling(tf.identity) is tf.identity


@pytest.mark.parametrize("pooling", ["median", "", None, 3, ["mean"]])
def test_names_of_no_pooling(pooling):
    with pytest.raises(ValueError, match=r"^pooling must be callable or one of \['mean', 'max'"):
        get_pooling(pooling)


def test_poolings_of_ones_own_must_return_features():
    values = tf.constant(_values(5, 4, 3))
    np.testing.assert_array_equal(pool(lambda v: v[:, 0], values), values[:, 0])
    for wrong in (tf.identity, tf.reduce_mean, lambda v: v[:, 0, 0]):
        message = r"^pooling must return \[batch, m\] for \[batch, \|G\|, k\], got shape"
        with pytest.raises(ValueError, match=message):
            pool(wrong, values)
