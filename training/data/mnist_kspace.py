"""Synthetic k-space MNIST: digits as a scanner of magnetic resonance measures them."""

import numpy as np

from training.data.made import Arrays

FILE = "mnist_kspace-synthetic-1.npz"
SHA256 = "0f6a73ae598c3ff948c0aa10ca05b7ff8e26030847129c0f44d2fc4e9b361565"
# Every how manyth line is measured, by the name of the data set.
STEPS = {"mnist_kspace": 1, "mnist_kspace2": 2, "mnist_kspace4": 4}
ZERO = 128  # the pixel that stands for 0
NOISE = 0.05  # standard deviation of the noise in each part
_PHASE = np.pi / 2  # the largest coefficient of a coil's phase
_UNIT = 12  # pixels to 1


def make(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    with_phase: bool = True,
) -> Arrays:
    """All digits in their order, each measured by itself (`measure`), as pixels of two channels."""
    # The legacy generator, because its numbers are promised never to change.
    random = np.random.RandomState(2020)
    return {
        "test_images": pixels(measure(test_images, random, with_phase)),
        "test_labels": test_labels,
        "train_images": pixels(measure(train_images, random, with_phase)),
        "train_labels": train_labels,
    }


def measure(
    images: np.ndarray, random: np.random.RandomState, with_phase: bool = True
) -> np.ndarray:
    """The k-space of uint8 images [n, H, W, 1]: complex64 [n, H, W], frequency 0 in the middle.

        K = F(image e^(i (theta + c))) + noise,

    F the unitary Fourier transform of images in [0, 1], theta a global phase, uniform on the
    circle, c the phase of a coil, a polynomial of degree 2 in the place without constant, whose
    five coefficients are uniform in [-pi/2, pi/2] for places in [-1, 1]; all of each image's own.
    The noise is normal, of 0.05 in each part. Without phase, theta = c = 0.
    """
    found = np.empty(images.shape[:3], np.complex64)
    y, x = (np.linspace(-1, 1, size).reshape(shape) for size, shape in _axes(images))
    terms = np.stack(np.broadcast_arrays(y + 0 * x, x + 0 * y, y * y + 0 * x, x * y, x * x + 0 * y))
    for i in range(0, len(images), 1000):
        batch = images[i : i + 1000, ..., 0] / 255
        theta = random.uniform(0, 2 * np.pi, (len(batch), 1, 1))
        coil = np.tensordot(random.uniform(-_PHASE, _PHASE, (len(batch), 5)), terms, axes=1)
        noise = random.normal(0, NOISE, (2, *batch.shape))
        turned = batch * np.exp(1j * (theta + coil)) if with_phase else batch
        k = np.fft.fftshift(np.fft.fft2(turned, norm="ortho"), axes=(1, 2))
        found[i : i + 1000] = k + noise[0] + 1j * noise[1]
    return found


def pixels(k: np.ndarray) -> np.ndarray:
    """uint8 [n, H, W, 2]: 128 + 12 (1 + r / 2) K, rounded, for a frequency at r from 0.

    (real, imaginary) are the channels. High frequencies, which are weak, are raised, so that steps
    of pixels are finer than the noise: a linear map, which leaves phases as they are. Beyond 0 and
    255 it is cut, which happens to at most five of the 70,000 digits, each in one pixel.
    """
    raised = _UNIT * _weights(k.shape[1:]) * k
    parts = np.rint(np.stack([raised.real, raised.imag], axis=-1)) + ZERO
    return np.clip(parts, 0, 255).astype(np.uint8)


def complex_numbers(images: np.ndarray) -> np.ndarray:
    """The K of pixels [n, H, W, 2], to half a step: complex64 [n, H, W]."""
    parts = (images.astype(np.float32) - ZERO) / _UNIT
    return ((parts[..., 0] + 1j * parts[..., 1]) / _weights(images.shape[1:3])).astype(np.complex64)


def undersample(images: np.ndarray, step: int) -> np.ndarray:
    """The pixels of a faster scan: each `step`-th line, that of frequency 0 among them, else 0."""
    measured = np.arange(images.shape[1]) % step == images.shape[1] // 2 % step
    return np.where(measured[:, None, None], images, np.uint8(ZERO))


def _axes(images: np.ndarray) -> tuple[tuple[int, tuple[int, int]], ...]:
    height, width = images.shape[1:3]
    return (height, (-1, 1)), (width, (1, -1))


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    """1 + r / 2, [H, W]."""
    y, x = (np.arange(size) - size // 2 for size in shape)
    return (1 + np.hypot(y[:, None], x) / 2).astype(np.float32)
