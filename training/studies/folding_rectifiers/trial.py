"""One zigzag, in three networks of rectifiers."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from weirdonetworks.functional import tent

POINTS = 2**15  # of [0, 1], in the midst of cells of equal size


def trial(axes: dict[str, Any], seed: int, choice: None) -> dict[str, Any]:
    """A row: rectifiers, the largest error of each network in float32 and its seconds; what share
    of the zigzag's variance one layer of as many rectifiers as the folds explains."""
    bits = axes["bits"]
    x = ((np.random.default_rng(seed).permutation(POINTS) + 0.5) / POINTS).astype(np.float32)
    exact = zigzag(x, bits)
    row: dict[str, Any] = {"pieces": count_pieces(exact[np.argsort(x)])}
    for name, network in (("deep", deep), ("wide", wide)):
        found, seconds = _timed(lambda x, network=network: network(x, bits), tf.constant(x))
        row |= {f"{name}_error": float(np.abs(found - exact).max()), f"{name}_seconds": seconds}
    row |= {"deep_units": 2 * bits, "wide_units": 2**bits}
    row["narrow_explained"] = explained(x, exact, 2 * bits)
    return row


def zigzag(x: np.ndarray, bits: int) -> np.ndarray:
    """The distance of 2^(bits - 1) x to the nearest integer, twice: in float64, exact."""
    scaled = x.astype(np.float64) * 2 ** (bits - 1)
    return 2 * np.abs(scaled - np.rint(scaled))


def deep(x: tf.Tensor, bits: int) -> tf.Tensor:
    """`bits` folds, of two rectifiers each."""
    for _ in range(bits):
        x = tent(x)
    return x


def wide(x: tf.Tensor, bits: int) -> tf.Tensor:
    """sum_j c_j relu(x - j / 2^bits), j < 2^bits: a slope of 2^bits, turned at each fold."""
    folds = np.arange(2**bits) / 2**bits
    turns = 2.0 ** (bits + 1) * np.where(np.arange(2**bits) % 2, -1, 1)
    turns[0] /= 2
    units = tf.nn.relu(x[:, None] - tf.constant(folds, x.dtype))
    return tf.linalg.matvec(units, tf.constant(turns, x.dtype))


def explained(x: np.ndarray, exact: np.ndarray, units: int) -> float:
    """1 - residual / variance of the least squares fit by one layer of so many rectifiers, with a
    constant and a slope, whose kinks are spread evenly or are the first folds: the better one."""
    x = x.astype(np.float64)
    best = 0.0
    for step in (1 / units, 1 / count_pieces(exact[np.argsort(x)])):
        kinks = step * np.arange(1, units)
        features = np.column_stack([np.ones_like(x), x, np.maximum(x[:, None] - kinks, 0)])
        left = exact - features @ np.linalg.lstsq(features, exact, rcond=None)[0]
        best = max(best, 1 - float(np.var(left) / np.var(exact)))
    return best


def count_pieces(values: np.ndarray) -> int:
    """Straight pieces of a zigzag, of its values in the order of x."""
    rises = np.diff(values)
    return 1 + int(np.sum(np.diff(np.sign(rises[rises != 0])) != 0))  # 0 across a fold


def _timed(network: Callable, x: tf.Tensor) -> tuple[np.ndarray, float]:
    """What a compiled network gives, and its least seconds of twenty."""
    compiled = tf.function(network, jit_compile=True, autograph=False)
    found, seconds = compiled(x).numpy(), []
    for _ in range(20):
        started = time.perf_counter()
        compiled(x).numpy()
        seconds.append(time.perf_counter() - started)
    return found, min(seconds)
