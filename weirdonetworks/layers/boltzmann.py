"""A product of experts over binary inputs: the restricted Boltzmann machine."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.layers import _enumeration


class RestrictedBoltzmannMachine(Module):
    """F(v) = -b . v - sum_j log(1 + e^(c_j + sum_i v_i w_ij)): [batch, visible] -> [batch, 1].

    The free energy of binary units: p(v) = e^-F(v) / Z, the sum over all hidden h in {0, 1}^n of
    p(v, h) = e^-E(v, h) / Z with E(v, h) = -b . v - c . h - v W h. As p(v) is a product over hidden
    units, each is an expert, and v are 0 or 1 (or their probabilities, as of gray images).

    The gradient of the mean negative log likelihood is that of mean F(data) - mean F(samples of p).
    `likelihood_gradient` has it exactly, where the smaller side has at most 20 units;
    `contrastive_divergence` has samples of k steps from the data in place of samples of p: its bias
    vanishes with k.

    Initialisation: W ~ N(0, 0.01^2), b = c = 0, nearly independent fair coins (Hinton 2012, "A
    practical guide to training restricted Boltzmann machines").

    Sources: Smolensky 1986, "Information processing in dynamical systems"; Hinton 2002, "Training
    products of experts by minimizing contrastive divergence".
    """

    def __init__(self, hidden_size: int, name: str | None = None):
        """Raises ValueError for a size that is not an integer >= 1."""
        super().__init__(name=name)
        self.hidden_size = _checks.integer("hidden_size", hidden_size)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_size, self.input_dtype = inputs.shape[1], inputs.dtype
        shape, dtype = [self.input_size, self.hidden_size], inputs.dtype
        self.w = tf.Variable(tf.random.normal(shape, stddev=0.01, dtype=dtype), name="w")
        self.b = tf.Variable(tf.zeros(shape[:1], dtype), name="b")
        self.c = tf.Variable(tf.zeros(shape[1:], dtype), name="c")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)
        return _enumeration.free_energy(inputs, self.w, self.b, self.c)[:, None]

    def energy(self, visible: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """E(v, h) = -b . v - c . h - v W h, [batch].

        Raises:
          ValueError: before the first call, other sizes or types than those of it, or two batches.
        """
        self._check_called("an energy")
        visible = self._units("visible", visible, self.input_size)
        hidden = self._units("hidden", hidden, self.hidden_size)
        if not visible.shape[:1].is_compatible_with(hidden.shape[:1]):
            raise ValueError(
                f"hidden must have the batch of visible, {visible.shape[0]}, got {hidden.shape[0]}"
            )
        both = tf.reduce_sum(tf.matmul(visible, self.w) * hidden, axis=1)
        return -both - tf.tensordot(visible, self.b, 1) - tf.tensordot(hidden, self.c, 1)

    def hidden(self, visible: tf.Tensor) -> tf.Tensor:
        """p(h_j = 1 | v), [batch, hidden_size].

        Raises:
          ValueError: before the first call, or another size or type than that of it.
        """
        self._check_called("hidden units")
        visible = self._units("visible", visible, self.input_size)
        return tf.sigmoid(tf.matmul(visible, self.w) + self.c)

    def visible(self, hidden: tf.Tensor) -> tf.Tensor:
        """p(v_i = 1 | h), [batch, visible].

        Raises:
          ValueError: before the first call, or another size or type than that of the layer.
        """
        self._check_called("visible units")
        hidden = self._units("hidden", hidden, self.hidden_size)
        return tf.sigmoid(tf.matmul(hidden, self.w, transpose_b=True) + self.b)

    def log_partition(self) -> tf.Tensor:
        """log Z, exactly, by enumeration of all states of the smaller side.

        For its gradient see `likelihood_gradient`: a tape would keep all states.

        Raises:
          ValueError: before the first call, or more than 20 units on the smaller side.
        """
        return _enumeration.log_partition(*self._smaller_side_first())

    def likelihood_gradient(self, inputs: tf.Tensor) -> list[tf.Tensor]:
        """The gradient of -mean log p(v) in w, b and c, exactly.

        Raises:
          ValueError: as `log_partition`, or inputs that a call would refuse or, outside a graph,
            that are not in [0, 1].
        """
        inputs = self._data(inputs)
        self._initialize(inputs)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(inputs))
        given = tape.gradient(loss, [self.w, self.b, self.c])
        both, first, second = _enumeration.expectations(*self._smaller_side_first())
        if self.input_size > self.hidden_size:
            both, first, second = tf.transpose(both), second, first
        return [own + model for own, model in zip(given, (both, first, second), strict=True)]

    def contrastive_divergence(
        self, inputs: tf.Tensor, k: int, seed: int | tf.Tensor
    ) -> list[tf.Tensor]:
        """The gradient of mean F(v) - mean F(v_k) in w, b and c, v_k after k steps from v.

        A step draws h ~ p(h | v) and v ~ p(v | h), as a pure function of the seed: an integer, or a
        tensor of one, such as the number of a step of training.

        Raises:
          ValueError: a k that is not an integer >= 1, a seed that is not one >= 0, or inputs that a
            call would refuse; outside a graph, too, inputs that are not in [0, 1].
        """
        k, seed = _checks.integer("k", k), _seed(seed)
        inputs = self._data(inputs)
        self._initialize(inputs)

        def step(i: tf.Tensor, visible: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            hidden = _draw(self.hidden(visible), seed, 2 * i)
            return i + 1, _draw(self.visible(hidden), seed, 2 * i + 1)

        _, samples = tf.while_loop(lambda i, _: i < k, step, [tf.constant(0), inputs])
        samples = tf.stop_gradient(tf.ensure_shape(samples, inputs.shape))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(inputs)) - tf.reduce_mean(self(samples))
        return tape.gradient(loss, [self.w, self.b, self.c])

    def _smaller_side_first(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """w, b and c, where the first of the units are those to enumerate."""
        self._check_called("a partition function")
        size = min(self.input_size, self.hidden_size)
        if size > _enumeration.LARGEST:
            raise ValueError(
                f"the smaller side must have at most {_enumeration.LARGEST} units to enumerate its "
                f"states, got {size} of {self.input_size} visible and {self.hidden_size} hidden "
                "units"
            )
        if self.input_size > self.hidden_size:  # the free energy of hidden units has the same form
            return tf.transpose(self.w), self.c, self.b
        return self.w, self.b, self.c

    def _data(self, inputs: tf.Tensor) -> tf.Tensor:
        """Inputs of a call, in [0, 1] where their values are known."""
        inputs = _tensor_checks.features(self, inputs)
        values = tf.get_static_value(inputs)
        if values is not None and not np.all((values >= 0) & (values <= 1)):  # nor is NaN
            raise ValueError(
                "inputs must be 0, 1 or in between, "
                f"got values from {np.min(values)} to {np.max(values)}"
            )
        return inputs

    def _units(self, name: str, values: tf.Tensor, size: int) -> tf.Tensor:
        values = _tensor_checks.of_type(name, values, "the weights", self.w.dtype)
        if values.shape.rank != 2 or values.shape[1] not in (None, size):
            raise ValueError(f"{name} must be [batch, {size}], got shape {values.shape}")
        return values

    def _check_called(self, what: str) -> None:
        if not hasattr(self, "w"):
            raise ValueError(f"{self!r} must be called before it has {what}, got no call")


def _draw(probabilities: tf.Tensor, seed: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    seeds = tf.stack([tf.cast(seed, tf.int32), place])
    uniform = tf.random.stateless_uniform(tf.shape(probabilities), seeds, dtype=tf.float32)
    return tf.cast(uniform < tf.cast(probabilities, tf.float32), probabilities.dtype)


def _seed(seed: int | tf.Tensor) -> tf.Tensor:
    """An integer >= 0, or a tensor of one, of which the value may not be known yet."""
    if not tf.is_tensor(seed):
        return tf.constant(_checks.integer("seed", seed, 0, 2**31 - 1))
    value = tf.get_static_value(seed)
    unfit = not seed.dtype.is_integer or not seed.shape.is_compatible_with([])
    if unfit or (value is not None and value < 0):
        got = f"{seed.dtype.name} of shape {seed.shape}" if unfit else value
        raise ValueError(f"seed must be an integer >= 0, got {got}")
    return seed
