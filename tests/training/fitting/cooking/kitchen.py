"""A law of two terms, its rows, and how the tests cook."""

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.fitting import cooking
from training.fitting.cooking import Schedule
from weirdonetworks.layers import PosynomialDense

RNG = np.random.default_rng(5)
X = RNG.uniform(0.5, 3, (60, 2))
# Exponents by term, coefficients.
LAW = np.array([[1, 2], [-0.5, 0]]), np.array([0.7, 3.0])


def law(x: np.ndarray, exponents=LAW[0], coefficients=LAW[1]) -> np.ndarray:
    return np.prod(x[:, None] ** exponents, axis=2) @ coefficients


DATA = cooking.split(X, law(X), 0.3)


def posynomial(terms: int = 2) -> PosynomialDense:
    return PosynomialDense(1, terms)


def built(layer: snt.Module, seed: int = 0, x: np.ndarray = X) -> snt.Module:
    tf.random.set_seed(seed)
    layer(tf.constant(x))
    return layer


def values(network: snt.Module) -> dict[str, np.ndarray]:
    return {v.name: v.numpy() for v in network.trainable_variables}


def error(network: snt.Module, x: np.ndarray, y: np.ndarray) -> float:
    """The error of the squared loss, over the root mean square of the rows for training."""
    r = network(tf.constant(x)).numpy()[:, 0] - y
    return float(np.sqrt(np.mean(r**2) / np.mean(DATA.train_targets**2)))


def train_error(network: snt.Module) -> float:
    return error(network, DATA.train_inputs, DATA.train_targets)


def cook(network, *phases, data=DATA, seed=0, **kwargs):
    settings = {k: kwargs.pop(k) for k in ("restarts", "loss", "target") if k in kwargs}
    schedule = Schedule(phases, **settings)
    return cooking.cook(network, data, schedule, seed, progress=False, **kwargs)
