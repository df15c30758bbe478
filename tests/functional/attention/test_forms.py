"""Asked of every form: leading shapes, both types, graphs and XLA, gradients, bad input."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import attention

RNG = np.random.default_rng(0)
Q, K, V = (RNG.uniform(0.1, 1, size=(2, 3, 8, size)) for size in (4, 4, 5))
_PATH = 2 * np.eye(8) - np.eye(8, k=1) - np.eye(8, k=-1)
_FEATURES = {"seed": 3, "num_features": 6}


def _toeplitz(q, k, v, **kwargs):
    return attention.toeplitz_attention(q, k, v, tf.ones([15], q.dtype), **kwargs)


def _floating(x):
    return x.dtype if x.dtype.is_floating else tf.float64


def _graph(q, k, v):
    return attention.graph_attention(q, k, v, tf.constant(_PATH, _floating(q)))


def _tensor(q, k, v):
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True), axis=-1)
    thetas = tf.ones([1, v.shape[-1], 2], q.dtype)
    return attention.tensor_attention(v, weights[..., None, :, :], thetas)


FORMS = {
    "softmax": attention.softmax_attention,
    "softmax, causal": functools.partial(attention.softmax_attention, causal=True),
    **{
        f"kernel, {name}": functools.partial(
            attention.kernel_attention, kernel=name, normalize=name != "linear"
        )
        for name in attention.KERNELS
    },
    **{
        f"features, {kind}": functools.partial(
            attention.random_feature_attention, kind=kind,
            normalize=kind != "trigonometric", **_FEATURES,
        )
        for kind in ("positive", "trigonometric", "orthogonal", "leverage")
    },
    "linear": attention.linear_attention,
    **{
        f"linear, {form}": functools.partial(
            attention.linear_attention, causal=True, form=form, chunk_size=3
        )
        for form in ("chunked", "recurrent", "quadratic")
    },
    "masked": attention.masked_attention,
    "delta rule": attention.delta_rule,
    "toeplitz": _toeplitz,
    "toeplitz, dense": functools.partial(_toeplitz, form="dense"),
    "toeplitz, grid": lambda q, k, v: attention.toeplitz_attention(
        q, k, v, 1 + tf.reshape(tf.range(21, dtype=_floating(q)), [3, 7]), (2, 4)
    ),
    "graph": _graph,
    "galerkin": attention.galerkin_attention,
    "fourier": attention.fourier_attention,
    "tensor": _tensor,
    "hopfield": lambda q, k, v: attention.hopfield_update(q, k),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form(form):
    function = FORMS[form]
    q, k, v = (tf.constant(x) for x in (Q, K, V))
    whole = function(q, k, v).numpy()
    for b in range(2):  # leading shapes are a batch of the same
        for h in range(3):
            np.testing.assert_allclose(whole[b, h], function(q[b, h], k[b, h], v[b, h]), rtol=1e-9)
    single = function(*(tf.constant(x, tf.float32) for x in (Q, K, V)))
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, whole, rtol=2e-3, atol=2e-4)

    def with_gradients(q, k, v):
        with tf.GradientTape() as tape:
            tape.watch([q, k, v])
            y = function(q, k, v)
            loss = tf.reduce_sum(tf.sin(y))
        gradients = tape.gradient(loss, [q, k, v], unconnected_gradients="zero")
        return y, *gradients

    eager = with_gradients(q, k, v)
    assert all(np.isfinite(x).all() for x in eager)
    assert np.any(eager[1].numpy()) and np.any(eager[2].numpy())
    for jit in (False, True):
        compiled = tf.function(with_gradients, jit_compile=jit)(q, k, v)
        for one, other in zip(eager, compiled, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("form", [name for name in FORMS if name not in ("tensor", "hopfield")])
def test_what_does_not_fit_is_refused(form):
    function = FORMS[form]
    for inputs, message in (
        ((Q[0, 0, 0], K, V), "^queries must be .*got shape"),
        ((Q, K[..., :3], V), "^keys must have as many features as queries, 4, got 3$"),
        ((Q, K, V[..., :7, :]), "^values must be as many as keys, 8, got 7$"),
        ((Q[:, :1], K[:, :2], V), "^queries, keys and values must have leading shapes that"),
        (
            (Q, K[:, :2], V),
            "^queries, keys and values must have leading shapes that broadcast, got",
        ),
        ((Q, K.astype(np.float32), V), "^keys must be"),
        ((Q, K, "x"), "^values must be"),
        ((Q.astype(int), K, V), "^queries must be of a floating type"),
    ):
        converted = [x if isinstance(x, str) else tf.constant(x) for x in inputs]
        with pytest.raises(ValueError, match=message):
            function(*converted)


def test_masks_of_other_shapes_are_refused():
    for function in (
        attention.softmax_attention, attention.kernel_attention, attention.masked_attention
    ):  # fmt: skip
        for mask in (np.ones((8, 7)), np.ones((9, 8)), np.ones((4, 8, 8)), np.ones((2, 3, 8, 4))):
            with pytest.raises(ValueError, match="mask .*must.*got"):
                function(Q, K, V, mask=mask)
        with pytest.raises(ValueError, match="^mask must be >= 0, got -1$"):
            function(Q, K, V, mask=-np.ones(8))


def test_an_order_needs_as_many_keys_as_queries():
    for function in (
        functools.partial(attention.softmax_attention, causal=True),
        functools.partial(attention.linear_attention, causal=True),
        attention.delta_rule,
        lambda *x: attention.toeplitz_attention(*x, np.ones(15)),
    ):
        with pytest.raises(ValueError, match="^keys must be as many as queries, 8, got 7$"):
            function(Q, K[..., :7, :], V[..., :7, :])


@pytest.mark.slow
def test_leading_shapes_broadcast():
    """One set of keys for all queries of a batch; one set of weights for many values."""
    for form, function in FORMS.items():
        shared = function(tf.constant(Q), tf.constant(K[:1, :1]), tf.constant(V[:1, :1]))
        keys, values = (tf.constant(np.tile(x[:1, :1], (2, 3, 1, 1))) for x in (K, V))
        repeated = function(tf.constant(Q), keys, values)
        np.testing.assert_allclose(shared, repeated, rtol=1e-9, err_msg=form)
        if form in ("tensor", "hopfield"):
            continue
        shared = function(tf.constant(Q[0, 0]), tf.constant(K[0, 0]), tf.constant(V))
        queries, keys = (tf.constant(np.tile(x[:1, :1], (2, 3, 1, 1))) for x in (Q, K))
        repeated = function(queries, keys, tf.constant(V))
        np.testing.assert_allclose(shared, repeated, rtol=1e-9, err_msg=form)


@pytest.mark.slow
def test_no_tensor_of_the_linear_forms_is_a_square():
    """The largest tensor of a graph, in queries of eight times as many tokens."""
    for form, growth in (("softmax", 64), ("linear", 8), ("linear, chunked", 8), ("galerkin", 8),
                         ("features, positive", 8)):  # fmt: skip
        sizes = []
        for tokens in (512, 4096):
            specs = [tf.TensorSpec([1, tokens, 8])] * 3
            sizes.append(helpers.largest(helpers.graph_ops(FORMS[form], *specs)))
        assert 0.8 * growth < sizes[1] / sizes[0] < 1.2 * growth, form


@pytest.mark.parametrize("form", FORMS)
def test_nan_stays_nan(form):
    """A query that is NaN has an output that is; in eager execution, which knows the numbers."""
    queries = Q.copy()
    queries[0, 1, 3, 2] = np.nan
    y = FORMS[form](*(tf.constant(x) for x in (queries, K, V))).numpy()
    assert np.isnan(y[0, 1]).any() and np.isfinite(y[1]).all()
