"""Linear regression by y = phi(W) x: problems, methods, and many runs in one compiled loop."""

import functools
import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from training.engine import optimizers
from weirdonetworks import _checks
from weirdonetworks.functional.parameter_activations import (
    PARAMETER_ACTIVATIONS,
    get_parameter_activation,
)
from weirdonetworks.layers.autoactivation import AutoactivationDense

DATA = ("positive", "signed")
TARGETS = ("dense", "sparse")
ROWS = ("all", "one")
OPTIMIZERS = ("sgd", "momentum", "adam")
SIGNS = ("auto", "positive", "paired")
NONZERO = 2  # weights of a sparse target
SOLVED = 1e-3  # of the variance of the targets
RECORDS = 100  # of the loss, over a run


class Problem(NamedTuple):
    """Least squares without noise, L(A) = (A - A*)' H (A - A*) / 2 with H = E x x'.

    Attributes:
      data: `positive`: inputs that are independent of each other and of one mean and variance, so
        that H = s I + m 1 1', and targets > 0. `signed`: inputs of mean 0, correlated such that the
        eigenvalues of H are geometrically spaced and its axes are none of the inputs'; targets of
        both signs.
      target: `dense`: all weights differ from 0, of a size of about 1 / inputs (uniform in twice
        that) if positive, 1 / sqrt(inputs) (normal) if signed. `sparse`: two weights do.
      inputs: how many.
      condition: the ratio of the largest and the smallest eigenvalue of H; the largest is 1. Not
        chosen, but what they have, for `rows="one"`.
      rows: `all`: each step sees L itself. `one`: each step sees one new row of independent coin
        flips, which are 0 or 1 if positive, -1 or 1 if signed.
      steps: the budget.
      scale: a factor of the target.
    """

    data: str
    target: str
    inputs: int
    condition: float
    rows: str
    steps: int
    scale: float = 1.0

    @property
    def name(self) -> str:
        """Without what is usual."""
        rows = "" if self.rows == "all" else "-online"
        condition = "" if self.rows == "one" else f"-condition{self.condition:g}"
        scale = "" if self.scale == 1 else f"-scale{self.scale:g}"
        return f"{self.data}-{self.target}-{self.inputs}{condition}{rows}{scale}"

    def check(self) -> "Problem":
        """Returns itself. Raises ValueError for what cannot be."""
        _checks.choice("data", self.data, DATA)
        _checks.choice("target", self.target, TARGETS)
        _checks.integer("inputs", self.inputs, NONZERO)
        _checks.number("condition", self.condition, 1, 1e12)
        _checks.choice("rows", self.rows, ROWS)
        _checks.integer("steps", self.steps)
        _checks.positive("scale", self.scale)
        return self


class Method(NamedTuple):
    """How the weights A are written, from where they start, and what their parameters follow.

    Attributes:
      form: A = phi(W) by name of phi, A = base + slope W (`linear`), or both parts of A divided by
        their common sum (`mass`).
      start: `normal` (truncated, 1 / sqrt(inputs), that of `snt.Linear`), `zero`, `layer` (that of
        `AutoactivationDense` with this phi), `log-normal` (a plain A where the layer with exp would
        have it), `linearised` (the layer with exp, replaced by its tangent there), `even` (w+ = w-,
        or w+ alone, 1 / inputs in all).
      dual: the parameters follow dL/dA in place of dL/dW.
    """

    form: str
    start: str
    dual: bool = False


METHODS: dict[str, Method] = {
    "plain": Method("linear", "normal"),
    "plain zero": Method("linear", "zero"),
    "plain log-normal": Method("linear", "log-normal"),
    "plain own rates": Method("linear", "linearised"),
    **{phi: Method(phi, "layer") for phi in PARAMETER_ACTIVATIONS},
    "EGU": Method("exp", "even", dual=True),
    "EG": Method("mass", "even", dual=True),
}


def is_paired(problem: Problem, method: str, sign: str = "auto") -> bool:
    """Whether A = phi(W+) - phi(W-) and not phi(W).

    By default where data have signs or phi does not reach the targets, but for plain weights.

    Raises:
      ValueError: `positive` for data with signs, or for a map that cannot reach these targets.
    """
    _checks.choice("autoactivation_sign", sign, SIGNS)
    form, start, _ = METHODS[_checks.choice("method", method, METHODS)]
    if form == "linear" and start != "linearised":
        return False
    if form == "mass":
        return True
    lower = -math.inf if form == "linear" else get_parameter_activation(form).lower
    reached = (lower <= 0 and problem.data == "positive") or form in ("linear", "identity")
    if sign == "positive" and (problem.data == "signed" or not reached):
        reason = "data that have signs" if problem.data == "signed" else "targets below 1"
        raise ValueError(
            f"autoactivation_sign must be 'auto' or 'paired' for {reason} (of {problem.name}, by "
            f"{method}), got 'positive'"
        )
    return sign == "paired" or problem.data == "signed" or not reached


def _checked_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """These seeds, which may repeat. Raises ValueError if they are not integers >= 0."""
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise ValueError(f"seeds must be a sequence of integers >= 0, got {seeds!r}")
    return tuple(_checks.integer(f"seeds[{i}]", seed, 0) for i, seed in enumerate(seeds))


def _checked_numbers(name: str, values: Any, kinds: str = "buif") -> np.ndarray:
    """An array of these real numbers. Raises ValueError for other kinds, and for ragged rows."""
    rule = "integers" if kinds == "iu" else "real numbers"
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        got = f"got {reprlib.repr(values)}"
        raise ValueError(f"{name} must be an array of {rule}, all rows alike, {got}") from None
    if array.dtype.kind not in kinds:
        got = f"got {array.dtype} {reprlib.repr(array.tolist())}"
        raise ValueError(f"{name} must be an array of {rule}, {got}")
    return array


class Sample(NamedTuple):
    """What differs between the seeds of a problem; the first axis is theirs.

    Attributes:
      weights: [seeds, inputs], A*.
      spectrum: [seeds, inputs], the eigenvalues of H in the order of the axes.
      flips: [seeds, inputs], signs of the inputs, which turn the axes.
      rows: int8 [seeds, steps, inputs], what is seen online; [seeds, 1, 1] otherwise.
      variance: [seeds], of y.
    """

    weights: np.ndarray
    spectrum: np.ndarray
    flips: np.ndarray
    rows: np.ndarray
    variance: np.ndarray


@functools.cache
def axes(inputs: int) -> np.ndarray:
    """An orthogonal matrix, always the same."""
    return np.linalg.qr(np.random.default_rng(inputs).normal(size=(inputs, inputs)))[0]


@functools.lru_cache(4)
def draw(problem: Problem, seeds: tuple[int, ...]) -> Sample:
    """The problem as each of these seeds has it."""
    problem.check()
    n, positive = problem.inputs, problem.data == "positive"
    parts = []
    for seed in seeds:
        generator = np.random.default_rng([seed, 1])
        dense = 2 * generator.uniform(size=n) / n if positive else generator.normal(size=n) / n**0.5
        chosen = generator.choice(n, NONZERO, replace=False)
        values = np.ones(NONZERO) if positive else generator.choice([-1, 1], NONZERO)
        weights = np.zeros(n)
        weights[chosen] = values / (NONZERO if positive else NONZERO**0.5)
        if problem.target == "dense":
            weights = dense
        spectrum = generator.permutation(np.geomspace(1 / problem.condition, 1, n))
        flips = generator.choice([-1.0, 1.0], n)
        rows = np.zeros((1, 1), np.int8)
        if problem.rows == "one":
            flipped = np.random.default_rng([seed, 2]).integers(0, 2, (problem.steps, n), np.int8)
            rows = flipped if positive else 2 * flipped - 1
        parts.append((weights * problem.scale, spectrum, flips, rows))
    weights, spectrum, flips, rows = (np.stack(part) for part in zip(*parts, strict=True))
    sample = Sample(weights, spectrum, flips, rows, np.zeros(0))
    if positive:
        each = 0.25 if problem.rows == "one" else 1 / problem.condition
        return sample._replace(variance=each * np.sum(weights**2, axis=1))
    return sample._replace(variance=np.sum(weights * (hessian(problem, sample) @ weights), axis=-1))


def hessian(problem: Problem, sample: Sample):
    """H of each seed, as something that can be multiplied by its vectors from the left."""

    class Hessian:
        def __matmul__(self, v: np.ndarray) -> np.ndarray:
            arguments = (v, sample.spectrum, sample.flips)
            return _times_hessian(problem, *map(tf.constant, arguments)).numpy()

    return Hessian()


def _times_hessian(problem: Problem, v: tf.Tensor, spectrum: tf.Tensor, flips: tf.Tensor):
    """H v for v [..., inputs]."""
    n, total = problem.inputs, tf.reduce_sum(v, axis=-1, keepdims=True)
    if problem.rows == "one":
        return (v + total) / 4 if problem.data == "positive" else v
    if problem.data == "positive":  # of the spectrum, only its ends
        low = tf.reduce_min(spectrum, axis=-1, keepdims=True)
        return low * v + (1 - low) / n * total
    q = tf.constant(axes(n), v.dtype)
    return flips * tf.matmul(spectrum * tf.matmul(flips * v, q), q, transpose_b=True)


@functools.lru_cache(64)
def start(problem: Problem, method: str, seeds: tuple[int, ...], sign: str = "auto"):
    """Parameters, base and slope of each seed: three arrays [parts, seeds, inputs]."""
    form, kind, _ = METHODS[method]
    n, paired = problem.inputs, is_paired(problem, method, sign)
    w = []
    for seed in seeds:
        if kind == "normal":
            # At two standard deviations, as snt.Linear cuts them, which lessens the spread.
            generator = np.random.default_rng([seed, 3])
            values = generator.normal(size=4 * n + 100)
            w.append(values[np.abs(values) < 2][None, :n] / n**0.5)
            continue
        if kind == "zero":
            w.append(np.zeros((1, n)))
            continue
        if kind == "even":
            each = problem.scale / (n * (1 + paired))
            w.append(np.full((1 + paired, n), math.log(each)))
            continue
        tf.random.set_seed(seed)
        phi = form if kind == "layer" else "exp"
        is_plain = kind == "log-normal"  # where the layer is that of the data's signs
        pair = is_paired(problem, "exp", sign) if is_plain else paired
        layer = AutoactivationDense(1, phi, "paired" if pair else "positive", with_bias=False)
        layer(tf.zeros([1, n], tf.float64))
        variables = [layer.effective_weights] if is_plain else layer.trainable_variables
        w.append(np.stack([variable.numpy()[:, 0] for variable in variables]))
    w = np.stack(w, axis=1)
    if kind == "linearised":
        return np.zeros_like(w), np.exp(w), np.exp(w)  # of exp, value and slope are the same
    return w, np.zeros_like(w), np.ones_like(w)


class Runs(NamedTuple):
    """What runs gave, in parts of the variance of the targets; the last axis is that of the runs.

    Attributes:
      solved: [runs], the first step at whose begin the loss is at most `SOLVED`; -1 if none is.
      final: [runs], the loss after the last step; inf if it diverged.
      curve: [RECORDS, runs], the loss at steps that are spaced evenly from 0 on.
      parameters: [parts, runs, inputs], at the end.
    """

    solved: np.ndarray
    final: np.ndarray
    curve: np.ndarray
    parameters: np.ndarray


def run(
    problem: Problem,
    method: str,
    optimizer: str,
    seeds: Sequence[int],
    rates: np.ndarray,
    owners: np.ndarray,
    sign: str = "auto",
    dtype: tf.DType = tf.float32,
    geometry: bool = False,
) -> Runs:
    """One run for each rate: with `rates[i]`, of the seed `seeds[owners[i]]`; all at once.

    With `geometry`, for a map phi, there are no parameters: both parts of A follow their gradients
    times phi'(phi^-1(A))^2, which is what gradient descent on W does to first order.

    `momentum` is 0.9, and Adam's settings are Kingma and Ba's, as in `training.optimizers`.

    Raises:
      ValueError: unknown names, seeds that are not integers >= 0, rates that are not
        finite numbers > 0, owners that are no places of seeds, a sign that the data or the targets
        do not admit, or the geometry of what is no map.
    """
    _checks.choice("method", method, METHODS)
    _checks.choice("optimizer", optimizer, OPTIMIZERS)
    seeds = _checked_seeds(seeds)
    rates = _checked_numbers("rates", rates, "uif")
    owners = _checked_numbers("owners", owners, "iu")
    if rates.ndim != 1 or owners.shape != rates.shape or not rates.size:
        raise ValueError(f"rates and owners must be [runs], got {rates.shape} and {owners.shape}")
    if not np.all((rates > 0) & (rates < np.inf)):
        worst = rates[~((rates > 0) & (rates < np.inf))][0]
        raise ValueError(f"rates must be finite numbers > 0, got {worst}")
    if owners.min() < 0 or owners.max() >= len(seeds):
        raise ValueError(
            f"owners must be places of the {len(seeds)} seeds, got {owners.min()} .. {owners.max()}"
        )
    sample = draw(problem, seeds)
    w, base, slope = start(problem._replace(steps=1), method, seeds, sign)
    each = lambda values: tf.constant(values[owners], dtype)  # noqa: E731
    parts = lambda values: tf.constant(values[:, owners], dtype)  # noqa: E731
    # For EG, the mass: of both parts, told to be twice that of the target.
    mass = 2 * np.abs(sample.weights).sum(axis=1)[:, None]
    form, _, dual = METHODS[method]
    if geometry:
        w = np.asarray(_checked_map(form).forward(w))
    program = _program(problem._replace(steps=1, condition=1.0, scale=1.0), form, dual, geometry)
    rows = sample.rows if problem.rows == "one" else sample.rows[:1]  # one shape for all
    solved, final, curve, w = program(
        parts(w),
        parts(base),
        parts(slope),
        each(sample.weights),
        each(sample.spectrum),
        each(sample.flips),
        each(mass),
        tf.constant(rows),
        tf.constant(owners, tf.int32),
        tf.constant(rates, dtype),
        each(0.5 * sample.variance),
        tf.constant(0.9 if optimizer == "momentum" else 0.0, dtype),
        tf.constant(optimizer == "adam"),
        tf.constant(problem.steps),
    )
    return Runs(*(value.numpy() for value in (solved, final, curve, w)))


def _checked_map(form: str):
    if form in ("linear", "mass"):
        raise ValueError(
            f"method must be a map phi of its parameters for its geometry, got {form!r}"
        )
    return get_parameter_activation(form)


_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


@functools.cache
def _program(problem: Problem, form: str, dual: bool, geometry: bool) -> Callable[..., Any]:
    """The compiled loop of all problems that differ from this one in numbers alone."""
    activate = None if form in ("linear", "mass") else PARAMETER_ACTIVATIONS[form].forward

    def forward(w, base, slope, mass):
        if form == "linear":
            return base + slope * w
        if geometry:
            return w
        if form == "mass":
            return mass * tf.exp(w - tf.reduce_logsumexp(w, axis=[0, 2], keepdims=True))
        return activate(w)

    def program(
        w, base, slope, target, spectrum, flips, mass, rows, owners, rates, unit, mu, adam, steps
    ):
        signs = tf.constant([1, -1][: w.shape[0]], w.dtype)[:, None, None]

        def weights(w):
            parts = forward(w, base, slope, mass)
            return parts, tf.reduce_sum(signs * parts, axis=0)

        def loss_of(error):
            moved = _times_hessian(problem, error, spectrum, flips)
            loss = tf.reduce_sum(error * moved, axis=-1) / 2 / unit
            # Of errors that overflow, terms of both signs may make -inf.
            return moved, tf.where(tf.math.is_finite(loss), loss, tf.constant(math.inf, loss.dtype))

        def one_step(i, w, m, v, solved, curve):
            with tf.GradientTape() as tape:
                tape.watch(w)
                parts, a = weights(w)
            moved, loss = loss_of(a - target)
            solved = tf.where((solved < 0) & (loss <= SOLVED), i, solved)
            place = tf.cast(tf.cast(i, tf.int64) * RECORDS // tf.cast(steps, tf.int64), tf.int32)
            before = curve[place]  # the first of the steps that share a place stays
            kept = tf.where(tf.math.is_nan(before), loss, before)
            curve = tf.tensor_scatter_nd_update(curve, [[place]], [kept])
            if problem.rows == "one":
                x = tf.cast(tf.gather(rows[:, i], owners), w.dtype)
                moved = x * tf.reduce_sum(x * (a - target), axis=-1, keepdims=True)
            pull = signs * moved
            if geometry:
                derivative = PARAMETER_ACTIVATIONS[form].derivative(w)
                g = pull * (tf.abs(derivative) if dual else tf.square(derivative))
            else:
                g = pull if dual else tape.gradient(parts, w, pull)
            b1 = tf.where(adam, tf.constant(_BETA1, w.dtype), mu)
            m = b1 * m + tf.where(adam, 1 - b1, 1) * g
            v = _BETA2 * v + (1 - _BETA2) * tf.square(g)
            t = tf.cast(i + 1, w.dtype)
            r = tf.sqrt(1 - _BETA2**t)
            relative = r / (1 - _BETA1**t) / (tf.sqrt(v) + _EPSILON * r)
            w -= rates[:, None] * m * tf.where(adam, relative, tf.ones_like(v))
            return i + 1, w, m, v, solved, curve

        runs = rates.shape[0]
        _, w, _, _, solved, curve = tf.while_loop(
            lambda i, *_: i < steps,
            one_step,
            (
                tf.constant(0),
                w,
                tf.zeros_like(w),
                tf.zeros_like(w),
                -tf.ones([runs], tf.int32),
                tf.fill([RECORDS, runs], tf.constant(math.nan, w.dtype)),
            ),
        )
        return solved, loss_of(weights(w)[1] - target)[1], curve, w

    return tf.function(program, jit_compile=True, autograph=False)


def fit(
    x: np.ndarray,
    y: np.ndarray,
    parameter_activation: str = "exp",
    sign: str = "paired",
    *,
    optimizer: str = "sgd",
    learning_rate: float = 0.1,
    steps: int = 100,
    seed: int = 0,
) -> tuple[AutoactivationDense, np.ndarray]:
    """Fits y = phi(W) x to rows by the layer itself: the layer, and the loss before each step.

    The loss is half of the mean squared error over all rows. For data of one's own, and what the
    tests hold `run` against.

    Args:
      x: [rows, inputs]. y: [rows].

    Raises:
      ValueError: other shapes, what is no real number, or not finite, or negative for a map that
        makes positive weights only (sign = `positive`); an unknown optimizer, a rate that is not
        finite and > 0, no steps, a seed that is no integer >= 0; or what the layer refuses.
    """
    _checks.choice("optimizer", optimizer, optimizers.OPTIMIZERS)
    _checks.positive("learning_rate", learning_rate)
    _checks.integer("steps", steps)
    _checks.integer("seed", seed, 0)
    x, y = (_checked_numbers(*pair).astype(np.float64) for pair in (("x", x), ("y", y)))
    if x.ndim != 2 or not x.size or y.shape != x.shape[:1]:
        raise ValueError(f"x must be [rows, inputs] and y [rows], got {x.shape} and {y.shape}")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
        positive = sign == "positive" and get_parameter_activation(parameter_activation).lower >= 0
        if positive and values.min() < 0:
            raise ValueError(
                f"{name} must be >= 0 for {parameter_activation!r} with sign='positive' (or give "
                f"sign='paired'), got {values.min():g}"
            )
    tf.random.set_seed(seed)
    layer = AutoactivationDense(1, parameter_activation, sign, with_bias=False)
    rows, targets = tf.constant(x), tf.constant(y)
    layer(rows)
    step = optimizers.create_optimizer(optimizer, learning_rate)
    if hasattr(step, "_initialize"):
        step._initialize(layer.trainable_variables)

    @tf.function(jit_compile=True, autograph=False)
    def descend():
        def one_step(i, losses):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(layer(rows)[:, 0] - targets)) / 2
            variables = layer.trainable_variables
            step.apply(tape.gradient(loss, variables), variables)
            return i + 1, losses.write(i, loss)

        losses = tf.TensorArray(tf.float64, steps)
        return tf.while_loop(lambda i, _: i < steps, one_step, (0, losses))[1].stack()

    return layer, descend().numpy()
