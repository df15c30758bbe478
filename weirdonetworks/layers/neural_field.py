"""Activity that travels: a neural field over a ring or a plane, as a layer."""

import math

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional._precision import widened

# Places up to which the matrix of all differences is used.
_DENSE = 64


class NeuralField(Module):
    """du/dt = -u + w * f(u) from u(0) = x, after `steps` steps of `dt`: the shape stays.

    [batch, n] is a ring of n places, [batch, H, W] a plane whose opposite edges meet. Time is in
    units of tau. Each step takes f(u) as constant, which with gain=None is exact while nothing
    crosses k:

        u <- e^(-dt) u + (1 - e^(-dt)) (w * f(u)),    f(u) = sigmoid(gain (u - k)),

    or f(u) = 1 for u > k, otherwise 0, with `gain=None`. The kernel depends on the distance r
    alone, along the shorter way round,

        w(r) = A e_a(r) - B e_b(r),    e_s(r) = e^(-r / s) / sum e^(-r / s),

    excitation A of width a and inhibition B of width b, sums over all places. It is applied by
    Fourier transforms, of which products are convolutions, or, for up to 64 places, by its matrix.
    `log_widths`, `strengths` and `threshold` (k) are learned, five numbers for any number of
    places; with `gain=None`, f is flat, and k has no gradient.

    On a line, with A = 1, B = 0 and gain=None, an active half moves into the rest at the speed

        c = a (1 - 2 k) / (2 min(k, 1 - k)),

    back for k > 1/2: 1 - u is a field with the threshold 1 - k.

    Activity 0 < r < D stays where it is if W(D) = k, W(x) the integral of w from 0 to x, and is
    stable if w(D) < 0. A uniform state u = w * f(u) forms patterns of the wave vector q where
    f'(u) w^(q) > 1, w^ the Fourier transform of w.

    Sources: Amari 1977, "Dynamics of pattern formation in lateral-inhibition type neural fields";
    Bressloff 2012, "Spatiotemporal dynamics of continuum neural fields" (the front).
    """

    def __init__(
        self,
        steps: int = 10,
        dt: float = 0.1,
        widths: tuple[float, float] = (1.0, 3.0),
        strengths: tuple[float, float] = (1.0, 0.0),
        threshold: float = 0.25,
        gain: float | None = 10.0,
        name: str | None = None,
    ):
        """Raises ValueError for steps that are no integer >= 1, a dt, a width or a gain that is no
        finite number > 0, or strengths or a threshold that are not finite."""
        super().__init__(name=name)
        self.steps = _checks.integer("steps", steps)
        self.dt = _checks.positive("dt", dt)
        self.widths = _pair("widths", widths, 0)
        self.strengths_at_start = _pair("strengths", strengths, -math.inf)
        self.threshold_at_start = _finite("threshold", threshold)
        self.gain = None if gain is None else _checks.positive("gain", gain)

    @once
    def _initialize(self, inputs: tf.Tensor):
        dtype = self.input_dtype = inputs.dtype
        self.log_widths = tf.Variable(
            tf.math.log(tf.constant(self.widths, dtype)), name="log_widths"
        )
        self.strengths = tf.Variable(tf.constant(self.strengths_at_start, dtype), name="strengths")
        self.threshold = tf.Variable(tf.constant(self.threshold_at_start, dtype), name="threshold")

    def kernel(self, places: tuple[int, ...]) -> tf.Tensor:
        """w of each difference to the first place, of this shape.

        Raises:
          ValueError: before the first call, or places that are not one or two integers >= 1.
        """
        if not hasattr(self, "strengths"):
            raise ValueError(f"NeuralField must be called before it has a kernel, got {self!r}")
        places = _checks.sizes("places", places, allow_empty=False)
        if len(places) > 2:
            raise ValueError(f"places must be (n,) or (H, W), got {_checks.received(places)}")
        r = tf.constant(_distances(places), self.log_widths.dtype)
        excitation, inhibition = (
            strength * _normalized(r, tf.exp(log_width))
            for strength, log_width in zip(
                tf.unstack(self.strengths), tf.unstack(self.log_widths), strict=True
            )
        )
        return excitation - inhibition

    def step(self, u: tf.Tensor, drive: tf.Tensor | float = 0.0) -> tf.Tensor:
        """u after one step, with `drive` added to w * f(u): both [batch, n] or [batch, H, W].

        Raises:
          ValueError: u of another shape, or a drive that is neither a number nor of u's shape.
        """
        u = self._checked(u)
        drive = _tensor_checks.of_type("drive", drive, "u", u.dtype)
        if drive.shape.rank != 0 and not u.shape.is_compatible_with(drive.shape):
            raise ValueError(
                f"drive must be a number or of u's shape {u.shape}, got shape {drive.shape}"
            )
        self._initialize(u)
        return self._step(u, self._convolution(u), drive)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        u = self._checked(inputs)
        self._initialize(u)
        convolve = self._convolution(u)
        _, u = tf.while_loop(
            lambda i, _: i < self.steps,
            lambda i, u: (i + 1, self._step(u, convolve)),
            (0, u),
            maximum_iterations=self.steps,
        )
        return u

    def _step(self, u: tf.Tensor, convolve, drive: tf.Tensor | float = 0.0) -> tf.Tensor:
        keep = math.exp(-self.dt)
        return keep * u - math.expm1(-self.dt) * (convolve(self._rate(u)) + drive)

    def _rate(self, u: tf.Tensor) -> tf.Tensor:
        if self.gain is None:
            return tf.where(tf.math.is_nan(u), u, tf.cast(u > self.threshold, u.dtype))
        return tf.sigmoid(self.gain * (u - self.threshold))

    def _convolution(self, u: tf.Tensor):
        """The function rate -> w * rate, by the kernel as it is now."""
        places = tuple(u.shape[1:])
        kernel = self.kernel(places)
        count = math.prod(places)
        if count <= _DENSE:
            matrix = tf.gather(tf.reshape(kernel, [-1]), tf.constant(_differences(places)))
            return lambda rate: tf.reshape(
                tf.matmul(tf.reshape(rate, [-1, count]), matrix), [-1, *places]
            )
        forward, backward = (
            (tf.signal.rfft, tf.signal.irfft)
            if len(places) == 1
            else (tf.signal.rfft2d, tf.signal.irfft2d)
        )
        transform = forward(widened(kernel))
        return lambda rate: tf.cast(
            backward(forward(widened(rate)) * transform, places), rate.dtype
        )

    def _checked(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = _tensor_checks.floating("NeuralField inputs", inputs)
        if inputs.shape.rank not in (2, 3) or not all(inputs.shape[1:]):
            raise ValueError(
                "NeuralField inputs must be [batch, n] or [batch, H, W] with static sizes >= 1, "
                f"got shape {inputs.shape}"
            )
        return _tensor_checks.same_dtype(self, inputs)


def _normalized(r: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """e^(-r / width), with the sum 1."""
    decay = tf.exp(-r / width)
    return decay / tf.reduce_sum(decay)


def _distances(places: tuple[int, ...]) -> np.ndarray:
    """Of each place to the first one, the shorter way round."""
    sides = [np.minimum(np.arange(n), n - np.arange(n)) for n in places]
    return np.sqrt(sum(side**2 for side in np.meshgrid(*sides, indexing="ij")))


def _differences(places: tuple[int, ...]) -> np.ndarray:
    """The number of the place at i - j, for all places i and j in sequence."""
    at = np.stack(np.unravel_index(np.arange(math.prod(places)), places))
    sides = np.array(places)[:, None, None]
    return np.ravel_multi_index(tuple((at[:, :, None] - at[:, None, :]) % sides), places)


def _finite(name: str, value: float) -> float:
    found = _checks.number(name, value, -math.inf, math.inf, open_high=True)
    if math.isinf(found):
        raise ValueError(f"{name} must be a finite number, got {_checks.received(value)}")
    return found


def _pair(name: str, values: tuple[float, float], low: float) -> tuple[float, float]:
    if not isinstance(values, list | tuple) or len(values) != 2:
        raise ValueError(f"{name} must be two numbers, got {_checks.received(values)}")
    check = _checks.positive if low == 0 else _finite
    first, second = (check(f"{name}[{i}]", value) for i, value in enumerate(values))
    return first, second
