"""Patches and lowest frequencies, against NumPy's windows and SciPy's transform."""

import numpy as np
import pytest
import scipy.fft
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import cosine_basis, lowest_frequencies, patches

IMAGES = np.random.default_rng(0).uniform(size=(3, 8, 12, 2))


@pytest.mark.parametrize(
    ("size", "stride"), [(4, None), (2, None), (1, None), (4, 2), (4, 4), (8, 1), (5, 1), (8, 4)]
)
def test_patches_are_numpys_windows(size, stride):
    step = stride or size
    windows = np.lib.stride_tricks.sliding_window_view(IMAGES, (size, size), axis=(1, 2))
    windows = np.moveaxis(windows[:, ::step, ::step], 3, 5)  # channels last
    expected = windows.reshape(3, -1, size * size * 2)
    np.testing.assert_array_equal(patches(tf.constant(IMAGES), size, stride), expected)
    one = patches(tf.constant(IMAGES[..., 0]), size, stride)
    np.testing.assert_array_equal(one, expected[..., ::2])


def test_patches_that_do_not_overlap_hold_each_pixel_once():
    numbered = np.arange(96.0).reshape(1, 8, 12)
    assert sorted(np.ravel(patches(numbered, 4))) == list(range(96))
    assert len(np.unique(patches(numbered, 4, 2))) == 96 < np.size(patches(numbered, 4, 2))


def test_patches_of_other_sizes_say_which_fit():
    cases = {
        (5, None): "patch_size must divide the height and width of the images, 8 x 12: one of "
        "[1, 2, 4], got 5",
        (9, 2): "patch_size must be at most 8 for images of 8 x 12, got 9",
        (4, 3): "stride must be at most patch_size=4 and divide what is left of the images, "
        "8 x 12: one of [1, 2, 4], got 3",
        (2, 4): "stride must be at most patch_size=2 and divide what is left of the images, "
        "8 x 12: one of [1, 2], got 4",
        (0, None): "size must be an integer >= 1, got 0",
        (2, 0.5): "stride must be an integer >= 1, got 0.5",
    }
    for arguments, message in cases.items():
        with pytest.raises(ValueError) as error:
            patches(tf.constant(IMAGES), *arguments)
        assert str(error.value) == message


@pytest.mark.parametrize("size", [1, 7, 12])
def test_the_cosine_basis_is_scipys_and_orthonormal(size):
    basis = cosine_basis(size, size)
    np.testing.assert_allclose(basis, scipy.fft.dct(np.eye(size), axis=0, norm="ortho"), atol=1e-14)
    np.testing.assert_allclose(basis @ basis.T, np.eye(size), atol=1e-14)
    np.testing.assert_array_equal(cosine_basis(size, 1), basis[:1])


def test_lowest_frequencies_are_the_corner_of_scipys_transform():
    expected = scipy.fft.dctn(IMAGES, axes=(1, 2), norm="ortho")[:, :5, :5].reshape(3, -1)
    np.testing.assert_allclose(lowest_frequencies(IMAGES, 5), expected, atol=1e-13)
    one = scipy.fft.dctn(IMAGES[..., 1], axes=(1, 2), norm="ortho")[:, :8, :8].reshape(3, -1)
    np.testing.assert_allclose(lowest_frequencies(IMAGES[..., 1], 8), one, atol=1e-13)


def test_all_frequencies_keep_the_sum_of_squares_and_few_do_not():
    square = IMAGES[:, :, :8]
    total = np.square(square).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(np.square(lowest_frequencies(square, 8)).sum(axis=1), total)
    assert np.all(np.square(lowest_frequencies(square, 7)).sum(axis=1) < total)


def test_bad_frequencies():
    with pytest.raises(ValueError, match="^frequencies must be at most .* images, 8, got 9$"):
        lowest_frequencies(IMAGES, 9)
    with pytest.raises(ValueError, match="^frequencies must be an integer >= 1, got 0$"):
        lowest_frequencies(IMAGES, 0)


@pytest.mark.parametrize("function", [patches, lowest_frequencies])
def test_bad_images(function):
    for shape in ((3, 8), (3, 0, 8), (3, 8, 8, 0)):
        with pytest.raises(ValueError, match=r"^images must be \[batch, height, width, channels\]"):
            function(tf.zeros(shape), 2)
    with pytest.raises(ValueError, match="^images must be of a floating type"):
        function(np.zeros([2, 8, 8], np.uint8), 2)


@pytest.mark.parametrize(
    "function", [lambda x: patches(x, 4), lambda x: patches(x, 4, 2), lambda x: x]
)
def test_patches_take_no_matrix_product_and_no_convolution(function):
    ops = {op.type for op in helpers.graph_ops(function, tf.TensorSpec([None, 8, 8], tf.float32))}
    assert not {op for op in ops if "Conv" in op or "MatMul" in op or "ImagePatches" in op}
