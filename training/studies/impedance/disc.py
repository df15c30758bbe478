"""A conducting disc with a round inclusion: its boundary voltages in closed form.

    div(sigma grad u) = 0 in |w| < 1,   du/dn = g on |w| = 1,
    sigma = s where |w - centre| < radius, and 1 elsewhere.

Points are complex numbers.

A concentric inclusion. On e^(int), by the jump conditions at the radius r, the map from voltages to
currents has the eigenvalues

    lambda_n = n (1 + mu r^2n) / (1 - mu r^2n),   mu = (s - 1) / (s + 1).

Any other one. phi(z) = (z + a) / (1 + conj(a) z) maps the disc onto itself, and |z| < r onto the
inclusion, for an a and an r that `concentric` tells. Conformal maps keep the equation: u(phi(z))
solves that of the concentric inclusion, with the currents g(phi(z)) |phi'(z)|. Of g = Re w^n these
are, with the Taylor coefficients c_k of phi^n, Re sum_k (k / n) c_k z^k, and without an inclusion u
is u_0 = Re w^n / n. So what the inclusion does to the voltages is

    u - u_0 = Re sum_(k >= 1) c_k tau_k z^k / n,
    tau_k = k / lambda_k - 1 = -2 mu r^2k / (1 + mu r^2k),

without a difference of nearly equal numbers, and with Im in place of Re of g = Im w^n.

Borcea 2002, "Electrical impedance tomography", of the problem; the reduction to concentric circles
by Moebius maps is classical.
"""

from typing import NamedTuple

import numpy as np

ELECTRODES = 32
ORDERS = (1, 2)  # n of the currents cos n theta, sin n theta
PATTERNS = 2 * len(ORDERS)
# Coefficients that are summed, and points from which they are found. r^2k, with r < 0.6, is below
# 1e-28 beyond; |a|^k, with |a| < 0.83, below 1e-15 where frequencies fold.
_MODES, _SAMPLES = 64, 256


class Inclusions(NamedTuple):
    """Round inclusions, all [count]: complex centres, radii, conductivities s."""

    centre: np.ndarray
    radius: np.ndarray
    conductivity: np.ndarray

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether a point is inside: [count, points]."""
        return np.abs(points - self.centre[:, None]) < self.radius[:, None]


def _power(n: np.ndarray, radius: np.ndarray, conductivity: np.ndarray) -> np.ndarray:
    """mu r^2n."""
    return (conductivity - 1) / (conductivity + 1) * radius ** (2 * n)


def eigenvalues(n: np.ndarray, radius: np.ndarray, conductivity: np.ndarray) -> np.ndarray:
    """lambda_n of a concentric inclusion, from voltages to currents."""
    power = _power(n, radius, conductivity)
    return n * (1 + power) / (1 - power)


def moebius(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(z + a) / (1 + conj(a) z), |a| < 1: the disc onto itself, 0 to a; -a in place of a: back."""
    return (z + a) / (1 + np.conj(a) * z)


def concentric(centre: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(a, r): `moebius(a, .)` maps the concentric disc of radius r onto the disc that is given.

    a is the middle, and r half of the way, between the nearest and the farthest point of the
    inclusion in hyperbolic length, artanh |w| from the centre.

    Raises:
      ValueError: an inclusion that is not inside of the unit disc.
    """
    distance = np.abs(centre)
    if not (np.all(np.asarray(radius) > 0) and np.all(distance + radius < 1)):
        raise ValueError(
            "inclusions must have a radius > 0 and |centre| + radius < 1, "
            f"got centre {centre!r}, radius {radius!r}"
        )
    far, near = np.arctanh(distance + radius), np.arctanh(distance - radius)
    a = np.tanh((far + near) / 2) * np.exp(1j * np.angle(centre))
    return a, np.tanh((far - near) / 2)


def electrodes(count: int = ELECTRODES) -> np.ndarray:
    """Where voltages are measured: complex [count], equally spaced on the unit circle."""
    return np.exp(2j * np.pi * np.arange(count) / count)


def differences(inclusions: Inclusions, places: np.ndarray | None = None) -> np.ndarray:
    """u - u_0 at the electrodes, of mean 0 over them: [count, PATTERNS, electrodes].

    Patterns are the currents cos theta, sin theta, cos 2 theta, sin 2 theta.
    places: points of the unit circle in place of the electrodes.
    """
    places = electrodes() if places is None else places
    a, r = (value[:, None] for value in concentric(inclusions.centre, inclusions.radius))
    k = np.arange(1, _MODES + 1)
    power = _power(k, r, inclusions.conductivity[:, None])
    shares = -2 * power / (1 + power)
    images = moebius(a, electrodes(_SAMPLES))
    waves = moebius(-a, places)[:, None, :] ** k[:, None]
    found = []
    for n in ORDERS:
        taylor = np.fft.fft(images**n)[:, 1 : _MODES + 1] / _SAMPLES
        voltages = np.einsum("ck,ckp->cp", taylor * shares, waves) / n
        found += [voltages.real, voltages.imag]
    found = np.stack(found, axis=1)
    return found - found.mean(axis=-1, keepdims=True)
