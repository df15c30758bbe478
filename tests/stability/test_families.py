"""Families of transformations: which way they go, what closes, what they refuse."""

import numpy as np
import pytest
import scipy.ndimage

from weirdonetworks import groups, stability

ODD = "steps must be an odd number >= 3 for an open family"
EVEN = "steps must be an even number >= 4 for a closed family"
SHAPE = (9, 9)


def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=SHAPE)


def moved(family: stability.Family) -> np.ndarray:
    return family.action.apply(image()[None])[0, ..., 0].numpy()


def test_the_registry_names_each_family():
    for name, constructor in stability.FAMILIES.items():
        assert constructor is getattr(stability, name)
        family = constructor(image_shape=SHAPE)
        assert family.name == name and family.action.image_shape == SHAPE
        np.testing.assert_array_equal(moved(family)[family.identity], image())
        assert np.sum(family.weights) == pytest.approx(1)


def test_the_circle_is_closed_and_its_angles_are_degrees():
    family = stability.rotation(72, image_shape=SHAPE)
    np.testing.assert_array_equal(family.parameters, np.arange(0, 360, 5))
    assert family.closed and family.unit == "degrees" and (family.step, family.identity) == (5, 0)
    np.testing.assert_array_equal(family.weights, np.full(72, 1 / 72))
    for s in (6, 18, 71):
        expected = scipy.ndimage.rotate(
            image(), 5 * s, reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(moved(family)[s], expected, atol=1e-9)


def test_a_part_of_the_circle_is_open():
    family = stability.rotation(5, -30, 30)
    np.testing.assert_array_equal(family.parameters, [-30, -15, 0, 15, 30])
    assert not family.closed and (family.step, family.identity) == (15, 2)
    np.testing.assert_array_equal(family.weights, [1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8])
    assert stability.rotation(low=-30, high=30).size == 61
    assert stability.rotation(4, 45, 405).closed and stability.rotation(4, 45, 405).identity is None
    assert stability.rotation(8, 45, 405).identity == 7


def test_shifts_go_right_and_up():
    x, y = (stability.FAMILIES[name](3, -2, 2, SHAPE) for name in ("shift_x", "shift_y"))
    np.testing.assert_array_equal(moved(x)[2][:, 2:], image()[:, :-2])
    np.testing.assert_array_equal(moved(y)[2][:-2], image()[2:])
    assert not moved(x)[2][:, :2].any() and not moved(y)[2][-2:].any()


@pytest.mark.parametrize(
    ("family", "inverse"),  # (row, column) -> (row, column), from the centre
    [
        (stability.scale(3, 0.5, 1.5, SHAPE), [[1 / 1.5, 0], [0, 1 / 1.5]]),
        (stability.shear(3, -0.5, 0.5, SHAPE), [[1, 0], [0.5, 1]]),
    ],
)
def test_scales_and_shears_are_scipys(family, inverse):
    offset = 4 - np.array(inverse) @ [4, 4]
    expected = scipy.ndimage.affine_transform(
        image(), inverse, offset, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(moved(family)[2], expected, atol=1e-9)


def test_a_family_of_ones_own():
    diagonal = groups.affine_matrices(shift=np.stack([np.arange(-1, 2)] * 2, axis=1))
    family = stability.Family("diagonal", [-1, 0, 1], groups.affine(diagonal, SHAPE), "pixels")
    assert repr(family) == "<Family diagonal: 3 steps from -1 to 1, open>"
    np.testing.assert_array_equal(moved(family)[2][:-1, 1:], image()[1:, :-1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stability.rotation(71), f"{EVEN}, of which every second one makes a coarser"),
        (lambda: stability.rotation(2), f"{EVEN}, of which every second one makes a coarser"),
        (lambda: stability.rotation(60, 0, 90), f"{ODD}, of which every second one makes a coars"),
        (lambda: stability.rotation(5, 0, 361), "high - low must be at most 360 degrees, got 361"),
        (lambda: stability.rotation(5, 30, 30), "low must be below high, got 30 and 30"),
        (lambda: stability.rotation(5, "a", 30), "low must be a number in "),
        (lambda: stability.rotation(5, 0, float("nan")), "high must be a number in "),
        (lambda: stability.shift_x(1), ODD),
        (lambda: stability.shift_y(4), ODD),
        (lambda: stability.shift_y(5.0), "family, of which every second one makes a coarser fam"),
        (lambda: stability.shear(True), ODD),
        (lambda: stability.scale(5, 0, 2), "low must be a finite number > 0, got 0"),
        (lambda: stability.shear(5, 1, -1), "low must be below high, got 1 and -1"),
        (lambda: stability.shear(image_shape=9), "image_shape must be"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("parameters", "arguments", "message"),
    [
        ([0, 1], {}, r"parameters must be \[3\], one for each element of the action, got shape"),
        ([], {}, r"parameters must be \[3\], one for each element"),
        ([0, 2, 1], {}, "parameters must be finite, increasing and evenly spaced, got"),
        ([0, 0, 0], {}, "parameters must be finite, increasing and evenly spaced, got"),
        ([0, 1, 3], {}, "parameters must be finite, increasing and evenly spaced, got"),
        ([0, 1, np.nan], {}, "parameters must be finite, increasing and evenly spaced, got"),
        ([0, 1, 2], {"closed": True}, "parameters must be an even number >= 4 for a closed fam"),
        ([0, 1, 2], {"closed": 1}, "closed must be True or False, got 1"),
        ([0, 1, 2], {"action": "cyclic4"}, "action must be an ImageAction, got 'cyclic4'"),
    ],
)
def test_what_is_no_family(parameters, arguments, message):
    arguments = {"action": groups.rotations([0, 1, 2]), **arguments}
    with pytest.raises(ValueError, match=message):
        stability.Family("turn", parameters, **arguments)
