"""NeuralField: the speed of its fronts, the width of its bumps, the threshold of its patterns."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import NeuralField


def _edge(u: np.ndarray, k: float) -> float:
    """Where the last place that is active goes over into the rest, between two places."""
    last = np.flatnonzero(u > k)[-1]
    return last + (u[last] - k) / (u[last] - u[last + 1])


def _active(n: int, width: float) -> np.ndarray:
    """A stretch of ones in the middle of a ring, [1, n]."""
    return (np.abs(np.arange(n) - n // 2)[None] <= width / 2).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("k", [0.15, 0.25, 0.35, 0.65])
def test_the_speed_of_a_front(k):
    """c = s (1 - 2 k) / 2 min(k, 1 - k), within 1 %; the error falls with dt."""
    s, speeds = 40.0, []
    for dt in (0.02, 0.004):
        field = NeuralField(round(1 / dt), dt, (s, 1.0), (1.0, 0.0), k, None)
        first = field(field(_active(2000, 480)))  # it takes a while to its shape
        speeds.append(_edge(field(first)[0].numpy(), k) - _edge(first[0].numpy(), k))
    expected = s * (1 - 2 * k) / (2 * min(k, 1 - k))
    assert speeds[1] == pytest.approx(expected, rel=0.01)
    assert abs(speeds[1] - expected) < 0.5 * abs(speeds[0] - expected)


@pytest.mark.slow
def test_a_front_with_a_high_threshold_falls_back():
    field = NeuralField(100, 0.02, (20.0, 1.0), (1.0, 0.0), 0.65, None)
    first = field(_active(1000, 600))
    assert _edge(field(first)[0].numpy(), 0.65) < _edge(first[0].numpy(), 0.65) - 5


@pytest.mark.slow
def test_the_width_of_a_bump():
    """W(D) = k has two roots: activity between them grows to the larger, below the smaller dies."""
    (a, b), (up, down), k, n = (100.0, 300.0), (2.0, 3.0), 0.05, 6400
    x = np.linspace(0.01, n / 2, 80_000)
    w = up / 2 * (1 - np.exp(-x / a)) - down / 2 * (1 - np.exp(-x / b))
    small, large = x[:-1][np.diff(np.sign(w - k)) != 0]
    field = NeuralField(300, 0.1, (a, b), (up, down), k, None)
    for start in (1.5 * small, 0.7 * large, 1.4 * large):
        u = field(_active(n, start))[0].numpy()
        width = _edge(u, k) - (n - 1 - _edge(u[::-1], k))
        assert width == pytest.approx(large, rel=0.01)
    assert not np.any(field(_active(n, 0.5 * small)) > k)


def _transform(field: NeuralField, places: tuple[int, ...], wave: np.ndarray) -> float:
    """sum w(r) cos(q r), by hand."""
    return float(np.sum(field.kernel(places).numpy() * wave))


@pytest.mark.slow
@pytest.mark.parametrize(("places", "waves"), [((64,), (6,)), ((20, 24), (2, 1)), ((100,), (9,))])
def test_the_threshold_of_patterns(places, waves):
    """At u = k = (A - B) / 2, a wave grows as e^((gain w^ / 4 - 1) t)."""
    grid = np.meshgrid(*(np.arange(n) / n for n in places), indexing="ij")
    wave = np.cos(2 * np.pi * sum(m * x for m, x in zip(waves, grid, strict=True)))
    critical = NeuralField(1, 0.01, (1.5, 5.0), (3.0, 2.5), 0.25)
    critical(np.zeros((1, *places)))
    critical = 4 / _transform(critical, places, wave)
    for gain in (0.8 * critical, 1.25 * critical):
        field = NeuralField(100, 0.01, (1.5, 5.0), (3.0, 2.5), 0.25, gain)
        uniform = np.full((1, *places), 0.25)
        np.testing.assert_allclose(field(uniform), uniform, atol=1e-12)
        grown = np.array(field(uniform + 1e-6 * wave))[0] - 0.25
        growth = np.sum(grown * wave) / np.sum(wave**2) / 1e-6
        assert math.log(growth) == pytest.approx(gain / critical - 1, rel=0.01)
        np.testing.assert_allclose(grown, growth * 1e-6 * wave, atol=1e-9)


def test_one_step_by_hand_on_ring_and_plane_by_matrix_and_transforms():
    rng = np.random.default_rng(0)
    for places in ((9,), (90,), (4, 6), (9, 10)):
        u, drive = (rng.normal(size=(3, *places)) for _ in range(2))
        field = NeuralField(1, 0.3, (1.2, 2.0), (1.5, 0.7), 0.2, 4.0)
        kernel = np.zeros(places)
        for scale, width in ((1.5, 1.2), (-0.7, 2.0)):
            offsets = [np.minimum(np.arange(n), n - np.arange(n)) for n in places]
            r = np.hypot(*np.meshgrid(*offsets, indexing="ij")) if len(places) == 2 else offsets[0]
            kernel += scale * np.exp(-r / width) / np.sum(np.exp(-r / width))
        rate = 1 / (1 + np.exp(-4 * (u - 0.2)))
        input_ = sum(
            kernel[d] * np.roll(rate, d, axis=tuple(range(1, 1 + len(d))))
            for d in np.ndindex(places)
        )
        for found, extra in ((field(u), 0), (field.step(u, drive), drive)):
            expected = np.exp(-0.3) * u + (1 - np.exp(-0.3)) * (input_ + extra)
            np.testing.assert_allclose(found, expected, atol=1e-12)
        np.testing.assert_allclose(field.kernel(places), kernel, atol=1e-14)


@pytest.mark.slow
def test_many_steps_are_no_larger_graph():
    def nodes(steps: int) -> int:
        field = NeuralField(steps)
        field(tf.zeros([1, 5], "float64"))
        return helpers.nodes_of_gradient(field, [None, 5])

    assert nodes(3) == nodes(300)


def test_it_moves_with_its_input_and_has_five_numbers():
    field, u = NeuralField(5), np.random.default_rng(0).normal(size=(2, 12, 10))
    expected = field(u)
    moved = field(np.roll(u, (3, 4), axis=(1, 2)))
    np.testing.assert_allclose(moved, np.roll(expected, (3, 4), axis=(1, 2)), atol=1e-12)
    assert sum(v.shape.num_elements() for v in field.trainable_variables) == 5
    assert field(u[:, :5]).shape == (2, 5, 10)
    assert np.isnan(NeuralField(2, gain=None)(np.array([[0.0, np.nan]]))).any()


@pytest.mark.slow
def test_every_number_has_a_gradient_that_is_that_of_differences():
    field, u = NeuralField(4, strengths=(2.0, 1.0)), np.random.default_rng(0).normal(size=(2, 30))
    field(u)

    def total(x: tf.Tensor) -> tf.Tensor:
        return tf.sin(2 * field(x))

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(total(u))
    for variable, gradient in zip(
        field.trainable_variables,
        tape.gradient(loss, field.trainable_variables),
        strict=True,
    ):
        at, step = variable.numpy(), 1e-6 * np.random.default_rng(1).normal(size=variable.shape)
        ends = [
            tf.reduce_sum(total(u)) for s in (1, -1) if variable.assign(at + s * step) is not None
        ]
        variable.assign(at)
        np.testing.assert_allclose(np.sum(gradient * step), (ends[0] - ends[1]) / 2, rtol=1e-5)
    assert np.all(helpers.gradients(total, tf.constant(u))[0] != 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "^steps must be an integer >= 1, got 0$"),
        ({"dt": 0}, "^dt must be a finite number > 0, got 0$"),
        ({"widths": 3.0}, r"^widths must be two numbers, got 3\.0$"),
        ({"widths": (1, 0)}, r"^widths\[1\] must be a finite number > 0, got 0$"),
        ({"strengths": (1, math.inf)}, r"^strengths\[1\] must be .*, got inf$"),
        ({"threshold": "1"}, "^threshold must be a number .*, got '1'$"),
        ({"gain": -1}, "^gain must be a finite number > 0, got -1$"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        NeuralField(**arguments)


def test_bad_inputs():
    for shape in ((4,), (2, 3, 4, 5), (2, 0)):
        with pytest.raises(
            ValueError, match=r"^NeuralField inputs must be \[batch, n\] or .* got sh"
        ):
            NeuralField()(np.zeros(shape))
    with pytest.raises(ValueError, match="^NeuralField must be called before it has a kernel"):
        NeuralField().kernel((4,))
    field = NeuralField()
    field(np.zeros((1, 4)))
    for drive in (np.zeros(4), np.zeros((3, 1, 4)), np.zeros((1, 1)), np.zeros((2, 4))):
        with pytest.raises(ValueError, match=r"^drive must be a number or of u's shape \(1, 4\)"):
            field.step(np.zeros((1, 4)), drive)
    with pytest.raises(ValueError, match="^drive must be of the type of u, float64, got float32$"):
        field.step(np.zeros((1, 4)), tf.zeros([1, 4]))
    with pytest.raises(ValueError, match=r"^places must be \(n,\) or \(H, W\), got \(2, 3, 4\)$"):
        field.kernel((2, 3, 4))
