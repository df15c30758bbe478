"""Dense layers whose weights are produced from their input."""

import math
from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.layers._generator import Generator


class DynamicDense(Module):
    """y = W(x)^T x + b: [batch, in] -> [batch, output_size], with weights W(x) made from x.

    A small network, the generator g, makes, with `rank=None`, the weights as a whole, or with a
    rank r, a change of them of that rank:

        W(x) = W_0 + reshape(g(x), [in, output_size])
        W(x) = W_0 + V diag(g(x)) U,    V [in, r], g(x) [r], U [r, output_size].

    With `normalize="softmax"` the weights of each output are the softmax over the inputs of that
    W(x), so that outputs (less b) are convex combinations of the inputs. `with_static=False`
    leaves out W_0.

    Inputs may have channels, [batch, in, channels] -> [batch, output_size, channels]: the layer
    acts along the second axis, by the same weights on each channel, made from all of x.

    The generator is an MLP with hidden layers of `generator_sizes` and GELUs, or a function or
    module of yours, which is given x and makes [batch, r] or in * output_size numbers a row.

    What it has to do with attention. Take tokens x_i for the inputs, with their features for the
    channels, rank=None, normalize="softmax" and with_static=False. The layer

    * is softmax self-attention, y_i = sum_j softmax_j(q_i . k_j) x_j, if the scores g(x)_ji are
      bilinear in the tokens, x_i' M x_j with one M for all pairs;
    * is attention of learned queries, as it pools sets, if they are linear: g(x)_jo = q_o . x_j;
    * without the softmax, is linear attention, a polynomial of degree 3 of the tokens.

    Any other generator makes other layers: one MLP on all tokens knows them by their places,
    whereas self-attention commutes with their permutations. A score linear in all of x, as a
    generator without hidden layers makes it, is no self-attention of any kind.

    Initialisation: for x ~ N(0, I), outputs have mean 0 and unit variance, half of it from W_0
    and half from what the generator makes (all of it, without W_0), which starts with weights of
    variance 1 / in, respectively with V ~ 1 / sqrt(in), g of unit variance and U ~ 1 / sqrt(r).
    Under a softmax, scores take the place of weights and have unit variance. A generator of yours
    starts as you made it. b = 0.

    Sources: Schmidhuber 1992, "Learning to control fast-weight memories"; Ha, Dai and Le 2016,
    "HyperNetworks" (theirs scale rows of the weights); Lee et al. 2019, "Set Transformer" (learned
    queries). The rank r form with W_0 is ours, after Hu et al. 2021, "LoRA", whose change does not
    depend on x.
    """

    def __init__(
        self,
        output_size: int,
        rank: int | None = None,
        normalize: str | None = None,
        generator: Callable[[tf.Tensor], tf.Tensor] | None = None,
        generator_sizes: tuple[int, ...] = (32,),
        with_static: bool = True,
        with_bias: bool = True,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or a rank that are not integers >= 1, an unknown
        normalisation, or a generator that cannot be called."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.rank = None if rank is None else _checks.integer("rank", rank)
        if normalize is not None:
            _checks.choice("normalize", normalize, ["softmax"])
        self.normalize = normalize
        if generator is not None and not callable(generator):
            raise ValueError(
                f"generator must be callable or None, got {_checks.received(generator)}"
            )
        self.generator = generator
        self.generator_sizes = _checks.sizes("generator_sizes", generator_sizes)
        self.with_static = _checks.flag("with_static", with_static)
        self.with_bias = _checks.flag("with_bias", with_bias)

    @once
    def _initialize(self, inputs: tf.Tensor):
        self.input_shape, self.input_dtype = inputs.shape[1:], inputs.dtype
        size, dtype = inputs.shape[1], inputs.dtype
        unit = 1.0 if self.normalize else 1 / math.sqrt(size)  # standard deviation of a weight
        share = math.sqrt(0.5) if self.with_static else 1.0
        if self.with_static:
            self.w = _normal("w", [size, self.output_size], share * unit, dtype)
        if self.rank is not None:
            self.v = _normal("v", [size, self.rank], unit, dtype)
            stddev = share / math.sqrt(self.rank)
            self.u = _normal("u", [self.rank, self.output_size], stddev, dtype)
        if self.generator is None:
            stddev = 1.0 if self.rank is not None else share * unit
            self.generator = Generator(self.generator_sizes, self._generated(size), stddev)
        if self.with_bias:
            self.b = tf.Variable(tf.zeros([self.output_size], dtype), name="b")

    def _generated(self, size: int) -> int:
        return self.rank if self.rank is not None else size * self.output_size

    def _generate(self, inputs: tf.Tensor) -> tf.Tensor:
        """g(x), [batch, rank] or [batch, in, output_size]."""
        size = inputs.shape[1]
        made, count = self.generator(inputs), self._generated(size)
        if not tf.is_tensor(made) or made.dtype != inputs.dtype:
            kind = made.dtype.name if tf.is_tensor(made) else type(made).__name__
            raise ValueError(f"generator must make a tensor of {inputs.dtype.name}, got {kind}")
        shape = made.shape
        rows_fit = shape.rank and shape[:1].is_compatible_with(inputs.shape[:1])
        if not rows_fit or None in shape[1:] or math.prod(shape[1:]) != count:
            raise ValueError(
                f"generator must make {count} numbers for each row of {inputs.shape}, "
                f"got shape {shape}"
            )
        return tf.reshape(made, [-1, count] if self.rank else [-1, size, self.output_size])

    def weights(self, inputs: tf.Tensor) -> tf.Tensor:
        """The matrices by which the inputs are multiplied, [batch, in, output_size].

        Raises:
          ValueError: inputs that the layer refuses.
        """
        inputs = self._check(inputs)
        self._initialize(inputs)
        w = self._generate(inputs)
        if self.rank is not None:
            w = _along_last(w[:, None] * self.v, self.u)
        if self.with_static:
            w += self.w
        return tf.nn.softmax(w, axis=1) if self.normalize else w

    def _check(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.floating("DynamicDense inputs", inputs)
        shape = inputs.shape
        if shape.rank not in (2, 3) or not all(shape[1:]):
            raise ValueError(
                "DynamicDense inputs must be [batch, features] or [batch, features, channels] "
                f"with static sizes >= 1 after the batch, got shape {shape}"
            )
        known = getattr(self, "input_shape", shape[1:])
        if shape[1:] != known:
            raise ValueError(
                f"DynamicDense inputs must have shape {known} after the batch as at the first "
                f"call, got {shape[1:]}"
            )
        return _tensor_checks.same_dtype(self, inputs)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = self._check(inputs)
        self._initialize(inputs)
        x = inputs if inputs.shape.rank == 3 else inputs[..., None]
        x = tf.linalg.matrix_transpose(x)  # [batch, channels, in]
        if self.rank is None or self.normalize:
            y = tf.matmul(x, self.weights(inputs))
        else:  # the same without making the matrices W(x)
            y = _along_last(_along_last(x, self.v) * self._generate(inputs)[:, None], self.u)
            if self.with_static:
                y += _along_last(x, self.w)
        if self.with_bias:
            y += self.b
        y = tf.linalg.matrix_transpose(y)
        return y if inputs.shape.rank == 3 else y[..., 0]


def _along_last(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    """x w as one product of matrices, [..., n] and [n, m] -> [..., m]."""
    flat = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), w)
    return tf.reshape(flat, [-1, *x.shape[1:-1], w.shape[1]])


def _normal(name: str, shape: list[int], stddev: float, dtype: tf.DType) -> tf.Variable:
    return tf.Variable(stddev * tf.random.normal(shape, dtype=dtype), name=name)
