"""Products of Gaussian densities."""

import tensorflow as tf

from weirdonetworks import _tensor_checks


def product_of_gaussians(means: tf.Tensor, precisions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The Gaussian that prod_i N(x; mu_i, L_i^-1) is, up to a factor: its mean and its precision.

        L = sum_i L_i,    mu = L^-1 sum_i L_i mu_i.

    Means are [..., experts, d], precisions [..., experts, d, d], symmetric and positive
    semidefinite, with a sum that is definite: an expert with precision 0 in some direction has no
    opinion there. Returns mu [..., d] and L [..., d, d]. For experts of weights w, multiply the
    precisions by them. Every direction is at least as certain as its most certain expert is.

    Precisions must be symmetric, which is not checked. mu is solved for by Cholesky's factors of L:
    it is NaN, or an error on the CPU, where L is not definite.

    Source: Hinton 2002, "Training products of experts by minimizing contrastive divergence".

    Raises:
      ValueError: means that are not float32 or float64, precisions of another type, other shapes
        than these, or no expert.
    """
    means = _tensor_checks.floating("means", means)
    if means.dtype not in (tf.float32, tf.float64):  # of which Cholesky's factors are computed
        raise ValueError(f"means must be float32 or float64, got {means.dtype.name}")
    precisions = _tensor_checks.of_type("precisions", precisions, "means", means.dtype)
    if means.shape.rank is None or means.shape.rank < 2 or not all(means.shape[-2:]):
        raise ValueError(
            f"means must be [..., experts, d] with sizes >= 1, got shape {means.shape}"
        )
    expected = means.shape.concatenate(means.shape[-1:])
    if not expected.is_compatible_with(precisions.shape):
        raise ValueError(f"precisions must be {expected} for these means, got {precisions.shape}")
    precision = tf.reduce_sum(precisions, axis=-3)
    pull = tf.reduce_sum(tf.linalg.matvec(precisions, means), axis=-2)
    factor = tf.linalg.cholesky(precision)
    return tf.linalg.cholesky_solve(factor, pull[..., None])[..., 0], precision
