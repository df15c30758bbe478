"""Groups: which way and how far images turn, group laws, weights, and what it costs."""

import time

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups

EXACT = ["cyclic1", "cyclic2", "cyclic4", "dihedral1", "dihedral2", "dihedral4"]
OTHERS = ["cyclic3", "cyclic16", "dihedral3"]


def _images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=shape)


def _scipy(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(g x)(p) = x(M^-1 p) with scipy, whose coordinates are (row, column) from the corner."""
    to_xy = np.array([[0.0, 1.0], [-1.0, 0.0]])  # (row, column) -> (x to the right, y upwards)
    inverse = np.linalg.inv(to_xy) @ np.linalg.inv(matrix) @ to_xy
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - inverse @ centre
    return scipy.ndimage.affine_transform(image, inverse, offset, order=1, mode="grid-constant")


def test_a_quarter_turn_is_counterclockwise():
    image = np.zeros((3, 3))
    image[0, 2] = 1  # top right
    turned = groups.rotations([90], (3, 3)).apply(image[None])[0, 0, :, :, 0].numpy()
    assert turned[0, 0] == 1  # top left
    assert turned.sum() == 1


def test_the_exact_groups_turn_as_numpy_does():
    images = _images(2, 6, 6, 3)
    quarter = [np.rot90(images, k, axes=(1, 2)) for k in range(4)]
    flipped = [np.rot90(images[:, :, ::-1], k, axes=(1, 2)) for k in range(4)]
    orbit = groups.dihedral(4, (6, 6)).apply(images)
    np.testing.assert_array_equal(orbit, np.stack(quarter + flipped, axis=1))
    np.testing.assert_array_equal(groups.cyclic(4, (6, 6)).apply(images), orbit[:, :4])
    np.testing.assert_array_equal(groups.cyclic(2, (6, 6)).apply(images), orbit[:, :4:2])


def test_angles_are_degrees():
    image = _images(9, 9)
    turned = groups.rotations([30], (9, 9)).apply(image[None])[0, 0, :, :, 0]
    expected = scipy.ndimage.rotate(image, 30, reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(turned, expected, atol=1e-9)
    radians = scipy.ndimage.rotate(
        image, np.rad2deg(30), reshape=False, order=1, mode="grid-constant"
    )
    assert np.abs(turned - radians).max() > 0.1


@pytest.mark.parametrize("shape", [(8, 8), (7, 7), (5, 8), (8, 5)], ids=str)
@pytest.mark.parametrize("group", [*EXACT, *OTHERS])
def test_it_is_scipys_bilinear_interpolation(group, shape):
    group = groups.get_group(group, shape)
    image = _images(*shape)
    orbit = group.apply(image[None])[0, ..., 0]
    expected = [_scipy(image, matrix) for matrix in group.matrices]
    np.testing.assert_allclose(orbit, expected, atol=1e-9)


@pytest.mark.parametrize("angle", [90, 180, 270, -90, 360, 450, -810])
def test_multiples_of_a_quarter_turn_are_exact(angle):
    group = groups.rotations([angle], (5, 5))
    assert group.is_exact
    images = _images(1, 5, 5)
    np.testing.assert_array_equal(
        group.apply(images)[0, 0, :, :, 0], np.rot90(images[0], angle // 90)
    )


def test_which_groups_are_exact():
    for name in EXACT:
        assert groups.get_group(name).is_exact, name
    for name in OTHERS:
        assert not groups.get_group(name).is_exact, name
    wide = (4, 6)
    assert groups.cyclic(2, wide).is_exact and groups.dihedral(2, wide).is_exact
    assert not groups.cyclic(4, wide).is_exact and not groups.dihedral(4, wide).is_exact


@pytest.mark.parametrize("n", [3, 8, 12])
def test_quarter_turns_are_exact_in_other_groups_too(n):
    group = groups.cyclic(n, (6, 6))
    images = _images(2, 6, 6, 1)
    orbit = group.apply(images).numpy()
    quarters = [(i, 4 * i // n) for i in range(n) if 4 * i % n == 0]
    assert quarters[0] == (0, 0) and len(quarters) == {3: 1, 8: 4, 12: 4}[n]
    for i, quarter in quarters:
        np.testing.assert_array_equal(orbit[:, i], np.rot90(images, quarter, axes=(1, 2)))


@pytest.mark.parametrize("group", EXACT)
def test_the_composition_table_holds_on_images(group):
    group = groups.get_group(group, (6, 6))
    images = _images(1, 6, 6, 2)
    once = group.apply(images)[0]
    twice = group.apply(once).numpy()  # [h, g, ...]: g(h x)
    for g in range(group.size):
        for h in range(group.size):
            np.testing.assert_array_equal(twice[h, g], once[group.table[g, h]])
        np.testing.assert_array_equal(twice[group.inverses[g], g], images[0])


@pytest.mark.parametrize("group", [*EXACT, *OTHERS])
def test_the_table_is_that_of_a_group(group):
    group = groups.get_group(group, (6, 6))
    order = np.arange(group.size)
    np.testing.assert_array_equal(group.table[0], order)
    np.testing.assert_array_equal(group.table[:, 0], order)
    for i in order:
        assert set(group.table[i]) == set(group.table[:, i]) == set(order)
    left = group.table[group.table[:, :, None], order]
    right = group.table[order[:, None, None], group.table[None]]
    np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(group.table[order, group.inverses], 0)
    np.testing.assert_array_equal(group.table[group.inverses, order], 0)


@pytest.mark.parametrize("degrees", [[0, 90], [90, 180, 270], [10, 20]])
def test_a_set_that_is_no_group_has_no_table(degrees):
    group = groups.rotations(degrees)
    assert group.table is None and group.inverses is None


def test_interpolated_rotations_compose_only_approximately(digits):
    group = groups.cyclic(8)
    turned = group.apply(digits[:3])[:, 1, ..., 0]
    twice = group.apply(turned)[:, 1]
    difference = np.abs(twice - group.apply(digits[:3])[:, 2]).max()
    assert 0.05 < difference < 1


def test_it_acts_on_each_channel_and_image_alone():
    group = groups.cyclic(3, (5, 6))
    images = _images(2, 5, 6, 3)
    orbit = group.apply(images).numpy()
    assert orbit.shape == (2, 3, 5, 6, 3)
    for b in range(2):
        for c in range(3):
            alone = group.apply(images[b : b + 1, :, :, c])[0, ..., 0]
            np.testing.assert_array_equal(orbit[b, ..., c], alone)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("group", ["dihedral4", "cyclic5"])
@pytest.mark.parametrize("shape", [(6, 6), (4, 7)], ids=str)
def test_transport_is_the_adjoint(group, shape, channels):
    group = groups.get_group(group, shape)
    height, width = shape
    images = _images(3, height, width, channels)
    weights = _images(height * width * channels, 4, seed=1)
    orbit = group.apply(images).numpy().reshape(3, group.size, -1)
    transported = group.transport(weights).numpy()
    assert transported.shape == (height * width * channels, group.size, 4)
    np.testing.assert_allclose(
        np.einsum("bgp,po->bgo", orbit, weights),
        np.einsum("bp,pgo->bgo", images.reshape(3, -1), transported),
        rtol=1e-12,
    )


@pytest.mark.parametrize("group", [*EXACT, *OTHERS])
def test_pixels_have_at_most_four_taps(group):
    group = groups.get_group(group, (7, 7))
    basis = np.eye(49).reshape(49, 7, 7)
    matrices = group.apply(basis).numpy().reshape(49, group.size, 49).transpose(1, 2, 0)
    taps = (matrices != 0).sum(axis=2)
    assert taps.max() <= (1 if group.is_exact else 4)
    assert matrices.min() >= 0
    assert matrices.sum(axis=2).max() <= 1 + 1e-12


def test_there_are_never_dense_matrices():
    group = groups.cyclic(16)
    image, weights = tf.TensorSpec([1, 28, 28], tf.float32), tf.TensorSpec([784, 1], tf.float32)
    # The one product is with ones: the sum over the group in the gradient of `transport`.
    for function, spec, products in ((group.apply, image, 0), (group.transport, weights, 1)):
        gradient = helpers.graph_ops(lambda x, f=function: helpers.gradients(f, tf.sin(x)), spec)
        types = [op.type for op in gradient]
        assert sum(types.count(t) for t in ("MatMul", "BatchMatMulV2", "Einsum")) == products
        assert helpers.largest(gradient) < 784 * 784 / 4


def test_sixteen_rotations_are_built_in_half_a_second():
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        group = groups.cyclic(16)
        group.transport(tf.zeros([784, 1]))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_types_are_kept(dtype):
    group = groups.cyclic(3, (4, 4))
    assert group.apply(tf.ones([1, 4, 4], dtype)).dtype == dtype
    assert group.transport(tf.ones([16, 2], dtype)).dtype == dtype


def test_names():
    assert repr(groups.dihedral(4)) == "<ImageAction dihedral4: 8 elements on 28 x 28 pixels>"
    assert groups.get_group("cyclic12", (5, 5)).image_shape == (5, 5)
    group = groups.cyclic(4)
    assert groups.get_group(group) is group
    assert (groups.cyclic(7).size, groups.dihedral(7).size) == (7, 14)


@pytest.mark.parametrize("n", [0, -4, 2.0, "4", True, None])
def test_orders_that_are_none(n):
    for make in (groups.cyclic, groups.dihedral):
        with pytest.raises(ValueError, match=f"^n must be an integer >= 1, got {n!r}$"):
            make(n)


@pytest.mark.parametrize("group", ["cyclic", "cyclic0", "rot4", "cyclic-4", "4", "", 4, None])
def test_names_of_no_group(group):
    with pytest.raises(ValueError, match="^group must be an ImageAction or a name such as"):
        groups.get_group(group)


@pytest.mark.parametrize("shape", [(28,), (28, 28, 1), (0, 28), (28, 2.5), 28, "28", None])
def test_image_shapes_that_are_none(shape):
    with pytest.raises(ValueError, match="^image_shape"):
        groups.cyclic(4, shape)


@pytest.mark.parametrize("degrees", [[], [np.nan], [np.inf], 90, [[90]]])
def test_angles_that_are_none(degrees):
    with pytest.raises(ValueError, match="^degrees must be a non-empty list of finite angles, got"):
        groups.rotations(degrees)


@pytest.mark.parametrize("matrices", [np.eye(2), np.zeros((0, 2, 2)), np.ones((1, 3, 3))])
def test_matrices_of_other_shapes(matrices):
    with pytest.raises(ValueError, match=r"^matrices must be \[n, 2, 2\] with n >= 1, got shape"):
        groups.ImageAction("none", matrices)


@pytest.mark.filterwarnings("ignore:invalid value encountered in det")
@pytest.mark.parametrize("matrix", [[[1, 1], [1, 1]], [[np.nan, 0], [0, 1]]])
def test_singular_matrices(matrix):
    with pytest.raises(ValueError, match="^matrices must be finite and invertible, got determ"):
        groups.ImageAction("none", [matrix])


@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 5), (2, 5, 6, 0), (2, 30), (5, 6)])
def test_images_of_other_shapes(shape):
    message = r"^images must be images \[batch, 5, 6, channels\] or \[batch, 5, 6\], got shape"
    with pytest.raises(ValueError, match=message):
        groups.cyclic(2, (5, 6)).apply(tf.zeros(shape))


def test_images_of_integers():
    with pytest.raises(ValueError, match="^images must be of a floating type"):
        groups.cyclic(2, (5, 6)).apply(tf.zeros([1, 5, 6], tf.uint8))


@pytest.mark.parametrize("shape", [(31, 2), (30,), (0, 2), (5, 6, 2)])
def test_weights_of_other_shapes(shape):
    message = r"^weights must be \[5 \* 6 \* channels, out\], got shape"
    with pytest.raises(ValueError, match=message):
        groups.cyclic(2, (5, 6)).transport(tf.zeros(shape))
