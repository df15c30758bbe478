"""All monomials of a vector up to a degree, each once."""

import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.sparse import SparseMap

MOST_DEGREE = 100
_BYTES = 250  # of a monomial: its indices, what makes them, and a weight at its first call
# 2^26 float32 monomials are 256 MB for one single row.
_MOST_MONOMIALS = 2**26


def num_monomials(num_variables: int, degree: int, homogeneous: bool = False) -> int:
    """binomial(n + d, d) monomials of degree <= d, or binomial(n + d - 1, d) of degree d."""
    _checks.integer("num_variables", num_variables)
    _checks.integer("degree", degree, maximum=MOST_DEGREE)
    symbols = num_variables if _checks.flag("homogeneous", homogeneous) else num_variables + 1
    return math.comb(symbols + degree - 1, degree)


def monomial_indices(num_variables: int, degree: int, homogeneous: bool = False) -> np.ndarray:
    """The variables of each monomial, int32 [num_monomials, degree], non-decreasing in a row.

    Variable i is x_i. Unless homogeneous, the variables are x_0 = 1, x_1, ..., x_n: the monomials
    of degree d in those are the monomials of degree <= d in x_1, ..., x_n.

    Raises:
      ValueError: a bad argument, more than 2^26 monomials, or more than fit in memory.

    >>> monomial_indices(2, 2).tolist()  # 1, x_1, x_2, x_1^2, x_1 x_2, x_2^2
    [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]
    """
    count = num_monomials(num_variables, degree, homogeneous)
    if count > _MOST_MONOMIALS:
        raise ValueError(
            f"degree must leave at most {_MOST_MONOMIALS} monomials (give a rank instead), got "
            f"{degree}, which makes {_checks.received(count)} monomials of "
            f"{_checks.received(num_variables)} variables (num_variables)"
        )
    rule = "degree must leave monomials that fit in memory (give a rank instead)"
    _checks.memory(rule, degree, _BYTES * count)
    return _indices(num_variables, degree, homogeneous)


@functools.lru_cache(maxsize=8)
def _indices(num_variables: int, degree: int, homogeneous: bool) -> np.ndarray:
    count = num_monomials(num_variables, degree, homogeneous)
    symbols = num_variables if homogeneous else num_variables + 1
    combinations = itertools.combinations_with_replacement(range(symbols), degree)
    flat = np.fromiter(itertools.chain.from_iterable(combinations), np.int32, count * degree)
    return flat.reshape(count, degree)


@functools.lru_cache(maxsize=8)
def _factors(num_variables: int, degree: int, homogeneous: bool) -> SparseMap:
    """The map from the variables to the factors of all monomials, [degree * num_monomials]."""
    indices = monomial_indices(num_variables, degree, homogeneous).T.reshape(-1)
    symbols = num_variables if homogeneous else num_variables + 1
    return SparseMap(
        np.arange(len(indices)), indices, np.ones(len(indices)), (len(indices), symbols)
    )


def monomials(x: tf.Tensor, degree: int, homogeneous: bool = False) -> tf.Tensor:
    """The monomials prod_k x_{i_k}, i_1 <= ... <= i_d, in the order of `monomial_indices`.

    Args:
      x: [batch, n].
      degree: d >= 1.
      homogeneous: only the monomials of degree d, without those of lower degrees.

    Returns:
      [batch, num_monomials]; each monomial once, never the n^d products of an outer product.
    """
    return tf.transpose(monomials_transposed(x, degree, homogeneous))


def monomials_transposed(x: tf.Tensor, degree: int, homogeneous: bool = False) -> tf.Tensor:
    """`monomials` as [num_monomials, batch], the order in which the gathers are contiguous."""
    degree = _checks.integer("degree", degree, maximum=MOST_DEGREE)
    homogeneous = _checks.flag("homogeneous", homogeneous)
    x = _tensor_checks.floating("x", x)
    if x.shape.rank != 2 or x.shape[1] is None:
        raise ValueError(f"x must be [batch, n] with a static n, got shape {x.shape}")
    variables = tf.transpose(x)
    if not homogeneous:
        variables = tf.concat([tf.ones_like(variables[:1]), variables], axis=0)
    indices = monomial_indices(x.shape[1], degree, homogeneous)
    all_factors = _factors(x.shape[1], degree, homogeneous)

    # One gather for each factor: all of them in one tensor would be larger than the n^2 products
    # of an outer product. Their common gradient is one map, as every variable occurs equally often.
    @tf.custom_gradient
    def gather(variables):
        factors = [tf.gather(variables, indices[:, k]) for k in range(degree)]
        return factors, lambda *gradients: all_factors.transpose(tf.concat(gradients, axis=0))

    product, *rest = gather(variables)
    for factor in rest:
        product *= factor
    return product
