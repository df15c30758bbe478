"""Synthetic k-space MNIST: the same bytes everywhere, and what a scanner would measure."""

import numpy as np
import pytest

from training import data
from training.data import made, mnist_kspace, sources
from weirdonetworks.nets import MLP, ComplexMLP

# Of 300 + 300 of the embedded digits: a small copy of the data set, made by the same code.
SMALL = "e9eae68a53cbe0b10f9acd9d6e7dbac2082dc17541593fe552b5452bafa1cded"


@pytest.fixture(scope="module")
def source(mnist_5k) -> made.Arrays:
    return {
        f"{name}_{key}": getattr(split, key)[:300]
        for name, split in (("train", mnist_5k.train), ("test", mnist_5k.validation))
        for key in ("images", "labels")
    }


@pytest.fixture(scope="module")
def small(source) -> made.Arrays:
    return mnist_kspace.make(**source)


def _images(k: np.ndarray) -> np.ndarray:
    return np.fft.ifft2(np.fft.ifftshift(k, axes=(1, 2)), norm="ortho")


def test_its_bytes_are_pinned(small, source):
    assert made.checksum(small) == SMALL
    assert made.checksum(mnist_kspace.make(**source, with_phase=False)) != SMALL
    np.testing.assert_array_equal(small["train_labels"], source["train_labels"])
    assert small["train_images"].shape == (300, 28, 28, 2)
    assert small["train_images"].dtype == np.uint8


def test_a_phase_aside_the_digits_are_there_but_for_the_noise(small, source):
    digits = source["train_images"][..., 0] / 255
    found = _images(mnist_kspace.complex_numbers(small["train_images"]))
    # Noise of 0.05 in each part, and steps of pixels, which are finer.
    error = np.abs(found) ** 2 - digits**2 - 2 * 0.05**2
    assert abs(error.mean()) < 2e-3
    dark = np.abs(found[digits == 0]) ** 2
    assert np.sqrt(dark.mean() / 2) == pytest.approx(0.05, rel=0.1)
    bright = digits > 0.9
    assert np.std(np.angle(found[bright])) > 1.5  # no phase at all would be 0
    plain = mnist_kspace.make(**source, with_phase=False)["train_images"]
    plain = _images(mnist_kspace.complex_numbers(plain))
    assert np.std(np.angle(plain[bright])) < 0.1
    assert np.abs(plain - digits).std() < 0.1


def test_the_phase_is_smooth_and_its_mean_uniform(small, source):
    digits = source["train_images"][..., 0] / 255
    found = _images(mnist_kspace.complex_numbers(small["train_images"]))
    both = (digits[:, :, 1:] > 0.9) & (digits[:, :, :-1] > 0.9)
    turns = np.angle(found[:, :, 1:] * found[:, :, :-1].conj())[both]
    # From one pixel to the next, at most 2 / 27 of (1 + 1 + 2) pi / 2; noise is 0.1.
    assert np.percentile(np.abs(turns), 99) < 0.8
    means = np.angle((found * digits).sum(axis=(1, 2)))
    counts, _ = np.histogram(means, bins=4, range=(-np.pi, np.pi))
    assert counts.min() > 45 and counts.max() < 105  # 75 +- 4 standard deviations


def test_pixels_hold_what_was_measured_to_half_a_step(source):
    k = mnist_kspace.measure(source["train_images"], np.random.RandomState(0))
    pixels = mnist_kspace.pixels(k)
    assert pixels.min() > 0 and pixels.max() < 255  # nothing is cut
    error = np.abs(mnist_kspace.complex_numbers(pixels) - k)
    r = np.hypot(*np.meshgrid(np.arange(28) - 14, np.arange(28) - 14))
    assert np.all(error <= np.sqrt(0.5) / 12 / (1 + r / 2) + 1e-5)
    # As on a scanner, power is at low frequencies; raised, it is flatter.
    assert np.abs(k[:, 14, 14]).mean() > 20 * np.abs(k[:, 0, 0]).mean()
    turned = mnist_kspace.complex_numbers(mnist_kspace.pixels(np.exp(1j) * k))
    assert np.abs(turned - np.exp(1j) * k).max() < 0.1  # a phase goes through


@pytest.mark.parametrize(("step", "lines"), [(1, 28), (2, 14), (4, 7)])
def test_lines_that_are_not_measured_are_zero(small, step, lines):
    full = small["test_images"]
    fast = mnist_kspace.undersample(full, step)
    measured = np.any(fast != mnist_kspace.ZERO, axis=(0, 2, 3))
    assert measured.sum() == lines and measured[14]
    np.testing.assert_array_equal(fast[:, measured], full[:, measured])
    # What is not measured folds the image onto itself.
    folded, whole = (_images(mnist_kspace.complex_numbers(x)) for x in (fast, full))
    copies = sum(np.roll(whole, 28 // step * i, axis=1) for i in range(step)) / step
    np.testing.assert_allclose(folded, copies, atol=1e-5)


@pytest.mark.slow
def test_a_complex_network_does_not_see_the_phase_of_a_scan(small):
    """A quarter of a turn is one of whole pixels, any other one to half a step of them."""
    images = small["test_images"][:50]
    k = mnist_kspace.complex_numbers(images)
    quarter = mnist_kspace.pixels(1j * k)
    np.testing.assert_array_equal(quarter[..., 1], images[..., 0])
    networks = ComplexMLP(zero=mnist_kspace.ZERO / 255), MLP(10, (50,))

    def changes(turned: np.ndarray) -> list[float]:
        """The largest one of a score, by the spread of scores over digits."""
        found = []
        for network in networks:
            before, after = (network(x.astype(np.float64) / 255).numpy() for x in (images, turned))
            found.append(np.abs(after - before).max() / before.std(axis=0).mean())
        return found

    blind, real = changes(quarter)
    assert blind < 1e-12 and real > 1
    blind, real = changes(mnist_kspace.pixels(np.exp(2j) * k))
    assert 1e-6 < blind < real / 5


@pytest.mark.slow
def test_load_cuts_it_and_keeps_it_beside_mnist(tmp_path, small, monkeypatch):
    monkeypatch.setattr(mnist_kspace, "SHA256", SMALL)
    np.savez_compressed(tmp_path / mnist_kspace.FILE, **small)
    monkeypatch.setattr(sources, "hold_out", lambda split, _: (split, split))
    for name, step in mnist_kspace.STEPS.items():
        loaded = data.load(name, data_dir=tmp_path)
        expected = mnist_kspace.undersample(small["test_images"], step)
        np.testing.assert_array_equal(loaded.test.images, expected)
        np.testing.assert_array_equal(loaded.train.labels, small["train_labels"])


def test_made_from_other_digits(tmp_path, small, monkeypatch):
    monkeypatch.setattr(mnist_kspace, "make", lambda: small)
    path = tmp_path / mnist_kspace.FILE
    with pytest.raises(
        ValueError, match="^mnist_kspace-synthetic-1.npz could not be made as it was.*, got"
    ):
        made.load(mnist_kspace, path, dict)
    assert not path.exists()
