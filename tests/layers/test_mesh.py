"""MeshDense: unitary to rounding, any unitary decomposed and rebuilt, a device with its errors."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import mesh_phases
from weirdonetworks.layers import MeshDense

SIZES = (1, 2, 3, 8, 9)  # even and odd


def _haar(n: int, rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    return q * (np.diag(r) / np.abs(np.diag(r)))


def _complex(parts) -> np.ndarray:
    return np.array(parts)[..., 0] + 1j * np.array(parts)[..., 1]


def _built(n: int, dtype: str = "float64", **kwargs) -> MeshDense:
    mesh = MeshDense(**kwargs)
    mesh(tf.zeros([1, n, 2], dtype))
    return mesh


def _one_by_one(mesh: MeshDense) -> np.ndarray:
    """The product of N x N matrices, each of one interferometer, in NumPy."""
    n = mesh.alpha.shape[0]
    angles = iter(zip(mesh.theta.numpy(), mesh.phi.numpy(), strict=True))
    u = np.eye(n, dtype=complex)
    for column in range(n):
        for m in range(column % 2, n - 1, 2):
            theta, phi = next(angles)
            turn = np.diag([np.exp(1j * phi), 1])
            one = np.eye(n, dtype=complex)
            c, s = np.cos(theta), np.sin(theta)
            one[m : m + 2, m : m + 2] = np.array([[c, -s], [s, c]]) @ turn
            u = one @ u
    assert not list(angles)
    return np.diag(np.exp(1j * mesh.alpha.numpy())) @ u


@pytest.mark.slow
def test_it_is_the_product_of_its_interferometers_and_unitary_to_rounding():
    rng = np.random.default_rng(0)
    for n in SIZES:
        mesh, x = _built(n), rng.normal(size=(5, n, 2))
        assert mesh.theta.shape == mesh.phi.shape == n * (n - 1) // 2
        u = _complex(mesh.matrix)
        np.testing.assert_allclose(u, _one_by_one(mesh), atol=1e-14)
        np.testing.assert_allclose(u @ u.conj().T, np.eye(n), atol=1e-14)
        y = mesh(x)
        np.testing.assert_allclose(_complex(y), _complex(x) @ u.T, atol=1e-13)
        np.testing.assert_allclose(np.sum(y**2, (1, 2)), np.sum(x**2, (1, 2)), rtol=1e-13)
        mesh.theta.assign(5 * mesh.theta + 1)  # power is conserved by all angles
        np.testing.assert_allclose(np.sum(mesh(x) ** 2, (1, 2)), np.sum(x**2, (1, 2)), rtol=1e-13)


@pytest.mark.slow
def test_a_large_mesh_is_no_larger_graph():
    sizes = [helpers.nodes_of_gradient(_built(n), [None, n, 2]) for n in (6, 40)]
    assert sizes[1] < 1.05 * sizes[0]


@pytest.mark.slow
def test_any_unitary_is_decomposed_and_rebuilt():
    rng = np.random.default_rng(1)
    for n in SIZES:
        shift = np.roll(np.eye(n), 1, axis=0)  # entries that are 0 from the start
        fourier = np.fft.fft(np.eye(n)) / np.sqrt(n)
        for u in (_haar(n, rng), np.eye(n), shift, -shift, fourier):
            mesh = _built(n)
            mesh.assign(u)
            np.testing.assert_allclose(_complex(mesh.matrix), u, rtol=0, atol=1e-12)
            assert np.all((mesh.theta >= 0) & (mesh.theta <= np.pi / 2 + 1e-15))
        if n > 1:
            mesh.theta.assign(mesh.theta + 1e-6)
            assert np.abs(_complex(mesh.matrix) - u).max() > 1e-8


@pytest.mark.slow
def test_the_start_prefers_no_unitary():
    """Of Haar's measure: E |U_ij|^2 = 1 / N, E |U_ij|^4 = 2 / (N (N + 1)); uniform angles fail."""
    n, times = 5, 25
    tf.random.set_seed(0)

    def moments(spoil: bool) -> np.ndarray:
        found = []
        for _ in range(times):
            mesh = _built(n, "float32")
            if spoil:
                mesh.theta.assign(tf.random.uniform(mesh.theta.shape, 0, np.pi / 2))
            power = np.abs(_complex(mesh.matrix)) ** 2
            found.append([power.mean(0)[0], power[0, 0], power[0, -1], np.mean(power**2)])
        return np.mean(found, axis=0) * [n, n, n, n * (n + 1) / 2]

    error = 4 * np.sqrt((n - 1) / (n + 1) / times)  # 4 standard errors of n |U_ij|^2
    found, spoiled = moments(False), moments(True)
    np.testing.assert_allclose(found[1:3], 1, atol=error)
    assert found[3] == pytest.approx(1, abs=0.1)
    assert abs(spoiled[3] - 1) > 0.15


@pytest.mark.slow
def test_angles_of_haar_unitaries_are_those_of_the_start():
    """The start's law of each interferometer, by decomposing unitaries that are drawn by QR."""
    rng = np.random.default_rng(0)
    for n in (4, 5):
        drawn = np.sin([mesh_phases(_haar(n, rng)).theta for _ in range(100)]) ** 2
        begun = []
        for _ in range(100):
            mesh = MeshDense()
            mesh._initialize(tf.zeros([1, n, 2]))
            begun.append(np.sin(mesh.theta) ** 2)
        spread = np.std(drawn, axis=0) + np.std(begun, axis=0)
        assert np.all(np.abs(np.mean(drawn, 0) - np.mean(begun, 0)) < 4 * spread / 100**0.5)
        assert np.ptp(np.mean(drawn, 0)) > 0.15  # places differ


@pytest.mark.slow
def test_a_device_has_errors_of_its_own():
    rng = np.random.default_rng(0)
    u, x = _haar(5, rng), rng.normal(size=(4, 5, 2))
    devices = [_built(5, phase_noise=0.05, seed=seed) for seed in (0, 0, 1)]
    for mesh in devices:
        mesh.assign(u)
    first, same, other = (_complex(mesh.matrix) for mesh in devices)
    np.testing.assert_array_equal(first, same)
    np.testing.assert_allclose(first @ first.conj().T, np.eye(5), atol=1e-14)
    np.testing.assert_array_equal(devices[0](x), devices[0](x))
    assert np.abs(first - other).max() > 0.01 and 0.01 < np.abs(first - u).max() < 0.5
    # A device without errors whose angles are those of one with them.
    for name, angles in devices[2].phases._asdict().items():
        getattr(devices[0], name).assign(angles)
    devices[0].phase_noise = 0.0
    np.testing.assert_array_equal(devices[0].matrix, devices[2].matrix)
    # To first order, the distance grows as the noise.
    distances = []
    for noise in (1e-4, 2e-4):
        mesh = _built(5, phase_noise=noise)
        mesh.assign(u)
        distances.append(np.abs(_complex(mesh.matrix) - u).max())
    assert distances[1] / distances[0] == pytest.approx(2, rel=1e-2)


@pytest.mark.parametrize(
    ("unitary", "message"),
    [
        (np.ones((3, 3)), "^unitary must be a matrix U with U U.H = 1 to 1e-6, got one that is"),
        (np.eye(3)[:2], r"^unitary must be \[n, n\] with n >= 1, got shape \(2, 3\)$"),
        ("abc", r"^unitary must be numbers \[n, n\], got str$"),
        (np.full((2, 2), np.nan), "^unitary must be a matrix U .* got one that is nan off$"),
        (np.eye(4), r"^unitary must be \[3, 3\], as inputs have 3 modes, got 4$"),
    ],
)
def test_what_is_no_unitary(unitary, message):
    with pytest.raises(ValueError, match=message):
        _built(3).assign(unitary)


def test_real_inputs_and_too_early_questions():
    with pytest.raises(
        ValueError, match=r"^MeshDense inputs must be \[batch, in, 2\] .* \(4, 5\)$"
    ):
        MeshDense()(np.ones((4, 5)))
    with pytest.raises(ValueError, match="^MeshDense must be called before it has a matrix"):
        _ = MeshDense().matrix
    with pytest.raises(ValueError, match="^MeshDense must be called before it has phases"):
        _ = MeshDense().phases
    with pytest.raises(ValueError, match="^MeshDense must be called before it has angles"):
        MeshDense().assign(np.eye(2))
