"""Groups: which way and how far images turn, group laws, weights, and what it costs."""

import time
import tracemalloc

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups

EXACT = ["cyclic1", "cyclic2", "cyclic4", "dihedral1", "dihedral2", "dihedral4"]
OTHERS = ["cyclic3", "cyclic16", "dihedral3"]
TORI = ["torus3", "cyclic2*torus3", "dihedral4*torus3"]  # of 6 x 6 pixels


def _images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=shape)


def _scipy(image, matrix, shift=(0, 0), order: int = 1, wrap: bool = False) -> np.ndarray:
    """(g x)(p) = x(M^-1 (p - t)) with scipy, whose coordinates are (row, column) from a corner."""
    to_xy = np.array([[0.0, 1.0], [-1.0, 0.0]])  # (row, column) -> (x to the right, y upwards)
    inverse = np.linalg.inv(to_xy) @ np.linalg.inv(matrix) @ to_xy
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - inverse @ (centre + np.linalg.inv(to_xy) @ shift)
    mode = "grid-wrap" if wrap else "grid-constant"
    return scipy.ndimage.affine_transform(image, inverse, offset, order=order, mode=mode)


def _maps() -> np.ndarray:
    """Affine maps with everything in them, [4, 2, 3]."""
    return groups.affine_matrices(
        degrees=[10, -75, 200, 0],
        scale=[1.3, 0.7, -1.1, 1],
        shear=[0.2, -0.5, 0.1, 0],
        shift=[(1.3, -2.1), (-0.4, 3.2), (7.7, 0.1), (-11, 2)],
    )


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


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("shape", [(8, 8), (5, 9), (9, 6)], ids=str)
def test_affine_maps_are_scipys(shape, wrap, order):
    group = groups.affine(_maps(), shape, wrap, order)
    image = _images(*shape, 2)
    orbit = group.apply(image[None])[0]

    def expected(**kwargs):
        pairs = list(zip(group.matrices, group.shifts, strict=True))
        one = [[_scipy(image[..., c], *map_, **kwargs) for map_ in pairs] for c in (0, 1)]
        return np.moveaxis(one, 0, -1)

    np.testing.assert_allclose(orbit, expected(order=order, wrap=wrap), atol=1e-9)
    for others in ({"order": 1 - order, "wrap": wrap}, {"order": order, "wrap": not wrap}):
        assert np.abs(orbit - expected(**others)).max() > 0.1


def test_affine_matrices_shear_and_scale_then_turn_then_shift():
    def homogeneous(matrix, shift=(0, 0)):
        return np.block([[np.array(matrix), np.array(shift)[:, None]], [np.zeros(2), 1]])

    cos, sin = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
    turn = homogeneous([[cos, -sin], [sin, cos]])
    scale, shear = homogeneous(1.5 * np.eye(2)), homogeneous([[1, 0.3], [0, 1]])
    shift = homogeneous(np.eye(2), [2, -1])
    actual = groups.affine_matrices(20, 1.5, 0.3, (2, -1))
    assert actual.shape == (1, 2, 3)
    np.testing.assert_allclose(actual[0], (shift @ turn @ scale @ shear)[:2], atol=1e-15)
    for other in (turn @ shift @ scale @ shear, shift @ shear @ scale @ turn):
        assert np.abs(actual[0] - other[:2]).max() > 0.1
    # One value stands for all.
    several = groups.affine_matrices([20, 0, -7], 1.5, 0.3, (2, -1))
    np.testing.assert_array_equal(several[:1], actual)
    np.testing.assert_array_equal(several[1], groups.affine_matrices(0, 1.5, 0.3, (2, -1))[0])


def test_shifts_go_right_and_up():
    image = np.zeros((5, 6))
    image[3, 1] = 1
    for wrap in (False, True):
        group = groups.translations(2, (5, 6), wrap)
        for shift, moved in zip(group.shifts, group.apply(image[None])[0, ..., 0], strict=True):
            expected = np.roll(image, (-int(shift[1]), int(shift[0])), axis=(0, 1))
            if not wrap and (shift[1] == -2 or shift[0] == -2):  # leaves the frame
                expected = np.zeros((5, 6))
            np.testing.assert_array_equal(moved, expected)


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
    assert groups.cyclic(4, (6, 6), order=0).is_exact


# (name, shape, closed, permutes the pixels, elements)
SETS = [
    ("translations1", (5, 6), False, False, 9),  # what leaves the frame is lost
    ("translations6", (5, 6), False, False, 169),
    ("torus1", (5, 6), False, True, 9),
    ("torus2", (5, 6), False, True, 25),  # reaches around in y only
    ("torus3", (5, 6), True, True, 30),
    ("torus7", (5, 6), True, True, 30),
    ("torus2", (5, 5), True, True, 25),
    ("torus1", (1, 1), True, True, 1),
    ("cyclic4*torus3", (6, 6), True, True, 144),
    ("torus3*cyclic4", (6, 6), True, True, 144),
    ("cyclic4*torus2", (6, 6), False, True, 100),
    ("dihedral1*torus3", (5, 6), True, True, 60),
    ("dihedral2*torus3", (5, 6), True, True, 120),
    ("cyclic4*cyclic2", (6, 6), True, True, 4),
    ("cyclic2*dihedral1", (5, 6), True, True, 4),
    ("cyclic4*cyclic3", (6, 6), True, False, 12),
    ("dihedral1*cyclic3", (6, 6), True, False, 6),
    ("cyclic4*translations1", (6, 6), False, False, 36),
    ("cyclic1*torus4", (8, 8), True, True, 64),
]


@pytest.mark.parametrize("name, shape, closed, exact, size", SETS)
def test_which_products_and_translations_are_groups(name, shape, closed, exact, size):
    group = groups.get_group(name, shape)
    assert (group.size, group.name) == (size, name)
    assert (group.table is not None, group.is_exact) == (closed, exact)
    assert group.is_group == (closed and exact)
    assert (group.inverses is not None) == closed


def test_a_group_has_each_element_once_and_the_identity_first():
    quarters = groups.affine_matrices(90 * np.arange(4))
    assert groups.affine(quarters, (6, 6)).table is not None
    assert groups.affine(np.concatenate([quarters, quarters]), (6, 6)).table is None
    assert groups.affine(quarters[::-1], (6, 6)).table is None


@pytest.mark.slow
def test_a_large_set_that_is_not_closed_takes_no_memory_for_its_products():
    tracemalloc.start()
    group = groups.translations(40, (4, 4))  # of 6561 x 6561 products
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert group.size == 81**2 and group.table is None and most < 200e6


def test_a_torus_that_the_matrices_do_not_keep_is_no_group():
    """A quarter turn takes the periods of 4 x 6 pixels to others, though the matrices close."""
    assert groups.affine(groups.affine_matrices(90 * np.arange(4)), (4, 6)).table is not None
    assert groups.affine(groups.affine_matrices(90 * np.arange(4)), (4, 6), wrap=True).table is None
    # The 24 shifts and 4 turns miss 24 of their products.
    turns = groups.affine(groups.affine_matrices(90 * np.arange(4)), (4, 6), wrap=True)
    assert groups.product(turns, groups.translations(3, (4, 6), True)).table is None


def test_the_quarter_turns_of_a_torus_are_exact():
    image = _images(6, 6)
    group = groups.get_group("cyclic4*torus3", (6, 6))
    orbit = {moved.numpy().tobytes() for moved in group.apply(image[None])[0, ..., 0]}
    shifts = [(dy, dx) for dy in range(6) for dx in range(6)]
    expected = {
        np.roll(np.rot90(image, k), shift, axis=(0, 1)).tobytes()
        for k in range(4)
        for shift in shifts
    }
    assert len(expected) == 144 and orbit == expected


@pytest.mark.parametrize(
    "name, shape",
    [
        *(("cyclic5", (4, 4)), ("dihedral3", (4, 4)), ("torus2", (4, 5)), ("torus1", (3, 4))),
        *(("cyclic4*torus1", (3, 3)), ("dihedral1*torus2", (4, 5)), ("translations1", (3, 3))),
        ("cyclic4*torus1", (4, 4)),
    ],
)
def test_the_table_is_a_brute_force_comparison_of_matrices(name, shape):
    group = groups.get_group(name, shape)
    n = group.size
    maps = np.tile(np.eye(3), (n, 1, 1))
    maps[:, :2, :2], maps[:, :2, 2] = group.matrices, group.shifts
    gap = (maps[:, None] @ maps)[:, :, None] - maps
    if group.wrap:
        period = np.array(shape[::-1])
        gap[..., :2, 2] -= period * np.round(gap[..., :2, 2] / period)
    same = np.abs(gap).max(axis=(3, 4)) < 1e-9  # [g, h, gh]
    assert same.sum(axis=2).max() == 1
    if group.table is None:
        assert not same.any(axis=2).all()
    else:
        np.testing.assert_array_equal(same, group.table[:, :, None] == np.arange(n))


@pytest.mark.parametrize("n", [3, 8, 12])
def test_quarter_turns_are_exact_in_other_groups_too(n):
    group = groups.cyclic(n, (6, 6))
    images = _images(2, 6, 6, 1)
    orbit = group.apply(images).numpy()
    quarters = [(i, 4 * i // n) for i in range(n) if 4 * i % n == 0]
    assert quarters[0] == (0, 0) and len(quarters) == {3: 1, 8: 4, 12: 4}[n]
    for i, quarter in quarters:
        np.testing.assert_array_equal(orbit[:, i], np.rot90(images, quarter, axes=(1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("group", [*EXACT, *TORI])
def test_the_composition_table_holds_on_images(group):
    group = groups.get_group(group, (6, 6))
    images = _images(1, 6, 6, 2)
    once = group.apply(images)[0].numpy()
    twice = group.apply(once).numpy()  # [h, g, ...]: g(h x)
    np.testing.assert_array_equal(twice, once[group.table.T])
    back = twice[group.inverses, np.arange(group.size)]
    np.testing.assert_array_equal(back, np.broadcast_to(images, back.shape))
    if "dihedral4" in group.name:  # which is not commutative
        assert np.any(twice != once[group.table])


@pytest.mark.parametrize("group", [*EXACT, *OTHERS, *TORI[:2]])
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


@pytest.mark.parametrize("group", ["dihedral4", "dihedral1*torus3"])
def test_permutations_are_what_apply_does(group):
    group = groups.get_group(group, (6, 6))
    images = _images(2, 6, 6, 3)
    expected = images.reshape(2, 36, 3)[:, group.permutations].reshape(2, -1, 6, 6, 3)
    np.testing.assert_array_equal(group.apply(images), expected)
    inverse = images.reshape(2, 36, 3)[:, np.argsort(group.permutations, axis=1)]
    assert np.any(group.apply(images) != inverse.reshape(expected.shape))


@pytest.mark.parametrize("group", ["cyclic3", "translations1", "cyclic4*translations1"])
def test_what_permutes_no_pixels_has_no_permutations(group):
    with pytest.raises(ValueError, match="^every element must be a permutation of the pixels, got"):
        _ = groups.get_group(group, (6, 6)).permutations


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("order", [0, 1])
def test_taps_are_the_entries_of_the_maps(order, wrap):
    group = groups.affine(_maps(), (5, 6), wrap, order)
    element, target, source, weight = group.taps
    dense = np.zeros((group.size, 30, 30))
    np.add.at(dense, (element, target, source), weight)
    images = _images(2, 5, 6)
    expected = np.einsum("gpq,bq->bgp", dense, images.reshape(2, 30)).reshape(2, -1, 5, 6, 1)
    np.testing.assert_allclose(group.apply(images), expected, atol=1e-15)
    assert weight.min() > 0
    assert np.bincount(element * 30 + target).max() == (1 if order == 0 else 4)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "group", ["dihedral4", "cyclic5", "translations1", "torus2", "cyclic4*translations1"]
)
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


@pytest.mark.slow
def test_there_are_never_dense_matrices():
    group = groups.cyclic(16)
    image, weights = tf.TensorSpec([1, 28, 28], tf.float32), tf.TensorSpec([784, 1], tf.float32)
    # The one product is with ones: the sum over the group in the gradient of `transport`.
    for function, spec, products in ((group.apply, image, 0), (group.transport, weights, 1)):
        gradient = helpers.graph_ops(lambda x, f=function: helpers.gradients(f, tf.sin(x)), spec)
        types = [op.type for op in gradient]
        assert sum(types.count(t) for t in ("MatMul", "BatchMatMulV2", "Einsum")) == products
        assert helpers.largest(gradient) < 784 * 784 / 4


@pytest.mark.slow
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
    product = groups.get_group("cyclic4*torus3", (6, 6))
    assert repr(product) == "<ImageAction cyclic4*torus3: 144 elements on 6 x 6 pixels>"
    assert product.wrap and product.is_group


@pytest.mark.parametrize("n", [0, -4, 2.0, "4", True, None])
def test_orders_that_are_none(n):
    for make in (groups.cyclic, groups.dihedral):
        with pytest.raises(ValueError, match=f"^n must be an integer >= 1, got {n!r}$"):
            make(n)


@pytest.mark.parametrize(
    "group",
    [
        "cyclic",
        "cyclic0",
        "rot4",
        "cyclic-4",
        "4",
        "",
        4,
        None,
        "cyclic4*",
        "*cyclic4",
        "torus",
        "cyclic2*rot4",
        "cyclic4 * cyclic2",
    ],
)
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


@pytest.mark.slow
def test_composition_has_a_defect_where_pixels_are_resampled_or_lost(digits, noise):
    assert not groups.composition_defect(groups.dihedral(4), noise[:2]).any()
    assert not groups.composition_defect(
        groups.get_group("cyclic2*torus2", (5, 5)), _images(1, 5, 5)
    ).any()
    for n in (3, 16):
        defect = groups.composition_defect(groups.cyclic(n), digits[:2])
        assert defect.shape == (2, n, n)
        assert defect[:, 1, 1].min() > 0.5
        # The identity changes nothing, on neither side.
        assert not defect[:, 0].any() and not defect[:, :, 0].any()


@pytest.mark.slow
def test_translations_compose_where_nothing_leaves_the_frame(digits, noise):
    group = groups.translations(1)
    margins = digits[
        [not (x[:2].any() or x[-2:].any() or x[:, :2].any() or x[:, -2:].any()) for x in digits]
    ]
    assert len(margins) > 5
    assert not groups.composition_defect(group, margins).any()
    defect = groups.composition_defect(group, noise)
    for g, (x, y) in enumerate(group.shifts):  # there and back: what left is lost
        back = int(np.flatnonzero(np.all(group.shifts == (-x, -y), axis=1))[0])
        assert np.all(defect[:, g, back] > 1) == (g != 0)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("wrap", [False, True])
def test_the_defect_is_that_of_scipy(wrap, order):
    action = groups.affine(_maps(), (7, 6), wrap, order)
    images = _images(2, 7, 6)
    defect = groups.composition_defect(action, images)
    maps = list(zip(action.matrices, action.shifts, strict=True))
    g, h = 0, 1
    product = (maps[g][0] @ maps[h][0], maps[g][0] @ maps[h][1] + maps[g][1])
    for image, found in zip(images, defect, strict=True):
        twice = _scipy(_scipy(image, *maps[h], order, wrap), *maps[g], order, wrap)
        expected = np.linalg.norm(twice - _scipy(image, *product, order, wrap))
        assert found[g, h] == pytest.approx(expected, rel=1e-9)
        assert abs(found[h, g] - expected) > 0.01


def _awkward(name: str, digits, noise) -> np.ndarray:
    """Images on which orbits tie, vanish, or hold values that compare equal but are not."""
    corner = noise[:4].astype(np.float32)
    return {
        "digits": digits.astype(np.float32),
        "noise": noise.astype(np.float32) - 0.5,
        "channels": np.concatenate([corner, digits[:4], 1 - corner], axis=3).astype(np.float32),
        "constant": np.full((2, 28, 28, 1), -3.0, np.float32),
        "symmetric": np.max([np.rot90(corner, k, axes=(1, 2)) for k in range(4)], axis=0),
        "signed zeros": np.copysign(np.round(corner), noise[4:8] - 0.5).astype(np.float32),
        "wide range": np.float32(10) ** (40 * noise[:4] - 20).astype(np.float32),
        "subnormal": (1e-40 * np.round(4 * noise[:4])).astype(np.float32),
    }[name]


AWKWARD = ["digits", "noise", "channels", "constant", "symmetric", "signed zeros", "wide range"]


def _bits(images) -> np.ndarray:
    return np.asarray(images).view(np.uint32)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*AWKWARD, "subnormal"])
@pytest.mark.parametrize("group", ["cyclic2", "cyclic4", "dihedral4"])
def test_canonical_images_have_the_same_bits(group, name, digits, noise):
    group, images = groups.get_group(group), _awkward(name, digits, noise)
    canonical = group.canonical(images).numpy()
    assert canonical.dtype == np.float32 and canonical.shape == images.shape
    compiled = tf.function(group.canonical)
    for matrix in group.matrices:
        turned = helpers.turn_exactly(images, matrix)
        np.testing.assert_array_equal(_bits(group.canonical(turned)), _bits(canonical))
        np.testing.assert_array_equal(_bits(compiled(turned)), _bits(canonical))
    assert not np.any(_bits(canonical) == _bits(np.float32(-0.0)))


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("group", ["cyclic4", "dihedral4"])
def test_the_canonical_image_is_the_smallest_of_the_orbit(group, name, digits, noise):
    group, images = groups.get_group(group), _awkward(name, digits, noise)
    turned = [helpers.turn_exactly(images, matrix) for matrix in group.matrices]
    orbits = np.stack(turned, axis=1).reshape(len(images), group.size, -1)
    expected = np.array([min(map(tuple, orbit)) for orbit in orbits]).reshape(images.shape)
    np.testing.assert_array_equal(group.canonical(images), expected)


@pytest.mark.slow
def test_canonical_images_of_a_torus():
    group = groups.get_group("dihedral4*torus3", (5, 5))
    images = _images(3, 5, 5, 2)
    canonical = group.canonical(images)
    moved = np.roll(np.rot90(images[:, ::-1], 3, axes=(1, 2)), (2, -1), axis=(1, 2))
    np.testing.assert_array_equal(group.canonical(moved), canonical)
    np.testing.assert_array_equal(group.canonical(images[..., 0])[..., 0].shape, (3, 5, 5))


def test_canonical_images_of_two_orbits_differ(noise):
    flipped = noise[:, :, ::-1].copy()
    for name, same in (("cyclic4", False), ("dihedral4", True)):
        group = groups.get_group(name)
        equal = np.all(group.canonical(flipped) == group.canonical(noise), axis=(1, 2, 3))
        np.testing.assert_array_equal(equal, same)
    changed = noise.copy()
    changed[:, 3, 4] = np.nextafter(changed[:, 3, 4], 2)
    group = groups.dihedral(4)
    assert np.any(group.canonical(changed) != group.canonical(noise), axis=(1, 2, 3)).all()


def test_canonical_images_know_their_gradient(noise):
    group, weights = groups.cyclic(4), noise[5:6]

    def function(x):
        return tf.square(group.canonical(x)) * weights

    x = tf.constant(noise[:1])
    (gradient,) = helpers.gradients(function, x)
    k = next(k for k in range(4) if np.all(np.rot90(x[0], k) == group.canonical(x)[0]))
    expected = 2 * x * np.rot90(weights, -k, axes=(1, 2))
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


@pytest.mark.parametrize("group", ["cyclic3", "torus2", "translations1", "cyclic2*translations1"])
def test_sets_without_canonical_images(group):
    group = groups.get_group(group, (6, 6))
    message = "^group must be closed and act by permutations of the pixels .* got <ImageAction"
    with pytest.raises(ValueError, match=message):
        group.canonical(tf.zeros([1, 6, 6]))


@pytest.mark.parametrize("matrices", [np.eye(2), np.zeros((0, 2, 3)), np.ones((1, 2, 2)), 3])
def test_affine_maps_of_other_shapes(matrices):
    with pytest.raises(ValueError, match=r"^matrices must be \[n, 2, 3\] with n >= 1, got shape"):
        groups.affine(matrices)


@pytest.mark.parametrize(
    "shifts", [[0, 0], [[0, 0]] * 2, [[np.nan, 0]], [[0, np.inf]], [[1, 2, 3]]]
)
def test_shifts_that_are_none(shifts):
    with pytest.raises(ValueError, match=r"^shifts must be finite and \[1, 2\], got"):
        groups.ImageAction("none", [np.eye(2)], shifts=shifts)


@pytest.mark.parametrize("order", [2, -1, None, "1", 0.5])
def test_orders_of_interpolation_that_are_none(order):
    with pytest.raises(ValueError, match=rf"^order must be one of \[0, 1\], got {order!r}$"):
        groups.cyclic(4, order=order)


@pytest.mark.parametrize("wrap", [1, None, "torus"])
def test_wrap_is_a_flag(wrap):
    for make in (
        lambda: groups.translations(1, wrap=wrap),
        lambda: groups.affine(_maps(), wrap=wrap),
    ):
        with pytest.raises(ValueError, match=f"^wrap must be True or False, got {wrap!r}$"):
            make()


@pytest.mark.parametrize("max_shift", [-1, 1.0, "1", None, True])
def test_shifts_that_are_no_integers(max_shift):
    with pytest.raises(ValueError, match=f"^max_shift must be an integer >= 0, got {max_shift!r}$"):
        groups.translations(max_shift)
    assert groups.translations(0).size == 1


@pytest.mark.parametrize("name", ["degrees", "scale", "shear"])
@pytest.mark.parametrize("value", [np.nan, np.inf, [], [[1.0]], [1, np.nan]])
def test_parts_of_affine_maps_that_are_none(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a finite number or a list of them, got"):
        groups.affine_matrices(**{name: value})


@pytest.mark.parametrize("scale", [0, [1, 0]])
def test_a_scale_of_zero(scale):
    with pytest.raises(ValueError, match="^scale must not be 0, got"):
        groups.affine_matrices(scale=scale)


@pytest.mark.parametrize("shift", [1.0, (1, 2, 3), (np.nan, 0), [[[0, 0]]]])
def test_shifts_of_affine_maps_that_are_none(shift):
    with pytest.raises(ValueError, match=r"^shift must be finite and \(x, y\) or \[n, 2\], got"):
        groups.affine_matrices(shift=shift)


def test_parts_of_affine_maps_that_are_not_equally_many():
    message = "^degrees, scale, shear and shift must be one or equally many, got .*2, 3"
    with pytest.raises(ValueError, match=message):
        groups.affine_matrices(degrees=[1, 2], shift=[(0, 0)] * 3)


@pytest.mark.parametrize(
    "b, message",
    [
        (groups.cyclic(2, (6, 5)), r"^b must act on images of the shape of a's, \(5, 6\), got"),
        (groups.cyclic(2, (5, 6), order=0), "^b must interpolate with the order of a, 1, got 0$"),
        (groups.cyclic(3, (5, 6)), r"^b must wrap as a does \(True\) unless one is exact, got <Im"),
        ("cyclic2", "^b must be an ImageAction, got 'cyclic2'$"),
    ],
)
def test_products_that_are_none(b, message):
    torus = groups.translations(3, (5, 6), wrap=True)
    with pytest.raises(ValueError, match=message):
        groups.product(torus, b)
    with pytest.raises(ValueError, match="^a must be an ImageAction|^b must"):
        groups.product(b, torus)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.int32])
def test_the_defect_of_integers(dtype):
    with pytest.raises(ValueError, match="^images must be of a floating type"):
        groups.composition_defect(groups.cyclic(2, (5, 6)), tf.zeros([1, 5, 6], dtype))


@pytest.mark.parametrize("name", ["degrees", "scale", "shear", "shift"])
@pytest.mark.parametrize("value", ["big", [[1], [2, 3]], {}])
def test_parts_of_affine_maps_that_are_no_numbers(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be numbers, got "):
        groups.affine_matrices(**{name: value})
