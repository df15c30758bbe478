"""Direct sampling: how well the boundary data are those of a small inclusion at x, for all x.

A small inclusion at x changes the voltages by a multiple of a dipole, d = grad u_0(x):

    eta_(x,d)(xi) = (xi - x).d / (pi |xi - x|^2) = Re sum_(k >= 1) d x^(k-1) conj(xi)^k / pi,

d, x and xi as complex numbers. With the data f_j of current j, of gradient d_j, the index is

    I(x) = |sum_j <eta_(x,d_j), f_j>_gamma| / (|eta_x|_2gamma |f|),
    <g, f>_gamma: the integral of (-Laplace)^gamma g times f over the boundary.

It is in [0, 1], and for gamma = 0 it is 1 at a small inclusion. Chow, Ito and Zou 2014, "A direct
sampling method for electrical impedance tomography", have one or two currents and choose d from the
data; here it is that of the disc without an inclusion, and all currents count together.
"""

import numpy as np

from training.studies.impedance.disc import ELECTRODES, ORDERS, electrodes

HARMONICS = ELECTRODES // 2 - 1  # those that the electrodes tell from one another


def gradients(points: np.ndarray) -> np.ndarray:
    """grad u_0 of each current, complex [patterns, points]: of Re or Im w^n / n."""
    found = []
    for n in ORDERS:
        power = np.conj(points ** (n - 1))
        found += [power, 1j * power]
    return np.array(found)


def index(voltages: np.ndarray, points: np.ndarray, gamma: float) -> np.ndarray:
    """I(x), [count, points], as it is written above: a sum over harmonics, a point at a time.

    voltages: [count, patterns, electrodes].
    """
    k = np.arange(1, HARMONICS + 1)
    data = np.fft.fft(voltages)[..., 1 : HARMONICS + 1] * 2 / ELECTRODES
    size = np.sqrt(2 * np.mean(voltages**2, axis=-1).sum(axis=-1))
    found = []
    for x, directions in zip(points, gradients(points).T, strict=True):
        probe = k ** (2 * gamma) * directions[:, None] * x ** (k - 1.0)
        product = np.sum(probe * data, axis=(-2, -1)).real
        found.append(np.abs(product) / (np.linalg.norm(probe) * size))
    return np.stack(found, axis=-1)


def queries(points: np.ndarray, gamma: float) -> np.ndarray:
    """The probes of all points as queries of one head a current, [patterns, points, features].

    Features are the cosine and the sine of each harmonic; the probes of a point have norm 1.
    """
    k = np.arange(1, HARMONICS + 1)
    probes = k ** (2 * gamma) * gradients(points)[..., None] * points[:, None] ** (k - 1.0)
    probes /= np.linalg.norm(probes, axis=(0, 2), keepdims=True)
    return np.concatenate([probes.real, probes.imag], axis=-1)


def keys() -> np.ndarray:
    """The electrodes as keys, [electrodes, features]: queries times keys are probes there."""
    waves = electrodes()[:, None] ** np.arange(1, HARMONICS + 1)
    return np.concatenate([waves.real, waves.imag], axis=-1)
