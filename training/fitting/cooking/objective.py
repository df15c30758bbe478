"""A network's loss on data as a function of one flat vector of its parameters."""

import fnmatch
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.fitting.cooking.tables import Data, checked


class Objective:
    """The losses of `Schedule` for a network and data; x is the flat vector, float64.

    Every function of x leaves it in the network's variables. Networks are called as
    network(inputs), so dropout takes no part.
    """

    def __init__(self, network: snt.Module, data: Data):
        """Calls the network once, which makes its variables.

        Raises:
          ValueError: data of other shapes or types than a fit needs, with a number that is not
            finite, or a network without trainable variables or with variables of several types.
        """
        self.network = network
        data = checked(data)
        self._inputs = tf.constant(data.train_inputs), tf.constant(data.validation_inputs)
        self._targets = tf.constant(data.train_targets), tf.constant(data.validation_targets)
        self.outputs = network(self._inputs[0][:1])
        # Sonnet's own property raises where there are none.
        self.variables = tuple(
            v for v in tf.Module.variables.fget(network) if v.trainable and v.dtype.is_floating
        )
        if not self.variables:
            raise ValueError(f"network must have trainable variables, got {network!r}")
        self.dtype = self.variables[0].dtype
        if any(variable.dtype != self.dtype for variable in self.variables):
            raise ValueError(
                "network must have variables of one floating type, "
                f"got {sorted({variable.dtype.name for variable in self.variables})}"
            )
        self.shapes = tuple(tuple(variable.shape) for variable in self.variables)
        self.sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.names = [variable.name.removesuffix(":0") for variable in self.variables]
        self.num_rows = len(self._inputs[0])
        self._cache: dict[tuple[str, str], Callable] = {}

    @property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of the training split."""
        return self._inputs[0].numpy(), self._targets[0].numpy()

    def values(self) -> np.ndarray:
        """The parameters as they are."""
        return np.concatenate([np.ravel(v.numpy()) for v in self.variables]).astype(np.float64)

    def assign(self, x: np.ndarray) -> None:
        """Puts x into the variables."""
        for variable, piece in zip(self.variables, self.split(x), strict=True):
            variable.assign(piece)

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """A flat vector as arrays, one for each variable."""
        pieces = np.split(np.asarray(x), np.cumsum(self.sizes)[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def matching(self, patterns: Sequence[str], what: str = "frozen") -> np.ndarray:
        """Which entries of x are of variables that a pattern matches.

        Raises:
          ValueError: a pattern that matches no variable.
        """
        found = np.zeros(len(self.names), bool)
        for pattern in patterns:
            matches = [fnmatch.fnmatchcase(name, pattern) for name in self.names]
            if not any(matches):
                raise ValueError(
                    f"{what} must match variables of the network, {self.names}, got {pattern!r}"
                )
            found |= matches
        return np.repeat(found, self.sizes)

    def error(self, loss: str, validation: bool = False) -> float:
        """The error of the parameters as they are, on one of the splits."""
        value = float(self._compiled(loss, "validation" if validation else "train")())
        return value if loss == "cross_entropy" else float(np.sqrt(value))

    def loss_and_gradient(self, loss: str, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The training loss and its gradient."""
        value, gradient = self._compiled(loss, "gradient")(tf.constant(x, self.dtype))
        return float(value), gradient.numpy().astype(np.float64)

    def residuals(self, loss: str, x: np.ndarray) -> np.ndarray:
        """r of the training split, flat, over the root of their number: the loss is |r|^2."""
        return self._compiled(loss, "residuals")(tf.constant(x, self.dtype)).numpy().astype(float)

    def jacobian(self, loss: str, x: np.ndarray) -> np.ndarray:
        """The derivatives of `residuals`, [residuals, parameters]."""
        return self._compiled(loss, "jacobian")(tf.constant(x, self.dtype)).numpy().astype(float)

    def adam(self, loss: str) -> Callable[..., tuple[tf.Tensor, ...]]:
        """Compiled steps of Adam: see `_adam`."""
        return self._compiled(loss, "adam")

    def check(self, loss: str, residuals: bool = False) -> None:
        """Raises ValueError for targets that the loss cannot take, or a loss without residuals."""
        targets = np.concatenate([np.ravel(t) for t in self._targets])
        if loss == "cross_entropy":
            if residuals:
                raise ValueError("loss must have residuals for least squares, got 'cross_entropy'")
            classes = self.outputs.shape[-1]
            kind = self._targets[0].dtype.is_integer and self._targets[0].shape.rank == 1
            if not kind or targets.min() < 0 or targets.max() >= classes:
                raise ValueError(
                    f"targets must be labels 0 .. {classes - 1}, [rows], for loss 'cross_entropy', "
                    f"got {self._targets[0].dtype.name} of shape {self._targets[0].shape}"
                )
            return
        wanted = (self.num_rows, *self.outputs.shape[1:])
        if not self._targets[0].dtype.is_floating or tuple(self._targets[0].shape) != wanted:
            raise ValueError(
                f"targets must be floating numbers of the outputs' shape {wanted} for loss "
                f"{loss!r}, got {self._targets[0].dtype.name} of shape {self._targets[0].shape}"
            )
        rules = {"squared": np.any(targets != 0), "relative": np.all(targets != 0)}
        if not rules.get(loss, np.all(targets > 0)):
            rule = {"squared": "not all 0", "relative": "other than 0"}.get(loss, "> 0")
            raise ValueError(f"targets must be {rule} for loss {loss!r}, got {targets.min()!r}")

    def _compiled(self, loss: str, what: str) -> Callable:
        # XLA takes a second to compile; that pays for the functions that are called thousands of
        # times, but not for those of least squares.
        if (loss, what) not in self._cache:
            function = {
                "train": functools.partial(self._loss, loss, 0),
                "validation": functools.partial(self._loss, loss, 1),
                "gradient": functools.partial(self._loss_and_gradient, loss),
                "residuals": functools.partial(self._residuals, loss),
                "jacobian": functools.partial(self._jacobian, loss),
                "adam": functools.partial(self._adam, loss),
            }[what]
            self._cache[loss, what] = tf.function(
                function, jit_compile=what in ("gradient", "adam"), autograph=False
            )
        return self._cache[loss, what]

    def _put(self, x: tf.Tensor) -> None:
        for variable, piece in zip(self.variables, tf.split(x, self.sizes), strict=True):
            variable.assign(tf.reshape(piece, variable.shape))

    def _residual(self, loss: str, inputs: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        f = self.network(inputs)
        if loss == "log":
            return tf.math.log(f) - tf.math.log(y)
        if loss == "relative":
            return (f - y) / tf.abs(y)
        return (f - y) / tf.sqrt(tf.reduce_mean(tf.square(self._targets[0])))

    def _loss_of(self, loss: str, inputs: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        if loss == "cross_entropy":
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, self.network(inputs))
            return tf.reduce_mean(losses)
        return tf.reduce_mean(tf.square(self._residual(loss, inputs, y)))

    def _loss(self, loss: str, which: int) -> tf.Tensor:
        return self._loss_of(loss, self._inputs[which], self._targets[which])

    def _gradient_of(self, loss: str, inputs: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            value = self._loss_of(loss, inputs, y)
        return value, self._flat(tape, value)

    def _loss_and_gradient(self, loss: str, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        self._put(x)
        return self._gradient_of(loss, self._inputs[0], self._targets[0])

    def _flat(self, tape: tf.GradientTape, value: tf.Tensor, weights: Any = None) -> tf.Tensor:
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(value, self.variables, weights, unconnected_gradients=zero)
        return tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)

    def _vector(self, loss: str) -> tf.Tensor:
        r = tf.reshape(self._residual(loss, self._inputs[0], self._targets[0]), [-1])
        return r / tf.sqrt(tf.cast(tf.size(r), r.dtype))

    def _residuals(self, loss: str, x: tf.Tensor) -> tf.Tensor:
        self._put(x)
        return self._vector(loss)

    def _jacobian(self, loss: str, x: tf.Tensor) -> tf.Tensor:
        """J' u is linear in u, and its derivative in u is J': a pass for each parameter or, where
        there are fewer residuals, for each residual."""
        self._put(x)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                r = self._vector(loss)
            if r.shape[0] < sum(self.sizes):
                zero = tf.UnconnectedGradients.ZERO
                rows = tape.jacobian(r, self.variables, unconnected_gradients=zero)
                return tf.concat([tf.reshape(row, [r.shape[0], -1]) for row in rows], 1)
            u = tf.zeros_like(r)
            outer.watch(u)
            product = self._flat(tape, r, u)
        return tf.transpose(outer.jacobian(product, u))

    def _adam(
        self,
        loss: str,
        x: tf.Tensor,
        m: tf.Tensor,
        v: tf.Tensor,
        step: tf.Tensor,
        count: tf.Tensor,
        rates: tf.Tensor,
        batches: tf.Tensor,
        free: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """`count` steps: step i at rates[i] on the rows batches[i], all rows where that is empty.

        What is not free stays to the bit. Returns x, and the means m of g and v of g^2."""
        dtype, (inputs, y) = x.dtype, (self._inputs[0], self._targets[0])
        b1, b2, epsilon = (tf.constant(value, dtype) for value in (0.9, 0.999, 1e-8))

        def body(i, x, m, v):
            self._put(x)
            rows = (inputs, y)
            if batches.shape[1]:
                rows = (tf.gather(inputs, batches[i]), tf.gather(y, batches[i]))
            _, g = self._gradient_of(loss, *rows)
            g = tf.where(free, g, tf.zeros_like(g))
            t = tf.cast(step + i + 1, dtype)
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * tf.square(g)
            size = rates[i] * tf.sqrt(1 - b2**t) / (1 - b1**t)
            return i + 1, x - size * m / (tf.sqrt(v) + epsilon * tf.sqrt(1 - b2**t)), m, v

        return tf.while_loop(lambda i, *_: i < count, body, (tf.constant(0), x, m, v))[1:]
