"""A product of experts over binary inputs: the restricted Boltzmann machine."""

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.layers import _binary_states

LARGEST = 20  # units on the smaller side, whose 2^20 states can be enumerated


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
        return _binary_states.free_energy(inputs, self.w, self.b, self.c)[:, None]

    def energy(self, visible: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """E(v, h) = -b . v - c . h - v W h, [batch]; raises ValueError before the first call."""
        self._check_called("an energy")
        both = tf.reduce_sum(tf.matmul(visible, self.w) * hidden, axis=1)
        return -both - tf.tensordot(visible, self.b, 1) - tf.tensordot(hidden, self.c, 1)

    def hidden(self, visible: tf.Tensor) -> tf.Tensor:
        """p(h_j = 1 | v), [batch, hidden_size]; raises ValueError before the first call."""
        self._check_called("hidden units")
        return tf.sigmoid(tf.matmul(visible, self.w) + self.c)

    def visible(self, hidden: tf.Tensor) -> tf.Tensor:
        """p(v_i = 1 | h), [batch, visible]; raises ValueError before the first call."""
        self._check_called("visible units")
        return tf.sigmoid(tf.matmul(hidden, self.w, transpose_b=True) + self.b)

    def log_partition(self) -> tf.Tensor:
        """log Z, exactly, by enumeration of all states of the smaller side.

        Raises:
          ValueError: before the first call, or more than 20 units on the smaller side.
        """
        return _binary_states.log_partition(*self._enumerated()[1])

    def likelihood_gradient(self, inputs: tf.Tensor) -> list[tf.Tensor]:
        """The gradient of -mean log p(v) in w, b and c, exactly; the states take no memory.

        Raises:
          ValueError: as `log_partition`, or inputs that a call would refuse.
        """
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(inputs))
        turned, units = self._enumerated()
        w, b, c = _binary_states.log_partition_gradient(*units)
        model = [tf.transpose(w), c, b] if turned else [w, b, c]
        data = tape.gradient(loss, [self.w, self.b, self.c])
        return [one + other for one, other in zip(data, model, strict=True)]

    def contrastive_divergence(
        self, inputs: tf.Tensor, k: int, seed: int | tf.Tensor
    ) -> list[tf.Tensor]:
        """The gradient of mean F(v) - mean F(v_k) in w, b and c, v_k after k steps from v.

        A step draws h ~ p(h | v) and v ~ p(v | h), as a pure function of the seed: an integer, or a
        tensor of one, such as the number of a step of training.

        Raises:
          ValueError: a k that is not an integer >= 1, a seed that is negative or not an integer, or
            inputs that a call would refuse.
        """
        k = _checks.integer("k", k)
        if not tf.is_tensor(seed):
            seed = tf.constant(_checks.integer("seed", seed, 0, 2**31 - 1))
        inputs = _tensor_checks.features(self, inputs)
        self._initialize(inputs)

        def step(i: tf.Tensor, visible: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            hidden = _draw(self.hidden(visible), seed, 2 * i)
            return i + 1, _draw(self.visible(hidden), seed, 2 * i + 1)

        _, samples = tf.while_loop(lambda i, _: i < k, step, [tf.constant(0), inputs])
        samples = tf.stop_gradient(tf.ensure_shape(samples, inputs.shape))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(inputs)) - tf.reduce_mean(self(samples))
        return tape.gradient(loss, [self.w, self.b, self.c])

    def _enumerated(self) -> tuple[bool, list[tf.Tensor]]:
        """Whether it is the hidden side whose states are enumerated, and w, b, c as if visible."""
        self._check_called("a partition function")
        turned = self.input_size > self.hidden_size
        size = min(self.input_size, self.hidden_size)
        if size > LARGEST:
            raise ValueError(
                f"the smaller side must have at most {LARGEST} units to enumerate its states, got "
                f"{size} of {self.input_size} visible and {self.hidden_size} hidden units"
            )
        # The free energy of hidden units has the same form.
        units = [tf.transpose(self.w), self.c, self.b] if turned else [self.w, self.b, self.c]
        return turned, [tf.convert_to_tensor(value) for value in units]

    def _check_called(self, what: str) -> None:
        if not hasattr(self, "w"):
            raise ValueError(f"{self!r} must be called before it has {what}, got no call")


def _draw(probabilities: tf.Tensor, seed: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    seeds = tf.stack([tf.cast(seed, tf.int32), place])
    uniform = tf.random.stateless_uniform(tf.shape(probabilities), seeds, dtype=tf.float32)
    return tf.cast(uniform < tf.cast(probabilities, tf.float32), probabilities.dtype)
