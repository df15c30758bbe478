"""Students of polynomial units that look for a teacher, on the exact loss."""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

FOUND = 1e-4  # of the teacher's mean square


class Outcome(NamedTuple):
    """loss: of each student at the end, over that of a network that is 0; found: whether it is
    below `threshold`."""

    loss: np.ndarray
    found: np.ndarray


def kernel(u: tf.Tensor, v: tf.Tensor, degree: int) -> tf.Tensor:
    """E (u_i . x)^d (v_j . x)^d over x ~ N(0, I): [..., k, n], [..., h, n] -> [..., k, h].

    With r = u . v, a = |u|^2, b = |v|^2, by Isserlis's theorem: the sum over the number j of pairs
    of u with v, of which d - j is even, of c_j r^j (a b)^((d - j) / 2), where

        c_j = C(d, j)^2 j! ((d - j - 1)!!)^2.
    """
    r = tf.matmul(u, v, transpose_b=True)
    norms = tf.reduce_sum(u**2, -1)[..., :, None] * tf.reduce_sum(v**2, -1)[..., None, :]
    terms = []
    for j in range(degree % 2, degree + 1, 2):
        count = math.comb(degree, j) ** 2 * math.factorial(j) * _odd(degree - j) ** 2
        terms.append(count * r**j * norms ** ((degree - j) // 2))
    return tf.add_n(terms)


def _odd(n: int) -> int:
    """(n - 1)!! for even n: in how many ways n things make pairs."""
    return math.prod(range(1, n, 2))


def population_loss(students: tf.Tensor, teacher: tf.Tensor, degree: int) -> tf.Tensor:
    """E (sum_i (u_i . x)^d - sum_j (v_j . x)^d)^2 / E (sum_j (v_j . x)^d)^2, x ~ N(0, I).

    students: [..., k, n], teacher: [h, n] -> [...].
    """

    def total(u, v):
        return tf.reduce_sum(kernel(u, v, degree), axis=(-2, -1))

    own = total(teacher, teacher)
    return (total(students, students) - 2 * total(students, teacher) + own) / own


def threshold(teacher: np.ndarray, degree: int) -> float:
    """The loss below which a student has found the teacher, over that of a network that is 0.

    Below what a student with one unit less can have: for squares, sum_j (v_j . x)^2 = x^T A x, any
    of lower rank is off by 2 |A - B|^2 >= 2 lambda^2 with the smallest eigenvalue lambda > 0 of A
    (Eckart and Young), of which this is a tenth; for other degrees it is `FOUND`, to be compared
    with what smaller students reach.
    """
    if degree != 2:
        return FOUND
    values = np.linalg.eigvalsh(teacher.T @ teacher)
    smallest = np.sort(values)[-min(teacher.shape)]
    own = float(tf.reduce_sum(kernel(tf.constant(teacher), tf.constant(teacher), 2)))
    return min(FOUND, 0.1 * 2 * smallest**2 / own)


def look(
    degree: int, units: int, teacher: int, inputs: int, starts: int, steps: int, seed: int
) -> Outcome:
    """Gradient descent of `starts` students of so many units, one teacher drawn from the seed.

    The teacher's units are of length 1 and random directions; students start small, and walk
    steepest descent, each with the step size that lowers its own loss (halved where it does not,
    a tenth larger where it does): plain descent, without noise or momentum.
    """
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(teacher, inputs))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    target = tf.constant(v)
    scale = 0.5 / math.sqrt(inputs)
    u = tf.constant(rng.normal(size=(starts, units, inputs)) * scale)

    @tf.function(jit_compile=True, autograph=False)
    def descend(u: tf.Tensor) -> tf.Tensor:
        def lossy(u):
            with tf.GradientTape() as tape:
                tape.watch(u)
                loss = population_loss(u, target, degree)
            return loss, tape.gradient(loss, u)

        def one(i, u, rate, loss, gradient):
            moved = u - rate[:, None, None] * gradient
            new_loss, new_gradient = lossy(moved)
            better = new_loss <= loss
            pick = better[:, None, None]
            return (
                i + 1,
                tf.where(pick, moved, u),
                rate * tf.where(better, tf.constant(1.1, rate.dtype), 0.5),
                tf.where(better, new_loss, loss),
                tf.where(pick, new_gradient, gradient),
            )

        loss, gradient = lossy(u)
        rate = tf.fill(tf.shape(loss), tf.constant(0.01, u.dtype))
        start = (tf.constant(0), u, rate, loss, gradient)
        return tf.while_loop(lambda i, *_: i < steps, one, start)[3]

    loss = descend(u).numpy()
    return Outcome(loss, loss < threshold(v, degree))
