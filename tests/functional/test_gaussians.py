"""Products of Gaussians, against densities that are multiplied."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from weirdonetworks.functional import product_of_gaussians


def _experts(*shape: int, d: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=[*shape, d, d])
    return rng.normal(size=[*shape, d]), roots @ np.swapaxes(roots, -1, -2) + 0.3 * np.eye(d)


def test_the_product_of_densities_is_this_gaussian_up_to_a_factor():
    means, precisions = _experts(3)
    mean, precision = product_of_gaussians(means, precisions)
    points = np.random.default_rng(1).normal(size=[50, 2])

    def logarithm(mean, precision):
        return stats.multivariate_normal(mean, np.linalg.inv(precision)).logpdf(points)

    product = sum(logarithm(m, p) for m, p in zip(means, precisions, strict=True))
    factor = product - logarithm(mean.numpy(), precision.numpy())
    assert np.ptp(factor) < 1e-10 and np.ptp(product) > 1
    # Neither the mean of the means has one, nor the mean of the precisions.
    assert np.ptp(product - logarithm(means.mean(0), precision.numpy())) > 0.1
    assert np.ptp(product - logarithm(mean.numpy(), precision.numpy() / 3)) > 0.1


def test_moments_of_a_product_on_a_grid():
    means, precisions = _experts(3, seed=3)
    mean, precision = product_of_gaussians(means, precisions)
    line = np.linspace(-7, 7, 400)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    off = grid[:, :, None] - means
    density = np.exp(-np.einsum("xyei,eij,xyej->xy", off, precisions, off) / 2)
    density /= density.sum()
    np.testing.assert_allclose(mean, np.einsum("xy,xyi->i", density, grid), atol=1e-8)
    off = grid - mean.numpy()
    covariance = np.einsum("xy,xyi,xyj->ij", density, off, off)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), atol=1e-8)


def test_an_expert_without_an_opinion_takes_no_part():
    means, precisions = _experts(2)
    precisions[1] = [[4.0, 0], [0, 0]]  # it says the first coordinate alone
    mean, _ = product_of_gaussians(means, precisions)
    means[1, 1] = 1e6
    np.testing.assert_allclose(product_of_gaussians(means, precisions)[0], mean, rtol=1e-9)
    means[1, 0] += 1
    assert np.abs(product_of_gaussians(means, precisions)[0] - mean).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_compiled(dtype):
    means, precisions = (tf.constant(a, dtype) for a in _experts(2, 5, 3, d=4))
    compiled = tf.function(product_of_gaussians, jit_compile=True)
    with tf.GradientTape() as tape:
        tape.watch([means, precisions])
        mean, precision = compiled(means, precisions)
        total = tf.reduce_sum(tf.sin(mean))
    assert all(np.all(np.isfinite(g)) for g in tape.gradient(total, [means, precisions]))
    for index in np.ndindex(2, 5):
        one, own = product_of_gaussians(means[index], precisions[index])
        np.testing.assert_allclose(mean[index], one, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(precision[index], own, rtol=1e-5)


@pytest.mark.parametrize(
    "means, precisions, message",
    [
        (tf.ones([2, 3], tf.int32), tf.ones([2, 3, 3]), "^means must be of a floating type"),
        *(
            (tf.ones([2, 3], t), tf.ones([2, 3, 3], t), f"^means must be float32 or .* got {t}$")
            for t in ("float16", "bfloat16")
        ),
        (tf.ones([3]), tf.ones([3, 3]), r"^means must be \[..., experts, d\] .* got shape \(3,\)$"),
        (tf.ones([0, 3]), tf.ones([0, 3, 3]), r"^means must be .* got shape \(0, 3\)$"),
        (
            tf.ones([2, 3]),
            tf.ones([2, 3]),
            r"^precisions must be \(2, 3, 3\) for these means, got \(2, 3\)$",
        ),
        (tf.ones([2, 3]), tf.ones([2, 3, 3], tf.float64), "^precisions must be of the type of mea"),
    ],
)
def test_bad_input(means, precisions, message):
    with pytest.raises(ValueError, match=message):
        product_of_gaussians(means, precisions)
