"""Random transformations: their distribution, that they are fresh, and what they measure."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf
from scipy import ndimage, stats

from training.data.transformations import Draw, Transformations, transformation_variance
from weirdonetworks import groups

EVERYTHING = Transformations(degrees=90, shift=2, scale=0.5, shear=0.3, elastic=1.5)


def draw(step: int = 0, seed: int = 0) -> Draw:
    return Draw(seed, tf.constant(step))


def assert_uniform(values: np.ndarray, bound: float) -> None:
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    assert stats.kstest(values, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


def test_uniform_numbers():
    u = draw().uniform([20000]).numpy()
    assert u.dtype == np.float32 and u.min() >= -1 and u.max() < 1
    assert_uniform(u, 1)
    np.testing.assert_array_equal(draw().uniform([20000], tf.float64), u)


@pytest.mark.slow
def test_numbers_are_functions_of_seed_step_and_stream_alone():
    draws = {
        "itself": draw(),
        "step": draw(step=1),
        "seed": draw(seed=1),
        "largest seed": draw(seed=2**31 - 1),
        "fork": draw().fork(0),
        "other fork": draw().fork(1),
        "fork of a fork": draw().fork(0).fork(1),
        "the other way round": draw().fork(1).fork(0),
    }
    compiled = tf.function(
        lambda seed, step: Draw(seed, step).uniform([1000]), jit_compile=True, autograph=False
    )
    numbers = {name: some.uniform([1000]).numpy() for name, some in draws.items()}
    for name, some in draws.items():
        tf.random.set_seed(1)
        np.testing.assert_array_equal(some.uniform([1000]), numbers[name])
        for other, others in numbers.items():
            if other != name:
                assert abs(np.corrcoef(numbers[name], others)[0, 1]) < 0.15, (name, other)
    for step in (0, 1):
        bits = compiled(0, tf.constant(step))
        np.testing.assert_array_equal(bits, draw(step).uniform([1000]))
    assert compiled.experimental_get_tracing_count() == 1


def parameters(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """M = turn(degrees) [[1, shear], [0, 1]] scale, taken apart."""
    first, second = matrices[:, :, 0], matrices[:, :, 1]
    squares = np.sum(first**2, axis=1)
    return {
        "degrees": np.degrees(np.arctan2(first[:, 1], first[:, 0])),
        "scale": np.sqrt(squares),
        "shear": np.sum(first * second, axis=1) / squares,
        "shift": matrices[:, :, 2],
    }


def test_the_distribution_of_the_maps():
    matrices = EVERYTHING.matrices(4000, draw(), tf.float64).numpy()
    found = parameters(matrices)
    np.testing.assert_allclose(groups.affine_matrices(**found), matrices, atol=1e-12)
    assert_uniform(found["degrees"], 90)
    assert_uniform(np.log(found["scale"]), np.log(1.5))
    assert_uniform(found["shear"], 0.3)
    assert_uniform(found["shift"][:, 0], 2)
    assert_uniform(found["shift"][:, 1], 2)
    every = np.column_stack([*(found[k] for k in ("degrees", "scale", "shear")), found["shift"]])
    assert np.abs(np.corrcoef(every, rowvar=False) - np.eye(5)).max() < 0.06
    # Neither frozen nor the same for all images: 4,000 maps, and others at the next step.
    others = EVERYTHING.matrices(4000, draw(1), tf.float64).numpy()
    assert len(np.unique(np.concatenate([matrices, others]), axis=0)) == 8000


def test_by_default_the_whole_circle_and_nothing_else():
    found = parameters(Transformations().matrices(4000, draw(), tf.float64).numpy())
    assert_uniform(found["degrees"], 180)
    np.testing.assert_allclose(found["scale"], 1, atol=1e-12)
    np.testing.assert_allclose(found["shear"], 0, atol=1e-12)
    np.testing.assert_array_equal(found["shift"], 0)


@pytest.mark.parametrize("width", [1.0, 3.0])
def test_elastic_displacements(width):
    """Of mean 0, the same spread at every pixel, and correlated as smoothed noise a pixel is:
    exp(-distance^2 / (4 width^2))."""
    bent = Transformations(degrees=0, elastic=0.7, elastic_width=width)
    fields = bent.displacements(4000, 9, 13, draw(), tf.float64).numpy()
    assert fields.shape == (4000, 9, 13, 2)
    assert np.abs(fields.mean(axis=0)).max() < 0.06
    np.testing.assert_allclose(np.sqrt(np.mean(fields**2, axis=0)), 0.7, rtol=0.06)
    x, y = fields[..., 0], fields[..., 1]
    distance = np.hypot(*np.meshgrid(np.arange(9) - 4, np.arange(13) - 6, indexing="ij"))
    correlation = np.mean(x * x[:, 4:5, 6:7], axis=0) / 0.49
    np.testing.assert_allclose(correlation, np.exp(-((distance / (2 * width)) ** 2)), atol=0.09)
    assert np.abs(np.mean(x * y[:, 4:5, 6:7], axis=0) / 0.49).max() < 0.09
    np.testing.assert_array_less(np.abs(fields).max(), 0.7 * 6)


def test_images_are_moved_by_these_maps(digits):
    still = Transformations(degrees=90, shift=2, scale=0.5, shear=0.3)
    matrices = still.matrices(len(digits), draw(), tf.float64)
    orbits = groups.affine(matrices).apply(tf.constant(digits)).numpy()
    each = range(len(digits))
    moved = still.apply(tf.constant(digits), draw()).numpy()
    np.testing.assert_allclose(moved, orbits[each, each], atol=1e-12)
    assert np.abs(moved - digits).max() > 0.5


def test_images_are_bent_by_these_fields(digits):
    bent = Transformations(degrees=0, elastic=1.5)
    moved = bent.apply(tf.constant(digits), draw()).numpy()
    fields = bent.displacements(len(digits), 28, 28, draw(), tf.float64).numpy()
    rows, columns = np.meshgrid(np.arange(28), np.arange(28), indexing="ij")
    for image, field, result in zip(digits, fields, moved, strict=True):
        sources = [rows - field[..., 1], columns + field[..., 0]]
        expected = ndimage.map_coordinates(image[..., 0], sources, order=1, mode="grid-constant")
        np.testing.assert_allclose(result[..., 0], expected, atol=1e-12)
    assert np.abs(moved - digits).max() > 0.5


@pytest.mark.slow
def test_eager_and_compiled_images_agree(digits):
    images = tf.constant(digits[:4], tf.float32)
    compiled = tf.function(
        lambda step: EVERYTHING.apply(images, Draw(3, step)), jit_compile=True, autograph=False
    )
    for step in (0, 7):
        eager = EVERYTHING.apply(images, draw(step, seed=3)).numpy()
        np.testing.assert_allclose(compiled(tf.constant(step)), eager, atol=1e-4)
    assert np.abs(compiled(tf.constant(0)) - eager).max() > 0.5
    assert compiled.experimental_get_tracing_count() == 1


class Moment(snt.Module):
    """Two logits: slope times the moments of the image, x to the right and y upwards."""

    def __init__(self, size: int, slope: float):
        super().__init__()
        x = np.arange(size) - (size - 1) / 2
        self.maps = slope * np.stack([np.tile(x, (size, 1)), np.tile(-x[:, None], (1, size))])
        self.modes = []

    def __call__(self, images, is_training):
        self.modes.append(is_training)
        return tf.einsum("bijc,kij->bk", images, tf.constant(self.maps))


@pytest.mark.slow
@pytest.mark.parametrize("samples", [2, 3, 5])
def test_the_variance_of_a_known_function(samples):
    """A bright pixel that is shifted by t: the logits are 3 t, and V = 9 (2^2 / 3) each in x and y.

    Divided by the number of samples, as a variance that is not estimated without bias, it would be
    half to four fifths of that.
    """
    images = np.zeros([3000, 9, 9, 1])
    images[:, 4, 4] = 1
    network = Moment(9, slope=3.0)
    shifts = Transformations(degrees=0, shift=2)
    variance = transformation_variance(network, tf.constant(images), shifts, draw(), samples)
    assert variance.shape == () and network.modes == [False]
    np.testing.assert_allclose(variance, 2 * 9 * 4 / 3, rtol=0.06)


@pytest.mark.slow
def test_two_samples_are_half_the_squared_difference(digits):
    images, network = tf.constant(digits), Moment(28, slope=0.1)
    variance = transformation_variance(network, images, EVERYTHING, draw())
    tiled = EVERYTHING.apply(tf.concat([images, images], axis=0), draw())
    first, second = np.split(network(tiled, is_training=False), 2)
    expected = np.mean(np.sum((first - second) ** 2, axis=1)) / 2
    np.testing.assert_allclose(variance, expected, rtol=1e-12)
    assert expected > 0.1


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("degrees", -1, r"a number in \[0, 180\]"),
        ("degrees", 181, r"a number in \[0, 180\]"),
        ("degrees", "all", r"a number in \[0, 180\]"),
        ("shift", -1, r"a number in \[0, inf\)"),
        ("shift", (1, 2), r"a number in \[0, inf\)"),
        ("scale", float("inf"), r"a number in \[0, inf\)"),
        ("shear", float("nan"), r"a number in \[0, inf\)"),
        ("elastic", True, r"a number in \[0, inf\)"),
        ("elastic_width", 0.5, r"a number in \[1, inf\)"),
    ],
)
def test_bad_transformations(name, value, rule):
    with pytest.raises(ValueError, match=f"^{name} must be {rule}, got "):
        Transformations(**{name: value})


def test_something_must_be_transformed():
    message = "^degrees, shift, scale, shear or elastic must be > 0, got 0 for each of them$"
    with pytest.raises(ValueError, match=message):
        Transformations(degrees=0, elastic_width=2)
