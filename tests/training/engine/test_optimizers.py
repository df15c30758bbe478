"""Optimizers and schedules against their formulas."""

import math

import numpy as np
import pytest
import tensorflow as tf

from training.engine import optimizers

RATE = 0.1
SHAPE = (2, 3)
GRADIENTS = np.random.default_rng(0).normal(size=(5, *SHAPE))  # of five steps


def by_adam(gradients):
    """Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1."""
    x, m, v = np.zeros((3, *SHAPE))
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - RATE * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x


def by_sgd(gradients):
    return -RATE * gradients.sum(axis=0)


def by_momentum(gradients):
    x, m = np.zeros((2, *SHAPE))
    for g in gradients:
        m = 0.9 * m + g
        x = x - RATE * m
    return x


def by_rmsprop(gradients):
    """Tieleman and Hinton 2012, lecture 6.5, with decay 0.9."""
    x, v = np.zeros((2, *SHAPE))
    for g in gradients:
        v = 0.9 * v + 0.1 * g**2
        x = x - RATE * g / np.sqrt(v + 1e-10)
    return x


def by_eg(gradients):
    """Kivinen and Warmuth 1997, unnormalised, from w+ = w- = 0.01."""
    plus, minus = np.full((2, *SHAPE), 0.01)
    for g in gradients:
        plus, minus = plus * np.exp(-RATE * g), minus * np.exp(RATE * g)
    return plus - minus


def by_muon(gradients):
    """Jordan et al. 2024, with the size of Liu et al. 2025."""
    x, m = np.zeros((2, *SHAPE))
    for g in gradients:
        m = 0.95 * m + g
        o = g + 0.95 * m
        o = o / np.linalg.norm(o)
        for _ in range(5):
            a = o @ o.T
            o = 3.4445 * o + (-4.7750 * a + 2.0315 * a @ a) @ o
        x = x - RATE * 0.2 * np.sqrt(3) * o
    return x


FORMULAS = {
    "adam": by_adam,
    "sgd": by_sgd,
    "momentum": by_momentum,
    "rmsprop": by_rmsprop,
    "muon": by_muon,
    "eg": by_eg,
}


def test_every_optimizer_has_its_formula_here():
    assert FORMULAS.keys() == optimizers.OPTIMIZERS.keys()


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_optimizer(name):
    optimizer = optimizers.create_optimizer(name, RATE)
    x = tf.Variable(tf.zeros(SHAPE))
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant(gradient, tf.float32)], [x])
    expected = FORMULAS[name](GRADIENTS)
    np.testing.assert_allclose(x, expected, rtol=1e-4)
    others = [formula(GRADIENTS) for key, formula in FORMULAS.items() if key != name]
    assert not any(np.allclose(expected, other, rtol=1e-2) for other in others)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_the_learning_rate_can_be_set_between_steps(name):
    optimizer = optimizers.create_optimizer(name, RATE)
    optimizer.learning_rate.assign(0.0)
    x = tf.Variable(tf.ones(SHAPE))
    optimizer.apply([tf.ones(SHAPE)], [x])
    # The weights of eg are the difference of two numbers, which is rounded.
    np.testing.assert_allclose(x, np.ones(SHAPE), rtol=0 if name != "eg" else 2e-7)


def test_unknown_optimizer():
    with pytest.raises(ValueError, match=r"optimizer must be one of \['adam'.*got 'lion'"):
        optimizers.create_optimizer("lion", 0.1)
    for rate in ("0.1", None, 0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="^learning_rate must be a finite number > 0, got "):
            optimizers.create_optimizer("adam", rate)


def test_a_rate_may_be_a_variable():
    rate = tf.Variable(0.5)
    optimizer = optimizers.create_optimizer("sgd", rate)
    rate.assign(2.0)
    assert float(optimizer.learning_rate) == 0.5


def rates(name: str, total: int, warmup: int = 0) -> np.ndarray:
    return np.array(
        [optimizers.scheduled(name, 0.5, tf.constant(i), total, warmup) for i in range(total)]
    )


@pytest.mark.parametrize(
    ("name", "closed_form"),
    [
        ("constant", lambda t: 1.0),
        ("linear", lambda t: 1 - t),
        ("cosine", lambda t: (1 + math.cos(math.pi * t)) / 2),
    ],
)
@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_schedule(name, closed_form, warmup):
    total = 12
    rise = [0.5 * (i + 1) / (warmup + 1) for i in range(warmup)]
    fall = [0.5 * closed_form(i / (total - warmup)) for i in range(total - warmup)]
    # Relative to the peak: near the end, 1 + cos cancels.
    np.testing.assert_allclose(rates(name, total, warmup), rise + fall, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", optimizers.SCHEDULES)
def test_every_step_has_a_rate(name):
    """Also where the rise takes all steps, or there is but one."""
    for total, warmup in ((1, 0), (1, 1), (7, 7), (1000, 0)):
        values = rates(name, min(total, 50), min(warmup, 50))
        assert (values > 0).all() and (values <= 0.5).all()


def test_every_schedule_is_tested():
    assert optimizers.SCHEDULES.keys() == {"constant", "linear", "cosine"}
