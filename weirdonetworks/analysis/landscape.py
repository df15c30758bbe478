"""The loss about a set of weights: its Hessian's spectrum, and the way to another set."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks

Loss = Callable[[snt.Module], tf.Tensor]


def _weights(network: snt.Module) -> tuple[tf.Variable, ...]:
    """The trainable variables, all of one type."""
    if not isinstance(network, snt.Module):
        raise ValueError(f"network must be a Sonnet module, got {_checks.received(network)}")
    variables = tf.Module.trainable_variables.fget(network)  # Sonnet's raises where there are none
    if not variables:
        raise ValueError(f"network must have been called, so that it has weights, got {network!r}")
    if len({v.dtype for v in variables}) > 1:
        raise ValueError(f"network must have weights of one type, got {network!r}")
    return variables


def hessian_product(network: snt.Module, loss: Loss) -> Callable[[np.ndarray], np.ndarray]:
    """v -> H v, H the Hessian of loss(network) in all trainable weights in sequence, [n] -> [n].

    Exact, by the gradient of (gradient . v), and compiled: the cost of a few gradients. The weights
    are those that the network has when it is called.

    Args:
      network: called before.
      loss: network -> scalar, such as a mean cross-entropy on given images.

    Raises:
      ValueError: no such network; at a call, a loss that is no scalar or depends on no weight, or a
        vector of another size.

    Source: Pearlmutter 1994, "Fast exact multiplication by the Hessian".
    """
    variables = _weights(network)
    sizes = [v.shape.num_elements() for v in variables]

    @tf.function(autograph=False)
    def product(vector: tf.Tensor) -> tf.Tensor:
        parts = tf.split(vector, sizes)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                value = loss(network)
            if not tf.is_tensor(value) or value.shape.rank != 0:
                raise ValueError(f"loss must give a scalar tensor, got {_checks.received(value)}")
            gradients = inner.gradient(value, variables)
            if all(g is None for g in gradients):
                raise ValueError("loss must depend on the weights of the network, got none of them")
            total = tf.add_n(
                [
                    tf.reduce_sum(tf.reshape(g, [-1]) * tf.cast(part, g.dtype))
                    for g, part in zip(gradients, parts, strict=True)
                    if g is not None
                ]
            )
        second = outer.gradient(
            total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return tf.concat([tf.cast(tf.reshape(s, [-1]), vector.dtype) for s in second], axis=0)

    def call(vector: np.ndarray) -> np.ndarray:
        vector = np.asarray(vector)
        if vector.shape != (sum(sizes),):
            raise ValueError(
                f"vector must be [{sum(sizes)}], a number for each weight, got {vector.shape}"
            )
        return product(tf.constant(vector, variables[0].dtype)).numpy().astype(np.float64)

    return call


class HessianSpectrum(NamedTuple):
    """Nodes and weights of Gaussian quadrature for the density of eigenvalues.

    Attributes:
      nodes: eigenvalues as Lanczos's iteration sees them from each probe, [probes, steps],
        ascending; the outermost are near those of the Hessian.
      weights: of each, the share of eigenvalues for which it stands, [probes, steps]; rows sum to
        1.
      size: the number of eigenvalues, n.
    """

    nodes: np.ndarray
    weights: np.ndarray
    size: int

    @property
    def largest(self) -> float:
        """The largest eigenvalue, from below."""
        return float(self.nodes.max())

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue, from above."""
        return float(self.nodes.min())

    def share(self, low: float, high: float) -> tuple[float, float]:
        """Of eigenvalues in [low, high], and the standard error of the mean over the probes.

        That error knows nothing of what few nodes do not resolve: it is right only for intervals
        whose share changes no more with the number of steps.
        """
        inside = (self.nodes >= low) & (self.nodes <= high)
        shares = np.sum(np.where(inside, self.weights, 0), axis=1)
        error = np.std(shares, ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else np.nan
        return float(np.mean(shares)), float(error)

    def trace(self) -> tuple[float, float]:
        """The sum of all eigenvalues, and its standard error."""
        traces = self.size * np.sum(self.nodes * self.weights, axis=1)
        error = np.std(traces, ddof=1) / np.sqrt(len(traces)) if len(traces) > 1 else np.nan
        return float(np.mean(traces)), float(error)


def hessian_spectrum(
    network: snt.Module, loss: Loss, steps: int = 80, probes: int = 4, seed: int = 0
) -> HessianSpectrum:
    """The spectrum of the Hessian of loss(network), by stochastic Lanczos quadrature.

    From each of `probes` random vectors, `steps` products make the best quadrature with as many
    nodes: exact for polynomials of degree 2 steps - 1 of the density that the probe sees; with as
    many steps as there are weights, its nodes are the eigenvalues.

    Raises:
      ValueError: as `hessian_product`, and for counts that are not integers >= 1, or a product that
        is not finite.

    Sources: Golub and Welsch 1969, "Calculation of Gauss quadrature rules"; Ghorbani, Krishnan and
    Xiao 2019, "An investigation into neural net optimization via Hessian eigenvalue density".
    """
    product = hessian_product(network, loss)
    size = sum(v.shape.num_elements() for v in _weights(network))
    steps = min(_checks.integer("steps", steps), size)
    probes = _checks.integer("probes", probes)
    generator = np.random.default_rng(_checks.integer("seed", seed, minimum=0))
    nodes, weights = np.zeros((probes, steps)), np.zeros((probes, steps))
    for i in range(probes):
        start = generator.choice([-1.0, 1.0], size)
        alpha, beta = lanczos(product, start, steps)
        values, vectors = np.linalg.eigh(np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1))
        # Fewer steps than asked for span all that the probe sees: the other nodes weigh nothing.
        nodes[i] = values[-1]
        nodes[i, : len(values)], weights[i, : len(values)] = values, vectors[0] ** 2
    order = np.argsort(nodes, axis=1, kind="stable")
    return HessianSpectrum(
        np.take_along_axis(nodes, order, axis=1), np.take_along_axis(weights, order, axis=1), size
    )


def lanczos(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The tridiagonal matrix T = Q^T H Q, Q an orthonormal basis of start, H start, H^2 start, ...

    Returns its diagonal, [k], and what is beside it, [k - 1]; k is `steps`, or fewer where the
    vectors are dependent by then. Orthogonal to all before at each step, twice.

    Raises:
      ValueError: a product that is not finite, or a start that is 0.

    Source: Lanczos 1950; Paige 1972 for what becomes of it without the orthogonalisation.
    """
    start = np.asarray(start, np.float64)
    norm = np.linalg.norm(start)
    if not norm > 0:
        raise ValueError("start must not be 0")
    basis = np.zeros((steps, len(start)))
    basis[0] = start / norm
    alpha, beta, largest = [], [], 0.0
    for k in range(steps):
        vector = np.asarray(product(basis[k]), np.float64)
        if not np.isfinite(vector).all():
            raise ValueError(
                f"product must be finite, got {np.sum(~np.isfinite(vector))} that are not"
            )
        largest = max(largest, float(np.linalg.norm(vector)))
        alpha.append(float(basis[k] @ vector))
        for _ in range(2):
            vector = vector - basis[: k + 1].T @ (basis[: k + 1] @ vector)
        rest = float(np.linalg.norm(vector))
        if k + 1 == steps or rest <= 1e-10 * largest:
            break
        beta.append(rest)
        basis[k + 1] = vector / rest
    return np.array(alpha), np.array(beta)


def loss_along(
    network: snt.Module,
    loss: Loss,
    weights: Sequence[Sequence[Any]],
    points: int = 21,
) -> tuple[np.ndarray, np.ndarray]:
    """loss(network) along the straight lines between sets of weights, one after another.

    Args:
      network: called before; it has its own weights again at the end.
      loss: network -> scalar.
      weights: two sets or more, each with an array for each trainable variable, in their order. Of
        a network: [v.numpy() for v in network.trainable_variables].
      points: at which the loss is taken on each line, its ends among them, >= 2.

    Returns:
      t and losses, [(sets - 1) (points - 1) + 1]: at t = k, the weights are those of set k.

    Raises:
      ValueError: fewer than two sets, one that does not fit, or a loss that is no scalar.

    Source: Goodfellow, Vinyals and Saxe 2015, "Qualitatively characterizing neural network
    optimization problems".
    """
    variables = _weights(network)
    points = _checks.integer("points", points, minimum=2)
    sets = [[np.asarray(value) for value in one] for one in weights]
    if len(sets) < 2:
        raise ValueError(f"weights must be two sets or more, got {len(sets)}")
    shapes = [tuple(v.shape) for v in variables]
    for i, one in enumerate(sets):
        if [value.shape for value in one] != shapes:
            raise ValueError(
                f"weights[{i}] must have the shapes of the network's trainable variables, "
                f"{shapes}, got {[value.shape for value in one]}"
            )
    own = [v.numpy() for v in variables]
    ends = np.arange(len(sets) - 1)[:, None]
    places = np.append((ends + np.arange(points - 1) / (points - 1)).reshape(-1), len(sets) - 1.0)
    evaluate = tf.function(lambda: loss(network), autograph=False)
    losses = []
    try:
        for t in places:
            k = min(int(t), len(sets) - 2)
            for v, a, b in zip(variables, sets[k], sets[k + 1], strict=True):
                v.assign((a + (t - k) * (b - a)).astype(v.dtype.as_numpy_dtype))
            value = evaluate()
            if value.shape.rank != 0:
                raise ValueError(f"loss must give a scalar tensor, got shape {value.shape}")
            losses.append(float(value))
    finally:
        for v, value in zip(variables, own, strict=True):
            v.assign(value)
    return places, np.array(losses)
