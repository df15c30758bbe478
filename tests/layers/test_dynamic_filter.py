"""DynamicFilter: its formula, where it is attention with one query, and what it finds."""

import math

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tests import helpers
from weirdonetworks.layers import DynamicFilter, PatchAttention

RNG = np.random.default_rng(0)
CANVAS, CUE = RNG.normal(size=(6, 9, 7, 2)), RNG.normal(size=(6, 5, 4))


def _built(cls, *args, canvas=CANVAS, cue=CUE, **kwargs):
    layer = cls(*args, **kwargs)
    layer(canvas, cue)
    helpers.randomise_zeros(layer)
    return layer


def _windows(canvas: np.ndarray, size: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """All patches and their centres, by loops."""
    rows, columns = (range(0, side - size + 1, stride) for side in canvas.shape[1:3])
    corners = [(r, c) for r in rows for c in columns]
    found = [canvas[:, r : r + size, c : c + size].reshape(len(canvas), -1) for r, c in corners]
    return np.stack(found, axis=1), np.array(corners) + (size - 1) / 2


def _template(layer: DynamicFilter, cue: np.ndarray) -> np.ndarray:
    made = cue.reshape(len(cue), -1)
    for i, linear in enumerate(layer.generator.layers):
        made = (made * scipy.special.ndtr(made) if i else made) @ linear.w + linear.b
    return made if layer.rank is None else made @ layer.patterns.w.numpy()


@pytest.mark.parametrize("value_size", [None, 5])
@pytest.mark.parametrize("kwargs", [{}, {"generator_sizes": (4, 6), "rank": 3}], ids=str)
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (7, 2)])
def test_formula(size, stride, kwargs, value_size):
    layer = _built(DynamicFilter, size, stride, value_size, **kwargs)
    windows, centres = _windows(CANVAS, size, stride)
    scores = np.einsum("bp,bip->bi", _template(layer, CUE), windows) / math.sqrt(windows.shape[2])
    weights = scipy.special.softmax(scores, axis=1)
    expected = weights @ centres
    if value_size:
        expected = np.einsum("bi,biv->bv", weights, windows @ layer.value.w.numpy())
    np.testing.assert_allclose(layer.weights(CANVAS, CUE), weights, rtol=1e-10)
    np.testing.assert_allclose(layer(CANVAS, CUE), expected, rtol=1e-10, atol=1e-12)


def _as_attention(layer: DynamicFilter) -> PatchAttention:
    """The attention that a filter with an affine generator is."""
    (affine,) = layer.generator.layers
    size, n = affine.output_size, 3 * 3 * 2
    attention = _built(PatchAttention, 3, 2, layer.value_size, size=size)
    attention.query.w.assign(affine.w)
    attention.query.b.assign(affine.b)
    # Without a rank, keys are the patches themselves; the scales of the two are not the same.
    keys = np.eye(n) if layer.rank is None else layer.patterns.w.numpy().T
    attention.k.assign(keys * math.sqrt(size / n))
    if layer.value_size:
        attention.value.w.assign(layer.value.w)
    return attention


@pytest.mark.parametrize("value_size", [None, 5])
@pytest.mark.parametrize("rank", [None, 4])
def test_with_a_bilinear_generator_it_is_attention_with_one_query(rank, value_size):
    layer = _built(DynamicFilter, 3, 2, value_size, generator_sizes=(), rank=rank)
    attention = _as_attention(layer)
    weights, found = layer.weights(CANVAS, CUE).numpy(), layer(CANVAS, CUE).numpy()
    np.testing.assert_allclose(attention.weights(CANVAS, CUE), weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(attention(CANVAS, CUE), found, rtol=0, atol=1e-12)
    # The textbook's, from neither layer's code.
    windows, centres = _windows(CANVAS, 3, 2)
    q = CUE.reshape(6, -1) @ attention.query.w.numpy() + attention.query.b.numpy()
    k = windows @ attention.k.numpy()
    v = windows @ layer.value.w.numpy() if value_size else np.broadcast_to(centres, (6, 12, 2))
    p = scipy.special.softmax(np.einsum("bd,bid->bi", q, k) / math.sqrt(q.shape[1]), axis=1)
    np.testing.assert_allclose(np.einsum("bi,biv->bv", p, v), found, rtol=0, atol=1e-12)
    # Another cue finds something else: the equality is not one of constants.
    assert np.abs(layer.weights(CANVAS, CUE[::-1]) - weights).max() > 0.01


def _bend(layer) -> float:
    """How far differences of scores are from affine in the cue: s(mean) - mean of s(cues)."""

    def scores(cue):
        s = np.log(layer.weights(CANVAS[:1], cue))
        return s - s[:, :1]

    first, second = CUE[:1], CUE[1:2]
    middle = scores((first + second) / 2)
    return np.abs(middle - (scores(first) + scores(second)) / 2).max()


@pytest.mark.slow
def test_with_a_hidden_layer_it_is_no_attention_of_a_linear_query():
    """Whatever its weights: all those have scores that are affine in the cue, up to a constant."""
    assert _bend(_built(PatchAttention, 3, 2, size=4)) < 1e-12
    assert _bend(_built(DynamicFilter, 3, 2, generator_sizes=(), rank=4)) < 1e-12
    assert _bend(_built(DynamicFilter, 3, 2, generator_sizes=(8,))) > 0.01
    assert _bend(_built(DynamicFilter, 3, 2, generator_sizes=(8,), rank=4)) > 0.01


def _copies(same: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit squares of noise somewhere on canvases of weaker noise; the cue is one, or another."""
    rng = np.random.default_rng(1)
    canvas = 0.1 * rng.normal(size=(40, 12, 10))
    cue = rng.choice([-1.0, 1.0], size=(40, 4, 4))
    corners = np.stack([rng.integers(9, size=40), rng.integers(7, size=40)], axis=1)
    for i, (row, column) in enumerate(corners):
        canvas[i, row : row + 4, column : column + 4] = cue[i]
    return canvas, cue if same else cue[::-1], corners + 1.5


def test_the_cue_itself_as_template_finds_its_copy_to_the_pixel():
    errors = {}
    for same in (True, False):
        canvas, cue, centres = _copies(same)
        layer = _built(DynamicFilter, 4, generator_sizes=(), canvas=canvas, cue=cue)
        (affine,) = layer.generator.layers
        affine.w.assign(20 * np.eye(16))
        affine.b.assign(np.zeros(16))
        errors[same] = np.abs(layer(canvas, cue) - centres).max()
    assert errors[True] < 1e-6 and errors[False] > 1


def test_a_generator_that_ignores_the_cue_is_a_convolution_and_moves_with_the_canvas():
    layer = _built(DynamicFilter, 3, generator_sizes=())
    (affine,) = layer.generator.layers
    affine.w.assign(np.zeros(affine.w.shape))
    kernel = affine.b.numpy().reshape(3, 3, 2, 1) / math.sqrt(18)
    scores = tf.nn.conv2d(CANVAS, kernel, 1, "VALID").numpy().reshape(6, -1)
    weights = layer.weights(CANVAS, CUE)
    np.testing.assert_allclose(weights, scipy.special.softmax(scores, axis=1), atol=1e-14)
    np.testing.assert_array_equal(weights, layer.weights(CANVAS, CUE[::-1]))


def test_no_op_is_a_convolution():
    layer = _built(DynamicFilter, 3)
    specs = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in (CANVAS, CUE)]
    ops = {op.type for op in helpers.graph_ops(layer, *specs)}
    assert not {op for op in ops if "Conv" in op or "ImagePatches" in op}
    assert any("MatMul" in op or "Einsum" in op for op in ops)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kwargs", [{}, {"generator_sizes": ()}, {"generator_sizes": (16, 16), "rank": 5}], ids=str
)
def test_scores_start_at_unit_variance(kwargs):
    tf.random.set_seed(0)
    canvas, cue = tf.random.normal([100, 8, 8, 3]), tf.random.normal([100, 40])
    scores = []
    for _ in range(20):
        weights = DynamicFilter(4, 2, **kwargs).weights(canvas, cue)
        scores.append(np.log(weights) - np.log(weights).mean(axis=1, keepdims=True))
    assert np.std(scores) == pytest.approx(math.sqrt(1 - 1 / 9), abs=0.1)  # less the mean of nine


def test_the_canvas_is_the_cue_if_there_is_none():
    layer = _built(DynamicFilter, 3, canvas=CANVAS, cue=CANVAS)
    np.testing.assert_array_equal(layer(CANVAS), layer(CANVAS, CANVAS))
    assert layer(CANVAS[:, :8, :, :], CANVAS).shape == [6, 2]  # a smaller canvas, with its own cue
    with pytest.raises(ValueError) as error:
        layer(CANVAS[:, :8])
    told = "canvas must be (9, 7, 2) after the batch as at the first call, got (8, 7, 2)"
    assert str(error.value) == told


@pytest.mark.parametrize("cls", [DynamicFilter, PatchAttention])
def test_bad_inputs(cls):
    layer = _built(cls, 3)
    cases = [
        (CANVAS[:, :2], CUE, "patch_size must be at most 2 for images of 2 x 7, got 3"),
        (CANVAS[..., :1], CUE, "canvas must have 2 channels as at the first call, got 1"),
        (CANVAS, CUE[:, :4], "cue must be (5, 4) after the batch as at the first call, got (4, 4)"),
        (CANVAS, CUE[:5], "cue must be of as many examples as canvas, 6, got 5"),
        (CANVAS, CUE[0, 0], "cue must be [batch, ...] with static sizes >= 1 after the batch, "
         "got shape (4,)"),
        (CANVAS, CUE[:, :0], "cue must be [batch, ...] with static sizes >= 1 after the batch, "
         "got shape (6, 0, 4)"),
        (CANVAS, tf.cast(CUE, tf.float32), "cue must be of the type of canvas, float64, "
         "got float32"),
        (CANVAS, "digit", "cue must be numbers of float64, got str"),
    ]  # fmt: skip
    for canvas, cue, message in cases:
        with pytest.raises(ValueError) as error:
            layer(canvas, cue)
        assert str(error.value) == message
    single = [tf.cast(x, tf.float32) for x in (CANVAS, CUE)]
    with pytest.raises(ValueError, match="must be float64 as at the first call, got float32"):
        layer(*single)
    assert layer(CANVAS, CUE).shape == [6, 2]


@pytest.mark.parametrize("cls", [DynamicFilter, PatchAttention])
def test_patches_that_do_not_fit(cls):
    cases = {
        (8, 1): "patch_size must be at most 7 for images of 9 x 7, got 8",
        (2, 3): "stride must be at most patch_size=2 and divide what is left of the images, "
        "9 x 7: one of [1], got 3",
    }
    for sizes, message in cases.items():
        layer = cls(*sizes)
        with pytest.raises(ValueError) as error:
            layer(CANVAS, CUE)
        assert str(error.value) == message
        assert not tf.Module.variables.fget(layer)
