"""Linear attention under a mask of differences of places, by Fourier transforms."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.attention import _inputs
from weirdonetworks.functional.attention.linear import masked_attention
from weirdonetworks.functional.attention.normaliser import divide_by_totals

FORMS = ("fft", "dense")


def toeplitz_attention(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    mask: tf.Tensor,
    grid: tuple[int, ...] | None = None,
    form: str = "fft",
    normalize: bool = True,
) -> tf.Tensor:
    """y_i = sum_j f(i - j) (q_i . k_j) v_j / sum_j f(i - j) (q_i . k_j), in O(n log n).

    Tokens in a line, or over a grid, row by row, where places and the difference have two numbers:
    a mask that is block Toeplitz. f(d) = 0 for all d < 0 is causal. For each pair of a feature and
    a value the sum over j is a convolution of their product with f: by `fft`, which holds all these
    products, n d e numbers, or `dense`, by the matrix `toeplitz_matrix`, a square of the tokens,
    which is the faster one up to thousands of them.

    The rounding of a transform is relative to its largest number: what a query sees is taken to be
    nothing, and gives 0, if it is below 16 eps of what it would see at the best place.

    Args:
      queries: features of them, [..., n, d], >= 0 where normalized.
      keys: features of them, [..., n, d], >= 0 where normalized.
      values: [..., n, e].
      mask: f >= 0, [..., 2 n - 1], of the differences -(n - 1) to n - 1; over a grid
        [..., 2 H - 1, 2 W - 1].
      grid: (n,) by default, or (H, W), H W = n.
      form: `fft` or `dense`.
      normalize: whether to divide.

    Raises:
      ValueError: shapes that do not fit, a grid of other numbers of tokens, an unknown form;
        negative numbers, where they may not be (told where they are not traced).

    Source: Choromanski et al. 2022, "From block-Toeplitz matrices to differential equations on
    graphs".
    """
    queries, keys, values = _inputs.triple(queries, keys, values)
    _inputs.same_tokens(queries, keys)
    grid = _grid(grid, queries.shape[-2])
    mask = _mask(mask, grid, queries.dtype)
    inputs = {"queries": queries.shape[:-2], "keys": keys.shape[:-2], "values": values.shape[:-2]}
    _inputs.leading({**inputs, "mask": mask.shape[: -len(grid)]})
    form, normalize = _checks.choice("form", form, FORMS), _checks.flag("normalize", normalize)
    if form == "dense":
        dense = toeplitz_matrix(mask, grid)
        return masked_attention(queries, keys, values, dense, normalize)
    if normalize:
        for name, each in (("queries", queries), ("keys", keys)):
            _inputs.nonnegative(name, each, " for normalize=True")
    _inputs.transformable("queries", queries)
    v = tf.concat([values, tf.ones_like(values[..., :1])], axis=-1) if normalize else values
    products = tf.einsum("...nd,...ne->...den", keys, v)
    convolved = _convolve(products, mask[..., *([None] * 2), *([slice(None)] * len(grid))], grid)
    found = tf.einsum("...nd,...den->...ne", queries, convolved)
    if not normalize:
        return found
    totals = found[..., -1]
    rounding = 16 * np.finfo(totals.dtype.as_numpy_dtype).eps
    best = tf.linalg.matvec(queries, tf.reduce_max(convolved[..., -1, :], axis=-1))
    totals = tf.where(totals <= rounding * best, tf.zeros_like(totals), totals)  # NaN stays NaN
    return divide_by_totals(found[..., :-1], totals)


def toeplitz_matrix(mask: tf.Tensor, grid: tuple[int, ...]) -> tf.Tensor:
    """m_ij = f(i - j), [..., n, n], of tokens in a line or over a grid, row by row.

    Args:
      mask: f, [..., 2 n - 1] or [..., 2 H - 1, 2 W - 1], as in `toeplitz_attention`.
      grid: (n,) or (H, W).

    Raises:
      ValueError: a grid that is no tuple of one or two integers >= 1, or a mask of another
        shape.
    """
    mask = _tensor_checks.floating("mask", mask)
    grid = _grid(grid, None)
    mask = _mask(mask, grid, mask.dtype)
    places = np.stack(np.unravel_index(np.arange(np.prod(grid)), grid))  # [axes, n]
    differences = places[:, :, None] - places[:, None, :] + np.array(grid)[:, None, None] - 1
    flat = np.ravel_multi_index(tuple(differences), tuple(2 * side - 1 for side in grid))
    numbers = tf.reshape(mask, tf.concat([tf.shape(mask)[: -len(grid)], [-1]], axis=0))
    return tf.gather(numbers, tf.constant(flat, tf.int32), axis=-1)


def _grid(grid: tuple[int, ...] | None, tokens: int | None) -> tuple[int, ...]:
    if grid is None and tokens is not None:
        return (tokens,)
    found = _checks.sizes("grid", grid, allow_empty=False)
    if len(found) > 2:
        raise ValueError(f"grid must have at most 2 sides, got {_checks.received(grid)}")
    if tokens is not None and int(np.prod(found)) != tokens:
        raise ValueError(f"grid must have {tokens} places, as there are tokens, got {found}")
    return found


def _mask(mask: tf.Tensor, grid: tuple[int, ...], dtype: tf.DType) -> tf.Tensor:
    mask = _tensor_checks.of_type("mask", mask, "queries", dtype)
    shape = [2 * side - 1 for side in grid]
    if mask.shape.rank is None or list(mask.shape[-len(grid) :]) != shape:
        raise ValueError(
            f"mask must be [..., {', '.join(map(str, shape))}], the differences over a grid of "
            f"{grid}, got shape {mask.shape}"
        )
    _inputs.nonnegative("mask", mask)
    return mask


def _convolve(x: tf.Tensor, mask: tf.Tensor, grid: tuple[int, ...]) -> tf.Tensor:
    """sum_j f(i - j) x_j, x [..., n], f [..., 2 H - 1, 2 W - 1], over the grid: [..., n]."""
    transforms = {
        1: (tf.signal.rfft, tf.signal.irfft),
        2: (tf.signal.rfft2d, tf.signal.irfft2d),
    }
    forward, backward = transforms[len(grid)]
    lengths = [1 << (2 * side - 2).bit_length() for side in grid]  # powers of two, no wrapping
    leading = tf.shape(x)[:-1]
    x = tf.reshape(x, tf.concat([leading, grid], axis=0))
    found = backward(forward(x, lengths) * forward(mask, lengths), lengths)
    # The mask begins at the difference -(side - 1): so does what comes out.
    inner = tuple(slice(side - 1, 2 * side - 1) for side in grid)
    return tf.reshape(found[(..., *inner)], tf.concat([leading, [int(np.prod(grid))]], axis=0))
