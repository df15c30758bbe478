"""Corruptions: each does what it says, and more where it is stronger."""

import numpy as np
import pytest

from training.cards.corruptions import CORRUPTIONS, corrupted

RNG = np.random.default_rng(0)
IMAGES = np.zeros((40, 28, 28, 1), np.uint8)
IMAGES[:, 10:18, 11:17] = RNG.integers(100, 256, (40, 8, 6, 1))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_are_those_of_the_seed_and_the_input_stays(name):
    before = IMAGES.copy()
    strength = CORRUPTIONS[name][1][1]
    first = corrupted(IMAGES, name, strength)
    assert first.shape == IMAGES.shape and first.dtype == np.uint8
    np.testing.assert_array_equal(first, corrupted(IMAGES, name, strength))
    np.testing.assert_array_equal(IMAGES, before)
    if name != "blur":
        assert np.any(first != corrupted(IMAGES, name, strength, seed=1))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strengths_rise(name):
    changes = [
        np.abs(corrupted(IMAGES, name, s).astype(float) - IMAGES).mean()
        for s in CORRUPTIONS[name][1]
    ]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_noise_has_its_standard_deviation():
    grey = np.full((20, 28, 28, 1), 128, np.uint8)
    noise = corrupted(grey, "noise", 0.1).astype(float) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.02)


def test_blur_keeps_the_light_and_spreads_it():
    point = np.zeros((1, 29, 29, 1), np.uint8)
    point[0, 14, 14] = 255
    blurred = corrupted(255 - 0 * point, "blur", 1.0)
    assert blurred[0, 14, 14] == 255 and blurred[0, 0, 0] < 255  # black comes in at the edge
    wide = corrupted(point, "blur", 1.0)[0, :, :, 0].astype(float)
    assert wide[14, 14] == pytest.approx(255 / (2 * np.pi), rel=0.1)
    y = np.arange(29) - 14
    assert (wide.sum(axis=1) @ y**2) / wide.sum() == pytest.approx(1.0, abs=0.1)


def test_an_occlusion_is_one_square_of_its_side():
    covered = corrupted(np.full_like(IMAGES, 255), "occlusion", 6)[..., 0] == 0
    assert np.all(covered.sum(axis=(1, 2)) == 36)
    assert np.all(covered.any(axis=1).sum(axis=1) == 6)
    assert len({tuple(map(int, np.argwhere(c)[0])) for c in covered}) > 20


def test_a_shift_moves_by_its_strength_in_four_directions():
    moved = corrupted(IMAGES, "shift", 4)
    found = set()
    for image, before in zip(moved, IMAGES, strict=True):
        for axis, by in ((0, 4), (0, -4), (1, 4), (1, -4)):
            if np.array_equal(image, np.roll(before, by, axis=axis)):
                found.add((axis, by))
                break
        else:
            raise AssertionError("moved otherwise")
    assert len(found) == 4


def test_an_unknown_one_is_refused():
    with pytest.raises(ValueError, match=r"^name must be one of \['noise', .*, got 'rain'$"):
        corrupted(IMAGES, "rain", 1)
