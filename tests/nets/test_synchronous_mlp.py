"""SynchronousMLP: invariant where its group is exact, and one net for all of the group."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests import helpers
from weirdonetworks import groups, nets

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def _built(
    images: np.ndarray, group: str = "cyclic4", mix_sizes=(), head_sizes=(8,), **kwargs
) -> nets.SynchronousMLP:
    net = nets.SynchronousMLP(10, (32, 16), mix_sizes, head_sizes, group, **kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.slow
@pytest.mark.parametrize("data", ["digits", "noise"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("pooling", ["mean", "max", "logsumexp", "moments", "sorted"])
@pytest.mark.parametrize("group, mix_sizes", [("cyclic4", ()), ("dihedral4", (12, 12))])
def test_it_is_invariant_for_any_input(group, mix_sizes, pooling, dtype, data, request):
    images = request.getfixturevalue(data).astype(dtype)
    net = _built(images, group, mix_sizes, pooling=pooling)
    for variable in net.trainable_variables:  # so that the outputs differ between images
        variable.assign(1.5 * variable)
    helpers.assert_invariant(net, groups.get_group(group), images, TOLERANCE[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("data", ["digits", "noise"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_an_mlp_is_not(dtype, data, request):
    images = request.getfixturevalue(data).astype(dtype)
    net = nets.MLP()
    net(images)
    helpers.randomise_zeros(net)
    with pytest.raises(AssertionError, match=r"F\(gx\) - F\(x\)"):
        helpers.assert_invariant(net, groups.cyclic(4), images, TOLERANCE[dtype])


def test_constant_outputs_do_not_count_as_invariant(digits):
    with pytest.raises(AssertionError, match="outputs are constant"):
        helpers.assert_invariant(
            lambda images: np.ones((len(images), 3)), groups.cyclic(4), digits, 1e-5
        )


@pytest.mark.slow
def test_the_default_network_is_invariant_under_quarter_turns(digits):
    images = digits.astype(np.float32)
    net = nets.SynchronousMLP()
    net(images)
    helpers.randomise_zeros(net)
    helpers.assert_invariant(net, groups.cyclic(4), images, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("head_sizes", [(8,), None])
@pytest.mark.parametrize("mix_sizes", [(), (12, 14)])
@pytest.mark.parametrize("group", ["cyclic2", "cyclic4", "cyclic8", "dihedral4"])
def test_turning_the_image_permutes_what_is_pooled(group, mix_sizes, head_sizes, noise):
    net = _built(noise, group, mix_sizes, head_sizes)
    group = groups.get_group(group)
    features = net.shared(noise).numpy()
    last = [16, *mix_sizes][-1] if head_sizes else 10
    assert features.shape == (len(noise), group.size, last)
    assert features.std(axis=1).mean() > 1e-3
    # Of the eighths of a turn, those that are quarters.
    quarters = range(0, 8, 2) if group.name == "cyclic8" else range(group.size)
    for h in quarters:
        turned = net.shared(helpers.turn_exactly(noise, group.matrices[h]))
        np.testing.assert_allclose(turned, features[:, group.table[:, h]], atol=1e-12)
        assert h == 0 or np.abs(turned - features).max() > 1e-3
    exact = groups.cyclic(4) if group.name == "cyclic8" else group
    helpers.assert_invariant(net, exact, noise, 1e-12)


@pytest.mark.slow
def test_with_concat_it_is_not_invariant(noise):
    net = _built(noise, pooling="concat")
    error, _ = helpers.invariance_error(net, groups.cyclic(4), noise)
    assert error > 0.01


@pytest.mark.slow
def test_mixing_lets_the_elements_see_each_other(noise):
    """Only with it, what is pooled at one g depends on the image outside of what f(g x) sees."""
    for mix_sizes in ((), (12,)):
        net = _built(noise, "cyclic4", mix_sizes)
        # The first layer sees the left half of g x: for g = 1, of x itself.
        left = np.zeros((28, 28, 32))
        left[:, :14] = np.random.default_rng(0).normal(size=(28, 14, 32))
        net.lift.w.assign(left.reshape(784, 32))
        changed = noise.copy()
        changed[:, :, 14:] = 0
        difference = np.abs(net.shared(changed) - net.shared(noise)).max(axis=(0, 2))
        assert (difference[0] > 1e-3) == bool(mix_sizes) and difference[2] > 1e-3


@pytest.mark.slow
def test_averaged_logits_are_the_mean_of_the_logits_of_each_element(noise):
    net = _built(noise, "dihedral4", (12,), None)
    assert net.head is None
    logits = net.shared(noise)
    assert logits.shape == (len(noise), 8, 10)
    np.testing.assert_allclose(net(noise), np.mean(logits, axis=1), rtol=1e-12, atol=1e-14)
    helpers.assert_invariant(net, groups.dihedral(4), noise, 1e-12)
    # Each of them the linear map of the features of its element.
    with_head = _built(noise, "dihedral4", (12,))
    for variable, value in zip(
        [*with_head.lift.variables, *with_head.layers[0].variables, *with_head.mixes[0].variables],
        [*net.lift.variables, *net.layers[0].variables, *net.mixes[0].variables],
        strict=True,
    ):
        variable.assign(value)
    expected = with_head.shared(noise) @ net.logits.w + net.logits.b
    np.testing.assert_allclose(logits, expected, atol=1e-12)


@pytest.mark.parametrize("pooling, values", [("moments", 30), ("sorted", 40), ("concat", 40)])
def test_averaged_logits_want_a_pooling_that_keeps_them(pooling, values, noise):
    message = f"^pooling must keep the 10 logits where head_sizes is None, got {values} values$"
    with pytest.raises(ValueError, match=message):
        nets.SynchronousMLP(group="cyclic4", head_sizes=None, pooling=pooling)(noise)


def test_mixing_wants_a_group(noise):
    with pytest.raises(ValueError, match="^group must be closed under composition, got <Image"):
        nets.SynchronousMLP(group="translations1", mix_sizes=(4,))
    assert nets.SynchronousMLP(group="translations1", lift_sizes=(4,))(noise).shape == [20, 10]


class _Norm(snt.Module):
    """A pooling with a variable: p-norms over the group."""

    @snt.once
    def _initialize(self, values):
        self.p = tf.Variable(np.linspace(1, 3, values.shape[2]), dtype=values.dtype, name="p")

    def __call__(self, values):
        self._initialize(values)
        return tf.reduce_mean(tf.abs(values) ** self.p, axis=1) ** (1 / self.p)


@pytest.mark.slow
def test_a_pooling_of_ones_own_may_have_variables(noise):
    pooling = _Norm()
    net = _built(noise, "dihedral4", pooling=pooling)
    helpers.assert_invariant(net, groups.dihedral(4), noise, 1e-12)
    assert any(v is pooling.p for v in net.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(net(noise)))
    assert np.all(tape.gradient(loss, pooling.p) != 0)


@pytest.mark.slow
def test_dropout_of_the_input_drops_pixels_in_training():
    net = nets.SynchronousMLP(10, (32,), (), (8,), "cyclic4", input_dropout=0.5)
    images = np.zeros((400, 28, 28, 1), np.float32)
    images[:, 3, 5] = 1
    net(images)
    blank = net(np.zeros((1, 28, 28, 1), np.float32)).numpy()
    np.testing.assert_array_equal(net(images), net(images, is_training=False))
    dropped = np.isclose(net(images, is_training=True), blank, atol=1e-6).all(axis=1)
    assert 0.4 < np.mean(dropped) < 0.6
    assert not np.isclose(net(images), blank, atol=1e-6).all(axis=1).any()


def _hard(images: np.ndarray) -> np.ndarray:
    """Images for which sums in another order differ: digits, noise, symmetric, huge ranges."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, size=(4, 28, 28, 1))
    return np.concatenate(
        [
            images[:4],
            noise,
            np.full((1, 28, 28, 1), 0.1),
            np.max([np.rot90(noise[:2], k, axes=(1, 2)) for k in range(4)], axis=0),
            np.copysign(np.round(noise[:2]), noise[2:]),
            noise * 10.0 ** rng.uniform(-20, 20, size=noise.shape),
        ]
    ).astype(np.float32)


def _pair(images: np.ndarray, *args, **kwargs) -> tuple[nets.SynchronousMLP, nets.SynchronousMLP]:
    """Nets with the same weights, exact and not."""
    exact, rounded = (_built(images, *args, exact=exact, **kwargs) for exact in (True, False))
    for variable, value in zip(rounded.variables, exact.variables, strict=True):
        variable.assign(value)
    return exact, rounded


@pytest.mark.slow
@pytest.mark.parametrize(
    "group, mix_sizes, head_sizes, pooling",
    [
        ("cyclic2", (12,), (8,), "mean"),
        ("cyclic4", (12,), (8,), "mean"),
        ("dihedral4", (12,), None, "mean"),
        ("dihedral4", (), (8,), "moments"),
        ("cyclic4", (), (8,), "concat"),
    ],
)
def test_exact_outputs_have_the_same_bits(group, mix_sizes, head_sizes, pooling, digits):
    images = _hard(digits)
    exact, rounded = _pair(images, group, mix_sizes, head_sizes, pooling=pooling)
    group = groups.get_group(group)
    for function in (exact, tf.function(exact)):
        assert helpers.differing_bits(function, group, images) == 0
    y = exact(images).numpy()
    assert y[:8].std(axis=0).min() > 1e-4
    assert helpers.differing_bits(tf.function(rounded), group, images) > 0
    if pooling != "concat":  # the same function, up to rounding
        scale = np.abs(y).max(axis=1, keepdims=True)
        np.testing.assert_allclose(rounded(images) / scale, y / scale, atol=1e-5)


@pytest.mark.slow
def test_exact_outputs_have_the_same_bits_on_images_that_are_made_to_differ(digits):
    """Gradient ascent on |F(gx) - F(x)| of the net that is not exact, on all of the image."""
    group, quarter = groups.cyclic(4), groups.rotations([90])
    x = tf.constant(digits[:4], tf.float32)
    exact, rounded = _pair(x, "cyclic4", (12,))

    @tf.function
    def ascend(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = rounded(x)
            error = tf.reduce_max(tf.abs(rounded(quarter.apply(x)[:, 0]) - y), axis=1)
            total = error + 1e-6 * tf.reduce_sum(tf.square(y), axis=1)
        gradient = tape.gradient(total, x)
        return error, x + gradient / tf.reduce_max(tf.abs(gradient), axis=[1, 2, 3], keepdims=True)

    start, _ = ascend(x)
    tried, errors = [], []
    for _ in range(30):
        tried.append(x.numpy())
        error, x = ascend(x)
        errors.append(error)
    assert np.all(np.max(errors, axis=0) > 2 * start)
    worst = np.stack(tried)[np.argmax(errors, axis=0), np.arange(4)]
    assert helpers.differing_bits(exact, group, worst) == 0
    assert helpers.differing_bits(rounded, group, worst) > 0


@pytest.mark.slow
def test_exact_outputs_have_the_same_bits_under_xla(digits):
    images = _hard(digits)
    group = groups.dihedral(4)
    for exact in (True, False):
        net = _built(images, "dihedral4", (6,), exact=exact)
        compiled = tf.function(net, jit_compile=True, autograph=False)
        assert (helpers.differing_bits(compiled, group, images) == 0) == exact


@pytest.mark.parametrize("group", ["cyclic3", "cyclic16", "translations1", "torus1"])
def test_exact_wants_a_group_of_permutations(group):
    message = "^exact must be False for a set that is not closed or resamples pixels .* got True$"
    with pytest.raises(ValueError, match=message):
        nets.SynchronousMLP(group=group, exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["dihedral4", "cyclic16"])
def test_it_is_one_net_on_turned_images(group, noise):
    """The formula: MLP(pool f(g x)), with f on images that are turned themselves."""
    net = _built(noise, group)
    orbit = groups.get_group(group).apply(noise)
    values = []
    for g in range(orbit.shape[1]):
        x = tf.reshape(orbit[:, g], [len(noise), -1])
        x = net.activation(tf.matmul(x, net.lift.w) + net.lift.b)
        values.append(net.activation(net.layers[0](x)))
    expected = net.head(tf.reduce_mean(tf.stack(values), axis=0))
    np.testing.assert_allclose(net(noise), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.slow
def test_its_variables_do_not_grow_with_the_group():
    images = np.ones((1, 28, 28), np.float32)
    shapes = [
        [v.shape for v in _built(images, group).trainable_variables]
        for group in ("cyclic1", "cyclic4", "cyclic16", "dihedral4")
    ]
    assert all(each == shapes[0] for each in shapes)


@pytest.mark.slow
def test_other_angles_are_invariant_as_far_as_interpolation_allows(digits):
    group = groups.cyclic(16)
    net = _built(digits, "cyclic16")
    plain = nets.MLP(10, (32, 16))
    plain(digits)
    turned = group.apply(digits)[:, 1]  # by 22.5 degrees
    error, plain_error = (float(tf.reduce_max(abs(f(turned) - f(digits)))) for f in (net, plain))
    assert 1e-3 < error < plain_error / 5


def test_a_group_brings_its_image_shape():
    net = nets.SynchronousMLP(3, (4,), group=groups.cyclic(2, (5, 6)), image_shape=(5, 6))
    assert net(np.ones((2, 5, 6))).shape == [2, 3]
    named = nets.SynchronousMLP(3, (4,), group="cyclic2", image_shape=(5, 6))
    assert named(np.ones((2, 5, 6))).shape == [2, 3]
    assert nets.SynchronousMLP(3, (4,), group="cyclic2").group.image_shape == (28, 28)


def test_a_group_for_another_image_shape_is_refused():
    with pytest.raises(ValueError, match=r"image_shape must be .*\(5, 6\), got \(6, 5\)"):
        nets.SynchronousMLP(3, (4,), group=groups.cyclic(2, (5, 6)), image_shape=(6, 5))


def test_images_of_another_size_tell_which_argument_to_give():
    with pytest.raises(ValueError, match=r"with image_shape=\(32, 32\)\)$"):
        nets.SynchronousMLP(lift_sizes=(4,))(tf.zeros([2, 32, 32, 1]))
    net = nets.SynchronousMLP(lift_sizes=(4,), image_shape=(32, 32))
    assert net(tf.zeros([2, 32, 32, 1])).shape == [2, 10]
    with pytest.raises(ValueError, match=r"got shape \(2, 784\)$"):
        nets.SynchronousMLP(lift_sizes=(4,))(tf.zeros([2, 784]))
