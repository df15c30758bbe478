"""Measures of stability against integrals that are known, and against plain numpy."""

import numpy as np
import pytest

import weirdonetworks as wn
from weirdonetworks import groups, stability

COLUMNS = np.arange(21.0)


def dot(column: int = 10) -> np.ndarray:
    """One bright pixel, [1, 5, 21]."""
    image = np.zeros((1, 5, 21))
    image[0, 2, column] = 1
    return image


def column(images) -> np.ndarray:
    """Where the bright pixel is: exact under shifts, whole or not."""
    return np.sum(images * COLUMNS, axis=(1, 2))[:, None]


def curve(function, steps: int) -> tuple[np.ndarray, stability.Family]:
    """Responses [1, S, k] that are a known function of the angle, and their closed family."""
    family = stability.rotation(steps, image_shape=(1, 1))
    return function(np.deg2rad(family.parameters))[None], family


def waves(phases):
    """s -> cos(s + phase) for each phase."""
    return lambda s: np.cos(s[:, None] + np.asarray(phases))


def test_a_position_along_a_shift():
    """f(s) = c + s on [-a, a]: E s^2 = a^2 / 3 + h^2 / 6 by the trapezoid rule, and length 2 a."""
    family = stability.shift_x(17, -4, 4, (5, 21))
    report = stability.measure(column, dot(), family)
    np.testing.assert_allclose(report.responses[0, :, 0], 10 + family.parameters, atol=1e-12)
    h = family.step
    assert h == 0.5
    np.testing.assert_allclose(report.variance.values, 16 / 3 + h**2 / 6)
    np.testing.assert_allclose(report.variance.error, h**2 / 6)  # exact for a square
    np.testing.assert_allclose(report.difference.values, 8)
    np.testing.assert_allclose(report.difference.error, 0, atol=1e-12)
    np.testing.assert_allclose(report.displacement[0], np.abs(family.parameters), atol=1e-12)
    np.testing.assert_allclose([*report.worst.distance, *report.worst.at], [4, -4])
    assert report.instability is None and report.accuracy is None


def test_an_action_counts_its_elements_alike():
    action = groups.translations(1, (5, 21))
    responses = stability.respond(column, dot(), action)
    variance = stability.transformation_variance(responses, action)
    np.testing.assert_allclose(variance.values, 2 / 3)  # of -1, 0, 1, each three times
    assert variance.step is None and variance.error.tolist() == [0]
    worst = stability.worst_case(responses, action)
    assert worst.distance == pytest.approx(1) and worst.at == 1  # (-1, 0) follows the identity


def test_a_blob_on_a_circle():
    """Moments turn with the image: variance r^2, length of the path r integral(|cos| + |sin|)."""
    y, x = np.mgrid[16:-17:-1, -16:17].astype(float)
    radii, angle = np.array([0.0, 3.0, 6.0]), 0.3
    centres = radii[:, None, None] * np.array([np.cos(angle), np.sin(angle)])[:, None, None, None]
    images = np.exp(-((x - centres[0]) ** 2 + (y - centres[1]) ** 2) / 8)

    def moments(images):
        mass = np.sum(images, axis=(1, 2))
        return np.stack([np.sum(images * p, axis=(1, 2)) / mass for p in (x, y)], axis=1)

    report = stability.measure(moments, images, stability.rotation(72, image_shape=(33, 33)))
    np.testing.assert_allclose(report.variance.values, radii**2, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(report.difference.values, 8 * radii, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(report.worst.distance, 2 * radii, rtol=2e-3, atol=1e-6)
    np.testing.assert_array_equal(report.worst.at[1:], 180)


def test_second_order():
    """Waves of many phases: variance k / 2 exactly, difference 4 k with an error like h^2."""
    phases = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    errors = []
    for steps in (18, 36, 72):
        responses, family = curve(waves(phases), steps)
        variance = stability.transformation_variance(responses, family)
        np.testing.assert_allclose(variance.values, 25)
        difference = stability.transformation_difference(responses, family)
        errors.append(difference.values[0] - 4 * 50)
        assert difference.error[0] == pytest.approx(errors[-1], rel=0.2)
        assert difference.step == 360 / steps
    assert errors[0] < errors[1] < errors[2] < 0
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 2, atol=0.2)


@pytest.mark.slow
def test_errors_on_resampled_images(digits):
    """The estimates against a path of 1.25 degrees: between those of second and first order."""
    mlp = wn.create_network("mlp", hidden_sizes=(32,))
    reports = [
        stability.measure(mlp, digits[::2], stability.rotation(steps)).summary()
        for steps in (36, 72, 288)
    ]
    for coarse in reports[:2]:
        difference, variance = (coarse[k] - reports[2][k] for k in ("difference", "variance"))
        assert difference < 0 and 1 < difference / coarse["difference_error"] < 3.5
        assert abs(variance) < 0.03 * coarse["variance"]
    assert abs(reports[1]["difference_error"]) < 0.6 * abs(reports[0]["difference_error"])


def test_the_extrapolation_of_an_open_average_is_better():
    family = stability.rotation(19, 0, 90, (1, 1))
    responses = waves([0.0])(np.deg2rad(family.parameters))[None]
    variance = stability.transformation_variance(responses, family)
    limit = 1 / 2 - (2 / np.pi) ** 2  # of cos on a quarter of the circle
    error = variance.values[0] - limit
    assert abs(error) > 1e-4
    assert variance.error[0] == pytest.approx(error, rel=0.01)


def test_the_circle_is_closed():
    """A step up at the last point and down at the first: the pair that the original left out."""
    responses = np.zeros((1, 8, 1))
    responses[0, -1] = 1
    closed = stability.rotation(8, image_shape=(1, 1))
    assert stability.transformation_difference(responses, closed).values == 2
    # From 0 to 0 over 360 degrees, the path of an open family ends at the last point.
    half = stability.rotation(9, 0, 180, (1, 1))
    responses = np.concatenate([responses[:, :1], responses], axis=1)
    assert stability.transformation_difference(responses, half).values == 1


def test_the_place_on_the_circle_where_it_starts_does_not_matter():
    responses = np.random.default_rng(0).normal(size=(3, 12, 4))
    family = stability.rotation(12, image_shape=(1, 1))
    for name in ("transformation_variance", "transformation_difference"):
        measure = getattr(stability, name)
        expected = measure(responses, family)
        for places in (1, 5):
            rolled = measure(np.roll(responses, places, axis=1), family)
            np.testing.assert_allclose(rolled.values, expected.values)
    opened = np.abs(np.diff(responses, axis=1)).sum(axis=(1, 2))
    assert np.all(stability.transformation_difference(responses, family).values > opened + 0.1)


def test_the_variance_is_no_standard_deviation():
    """Twice as large outputs: four times the variance, twice the difference."""
    responses = np.random.default_rng(0).normal(size=(3, 12, 4))
    family = stability.rotation(12, image_shape=(1, 1))
    variance, twice = (
        stability.transformation_variance(c * responses, family).values for c in (1, 2)
    )
    np.testing.assert_allclose(twice, 4 * variance)
    np.testing.assert_allclose(variance, responses.var(axis=1).sum(axis=1))
    difference, twice = (
        stability.transformation_difference(c * responses, family).values for c in (1, 2)
    )
    np.testing.assert_allclose(twice, 2 * difference)


def test_where_another_class_wins():
    """Class 1 wins where 90 < s < 270, seen at 95, ..., 265; image 1 never changes."""
    family = stability.rotation(72, image_shape=(1, 1))
    cos = np.cos(np.deg2rad(family.parameters))
    responses = np.zeros((3, 72, 2))
    responses[0, :, 0], responses[1, :, 0], responses[2, :, 1] = cos + 1e-9, 1, cos + 1e-9
    labels = [0, 0, 1]
    np.testing.assert_allclose(stability.instability(responses, family), [35 / 72, 0, 35 / 72])
    accuracy = stability.accuracy_curve(responses, labels)
    np.testing.assert_allclose(accuracy, np.where(cos > -1e-10, 1, 1 / 3))
    np.testing.assert_array_equal(stability.always_right(responses, labels), [0, 1, 0])
    np.testing.assert_allclose(stability.mean_by_class([1, 2, 6], [0, 2, 0], 3), [3.5, np.nan, 2])


def test_the_share_of_an_open_range_is_that_of_the_trapezoid_rule():
    family = stability.shift_x(5, -2, 2, (5, 21))
    responses = np.zeros((1, 5, 2))
    responses[0, :, 1] = [1, -1, -1, 1, -1]
    np.testing.assert_allclose(stability.instability(responses, family), 1 / 8 + 1 / 4)


def test_a_summary_holds_the_means():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(105, 3))
    images, labels = rng.uniform(size=(6, 5, 21)), np.array([0, 1, 2, 0, 1, 0])
    family = stability.shift_x(9, -2, 2, (5, 21))
    report = stability.measure(lambda x: x.reshape(-1, 105) @ w, images, family, labels)
    summary = report.summary()
    hits = np.argmax(report.responses, axis=2) == labels[:, None]
    halves = np.array([1, 2, 2, 2, 2, 2, 2, 2, 1]) / 16
    np.testing.assert_array_equal(report.accuracy, hits.mean(axis=0))
    assert 0 < summary["mean_accuracy"] < 1
    assert summary["mean_accuracy"] == pytest.approx(np.sum(hits.mean(axis=0) * halves))
    assert summary["upright_accuracy"] == hits[:, 4].mean()
    assert summary["worst_accuracy"] == hits.mean(axis=0).min()
    assert summary["always_right"] == hits.all(axis=1).mean()
    assert summary["variance"] == report.variance.values.mean()
    assert summary["difference"] == report.difference.values.mean()
    assert summary["difference_error"] == report.difference.error.mean()
    assert summary["worst_distance"] == report.displacement.max(axis=1).mean()
    assert summary["instability"] == report.instability.mean()
    by_class = [report.instability[labels == k].mean() for k in range(3)]
    np.testing.assert_allclose(report.instability_by_class, by_class)
    assert set(stability.measure(column, images, family).summary()) == {
        *("variance", "variance_error", "difference", "difference_error", "worst_distance")
    }


def test_what_is_invariant_does_not_move(digits):
    """The sum of squares under quarter turns, and a synchronous module; an MLP moves."""
    cyclic = groups.cyclic(4)
    quarters = stability.Family("quarters", [0, 90, 180, 270], cyclic, "degrees", closed=True)
    mlp = wn.create_network("mlp", hidden_sizes=(8,))
    synchronous = wn.layers.Synchronous(wn.create_network("mlp", hidden_sizes=(8,)), cyclic)

    def squares(images):
        return np.sum(images**2, axis=(1, 2))

    for function, least, most in ((squares, 0, 1e-9), (synchronous, 0, 1e-9), (mlp, 1e-3, 1e3)):
        summary = stability.measure(function, digits, quarters).summary()
        for name in ("variance", "difference", "worst_distance"):
            assert least <= summary[name] <= most, (function, name)
    assert summary["instability"] > 0.1


R = np.zeros((2, 4, 3))
CIRCLE = stability.rotation(4, image_shape=(1, 1))
NO_IDENTITY = stability.rotation(3, 10, 30, (1, 1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: stability.transformation_difference(R, groups.cyclic(4)),
            r"family must be a Family, whose maps follow one another \(an action's elements have n",
        ),
        (
            lambda: stability.measure(column, dot(), groups.cyclic(4)),
            r"family must be a Family such as stability.rotation\(\), got <ImageAction cyclic4",
        ),
        (
            lambda: stability.transformation_variance(R, "cyclic4"),
            "action must be an ImageAction or a Family, got 'cyclic4'",
        ),
        (
            lambda: stability.transformation_variance(R[:, :3], CIRCLE),
            r"responses must be \[n, 4, k\] with n, k >= 1, got shape \(2, 3, 3\)",
        ),
        (
            lambda: stability.transformation_difference(R[0], CIRCLE),
            r"responses must be \[n, 4, k\] with n, k >= 1, got shape \(4, 3\)",
        ),
        (lambda: stability.displacement(R[:0], CIRCLE), r"got shape \(0, 4, 3\)"),
        (
            lambda: stability.worst_case(R * np.nan, CIRCLE),
            "responses must be finite, got NaN or infinity",
        ),
        (
            lambda: stability.displacement(R[:, :3], NO_IDENTITY),
            "the maps must hold the identity, .* got <Family rotation: 3 steps from 10 to 30, open",
        ),
        (
            lambda: stability.instability(R, groups.rotations([10, 20, 30, 40], (1, 1))),
            "the maps must hold the identity, .* got <ImageAction rotations",
        ),
        (
            lambda: stability.measure(column, dot(), stability.rotation(3, 10, 30)),
            "the maps must hold the identity, from which the output moves",
        ),
        (
            lambda: stability.instability(R[:, :, :1], CIRCLE),
            r"responses must be of at least 2 classes, got shape \(2, 4, 1\)",
        ),
        (
            lambda: stability.accuracy_curve(R[:, :, :1], [0, 0]),
            r"responses must be of at least 2 classes, got shape \(2, 4, 1\)",
        ),
        (lambda: stability.accuracy_curve(R, [0]), r"labels must be integers \[2\], got int64 \(1"),
        (
            lambda: stability.always_right(R, [0.0, 1.0]),
            r"labels must be integers \[2\], got float",
        ),
        (lambda: stability.always_right(R, [0, 3]), r"labels must be in \[0, 3\), got 0 to 3"),
        (
            lambda: stability.mean_by_class([1, 2], [-1, 0], 3),
            r"labels must be in \[0, 3\), got -1",
        ),
        (
            lambda: stability.mean_by_class([], [], 3),
            r"values must be \[n\] with n >= 1, got shape",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_average_needs_no_identity():
    responses = np.zeros((1, 3, 1))
    assert stability.transformation_variance(responses, NO_IDENTITY).values == 0
