"""Folding rectifiers: exact digits, and how many pieces depth and width make."""

import numpy as np
import pytest
import tensorflow as tf

from weirdonetworks.functional import gray_code, tent


def _expected(number: np.ndarray, bits: int) -> np.ndarray:
    """By the textbook's formula, n xor n / 2, of whole numbers."""
    gray = number ^ (number >> 1)
    return gray[:, None] >> np.arange(bits)[::-1] & 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("bits", [1, 3, 8])
def test_digits_are_exact(dtype, bits):
    """At the beginnings of all cells, inside of them, and at the last number before the next."""
    steps = tf.range(2**bits, dtype=tf.float64) / 2**bits
    starts = tf.cast(steps, dtype)
    places = [starts, tf.cast(steps + 0.3 / 2**bits, dtype)] if dtype != "bfloat16" else [starts]
    if dtype.startswith("float"):
        places.append(tf.constant(np.nextafter(starts[1:].numpy(), starts.numpy().dtype.type(0))))
    for x in places:
        number = np.floor(tf.cast(x, tf.float64).numpy() * 2**bits).astype(int)
        found = gray_code(x, bits)
        assert found.dtype == dtype
        np.testing.assert_array_equal(tf.cast(found, tf.int32), _expected(number, bits))


@pytest.mark.slow
def test_every_bit_of_a_number_is_exact():
    x = np.random.default_rng(0).uniform(size=10_000)
    number = np.floor(x * 2**40).astype(np.int64)
    np.testing.assert_array_equal(gray_code(tf.constant(x), 40), _expected(number, 40))
    compiled = tf.function(lambda x: gray_code(x, 40), jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(x)), _expected(number, 40))


@pytest.mark.slow
def test_a_graph_does_not_grow_with_the_digits_and_takes_any_shape():
    few, many = (
        tf.function(lambda x, bits=bits: gray_code(x, bits)).get_concrete_function(
            tf.TensorSpec(None, tf.float64)
        )
        for bits in (2, 1000)
    )
    assert len(many.graph.get_operations()) == len(few.graph.get_operations())
    found = many(tf.constant([[0.5], [2.0**-600]], tf.float64)).numpy()
    assert found.shape == (2, 1, 1000)
    # 2^(n - 1) is the last of the first half of Gray's code of n digits: 1 1 0 0 ...
    assert np.argwhere(found[0, 0]).ravel().tolist() == [0, 1]
    assert np.argwhere(found[1, 0]).ravel().tolist() == [599, 600]


def test_neighbours_differ_in_one_digit_and_binary_ones_do_not():
    digits = gray_code(tf.range(256, dtype=tf.float32) / 256, 8).numpy()
    assert np.all(np.abs(np.diff(digits, axis=0)).sum(axis=1) == 1)
    binary = np.cumsum(digits, axis=1) % 2
    np.testing.assert_array_equal(binary @ 2.0 ** np.arange(8)[::-1], np.arange(256))
    assert np.abs(np.diff(binary, axis=0)).sum(axis=1).max() == 8


def test_beyond_the_ends():
    x = tf.constant([-np.inf, -3.0, 0.0, 1.0, 7.0, np.inf, np.nan])
    expected = [[0, 0, 0]] * 3 + [[1, 0, 0]] * 3 + [[np.nan] * 3]
    np.testing.assert_array_equal(gray_code(x, 3), expected)
    assert gray_code(tf.zeros([2, 0, 5]), 4).shape == [2, 0, 5, 4]


def _pieces(function) -> int:
    """The straight pieces of a function on [0, 1], by its slopes on a grid of 2^12."""
    y = function(tf.constant(np.linspace(0, 1, 2**12 + 1))).numpy()
    slopes = np.diff(y) * 2**12
    bends = np.abs(np.diff(slopes)) > 1e-6
    # A bend between two points of the grid shows at both of them.
    return 1 + int(np.sum(bends & ~np.concatenate([[False], bends[:-1]])))


def _folds(times: int):
    def folded(x: tf.Tensor) -> tf.Tensor:
        for _ in range(times):
            x = tent(x)
        return x

    return folded


def test_pieces_of_depth_and_of_width():
    rng = np.random.default_rng(0)

    def wide(units: int):
        slopes = tf.constant(rng.normal(size=units))
        places = tf.constant((rng.permutation(500)[:units] + rng.uniform(size=units)) / 500)
        return lambda x: tf.linalg.matvec(tf.nn.relu(x[:, None] - places), slopes)

    for times in range(1, 9):
        assert _pieces(_folds(times)) == 2**times  # of 2 times rectifiers
        assert _pieces(wide(2 * times)) == 2 * times + 1 < 2 ** (times + 1)
    # As many pieces in one layer take a unit for each fold: the zigzag itself, by 2^8 - 1 of them.
    places = tf.constant(np.arange(1, 256) / 256)
    signs = tf.constant(np.where(np.arange(1, 256) % 2, -2.0, 2.0) * 256)

    def zigzag(x: tf.Tensor) -> tf.Tensor:
        return 256 * x + tf.linalg.matvec(tf.nn.relu(x[:, None] - places), signs)

    x = tf.constant(np.linspace(0, 1, 4097))
    np.testing.assert_allclose(zigzag(x), _folds(8)(x), atol=1e-11)


def test_no_gradient_but_that_of_the_folds():
    x = tf.constant([0.1, 0.7, 0.9])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        digits, folded = gray_code(x, 4), _folds(3)(x)
    assert tape.gradient(digits, x) is None
    np.testing.assert_array_equal(np.abs(tape.gradient(folded, x)), [8, 8, 8])


@pytest.mark.parametrize("bits", [0, 2.5, "3", None, True, 1001])
def test_bad_bits(bits):
    with pytest.raises(ValueError, match="^bits must be an integer"):
        gray_code(tf.ones([2]), bits)


def test_bad_numbers():
    for function in (tent, lambda x: gray_code(x, 2)):
        with pytest.raises(ValueError, match="^x must be of a floating type .* got int32$"):
            function(tf.ones([2], tf.int32))
