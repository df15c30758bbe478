"""warp: each image by a map of its own, against scipy and against the maps known beforehand."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups
from weirdonetworks.functional import warp


def _images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=shape)


def _maps() -> np.ndarray:
    """Affine maps with everything in them, [4, 2, 3]."""
    return groups.affine_matrices(
        degrees=[10, -75, 200, 0],
        scale=[1.3, 0.7, -1.1, 1],
        shear=[0.2, -0.5, 0.1, 0],
        shift=[(1.3, -2.1), (-0.4, 3.2), (7.7, 0.1), (-11, 2)],
    )


def _scipy(image: np.ndarray, matrix: np.ndarray, displacements=0.0) -> np.ndarray:
    """x(M^-1 (p - t) + d(p)) at every pixel, of one channel."""
    height, width = image.shape
    row, column = np.mgrid[:height, :width]
    p = np.stack([column - (width - 1) / 2, (height - 1) / 2 - row], axis=-1)
    x, y = np.moveaxis((p - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T + displacements, -1, 0)
    rows_and_columns = [(height - 1) / 2 - y, x + (width - 1) / 2]
    return scipy.ndimage.map_coordinates(image, rows_and_columns, order=1, mode="grid-constant")


@pytest.mark.parametrize("displaced", [False, True])
@pytest.mark.parametrize("shape", [(8, 8), (5, 9), (9, 6)], ids=str)
def test_it_is_scipys_bilinear_interpolation(shape, displaced):
    images, maps = _images(4, *shape, 2), _maps()
    displacements = 4 * _images(4, *shape, 2, seed=1) - 2 if displaced else np.zeros((4, 1, 1, 2))
    warped = warp(images, maps, displacements if displaced else None).numpy()
    expected = [
        np.stack([_scipy(x[..., c], m, d) for c in (0, 1)], axis=-1)
        for x, m, d in zip(images, maps, displacements, strict=True)
    ]
    np.testing.assert_allclose(warped, expected, atol=1e-12)
    # Neither the inverse map nor displacements downwards would do.
    m, d = maps[0], displacements[0] * [1, -1]
    back = np.linalg.inv(np.vstack([m, [0, 0, 1]]))[:2]
    assert np.abs(warped[0, ..., 0] - _scipy(images[0, ..., 0], back, d)).max() > 0.1
    assert (np.abs(warped[0, ..., 0] - _scipy(images[0, ..., 0], m, d)).max() > 0.1) == displaced


@pytest.mark.parametrize("shape", [(8, 8), (5, 9)], ids=str)
def test_it_is_the_action_of_the_same_maps(shape):
    images = _images(4, *shape, 3)
    orbit = groups.affine(_maps(), shape).apply(images).numpy()
    np.testing.assert_allclose(warp(images, _maps()), orbit[np.arange(4), np.arange(4)], atol=1e-9)


def test_one_map_serves_all_images():
    images, displacements = _images(3, 5, 6), _images(1, 5, 6, 2, seed=1)
    one = warp(images, _maps()[:1], displacements)
    assert one.shape == [3, 5, 6, 1]
    each = warp(images, np.repeat(_maps()[:1], 3, axis=0), np.repeat(displacements, 3, axis=0))
    np.testing.assert_array_equal(one, each)


def test_displacements_are_pixels_to_the_right_and_up_in_the_source():
    image = np.zeros((1, 5, 5))
    image[0, 1, 3] = 1  # one right of the centre and one up
    identity, displacements = groups.affine_matrices(), np.zeros((1, 5, 5, 2))
    displacements[0, 2, 2] = (1, 1)
    warped = warp(image, identity, displacements)[0, :, :, 0].numpy()
    assert warped[2, 2] == 1 and warped.sum() == 2  # and the pixel itself, which stays


@pytest.mark.slow
def test_quarter_turns_are_nearly_exact(digits):
    quarter = warp(digits.astype(np.float32), groups.affine_matrices(90).astype(np.float32))
    np.testing.assert_allclose(quarter, np.rot90(digits, axes=(1, 2)), atol=1e-5)


def test_outside_the_frame_it_is_zero():
    images = np.ones((1, 4, 4))
    assert not np.any(warp(images, groups.affine_matrices(shift=(5, 0))))
    half = warp(images, groups.affine_matrices(shift=(3.5, 0)))[0, :, :, 0]
    np.testing.assert_allclose(half, np.tile([0, 0, 0, 0.5], (4, 1)))
    displacements = np.full((1, 4, 4, 2), 100.0)
    assert not np.any(warp(images, groups.affine_matrices(), displacements))


@pytest.mark.slow
def test_gradients_are_differences():
    rng = np.random.default_rng(0)
    arguments = [_images(2, 4, 5, 2), _maps()[:2], rng.uniform(-1, 1, size=(2, 4, 5, 2))]
    weights = rng.normal(size=(2, 4, 5, 2))

    def function(*arguments):
        return weights * warp(*arguments)

    gradients = helpers.gradients(function, *map(tf.constant, arguments))
    for i, gradient in enumerate(gradients):
        direction, step = rng.normal(size=arguments[i].shape), 1e-7
        ahead, behind = (
            tf.reduce_sum(function(*arguments[:i], arguments[i] + move, *arguments[i + 1 :]))
            for move in (step * direction, -step * direction)
        )
        expected = float(ahead - behind) / (2 * step)
        assert float(tf.reduce_sum(gradient * direction)) == pytest.approx(expected, rel=1e-5)
        assert abs(expected) > 0.01


@pytest.mark.slow
def test_maps_may_be_drawn_anew_in_a_graph():
    images = tf.constant(_images(2, 5, 6))

    @tf.function(input_signature=[tf.TensorSpec([None, 5, 6, 1], tf.float64)])
    def random(x):
        shifts = tf.random.uniform([tf.shape(x)[0], 2, 1], -1, 1, tf.float64)
        return warp(x, tf.concat([tf.tile(tf.eye(2, dtype=x.dtype)[None], [2, 1, 1]), shifts], 2))

    first = random(images[..., None])
    assert first.shape == [2, 5, 6, 1]
    assert np.any(first != random(images[..., None]))


@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6, 1, 1), (2, 5, 6, 0), (2, None, 6)])
def test_images_of_other_shapes(shape):
    spec = tf.TensorSpec(shape, tf.float64)
    with pytest.raises(ValueError, match="^images must be"):
        tf.function(lambda x: warp(x, _maps()[:1]), autograph=False).get_concrete_function(spec)


def test_images_of_integers():
    with pytest.raises(ValueError, match="^images must be of a floating type"):
        warp(tf.ones([1, 5, 6], tf.uint8), _maps()[:1])


@pytest.mark.parametrize("shape", [(2, 3), (2, 2, 2), (2, 3, 3), (1, 2, 2, 3)])
def test_matrices_of_other_shapes(shape):
    with pytest.raises(ValueError, match=r"^matrices must be \[batch, 2, 3\], got shape"):
        warp(tf.ones([2, 5, 6]), tf.ones(shape))


@pytest.mark.parametrize("shape", [(5, 6, 2), (2, 5, 6), (2, 6, 5, 2), (2, 5, 6, 3), (2, 5, 6, 1)])
def test_displacements_of_other_shapes(shape):
    with pytest.raises(ValueError, match=r"^displacements must be \[batch, 5, 6, 2\], got shape"):
        warp(tf.ones([2, 5, 6]), tf.ones([2, 2, 3]), tf.ones(shape))


def test_other_types_than_the_images():
    images = tf.ones([2, 5, 6])
    with pytest.raises(ValueError, match="^matrices must be of the type of images, float32, got f"):
        warp(images, _maps()[:2])
    displacements = tf.zeros([2, 5, 6, 2], tf.float64)
    with pytest.raises(ValueError, match="^displacements must be of the type of images, float32"):
        warp(images, _maps()[:2].astype(np.float32), displacements)


@pytest.mark.parametrize("batch", [1, 3])
def test_maps_that_are_not_as_many_as_the_images(batch):
    images, maps, displacements = _images(batch, 5, 6), _maps()[:2], np.zeros((2, 5, 6, 2))
    with pytest.raises(ValueError, match=rf"^matrices must be for 1 or {batch} images, got 2"):
        warp(images, maps)
    with pytest.raises(ValueError, match=rf"^displacements must be for 1 or {batch} images, got 2"):
        warp(images, maps[:1], displacements)
