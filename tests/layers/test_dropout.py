"""Dropout: how much, drawn anew, from (key, calls) alone."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks.layers import Dropout

ONES = tf.ones([200, 100])


def _masks(layer: Dropout, calls: int, jit: bool | None = None) -> np.ndarray:
    """The outputs of ones, for several calls; in a graph, or compiled, if jit is not None."""
    function = layer if jit is None else tf.function(layer, jit_compile=jit, autograph=False)
    return np.stack([function(ONES, is_training=True).numpy() for _ in range(calls)])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate_and_mean(rate):
    y = _masks(Dropout(rate, seed=1), 5)
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - rate)], rtol=1e-6)
    # Five standard deviations of a mean over 100,000.
    tolerance = 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert np.mean(y == 0) == pytest.approx(rate, abs=tolerance)
    assert y.mean() == pytest.approx(1, abs=tolerance / (1 - rate))


def test_elements_are_dropped_independently():
    dropped = _masks(Dropout(0.5, seed=1), 1)[0] == 0
    for axis in (0, 1):
        neighbours = np.mean(dropped == np.roll(dropped, 1, axis))
        assert neighbours == pytest.approx(0.5, abs=0.02)


def test_nothing_is_dropped_outside_of_training_or_at_rate_zero():
    x = tf.random.normal([3, 4])
    for layer, is_training in ((Dropout(0.9), False), (Dropout(0.0), True)):
        np.testing.assert_array_equal(layer(x, is_training), x)


def test_inputs_are_scaled_not_replaced():
    x = np.linspace(1, 2, 12).reshape(3, 4)
    y = Dropout(0.25, seed=1)(x, is_training=True)
    np.testing.assert_allclose(y, np.where(y == 0, 0, x / 0.75))
    assert np.any(y != 0) and np.any(y == 0)


@pytest.mark.slow
@pytest.mark.parametrize("jit", [None, False, True], ids=["eager", "graph", "xla"])
def test_each_call_draws_another_mask(jit):
    masks = _masks(Dropout(0.5, seed=1), 4, jit)
    for i in range(4):
        for j in range(i):
            assert 0.4 < np.mean(masks[i] != masks[j]) < 0.6


@pytest.mark.slow
def test_eager_graph_and_compiled_calls_draw_the_same_masks():
    eager, graph, xla = (_masks(Dropout(0.5, seed=1), 3, jit) for jit in (None, False, True))
    np.testing.assert_array_equal(eager, graph)
    np.testing.assert_array_equal(eager, xla)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_masks_do_not_depend_on_the_type(dtype):
    single, other = Dropout(0.5, seed=1), Dropout(0.5, seed=1)
    y = other(tf.cast(ONES, dtype), is_training=True)
    assert y.dtype == dtype
    np.testing.assert_array_equal(tf.cast(y, "float32"), single(ONES, is_training=True))


def test_the_seed_decides():
    first, again, other = (_masks(Dropout(0.5, seed=s), 2) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert 0.4 < np.mean(first != other) < 0.6


def test_without_a_seed_the_global_one_decides():
    def masks(seed):
        tf.random.set_seed(seed)
        return [_masks(Dropout(0.5), 1) for _ in range(2)]

    (first, second), again, other = masks(1), masks(1), masks(2)
    np.testing.assert_array_equal(first, again[0])
    np.testing.assert_array_equal(second, again[1])
    assert 0.4 < np.mean(first != second) < 0.6
    assert 0.4 < np.mean(first != other[0]) < 0.6


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1])
def test_a_checkpoint_continues_with_the_same_masks(seed, tmp_path):
    layer = Dropout(0.5, seed=seed)
    _masks(layer, 3)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    expected = _masks(layer, 3)
    tf.random.set_seed(99)
    resumed = Dropout(0.5, seed=seed)
    tf.train.Checkpoint(layer=resumed).restore(path)
    np.testing.assert_array_equal(_masks(resumed, 3), expected)
    # Without the checkpoint it would begin again.
    assert np.any(_masks(Dropout(0.5, seed=seed), 3) != expected)


@pytest.mark.slow
def test_replicas_draw_different_masks():
    replicator = snt.distribute.Replicator(
        [device.name for device in tf.config.list_logical_devices("CPU")]
    )
    with replicator.scope():
        layer = Dropout(0.5, seed=1)
        layer(ONES, is_training=False)  # makes the variables
    step = tf.function(lambda: replicator.run(layer, (ONES, True)))
    masks = [replicator.experimental_local_results(step()) for _ in range(2)]
    (a, b), (c, d) = masks
    for one, other in ((a, b), (c, d), (a, c), (b, d), (a, d), (b, c)):
        assert 0.4 < np.mean(one != other) < 0.6
    np.testing.assert_array_equal(a, _masks(Dropout(0.5, seed=1), 1)[0])


def test_gradients_pass_where_inputs_do():
    layer = Dropout(0.5, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(ONES)
        y = layer(ONES, is_training=True)
    np.testing.assert_array_equal(tape.gradient(y, ONES), y)


def test_it_has_no_trainable_variables():
    layer = Dropout(0.5)
    assert layer.trainable_variables == ()
    layer(ONES, is_training=True)
    assert layer.trainable_variables == ()
    assert {v.dtype for v in layer.variables} == {tf.int32}
