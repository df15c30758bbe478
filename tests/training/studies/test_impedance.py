"""Impedance tomography: its physics by three computations, direct sampling, models, a trial."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import tensorflow as tf

from training.experiments import CHOICE_SEED, runner
from training.studies.impedance import data, direct, disc, models
from training.studies.impedance import trial as one
from training.studies.impedance.__main__ import STUDY
from training.studies.impedance.report import report
from training.studies.impedance.trial import SHADES, SHOWN, iou, relative_error

PLACES = np.arange(len(data.points()))
CASES = [
    (0.0, 0.5, 4.0),
    (0.3 + 0.4j, 0.3, 0.1),
    (-0.6j, 0.2, 10.0),
]  # centre, radius, conductivity


def inclusions(*cases):
    centre, radius, conductivity = zip(*cases, strict=True)
    return disc.Inclusions(np.array(centre, complex), np.array(radius), np.array(conductivity))


def finite_volumes(case, rings):
    """u at the boundary of a polar grid, [PATTERNS, angles], of mean 0: fluxes between cells.

    Between two centres, resistances along the line add up.
    """
    angles, h = 4 * rings, 1 / rings
    step = 2 * np.pi / angles
    radii, theta = (np.arange(rings) + 0.5) * h, np.arange(angles) * step
    cells = np.arange(rings * angles).reshape(rings, angles)

    def resistance(points):  # mean of 1 / sigma over the last axis
        inside = np.abs(points - case[0]) < case[1]
        return np.where(inside, 1 / case[2], 1.0).mean(axis=-1)

    parts = (np.arange(16) + 0.5) / 16
    outwards = (radii[:-1, None] + h * parts)[:, None, :] * np.exp(1j * theta)[None, :, None]
    around = radii[:, None, None] * np.exp(1j * (theta[:, None] + step * parts))[None]
    faces = (radii[:-1, None] + h / 2) * step / h
    links = [
        (cells[:-1], cells[1:], faces / resistance(outwards)),
        (cells, np.roll(cells, -1, axis=1), h / (radii[:, None] * step) / resistance(around)),
    ]
    matrix = scipy.sparse.lil_matrix((cells.size, cells.size)).tocsr()
    for cell, other, weight in links:
        i, j, w = cell.ravel(), other.ravel(), np.broadcast_to(weight, cell.shape).ravel()
        rows, columns = np.r_[i, j, i, j], np.r_[i, j, j, i]
        matrix += scipy.sparse.csr_matrix((np.r_[w, w, -w, -w], (rows, columns)), matrix.shape)
    currents = np.array([f(n * theta) for n in disc.ORDERS for f in (np.cos, np.sin)])
    sources = np.zeros([cells.size, len(currents)])
    sources[cells[-1]] = currents.T * step
    # The first cell is grounded: only differences of voltages count.
    u = np.zeros_like(sources)
    u[1:] = scipy.sparse.linalg.splu(matrix[1:, 1:].tocsc()).solve(sources[1:])
    u = u[cells[-1]].T + currents * h / 2
    return u - u.mean(axis=1, keepdims=True)


@pytest.mark.slow
def test_finite_volumes_come_nearer_as_the_grid_gets_finer():
    """Of concentric and eccentric inclusions; not of one that is elsewhere."""
    for case in CASES:
        errors, wrong = [], []
        for rings in (16, 32, 64):
            places = disc.electrodes(4 * rings)
            found = finite_volumes(case, rings) - finite_volumes((0.0, 0.0, 1.0), rings)
            exact = disc.differences(inclusions(case), places)[0]
            moved = disc.differences(inclusions((case[0] + 0.1, *case[1:])), places)[0]
            errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
            wrong.append(np.linalg.norm(found - moved) / np.linalg.norm(exact))
        assert errors[2] < errors[1] < errors[0] and errors[2] < 0.03
        assert wrong[2] > 0.1


def test_of_a_concentric_inclusion_the_voltages_are_currents_over_eigenvalues():
    radius, s = 0.5, 4.0
    angle = np.angle(disc.electrodes())
    found = disc.differences(inclusions((0.0, radius, s)))[0]
    for n, voltages in zip(disc.ORDERS, found.reshape(2, 2, -1), strict=True):
        share = 1 / disc.eigenvalues(n, radius, s) - 1 / n
        expected = share * np.array([np.cos(n * angle), np.sin(n * angle)])
        np.testing.assert_allclose(voltages, expected, atol=1e-14)
    np.testing.assert_array_equal(disc.eigenvalues(np.arange(1, 4), 0.5, 1.0), [1, 2, 3])


def test_the_voltages_are_a_sum_over_mirror_images():
    """tau_k as a geometric series: u - u_0 is 2 sum_m (-mu)^m Re (phi(r^2m z)^n - a^n) / n."""
    drawn = data.draw(np.random.default_rng(0), 50)
    a, r = (value[:, None] for value in disc.concentric(drawn.centre, drawn.radius))
    mu = ((drawn.conductivity - 1) / (drawn.conductivity + 1))[:, None]
    z, expected = disc.moebius(-a, disc.electrodes()), []
    for n in disc.ORDERS:
        images = [
            (-mu) ** m * (disc.moebius(a, r ** (2 * m) * z) ** n - a**n) for m in range(1, 50)
        ]
        total = 2 * np.sum(images, axis=0) / n
        expected += [total.real, total.imag]
    expected = np.stack(expected, axis=1)
    expected -= expected.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(disc.differences(drawn), expected, rtol=0, atol=1e-13)


def test_moebius_maps_the_concentric_disc_onto_the_inclusion():
    for centre, radius, _ in CASES:
        a, r = disc.concentric(centre, radius)
        circle = disc.moebius(a, r * disc.electrodes())
        np.testing.assert_allclose(np.abs(circle - centre), radius, rtol=1e-13)
        np.testing.assert_allclose(np.abs(disc.moebius(a, disc.electrodes())), 1, rtol=1e-13)
        np.testing.assert_allclose(disc.moebius(-a, circle), r * disc.electrodes(), atol=1e-14)


@pytest.mark.parametrize(("centre", "radius"), [(0.5, 0.5), (0.0, 0.0), (0.9j, 0.2), (0.0, np.nan)])
def test_inclusions_that_are_not_inside(centre, radius):
    with pytest.raises(ValueError, match=r"^inclusions must have a radius > 0 and .* got centre"):
        disc.concentric(centre, radius)


def test_draws():
    drawn = data.draw(np.random.default_rng(1), 5000)
    assert (np.abs(drawn.centre) + drawn.radius <= data.REACH).all()
    assert data.RADII[0] <= drawn.radius.min() and drawn.radius.max() <= data.RADII[1]
    contrast = np.maximum(drawn.conductivity, 1 / drawn.conductivity)
    assert data.CONTRASTS[0] <= contrast.min() and contrast.max() <= data.CONTRASTS[1]
    assert (drawn.conductivity > 1).mean() == pytest.approx(0.5, abs=0.03)


def test_splits_hold_other_inclusions_and_noise_only_noise():
    clean, noisy = (data.split(3, data.TEST, 200, noise) for noise in (0.0, 0.05))
    np.testing.assert_array_equal(clean.images, noisy.images)
    expected = 0.05 * np.sqrt(np.mean([1 / 2, 1 / 2, 1 / 8, 1 / 8]))
    assert (noisy.voltages - clean.voltages).std() == pytest.approx(expected, rel=0.02)
    others = [data.split(3, data.TRAINING, 200), data.split(3, data.VALIDATION, 200)]
    for other in [*others, data.split(4, data.TEST, 200)]:
        assert not np.intersect1d(other.inclusions.radius, clean.inclusions.radius).size
    centre, radius, _ = (value[7] for value in clean.inclusions)
    inside = [abs(point - centre) < radius for point in data.points()]
    np.testing.assert_array_equal(clean.images[7], inside)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_direct_sampling_is_attention_without_softmax(gamma, monkeypatch):
    voltages = data.split(5, data.TEST, 6, 0.05).voltages.astype(np.float64)
    expected = direct.index(voltages, data.points(), gamma)
    network = models.DirectSampling(gamma)
    found = network.index(tf.constant(voltages), PLACES).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert (found <= 1 + 1e-12).all()
    monkeypatch.setattr(models, "linear_attention", models.softmax_attention)
    other = network.index(tf.constant(voltages), PLACES).numpy()
    assert np.abs(other - expected).max() > 0.1


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_the_index_is_that_of_dipoles(gamma):
    """Dipoles as they are written in space, their Laplacian by a Fourier transform of 4,096 points.

    Points near the edge, whose dipoles have harmonics that the electrodes do not tell apart, are
    left out.
    """
    voltages = disc.differences(inclusions(*CASES))
    points = data.points()[np.abs(data.points()) < 0.3]
    fine = disc.electrodes(4096)
    order = np.abs(np.fft.fftfreq(4096, 1 / 4096))
    parts = []
    for x, directions in zip(points, direct.gradients(points).T, strict=True):
        distance = fine - x
        dipoles = np.real(np.conj(distance) * directions[:, None]) / (np.pi * np.abs(distance) ** 2)
        smoothed = (
            np.fft.ifft(order ** (2 * gamma) * np.fft.fft(dipoles)).real if gamma else dipoles
        )
        smoothed -= smoothed.mean(axis=-1, keepdims=True)
        norm = np.sqrt(2 * np.pi * np.mean(smoothed**2, axis=-1).sum())
        at_electrodes = smoothed[:, :: 4096 // disc.ELECTRODES]
        product = 2 * np.pi * np.mean(at_electrodes * voltages, axis=-1).sum(axis=-1)
        size = np.sqrt(2 * np.pi * np.mean(voltages**2, axis=-1).sum(axis=-1))
        parts.append(np.abs(product) / (norm * size))
    found = direct.index(voltages, points, gamma)
    np.testing.assert_allclose(found, np.stack(parts, axis=-1), atol=1e-6)


def test_the_index_of_a_small_inclusion_is_one_there():
    """Where the electrodes tell its harmonics apart."""
    points = data.points()
    for place in np.flatnonzero(np.abs(points) < 0.7)[::60]:
        for s in (0.1, 10.0):
            voltages = disc.differences(inclusions((points[place], 0.01, s)))
            index = direct.index(voltages, points, 0.0)[0]
            assert index[place] > 0.999 and index.argmax() == place
            assert np.median(index) < 0.9


def test_kinds_of_attention():
    q, k, v = (
        tf.random.stateless_normal([2, 3, n, 4], [n, 0], dtype=tf.float64) for n in (5, 7, 7)
    )
    product = tf.matmul(tf.matmul(q, k, transpose_b=True), v) / 7
    np.testing.assert_allclose(models.linear_attention(q, k, v), product, atol=1e-14)
    weights = np.exp(np.einsum("...qd,...kd->...qk", q, k) / 2)
    expected = weights / weights.sum(axis=-1, keepdims=True) @ v.numpy()
    np.testing.assert_allclose(models.softmax_attention(q, k, v), expected, atol=1e-14)
    once, twice = (models.galerkin_attention(q, scale * k + 1, v) for scale in (1, 2))
    np.testing.assert_allclose(once, twice, atol=1e-3)
    assert np.abs(models.linear_attention(q, k, v) - once).max() > 0.1


@pytest.mark.slow
def test_models_have_equal_numbers_and_answer_for_the_places_asked():
    voltages = tf.constant(data.split(0, data.TEST, 3).voltages)
    numbers = {}
    for name, make in models.MODELS.items():
        tf.random.set_seed(1)
        network = make()
        with tf.GradientTape() as tape:
            all_of_them = network(voltages, PLACES)
            loss = tf.reduce_sum(all_of_them**2)
        assert all_of_them.shape == [3, len(PLACES)]
        some = [5, 300, 7]
        np.testing.assert_allclose(
            network(voltages, some), tf.gather(all_of_them, some, axis=1), atol=1e-4
        )
        gradients = tape.gradient(loss, network.trainable_variables)
        assert all(np.isfinite(g).all() for g in map(tf.convert_to_tensor, gradients))
        numbers[name] = sum(np.prod(v.shape) for v in network.trainable_variables)
    equal = [numbers[name] for name in ("softmax", "linear", "galerkin", "dense")]
    assert max(equal) <= 1.03 * min(equal)
    assert numbers["direct sampling"] == 2 and numbers["large dense"] > 10 * max(equal)


def test_scores():
    found = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], bool)
    truth = np.array([[0, 1, 1, 0], [1, 1, 0, 0]], bool)
    np.testing.assert_allclose(iou(found, truth), [1 / 3, 0])
    np.testing.assert_allclose(relative_error(0.5 * truth, truth), [0.5, 0.5])


def test_the_axis_is_the_models():
    assert list(STUDY.axes["method"]) == list(models.MODELS)


@pytest.mark.slow
def test_direct_sampling_finds_inclusions_and_a_constant_does_not(tmp_path):
    axes = {"method": ["constant", "direct sampling"], "noise": [0.01]}
    settings = {"steps": 200, "samples": 500}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[7], settings=settings, workers=0)
    constant, sampled = found["runs"].to_dict("records")
    assert sampled["test_iou"] > 0.6 > 0.3 > constant["test_iou"]
    assert sampled["test_error"] < 0.8 < constant["test_error"]
    choices = found["choices"]
    assert set(choices["seed"]) == {CHOICE_SEED} and "test_iou" not in choices
    transfer = found["transfer"].set_index(["method", "tested_noise"])["test_iou"]
    assert transfer["direct sampling", 0.01] == sampled["test_iou"]
    assert transfer["direct sampling", 0.05] < sampled["test_iou"] - 0.1
    assert transfer["constant", 0.0] == transfer["constant", 0.05]
    kept = found["images"]
    assert len(kept) == 2 * SHOWN and set("".join(kept["points"])) <= set(SHADES)
    truth = data.split(7, data.TEST, 300).images[0]
    shades = np.array([SHADES.index(letter) for letter in kept["points"][SHOWN]])
    assert shades[truth].mean() > 2 * shades[~truth].mean()
    tables = report(found).tables
    assert tables["found"]["IoU %, noise 1%"][1] == f"{100 * sampled['test_iou']:.1f}"
    assert list(tables) == ["found", "transfer", "verdicts"]
    (figure,) = report(found).figures.values()
    assert len(figure.axes) == SHOWN * 3


@pytest.mark.slow
def test_what_chooses_a_rate_sees_no_test_data_and_no_numbers_are_no_images(monkeypatch):
    asked = []

    def split(seed, stream, *rest):
        asked.append(stream)
        return data.split(seed, stream, *rest)

    def try_seed(seed):
        return one.trial({"method": "constant", "noise": 0.01}, seed, 0.1, steps=2, samples=10)

    monkeypatch.setattr(one, "_split", split)
    assert list(try_seed(CHOICE_SEED)) == ["runs"]
    assert data.VALIDATION in asked and data.TEST not in asked
    assert list(try_seed(0)) == ["runs", "transfer", "images"] and data.TEST in asked
    monkeypatch.setattr(one, "images", lambda *_: np.full([1, 1], np.nan))
    with pytest.raises(FloatingPointError, match="no numbers"):
        try_seed(0)
