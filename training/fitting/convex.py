"""Fits of convex functions in log space: max-affine, softmax-affine and implicit softmax-affine."""

import time
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.fitting.convex_descent import (
    FAMILIES,
    Family,
    LevenbergMarquardt,
    Pieces,
    descend_minibatches,
    partition,
    to_layer,
    to_pieces,
)
from weirdonetworks import _checks

# A fit by minibatches begins with a short one to so many rows for each parameter.
_START_ROWS = 20
_START_EVALUATIONS = 50

# Softmax-affine fits begin with log alpha up to this, for standardised logarithms.
_LOG_ALPHA = np.log(30)

# Logarithms that spread by less, relative to their size or to 1, are those of a constant.
_CONSTANT = 1e-12


class Fit(NamedTuple):
    """A fitted function: the layer log u -> log w, [rows, in] -> [rows, 1] in float64; its RMS
    error of log w; those of all restarts, the least first; and the time."""

    layer: snt.Module
    rms: float
    restarts: list[float]
    seconds: float


def fit(
    u: np.ndarray, w: np.ndarray, family: str, num_terms: int, *, restarts: int = 5, seed: int = 0
) -> Fit:
    """Fits w(u), [rows, in] -> [rows], by least squares of log w; for up to some 10,000 rows.

    Each restart begins with a max-affine fit by a random partition (`convex_descent.partition`).
    From there, a softmax-affine one descends by Levenberg-Marquardt, with log alpha at first
    uniform in [0, log 30] for standardised logarithms, and from its end the implicit one, with that
    alpha for all pieces. A descent ends after 1,000 evaluations, if not before. The best restart
    counts.

    Raises:
      ValueError: an unknown family, sizes < 1, arrays of other shapes, numbers that are not finite
        or not > 0, fewer rows than parameters, a constant w, or columns whose logarithms are
        constant or linearly dependent.
    """
    kind, x, y = _checked(u, w, family, num_terms)
    restarts, seed = _checks.integer("restarts", restarts), _checks.integer("seed", seed, 0)
    start = time.perf_counter()
    scaling = _Scaling(x, y)
    scaled = scaling.scaled(x, y)
    # A softmax-affine fit is the start of the implicit one.
    soft = FAMILIES["softmax_affine"]
    chain = dict.fromkeys([soft, kind]) if kind.num_alpha(num_terms) else []
    descents = [LevenbergMarquardt(each, *scaled, num_terms) for each in chain]
    fits = []
    for restart in range(restarts):
        rng = np.random.default_rng([seed, restart])
        pieces = partition(*scaled, num_terms, rng)
        if descents:
            pieces = pieces._replace(log_alpha=rng.uniform(0, _LOG_ALPHA, size=1))
        for descent in descents:
            pieces = descent.run(pieces)
        fits.append(pieces)
    layers = [scaling.layer(kind, pieces) for pieces in fits]
    errors = [rms_error(layer, x, y) for layer in layers]
    best = layers[int(np.argmin(errors))]
    return Fit(best, min(errors), sorted(errors), time.perf_counter() - start)


def fit_minibatches(
    u: np.ndarray,
    w: np.ndarray,
    family: str,
    num_terms: int,
    *,
    epochs: int = 5,
    batch_size: int = 1000,
    learning_rate: float = 1e-2,
    restarts: int = 3,
    seed: int = 0,
) -> Fit:
    """As `fit`, for many rows: Adam from a fit to a random part of them, 20 for each parameter.

    That is the best of several max-affine ones, whose errors are the result's `restarts`. A
    softmax-affine fit descends from it with log alpha = log(30) / 2 at first, for 50 evaluations,
    and is the start of the implicit one too, with that alpha for all pieces: Adam is slow to find
    it. The learning rate, for standardised logarithms, falls to zero along a cosine.

    Raises:
      ValueError: as `fit`, epochs < 1, a batch larger than the data, or a learning rate <= 0.
      FloatingPointError: a weight is not finite.
    """
    kind, x, y = _checked(u, w, family, num_terms)
    restarts, seed = _checks.integer("restarts", restarts), _checks.integer("seed", seed, 0)
    epochs = _checks.integer("epochs", epochs)
    learning_rate = _checks.positive("learning_rate", learning_rate)
    if _checks.integer("batch_size", batch_size) > len(y):
        raise ValueError(f"batch_size must be at most {len(y)}, the rows of w, got {batch_size}")
    start = time.perf_counter()
    scaling = _Scaling(x, y)
    x_scaled, y_scaled = scaling.scaled(x, y)
    count = min(len(y), _START_ROWS * kind.num_parameters(x.shape[1], num_terms))
    rows = np.random.default_rng(seed).choice(len(y), count, replace=False)
    part = x_scaled[rows], y_scaled[rows]
    generators = [np.random.default_rng([seed, restart]) for restart in range(restarts)]
    fits = [partition(*part, num_terms, rng) for rng in generators]
    sharp = [scaling.layer(FAMILIES["max_affine"], pieces) for pieces in fits]
    errors = [rms_error(layer, x[rows], y[rows]) for layer in sharp]
    pieces = fits[int(np.argmin(errors))]
    if kind.num_alpha(num_terms):
        pieces = pieces._replace(log_alpha=np.array([_LOG_ALPHA / 2]))
        soft = LevenbergMarquardt(FAMILIES["softmax_affine"], *part, num_terms)
        pieces = soft.run(pieces, _START_EVALUATIONS)
        pieces = pieces._replace(log_alpha=np.repeat(pieces.log_alpha, kind.num_alpha(num_terms)))
    fitted = to_layer(kind, pieces, tf.float32)
    descend_minibatches(
        fitted,
        x_scaled,
        y_scaled,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    layer = scaling.layer(kind, to_pieces(fitted))
    return Fit(layer, rms_error(layer, x, y), sorted(errors), time.perf_counter() - start)


def rms_error(layer: snt.Module, x: np.ndarray, y: np.ndarray) -> float:
    """The root of the mean square of layer(x) - y, for logarithms [rows, in] and [rows]."""
    size = 100_000
    blocks = ((x[i : i + size], y[i : i + size]) for i in range(0, len(y), size))
    return float(np.sqrt(sum(np.sum((layer(x)[:, 0] - y) ** 2) for x, y in blocks) / len(y)))


def chord_excess(layer: snt.Module, x: np.ndarray, pairs: int = 100_000, seed: int = 0) -> float:
    """The largest f((1 - t) x + t z) - (1 - t) f(x) - t f(z) on random chords between rows x, z.

    No more than rounding for a convex function.
    """
    rng = np.random.default_rng(seed)
    first, last = x[rng.integers(len(x), size=(2, pairs))]
    t = rng.uniform(size=(pairs, 1))
    chord = (1 - t) * layer(first) + t * layer(last)
    return float(np.max(layer((1 - t) * first + t * last) - chord))


class _Scaling:
    """Standardised logarithms and the way back."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self._x_mean, self._x_scale = x.mean(axis=0), x.std(axis=0)
        self._y_mean, self._y_scale = y.mean(), float(y.std())

    def scaled(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (x - self._x_mean) / self._x_scale, (y - self._y_mean) / self._y_scale

    def layer(self, family: Family, pieces: Pieces) -> snt.Module:
        """The layer of the logarithms for pieces of standardised ones."""
        a = self._y_scale * pieces.a / self._x_scale[:, None]
        b = self._y_scale * pieces.b + self._y_mean - self._x_mean @ a
        log_alpha = pieces.log_alpha - np.log(self._y_scale)
        return to_layer(family, Pieces(a, b, log_alpha), tf.float64)


def _checked(u, w, family: str, num_terms: int) -> tuple[Family, np.ndarray, np.ndarray]:
    """The family and the logarithms of the data."""
    kind = FAMILIES[_checks.choice("family", family, FAMILIES)]
    num_terms = _checks.integer("num_terms", num_terms)
    u, w = np.asarray(u, np.float64), np.asarray(w, np.float64)
    if u.ndim != 2 or w.ndim != 1 or len(u) != len(w) or not u.size:
        raise ValueError(f"u and w must be [rows, in] and [rows], got {u.shape} and {w.shape}")
    for name, values in (("u", u), ("w", w)):
        bad = np.argwhere(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            place = tuple(int(i) for i in bad[0])
            raise ValueError(
                f"{name} must be finite and > 0, got {values[place]} at {place} (such values: "
                f"{len(bad)})"
            )
    needed = kind.num_parameters(u.shape[1], num_terms)
    if len(w) < needed:
        raise ValueError(f"w must have at least {needed} rows, a row a parameter, got {len(w)}")
    x, y = np.log(u), np.log(w)
    for i in range(x.shape[1]):
        if _constant(x[:, i]):
            raise ValueError(f"u must have no constant column, got {u[0, i]} all along column {i}")
    if _constant(y):
        raise ValueError(f"w must not be constant, got {w[0]} in all rows")
    values = np.linalg.svd((x - x.mean(axis=0)) / x.std(axis=0), compute_uv=False)
    if values[-1] < 1e-9 * values[0]:
        raise ValueError(
            "u must have columns whose logarithms are linearly independent, got a smallest "
            f"singular value of {values[-1] / values[0]:.1e} of the largest"
        )
    return kind, x, y


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= _CONSTANT * max(1, np.abs(values).max()))
