"""Meshes of interferometers of two modes: light that goes through, and any unitary as a mesh."""

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class MeshPhases(NamedTuple):
    """The phases of a mesh of N modes, column by column from the side of the light.

    Attributes:
      theta: [N (N - 1) / 2], in [0, pi / 2]: cos(theta)^2 of the power stays in its mode.
      phi: [N (N - 1) / 2], of the upper mode, before the two meet.
      alpha: [N], of each mode at the end.
    """

    theta: Any
    phi: Any
    alpha: Any


@functools.lru_cache(maxsize=64)
def mesh_columns(modes: int) -> tuple[tuple[int, int], ...]:
    """(first mode, number of interferometers) of each of the N columns that has any.

    Those of column l couple the modes m and m + 1 for m = l mod 2, l mod 2 + 2, ...: N (N - 1) / 2
    in all, for even and odd N.
    """
    columns = [(column % 2, (modes - column % 2) // 2) for column in range(modes)]
    return tuple(column for column in columns if column[1])  # of 1 and 2 modes, the last has none


def through_mesh(re: tf.Tensor, im: tf.Tensor, phases: MeshPhases) -> tuple[tf.Tensor, tf.Tensor]:
    """The amplitudes [batch, N] of N modes, in two parts, at the end of the mesh.

    Each interferometer takes (a, b) of its two modes to

        (e^(i phi) cos(theta) a - sin(theta) b, e^(i phi) sin(theta) a + cos(theta) b),

    and mode m is turned by e^(i alpha_m) at the end. The columns are a loop of the graph: a large
    mesh is compiled as quickly as a small one.
    """
    modes, columns = re.shape[1], len(mesh_columns(re.shape[1]))
    if columns:
        other, kept, crossed = _columns(modes, phases)

        def column(number, *x):
            paired = [tf.gather(part, other[number % 2], axis=1) for part in x]
            ways = zip(_times(*x, kept[number]), _times(*paired, crossed[number]), strict=True)
            return number + 1, *(stay + cross for stay, cross in ways)

        _, re, im = tf.while_loop(
            lambda number, *_: number < columns, column, (0, re, im), maximum_iterations=columns
        )
    return _times(re, im, _turns(phases.alpha))


def _turns(angles: tf.Tensor) -> tf.Tensor:
    """e^(i angles), [2, ...]."""
    return tf.stack([tf.cos(angles), tf.sin(angles)])


def _times(re: tf.Tensor, im: tf.Tensor, factor: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return factor[0] * re - factor[1] * im, factor[1] * re + factor[0] * im


def _columns(modes: int, phases: MeshPhases) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A column takes x_m to kept_m x_m + crossed_m x_other(m).

    other: [2, N], of even columns and of odd ones; kept, crossed: [columns, 2, N], complex.
    """
    columns = mesh_columns(modes)
    place = np.zeros([len(columns), modes], int)
    upper, lower = (np.zeros(place.shape, bool) for _ in range(2))
    other = np.tile(np.arange(modes), [2, 1])
    end = 0
    for number, (first, count) in enumerate(columns):
        m, own = first + 2 * np.arange(count), end + np.arange(count)
        place[number, m] = place[number, m + 1] = own
        upper[number, m] = lower[number, m + 1] = True
        other[number % 2, m], other[number % 2, m + 1] = m + 1, m
        end += count
    dtype = phases.theta.dtype
    upper, lower = (tf.constant(mask, dtype) for mask in (upper, lower))
    cos, sin = (tf.gather(part, place) for part in tf.unstack(_turns(phases.theta)))
    turn, one = tf.gather(_turns(phases.phi), place, axis=1), tf.constant([1, 0], dtype)
    one = one[:, None, None]
    kept = upper * cos * turn + (lower * cos + 1 - upper - lower) * one
    crossed = lower * sin * turn - upper * sin * one
    return tf.constant(other), *(tf.transpose(part, [1, 0, 2]) for part in (kept, crossed))


def mesh_phases(unitary: Any) -> MeshPhases:
    """The mesh that is a unitary matrix U, [N, N]: out = U in, by N^2 phases.

    Interferometers from the left and from the right turn the entries below the diagonal to 0, one
    antidiagonal after the other; those from the left are then moved through the phases that are
    left. In NumPy, in double precision.

    Raises:
      ValueError: no square matrix of numbers, or one that is not unitary to 1e-6.

    Source: Clements, Humphreys, Metcalf, Kolthammer and Walmsley 2016, "Optimal design for
    universal multiport interferometers".
    """
    u = _unitary(unitary)
    modes, right, left = len(u), [], []
    for i in range(1, modes):
        for j in range(i):
            if i % 2:  # the light comes to this one before those that were found
                row, m = modes - 1 - j, i - 1 - j
                a, b = u[row, m], u[row, m + 1]
                found = m, np.arctan2(abs(a), abs(b)), np.angle(a * b.conj())
                u[:, m : m + 2] = u[:, m : m + 2] @ _interferometer(*found[1:]).conj().T
                right.append(found)
            else:
                m = modes - 1 - i + j
                a, b = u[m, j], u[m + 1, j]
                found = m, np.arctan2(abs(b), abs(a)), np.angle(-b * a.conj())
                u[m : m + 2] = _interferometer(*found[1:]) @ u[m : m + 2]
                left.append(found)
    d = np.diag(u).copy()
    for m, theta, phi in reversed(left):  # T^-1 D = D' T'
        right.append((m, theta, np.angle(-d[m] * d[m + 1].conj())))
        d[m] = -np.exp(-1j * phi) * d[m + 1]
    return _in_columns(right, np.angle(d))


def _interferometer(theta: float, phi: float) -> np.ndarray:
    c, s, turn = np.cos(theta), np.sin(theta), np.exp(1j * phi)
    return np.array([[turn * c, -s], [turn * s, c]])


def _in_columns(light: list[tuple[int, float, float]], alpha: np.ndarray) -> MeshPhases:
    """Interferometers (mode, theta, phi) in the order of the light, each in its first column."""
    modes, places = len(alpha), {}
    for column, (first, count) in enumerate(mesh_columns(modes)):
        places |= {(column, first + 2 * i): len(places) + i for i in range(count)}
    theta, phi = np.zeros(len(places)), np.zeros(len(places))
    free = np.zeros(modes, int)
    for m, angle, turn in light:
        column = max(free[m], free[m + 1])
        column += (column - m) % 2
        free[m : m + 2] = column + 1
        theta[places[column, m]], phi[places[column, m]] = angle, turn
    return MeshPhases(theta, phi, alpha)


def _unitary(value: Any) -> np.ndarray:
    """A copy of a unitary matrix, complex128."""
    try:
        u = np.array(value, np.complex128)
    except (TypeError, ValueError):
        raise ValueError(f"unitary must be numbers [n, n], got {type(value).__name__}") from None
    if u.ndim != 2 or len(u) != u.shape[1] or not u.size:
        raise ValueError(f"unitary must be [n, n] with n >= 1, got shape {u.shape}")
    error = np.abs(u @ u.conj().T - np.eye(len(u))).max()
    if not error < 1e-6:
        raise ValueError(
            f"unitary must be a matrix U with U U^H = 1 to 1e-6, got one that is {error:.3g} off"
        )
    return u
