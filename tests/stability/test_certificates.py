"""Certificates: what they prove is never exceeded, and not empty."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups, layers, nets
from weirdonetworks.functional import ACTIVATIONS, POOLINGS
from weirdonetworks.stability import certify, certify_rotations, lipschitz, rotation_grid
from weirdonetworks.stability.certificate import Certificate
from weirdonetworks.stability.chords import Cells, follow

SHAPE = (8, 8)
CYCLIC4 = groups.cyclic(4, SHAPE)
CYCLIC8 = groups.cyclic(8, SHAPE)
ANGLES = groups.rotations([0, 10, 33, 222], SHAPE)


def _images(n: int, *shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=[n, *(shape or SHAPE)]).astype(dtype)


def _net(net: snt.Module, dtype: str = "float64") -> snt.Module:
    net(tf.constant(_images(1, dtype=dtype)))
    helpers.randomise_zeros(net)
    return net


def _synchronous(dtype: str = "float64", **kwargs) -> snt.Module:
    kwargs = {"lift_sizes": (9, 7), "head_sizes": (5,), "group": CYCLIC8, **kwargs}
    return _net(nets.SynchronousMLP(4, **kwargs), dtype)


def _linear() -> snt.Module:
    return _net(snt.Sequential([snt.Flatten(), snt.Linear(64), snt.Linear(2)]))


NETS = {
    "mean": lambda: _synchronous(),
    "max": lambda: _synchronous(pooling="max", activation="relu"),
    "logsumexp": lambda: _synchronous(pooling="logsumexp", head_sizes=None),
    "sorted": lambda: _synchronous(pooling="sorted", lift_sizes=(5,), activation="silu"),
    "mixed": lambda: _synchronous(mix_sizes=(6,), head_sizes=None),
    "any": lambda: _net(layers.Synchronous(nets.MLP(4, (9,)), CYCLIC8)),
    "mlp": lambda: _net(nets.MLP(4, (9,))),
    "linear": _linear,
}


class _Leaky(snt.Module):
    """An invariant network with a defect of a given size."""

    def __init__(self, size: float):
        super().__init__()
        self.invariant, self.other = _synchronous("float32"), _net(nets.MLP(4, (5,)), "float32")
        self.size = size

    def __call__(self, images):
        return self.invariant(images) + self.size * self.other(images)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pooling", ["mean", "sorted", "moments"])
def test_what_is_left_of_an_invariant_network_is_rounding(pooling, dtype):
    net = _synchronous(dtype, group=CYCLIC4, pooling=pooling, mix_sizes=(6,))
    before = [v.numpy() for v in net.variables]
    certificate = certify(net, _images(5, dtype=dtype), CYCLIC4)
    assert certificate.exact and certificate.is_rounding and certificate.bound is None
    assert 1e-9 < certificate.residual32 < 1e-5
    assert 0 <= certificate.residual64 < 1e-14
    assert certificate.measured.shape == (5, 4)
    assert "invariant up to rounding" in str(certificate)
    # The network itself is left as it was.
    assert all(np.array_equal(a, b) for a, b in zip(before, net.variables, strict=True))
    assert net.lift.input_dtype.name == net(_images(1, dtype=dtype)).dtype.name == dtype


@pytest.mark.slow
def test_quarter_turns_are_exact_for_finer_groups():
    assert certify(_synchronous(), _images(3), CYCLIC4).is_rounding


@pytest.mark.slow
@pytest.mark.parametrize("make", [NETS["mlp"], lambda: _synchronous(pooling="concat")])
def test_the_verdict_on_networks_that_are_not_invariant(make):
    certificate = certify(make(), _images(5), CYCLIC4)
    assert certificate.exact and certificate.is_rounding is False
    np.testing.assert_allclose(certificate.residual32, certificate.residual64, rtol=1e-3)
    assert "invariant NOT" in str(certificate)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "is_rounding"), [(0.0, True), (1e-9, False), (1e-6, False)])
def test_small_defects_are_told_from_rounding(size, is_rounding):
    net = _Leaky(size)
    certificate = certify(net, _images(5, dtype="float32"), CYCLIC4)
    # In single precision, one in a million cannot be seen.
    assert certificate.residual32 < 1e-5
    assert certificate.is_rounding is is_rounding


def _measure(net, images, action) -> np.ndarray:
    outputs = np.asarray(net(tf.constant(images)))
    turned = action.apply(images)
    together = tf.reshape(turned, [-1, *turned.shape[2:]])
    moved = np.reshape(net(together), [*turned.shape[:2], -1]) - outputs[:, None]
    return np.linalg.norm(moved, axis=2)


def _search(net, images, action, k: int, steps: int = 25) -> np.ndarray:
    """Images found by gradient ascent on |F(hx) - F(x)| / |first(hx)_g - first(x)_gk|."""
    parts = lipschitz.chain(net)
    order = np.arange(1) if parts.group is None else parts.group.table[:, k]
    x = tf.Variable(images)
    optimizer = snt.optimizers.Adam(0.1)

    @tf.function(autograph=False)
    def ascend():
        with tf.GradientTape() as tape:
            turned = action.apply(x)[:, 0]
            moved = tf.reduce_sum(tf.square(net(turned) - net(x)), axis=1)
            first = parts.first(turned) - tf.gather(parts.first(x), order, axis=1)
            loss = tf.math.log(tf.reduce_sum(tf.square(first), axis=[1, 2])) - tf.math.log(moved)
        optimizer.apply(tape.gradient(loss, [x]), [x])

    for _ in range(steps):
        ascend()
    return x.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_no_image_moves_further_than_the_bound(name):
    net = NETS[name]()
    random = certify(net, _images(1000), ANGLES)
    assert random.bound.shape == random.measured.shape == random.mismatch.shape == (1000, 4)
    assert np.all(random.measured <= random.bound)
    np.testing.assert_allclose(random.measured[:3], _measure(net, _images(3), ANGLES), atol=1e-12)
    # Where the transformation is in the group, next to nothing is left.
    assert random.bound[:, 0].max() < 1e-9
    h = 2
    action = groups.rotations([33], SHAPE)
    images = _search(net, _images(200, seed=1), action, k=int(random.nearest[0, h]))
    searched = certify(net, images, action)
    assert np.all(searched.measured <= searched.bound)
    assert searched.tightness.max() > random.tightness.max()
    assert searched.tightness.max() > (0.85 if name == "linear" else 0.08)


@pytest.mark.slow
def test_half_of_the_constant_is_no_bound(monkeypatch):
    norm = lipschitz.spectral_norm
    monkeypatch.setattr(lipschitz, "spectral_norm", lambda matrix: norm(matrix) / 2)
    net, action = _linear(), groups.rotations([33], SHAPE)
    certificate = certify(net, _search(net, _images(50), action, k=0), action)
    assert np.any(certificate.measured > certificate.bound)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_the_bound_in_numpy(pooling):
    images = _images(3)
    net = _synchronous(pooling=pooling)
    certificate = certify(net, images, ANGLES)
    w = np.asarray(net.lift.w)
    constant = 1.1289041451851548**3  # that of the GELU
    for linear in (*net.layers, *net.head.layers):
        constant *= np.linalg.svd(linear.w)[1][0]
    lift = lambda x: np.asarray(CYCLIC8.apply(x)).reshape(len(x), 8, -1) @ w  # noqa: E731
    for h in range(ANGLES.size):
        turned = ANGLES.apply(images)[:, h]
        bounds = []
        for k in range(8):
            # g turns by 45 g degrees, so that g k turns by 45 (g + k).
            d = np.linalg.norm(lift(turned) - np.roll(lift(images), -k, axis=1), axis=2)
            total = d.mean(axis=1) if pooling == "mean" else np.sqrt(np.square(d).sum(axis=1))
            bounds.append(constant * total)
        expected = np.min(bounds, axis=0)
        np.testing.assert_allclose(certificate.bound[:, h], expected, rtol=1e-8, atol=1e-9)
        np.testing.assert_array_equal(certificate.nearest[:, h], np.argmin(bounds, axis=0))


@pytest.mark.slow
def test_the_mismatch_is_the_composition_defect():
    images = _images(3)
    certificate = certify(_synchronous(), images, CYCLIC8)
    defects = groups.composition_defect(CYCLIC8, images)
    np.testing.assert_array_equal(certificate.nearest, np.tile(np.arange(8), (3, 1)))
    expected = np.sqrt(np.mean(np.square(defects), axis=1))
    np.testing.assert_allclose(certificate.mismatch, expected, atol=1e-9)
    assert certificate.mismatch[:, 1].min() > 0.1


@pytest.mark.parametrize("shape", [(5, 5), (4, 7)])
def test_pixels_stray_from_the_chord_by_no_more(shape):
    images = _images(3, *shape, 2) - 0.3
    cells = Cells(images)
    largest = 0
    for low, high in [(0, 6), (-1e-3, 1e-3), (41, 47), (89, 90), (100, 100.5), (352, 360)]:
        t = np.linspace(0, 1, 41)
        turned = groups.rotations(low + t * (high - low), shape).apply(images).numpy()
        t = t.reshape(-1, 1, 1, 1)
        chord = (1 - t) * turned[:, :1] + t * turned[:, -1:]
        off = np.abs(turned - chord).max(axis=1).reshape(3, -1)
        bound = cells.strays(low, high)
        assert np.all(off <= bound + 1e-15)
        largest = max(largest, np.max(off / bound))
    assert largest > 0.8


def test_pixels_stray_with_the_square_of_the_step_within_a_cell():
    cells = Cells(_images(1, 5, 5, 1))
    coarse, fine = (np.linalg.norm(cells.strays(0, step)) for step in (1, 0.1))
    assert 90 < coarse / fine < 110


def test_the_grid_of_angles_has_those_at_which_many_pixels_cross():
    degrees = rotation_grid(-10, 60, 3)
    assert degrees[0] == -10 and degrees[-1] == 60
    assert np.diff(degrees).min() > 0 and np.diff(degrees).max() <= 3
    kink = np.rad2deg(np.arctan2(3, 4))
    assert np.min(np.abs(degrees - kink)) < 1e-9
    # Turned by a full circle more, they are the same; with few pixels there are none.
    np.testing.assert_allclose(rotation_grid(350, 420, 3), degrees + 360, atol=1e-8)
    np.testing.assert_array_equal(rotation_grid(1, 40, 3, (3, 3)), np.linspace(1, 40, 14))
    cells = Cells(_images(1, 28, 28, 1))
    across = np.linalg.norm(cells.strays(kink - 0.01, kink + 0.01))
    to, fro = (np.linalg.norm(cells.strays(*sorted([kink, kink + s]))) for s in (-0.01, 0.01))
    assert max(to, fro) < 0.2 * across


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1, 1), r"high must be a finite angle above low, 1, got 1"),
        ((0, np.nan, 1), r"high must be a finite angle above low, 0, got nan"),
        ((0, 1, 0), r"step must be a finite number > 0, got 0"),
        ((0, 1, 1, (3,)), r"image_shape must be \(height, width\), got \(3,\)"),
    ],
)
def test_bad_grids_of_angles(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        rotation_grid(*arguments)


@pytest.mark.parametrize("name", [*NETS, "softplus", "tanh", "sigmoid"])
def test_values_stray_from_the_chord_by_no_more(name):
    net = NETS[name]() if name in NETS else _synchronous(activation=name, lift_sizes=(5,))
    parts = lipschitz.chain(net)
    size = 1 if parts.group is None else parts.group.size
    width = parts.first(tf.constant(_images(1)[..., None])).shape[2]
    ends = np.random.default_rng(1).normal(size=[40, 2, size, width])
    ends[20:, 1] = ends[20:, 0] + 0.03 * ends[20:, 1]  # small steps as well
    outputs, strays = follow(parts, ends, np.zeros([40, 1]))
    t = np.linspace(0, 1, 33)
    path = (1 - t)[:, None, None] * ends[:, :1] + t[:, None, None] * ends[:, 1:]
    values, _ = follow(parts, path, np.zeros([40, 32]))
    chord = (1 - t)[:, None] * outputs[:, :1] + t[:, None] * outputs[:, 1:]
    off = np.linalg.norm(values - chord, axis=2).max(axis=1)
    assert np.all(off <= strays[:, 0] + 1e-12)
    if name != "linear":
        bent = strays[:, 0] > 0
        assert np.max(off[bent] / strays[bent, 0]) > 0.01


@pytest.mark.parametrize("name", lipschitz.ACTIVATION_SLOPES)
def test_how_far_an_activation_bends_a_chord_is_reached(name):
    chain = lipschitz.Chain(None, None, [lipschitz.Stage(ACTIVATIONS[name], 1.0)], [], None, [])
    middles = np.linspace(-3, 3, 601)[:, None, None, None]
    half = np.array([-0.01, 0.0, 0.01])[:, None, None]
    values, _ = follow(chain, middles + half, np.zeros([601, 2]))
    _, strays = follow(chain, (middles + half)[:, ::2], np.zeros([601, 1]))
    off = np.abs(values[:, 1] - (values[:, 0] + values[:, 2]) / 2)
    assert np.all(off <= strays + 1e-15)
    assert off.max() >= 0.99 * strays.max()


@pytest.mark.parametrize("name", ["max", "logsumexp", "sorted", "mean"])
def test_how_far_a_pooling_bends_a_chord_is_reached(name):
    pooling = lipschitz.Stage(POOLINGS[name], 1.0)
    chain = lipschitz.Chain(None, None, [], [], pooling, [])
    # Two elements that cross in the middle.
    path = 0.01 * np.array([[-1, 1], [0, 0], [1, -1]], np.float64)[None, :, :, None]
    values, _ = follow(chain, path, np.zeros([1, 2]))
    _, strays = follow(chain, path[:, ::2], np.zeros([1, 1]))
    off = np.linalg.norm(values[:, 1] - (values[:, 0] + values[:, 2]) / 2)
    assert off <= strays[0, 0] + 1e-15
    assert off >= 0.99 * strays[0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_every_angle_in_between_keeps_the_bound(name):
    net, images = NETS[name](), _images(8)
    degrees = np.linspace(150, 159, 4)
    certificate = certify_rotations(net, images, degrees)
    assert certificate.bound.shape == (8, 3) and certificate.measured.shape == (8, 4)
    between = np.linspace(150, 159, 121)
    measured = _measure(net, images, groups.rotations(between, SHAPE))
    np.testing.assert_allclose(certificate.measured, measured[:, ::40], atol=1e-12)
    for i in range(3):
        assert np.all(measured[:, 40 * i : 40 * i + 41] <= certificate.bound[:, i : i + 1])
    # What is measured at the ends of an interval alone is no bound.
    ends = np.maximum(certificate.measured[:, 1:], certificate.measured[:, :-1])
    inner = np.stack([measured[:, 40 * i : 40 * i + 41].max(axis=1) for i in range(3)], axis=1)
    assert np.any(inner > ends + 1e-9)
    # The bound comes down to it.
    fine = certify_rotations(net, images, np.linspace(150, 159, 49))
    excess = [np.mean(c.bound.max(axis=1) - c.measured.max(axis=1)) for c in (certificate, fine)]
    assert 0 < 16 * excess[1] < excess[0]


@pytest.mark.slow
def test_predictions_that_are_proven_to_stay():
    net = _net(nets.MLP(4, (9,)))
    images = 0.5 * _images(40) ** 3
    certificate = certify_rotations(net, images, np.linspace(0, 5, 51))
    turned = groups.rotations(np.linspace(0, 5, 201), SHAPE).apply(images).numpy()
    classes = np.stack([np.argmax(net(turned[:, i]), axis=1) for i in range(201)], axis=1)
    stays = np.all(classes == classes[:, :1], axis=1)
    assert np.all(stays[certificate.stable])
    assert 0 < certificate.stable.sum() <= stays.sum() < 40
    finite = certify(net, images, groups.rotations([0, 0.5], SHAPE))
    assert np.all((classes[:, 20] == classes[:, 0])[finite.stable]) and finite.stable.sum() > 0


def test_it_can_be_read():
    certificate = Certificate(
        "rotations", False, np.ones([2, 3]), np.full([2, 3], 4.0), stable=np.array([True, False])
    )
    np.testing.assert_array_equal(certificate.tightness, [0.25, 0.25])
    assert str(certificate) == (
        "rotations on 2 images: largest |F(hx) - F(x)|_2 measured 1, proven 4 (median of the "
        "images 1 and 4); 50.0% of the predictions proven not to change"
    )


MLP = nets.MLP(4)
BROKEN = snt.Sequential([snt.Flatten(), snt.Linear(2, b_init=snt.initializers.Constant(np.nan))])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (certify, (len, _images(1), ANGLES), r"net must be a tf.Module, .*, got <built-in"),
        (certify, (MLP, _images(1), "cyclic4"), r"action must be an ImageAction .* got 'cyclic4'"),
        (certify, (MLP, _images(1, 5, 8), ANGLES), r"images must be images \[batch, 8, 8, "),
        (certify, (MLP, _images(0), ANGLES), r"images must be at least one, got shape \(0, 8"),
        (certify, (MLP, _images(1) * np.nan, ANGLES), r"images must be finite, got"),
        (certify, (MLP, np.ones([1, 8, 8], int), ANGLES), r"images must be of a floating type"),
        (
            certify,
            (nets.SynchronousMLP(4), _images(1), ANGLES),
            r"action must act on images of the shape of the network's, \(28, 28\), got \(8, 8\)",
        ),
        (
            certify,
            (nets.PolynomialMLP(4), _images(1), ANGLES),
            r"net must be made of dense layers .* got the layer",
        ),
        (
            certify,
            (nets.SynchronousMLP(4, group=CYCLIC4, exact=True), _images(1), ANGLES),
            r"net must be continuous to be bounded",
        ),
        (certify, (BROKEN, _images(1), ANGLES), r"net must return finite outputs, got some"),
        (certify, (BROKEN, _images(1), CYCLIC4), r"net must return finite outputs, got some"),
        (certify_rotations, (MLP, _images(1), [0]), r"degrees must be two finite angles or more"),
        (certify_rotations, (MLP, _images(1), [0, 1, 1]), r"degrees must be ascending, got a step"),
        (certify_rotations, (MLP, _images(1), [0, 12]), r"degrees must be in steps .* got 12"),
        (certify_rotations, (MLP, _images(0), [0, 1]), r"images must be at least one, got shape"),
        (certify_rotations, (MLP, np.ones(8), [0, 1]), r"images must be \[n, H, W\] or "),
    ],
)
def test_bad_arguments(function, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        function(*arguments)


def test_a_network_that_does_something_else():
    class Other(nets.MLP):
        def __call__(self, images):
            return 2 * super().__call__(images)

    with pytest.raises(ValueError, match=r"^net must compute what its layers say, one after"):
        certify(_net(Other(4)), _images(1), ANGLES)
