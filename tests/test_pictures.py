"""Pictures of digits become what MNIST has."""

import numpy as np
import pytest
import tensorflow as tf

from training.data import load
from weirdonetworks.pictures import read_picture, to_mnist

DIGITS = load("mnist_5k").test.images[:60, ..., 0]


def _photo(digit: np.ndarray, factor: int, margin: int, grain: float, shade: float) -> np.ndarray:
    """Dark ink on grey paper that is lit from one side, [height, width] in [0, 1]."""
    padded = np.pad(digit / 255, margin)
    size = [factor * side for side in padded.shape]
    ink = np.clip(tf.image.resize(padded[..., None], size, "bicubic")[..., 0].numpy(), 0, 1)
    y, x = np.mgrid[0 : size[0], 0 : size[1]] / size[0]
    paper = 0.85 - shade * (0.6 * x + 0.4 * y)
    rng = np.random.default_rng(0)
    return np.clip(paper * (1 - 0.8 * ink) + grain * rng.standard_normal(size), 0, 1)


def _difference(pictures) -> float:
    """The mean absolute difference to the digits, in grey levels."""
    made = np.stack([to_mnist(picture) for picture in pictures])
    assert made.dtype == np.uint8 and made.shape == (len(pictures), 28, 28)
    return np.abs(made.astype(float) - DIGITS[: len(made)]).mean()


@pytest.mark.slow
def test_digits_of_mnist_stay_as_they_are():
    assert _difference(DIGITS) < 1
    assert np.abs(np.roll(DIGITS, 1, axis=1).astype(float) - DIGITS).mean() > 15


@pytest.mark.slow
def test_black_on_white_is_the_same():
    assert _difference(255 - DIGITS) < 1
    assert _difference((255 - DIGITS[..., None]) / 255) < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "factor, margin, grain, shade",
    [(10, 0, 0.02, 0.3), (10, 20, 0.05, 0.4), (3, 30, 0.02, 0.0), (8, 4, 0.03, 0.5)],
)
def test_photographs_are_cut_out_and_cleared(factor, margin, grain, shade):
    pictures = [_photo(digit, factor, margin, grain, shade) for digit in DIGITS[:10]]
    assert _difference(pictures) < 14  # a digit that is moved by one pixel: 21
    assert _difference([1 - picture for picture in pictures[:3]]) < 14


def test_the_box_and_the_centre_are_those_of_mnist():
    picture = np.zeros((200, 100))
    picture[20:120, 30:50] = 1
    made = to_mnist(picture).astype(float)
    rows, columns = (np.flatnonzero(made.max(axis=axis) > 127) for axis in (1, 0))
    assert len(rows) == 20 and len(columns) == 4
    assert (made.sum(axis=1) @ np.arange(28)) / made.sum() == pytest.approx(14, abs=0.6)
    assert (made.sum(axis=0) @ np.arange(28)) / made.sum() == pytest.approx(14, abs=0.6)


@pytest.mark.parametrize(
    "picture, message",
    [
        (np.full((50, 50), 0.5), r"^picture must hold ink .*, got brightness from 0.50 to 0.50$"),
        (
            np.zeros((28, 28), np.uint8),
            r"^picture must hold ink .*, got brightness from 0.00 to 0.00$",
        ),
        (np.random.default_rng(0).uniform(0.5, 0.52, (50, 50)), "^picture must hold ink"),
        (np.zeros((50, 7)), r"^picture must be .*, at least 8 x 8, got shape \[50, 7\]$"),
        (np.zeros((50, 50, 3)), r"got shape \[50, 50, 3\]$"),
        (np.zeros((0, 50)), r"got shape \[0, 50\]$"),
        (np.full((50, 50), 2.0), r"floats in \[0, 1\], got float64 from 2.0 to 2.0$"),
        (np.full((50, 50), np.nan), r"got float64 from nan to nan$"),
        (np.full((50, 50), "x"), r"^picture must be an array of numbers, got an array of <U1 \[50"),
        ([[1, 2], [3]], r"^picture must be an array of numbers, got \[\[1, 2\], \[3\]\]$"),
    ],
)
def test_what_holds_no_digit_is_refused(picture, message):
    with pytest.raises(ValueError, match=message):
        to_mnist(picture)


@pytest.mark.slow
def test_pictures_of_one_brightness_are_refused_in_our_words():
    """Whatever the rounding of a fit of the paper leaves, which may be nothing at all."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        picture = np.full(rng.integers(8, 60, 2), rng.integers(0, 256), np.uint8)
        with pytest.raises(ValueError, match="^picture must hold ink that differs from the paper"):
            to_mnist(picture)


def test_one_bright_speck_does_not_make_the_ink_faint():
    rng = np.random.default_rng(0)
    for size in range(34, 48):
        picture = 0.04 * rng.uniform(size=(size, size))
        picture[9:-9, size // 2 - 3 : size // 2 + 3] += 0.5
        picture[size // 2, size // 2] = 1
        assert np.median(to_mnist(picture)[5:23, 13:15]) > 240


@pytest.mark.slow
def test_contrast_makes_no_difference():
    for digit in DIGITS[:20]:
        faint = to_mnist(0.7 * digit / 255).astype(int)
        assert np.abs(faint - to_mnist(digit)).max() <= 1


def test_files_of_all_kinds_are_read(tmp_path):
    grey = np.linspace(0, 255, 20 * 30).reshape(20, 30, 1).astype(np.uint8)
    colour = np.repeat(grey, 3, axis=2)
    writers = {"a.png": tf.io.encode_png(grey), "b.png": tf.io.encode_png(colour)}
    writers["c.jpg"] = tf.io.encode_jpeg(colour, quality=100)
    writers["d.png"] = tf.io.encode_png(grey.astype(np.uint16) * 257)
    for name, content in writers.items():
        (tmp_path / name).write_bytes(content.numpy())
        found = read_picture(tmp_path / name)
        np.testing.assert_allclose(found, grey[..., 0] / 255, atol=0.03)
    clear = np.concatenate([np.zeros_like(colour), grey], axis=2)  # black, from clear to opaque
    (tmp_path / "e.png").write_bytes(tf.io.encode_png(clear).numpy())
    np.testing.assert_allclose(read_picture(tmp_path / "e.png"), 1 - grey[..., 0] / 255, atol=0.01)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"^path must be a picture \(png, .*text.png'$"):
        read_picture(tmp_path / "text.png")
    with pytest.raises(ValueError, match=r"^path must be .*none.png' \(No such file"):
        read_picture(tmp_path / "none.png")
