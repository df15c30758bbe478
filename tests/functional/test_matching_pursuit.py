"""Orthogonal matching pursuit: beside scikit-learn's, its derivatives, and what it recovers."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from sklearn.linear_model import orthogonal_mp

from weirdonetworks.functional import orthogonal_matching_pursuit, simultaneous_matching_pursuit

RNG = np.random.default_rng


def _normal(*shape: int, seed: int = 0, complex_: bool = False) -> np.ndarray:
    values = RNG(seed).normal(size=shape)
    return values + 1j * RNG(seed + 99).normal(size=shape) if complex_ else values


def _solved(A: np.ndarray, y: np.ndarray, support) -> np.ndarray:
    """The least squares on the support by LAPACK."""
    x = np.zeros((A.shape[1], *y.shape[1:]), np.result_type(A, y))
    x[np.asarray(support)] = np.linalg.lstsq(A[:, np.asarray(support)], y, rcond=None)[0]
    return x


@pytest.mark.slow
def test_it_takes_what_scikit_learn_takes():
    A, y = _normal(30, 80), _normal(9, 30, seed=1)
    A /= np.linalg.norm(A, axis=0)
    found = orthogonal_matching_pursuit(A, y, 6)
    theirs = orthogonal_mp(A, y.T, n_nonzero_coefs=6).T
    np.testing.assert_allclose(found.coefficients, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("complex_", [False, True])
def test_each_step_by_its_definition(complex_):
    """With columns of very different lengths, which scikit-learn's does not divide by."""
    A = _normal(12, 20, complex_=complex_) * np.geomspace(1e-3, 1e3, 20)
    y = _normal(12, seed=1, complex_=complex_)
    found = orthogonal_matching_pursuit(A, y, 7)
    support, rest = [], y
    for _ in range(7):
        support.append(int(np.argmax(np.abs(A.conj().T @ rest) / np.linalg.norm(A, axis=0))))
        rest = y - A @ _solved(A, y, support)
    assert list(found.support.numpy()) == support
    np.testing.assert_allclose(found.coefficients, _solved(A, y, support), rtol=1e-11)
    np.testing.assert_allclose(found.residual, rest, atol=1e-13)
    chosen = A[:, support] / np.linalg.norm(A[:, support], axis=0)
    assert np.abs(chosen.conj().T @ found.residual.numpy()).max() < 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("complex_", [False, True])
def test_batches_are_their_members(complex_):
    A, y = _normal(2, 3, 8, 10, complex_=complex_), _normal(2, 3, 8, seed=1, complex_=complex_)
    own = orthogonal_matching_pursuit(A, y, 4)
    shared = orthogonal_matching_pursuit(A[0, 0], y, 4)
    assert shared.support.shape == (2, 3, 4) and shared.coefficients.shape == (2, 3, 10)
    for place in np.ndindex(2, 3):
        for found, matrix in ((own, A[place]), (shared, A[0, 0])):
            alone = orthogonal_matching_pursuit(matrix, y[place], 4)
            for batched, one in zip(found, alone, strict=True):
                np.testing.assert_allclose(batched[place], one, rtol=1e-10, atol=1e-13)


@pytest.mark.slow
def test_several_vectors_on_the_same_columns():
    A, y = _normal(15, 30), _normal(15, 4, seed=1)
    found = simultaneous_matching_pursuit(A, y, 5)
    support, rest = [], y
    for _ in range(5):
        rows = np.linalg.norm(A.T @ rest, axis=1) / np.linalg.norm(A, axis=0)
        support.append(int(np.argmax(rows)))
        rest = y - A @ _solved(A, y, support)
    assert list(found.support.numpy()) == support
    np.testing.assert_allclose(found.coefficients, _solved(A, y, support), atol=1e-13)
    turned = np.linalg.qr(_normal(4, 4, seed=2))[0]
    other = simultaneous_matching_pursuit(A, y @ turned, 5)
    np.testing.assert_array_equal(other.support, found.support)
    one = orthogonal_matching_pursuit(A, y[:, 0], 5)
    same = simultaneous_matching_pursuit(A, y[:, :1], 5)
    np.testing.assert_array_equal(same.coefficients[:, 0], one.coefficients)


@pytest.mark.slow
def test_more_accurate_than_the_normal_equations():
    """Integers, so that y = A x holds exactly, of columns that all but agree."""
    A = RNG(0).integers(-(2**20), 2**20, (12, 1)) + RNG(1).integers(-9, 10, (12, 6))
    x = RNG(2).integers(1, 9, 6)
    y = (A @ x).astype(float)
    ours = orthogonal_matching_pursuit(A.astype(float), y, 6).coefficients.numpy()
    theirs = orthogonal_mp(A.astype(float), y, n_nonzero_coefs=6)
    error, other = np.abs(ours - x).max(), np.abs(theirs - x).max()
    assert np.linalg.cond(A) > 1e5 and error < 1e-8 and error < other / 100


@pytest.mark.slow
def test_accurate_where_columns_are_alike():
    """Of 20 problems, against LAPACK on our support: never worse than scikit-learn's on its own."""
    ours, theirs = [], []
    for seed in range(20):
        A = _normal(20, 1, seed=seed) + 1e-4 * _normal(20, 15, seed=seed + 100)
        y = _normal(20, seed=seed + 200)
        found = orthogonal_matching_pursuit(A, y, 8)
        x = _solved(A, y, found.support)
        ours.append(np.abs(found.coefficients - x).max() / np.abs(x).max())
        other = orthogonal_mp(A, y, n_nonzero_coefs=8)
        x = _solved(A, y, np.flatnonzero(other))
        theirs.append(np.abs(other - x).max() / np.abs(x).max())
    assert max(ours) < 1e-9 and np.median(ours) <= np.median(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("complex_", [False, True])
def test_derivatives_are_those_of_the_least_squares(complex_):
    A, y = _normal(9, 14, complex_=complex_), _normal(9, seed=1, complex_=complex_)
    weights = _normal(14 + 9, seed=2, complex_=complex_)

    def loss(A, y):
        found = orthogonal_matching_pursuit(A, y, 4)
        both = tf.concat([found.coefficients, found.residual], 0)
        return tf.reduce_sum(tf.math.real(tf.math.conj(weights) * both)), found.support

    A_, y_ = tf.constant(A), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch([A_, y_])
        value, support = loss(A_, y_)
    gradients = [gradient.numpy() for gradient in tape.gradient(value, [A_, y_])]
    for position, gradient in enumerate(gradients):
        step = 1e-6 * _normal(*gradient.shape, seed=3, complex_=complex_)
        ends = []
        for sign in (1, -1):
            moved = [A, y]
            moved[position] = moved[position] + sign * step
            end, other = loss(*moved)
            assert np.array_equal(support, other)
            ends.append(end.numpy())
        expected = np.sum(np.real(np.conj(gradient) * step))
        assert (ends[0] - ends[1]) / 2 == pytest.approx(expected, rel=1e-5)
    assert set(np.flatnonzero(gradients[0].any(axis=0))) == set(support.numpy())


@pytest.mark.slow
def test_eager_graph_and_xla_agree_for_any_batch():
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-4), ("complex128", 1e-12)):
        A, y = _normal(20, 30).astype(dtype), _normal(5, 20, seed=1).astype(dtype)

        def both(y, A=A):
            with tf.GradientTape() as tape:
                tape.watch(y)
                found = orthogonal_matching_pursuit(A, y, 5)
                loss = tf.reduce_sum(tf.square(tf.abs(found.coefficients)))
            return *found, tape.gradient(loss, y)

        signature = [tf.TensorSpec([None, 20], dtype)]
        graph = tf.function(both, input_signature=signature, autograph=False)
        xla = tf.function(both, jit_compile=True, autograph=False)
        for compiled in (graph, xla):
            for one, other in zip(compiled(tf.constant(y)), both(tf.constant(y)), strict=True):
                np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
                assert np.all(np.isfinite(one))


@pytest.mark.slow
def test_what_is_nothing_more_gets_nothing():
    """y of two columns, a column twice, one of zeros, y = 0; gradients too."""
    A = _normal(8, 5)
    A[:, 3], A[:, 4] = A[:, 0], 0
    for y in (2 * A[:, 0] - A[:, 1], np.zeros(8)):
        y = tf.constant(y)
        with tf.GradientTape() as tape:
            tape.watch(y)
            found = orthogonal_matching_pursuit(A, y, 5)
        assert sorted(found.support.numpy()) == [0, 1, 2, 3, 4]
        x = found.coefficients.numpy()
        np.testing.assert_allclose(A @ x, y, atol=1e-14)
        assert np.abs(found.residual).max() < 1e-14 and x[4] == 0 and x[0] * x[3] == 0
        gradient = tape.jacobian(found.coefficients, y).numpy()
        assert np.all(np.isfinite(gradient)) and np.abs(gradient).max() < 10
    unknown = orthogonal_matching_pursuit(A, np.full(8, np.nan), 4)
    assert np.isnan(unknown.coefficients).any() and np.isnan(unknown.residual).all()
    assert len(set(unknown.support.numpy())) == 4


@pytest.mark.slow
@pytest.mark.parametrize("complex_", [False, True])
def test_derivatives_beside_a_column_that_is_known(complex_):
    """Those of the matrix without it; y is outside of the span of the others."""
    A, y = _normal(8, 4, complex_=complex_), _normal(8, seed=1, complex_=complex_)
    A[:, 3] = A[:, 0]
    weights, slopes, supports = _normal(8, seed=2, complex_=complex_), [], []
    for columns in (4, 3):
        matrix, vector = tf.constant(A[:, :columns]), tf.constant(y)
        with tf.GradientTape() as tape:
            tape.watch([matrix, vector])
            found = orthogonal_matching_pursuit(matrix, vector, columns)
            x = found.coefficients[:3] + ([found.coefficients[3], 0, 0] if columns == 4 else 0)
            both = tf.concat([x, found.residual], 0) * np.append([1, 2, 3], weights)
            loss = tf.reduce_sum(tf.math.real(both))
        slopes.append([slope.numpy() for slope in tape.gradient(loss, [matrix, vector])])
        supports.append(list(found.support.numpy()))
    (matrix, vector), (expected, other) = slopes
    taken, known = sorted((0, 3), key=supports[0].index)
    np.testing.assert_allclose(matrix[:, [taken, 1, 2]], expected, rtol=1e-9)
    np.testing.assert_allclose(vector, other, rtol=1e-9)
    assert np.all(matrix[:, known] == 0) and np.abs(found.residual).max() > 0.1


@pytest.mark.slow
def test_numbers_of_any_size():
    """A and y: products of large or small ones are infinite or 0 in float32."""
    for complex_, dtype in ((False, np.float32), (True, np.complex64)):
        A, x = _normal(20, 40, complex_=complex_), np.zeros(40)
        x[[5, 17, 30]] = 1, -2, 3
        y = A @ x + 1e-3 * _normal(20, seed=1, complex_=complex_)
        expected = orthogonal_matching_pursuit(A, y, 3)
        assert set(expected.support.numpy()) == {5, 17, 30}
        for size, other in ((1e-22, 1e-22), (1e22, 1e22), (1e-30, 1), (1e30, 1), (1, 1e-32),
                            (1, 1e37), (1e37, 1e37), (1e-15, 1e15), (1e18, 1e-18)):  # fmt: skip
            found = orthogonal_matching_pursuit(
                (A * size).astype(dtype), (y * other).astype(dtype), 3
            )
            np.testing.assert_array_equal(found.support, expected.support)
            ratio = size / other
            np.testing.assert_allclose(
                found.coefficients.numpy().astype(complex) * ratio, expected.coefficients, rtol=1e-3
            )
            np.testing.assert_allclose(
                found.residual.numpy().astype(complex) / other, expected.residual, atol=1e-5
            )


def _published(A: np.ndarray, y: np.ndarray, m: int) -> np.ndarray:
    """The supports that Tropp and Gilbert's algorithm finds: |a_i r|, not over |a_i|."""
    support, rest = np.zeros((len(A), 0), int), y
    for _ in range(m):
        place = np.argmax(np.abs(np.einsum("bnd,bn->bd", A, rest)), axis=1)
        support = np.concatenate([support, place[:, None]], axis=1)
        chosen = np.take_along_axis(A, support[:, None], axis=2)
        rest = y - np.einsum("bns,bsk,bk->bn", chosen, np.linalg.pinv(chosen), y, optimize=True)
    return support


def _ours(A: np.ndarray, y: np.ndarray, m: int) -> np.ndarray:
    return orthogonal_matching_pursuit(A, y, m).support.numpy()


def _recovered(
    N: int, m: int, trials: int, pursue=_ours, kind: str = "normal", d: int = 256
) -> int:
    """How many sparse signals of m ones among d are found, each with a matrix of its own."""
    rng, count = RNG([N, m, trials]), 0
    for _ in range(trials // 50):
        A = rng.standard_normal((50, N, d), dtype=np.float32)
        if kind == "signs":
            A = np.sign(A)
        if kind == "coherent":  # neighbours are all but equal: a smooth dictionary
            A = np.cumsum(A, axis=2)
        support = np.argsort(rng.random((50, d)), axis=1)[:, :m]
        x = np.zeros((50, d), np.float32)
        np.put_along_axis(x, support, 1, axis=1)
        found = pursue(A, np.einsum("bnd,bd->bn", A, x), m)
        count += int(np.all(np.sort(found, 1) == np.sort(support, 1), axis=1).sum())
    return count


def _too_few(found: int, trials: int) -> bool:
    """Whether so few are found where the true share is 99 % in one of a thousand tests only."""
    return scipy.stats.binomtest(found, trials, 0.99, alternative="less").pvalue < 1e-3


@pytest.mark.slow
def test_the_published_table_of_99_percent():
    """Tropp and Gilbert 2007, d = 256: numbers of measurements that suffice; half do not."""
    for m, N in ((4, 56), (8, 96), (12, 136), (16, 184), (20, 228)):
        assert not _too_few(_recovered(N, m, 150), 150), (m, N)
    assert not _too_few(_recovered(56, 4, 200, kind="signs"), 200)
    assert _too_few(_recovered(48, 8, 200), 200)


@pytest.mark.slow
def test_the_published_table_of_1024_columns():
    """As much, d = 1024; two thirds of the measurements do not suffice."""
    for m, N in ((5, 80), (10, 140), (15, 210)):
        assert not _too_few(_recovered(N, m, 50, d=1024), 50), (m, N)
    assert _too_few(_recovered(90, 10, 50, d=1024), 50)


@pytest.mark.slow
def test_the_published_curve():
    """How many of 100 their algorithm finds with N measurements; over |a_i|, never fewer."""
    curve = {(4, 24): 33, (4, 32): 72, (4, 40): 89, (4, 48): 95, (12, 80): 59, (12, 100): 86}
    gains = []
    for (m, N), share in curve.items():
        theirs, ours = _recovered(N, m, 300, _published), _recovered(N, m, 300)
        interval = scipy.stats.binomtest(theirs, 300).proportion_ci(0.999)
        assert interval.low < share / 100 < interval.high, (m, N, interval)
        gains.append(ours - theirs)
    assert min(gains) > 0 and gains[0] > 30, gains  # of 300, with 24 measurements


@pytest.mark.slow
def test_a_coherent_dictionary_fails():
    assert _recovered(56, 4, 100, kind="coherent") < 20 < 90 < _recovered(56, 4, 100)


def test_bad_arguments():
    A, y = _normal(8, 10), _normal(3, 8)
    for k in (0, 2.5, None, True):
        with pytest.raises(ValueError, match="^k must be an integer >= 1, got "):
            orthogonal_matching_pursuit(A, y, k)
    for size, k in (((8, 10), 9), ((8, 5), 6)):
        with pytest.raises(ValueError, match=f"^k must be at most the rows .*, got {k}$"):
            orthogonal_matching_pursuit(_normal(*size), y, k)
    with pytest.raises(ValueError, match="^y must be of the type of A, float64, got float32$"):
        orthogonal_matching_pursuit(A, y.astype(np.float32), 2)
    for value in (_normal(8), _normal(8, 0)):
        with pytest.raises(ValueError, match=r"^A must be \[..., n, d\] with static sizes"):
            orthogonal_matching_pursuit(value, y, 2)
    for name, values in (("A", (np.ones((8, 9), int), y)), ("y", (A, np.ones(8, int)))):
        with pytest.raises(ValueError, match=f"^{name} must be float32, .*, got int64$"):
            orthogonal_matching_pursuit(*values, 2)
    for value in (_normal(3, 7), _normal(3, 10)):
        with pytest.raises(ValueError, match=r"^y must be \[..., n\] of A, of shape \(8, 10\), "):
            orthogonal_matching_pursuit(A, value, 2)
    with pytest.raises(ValueError, match=r"^y must be \[..., n\] of A, of shape \(2, 8, 10\), "):
        orthogonal_matching_pursuit(_normal(2, 8, 10), y, 2)
    with pytest.raises(ValueError, match=r"^y must be \[..., n, m\] with static sizes"):
        simultaneous_matching_pursuit(A, y[0], 2)
    with pytest.raises(ValueError, match="^A must be a tensor of a floating or complex type"):
        orthogonal_matching_pursuit([[1.0], [1.0, 2.0]], y, 2)
