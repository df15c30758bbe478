"""Does a module train, count and come back from files as a layer of Keras?"""

import inspect
import re

import keras
import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests.conformance import golden
from tests.conformance.table import every_class

RATE = 0.01


def loss_of(outputs: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.sin(3 * outputs))


def told(module: snt.Module, is_training: bool) -> dict[str, bool]:
    """What a call of the module gets."""
    takes = "is_training" in inspect.signature(type(module).__call__).parameters
    return {"is_training": is_training} if takes else {}


def model_of(entry, module: snt.Module, dtype: str | None = None) -> keras.Model:
    model = keras.Sequential([keras.Input(entry.shape), wn.keras.Layer(module, dtype=dtype)])
    optimizer = keras.optimizers.SGD(RATE)
    model.compile(optimizer, lambda _, outputs: loss_of(outputs), run_eagerly=True)
    return model


@pytest.mark.slow
@every_class
def test_a_step_in_keras_is_that_of_sonnet_and_all_is_counted(entry, key):
    module, twin = entry.built(), entry.built()  # with the same keys of what they draw
    x = entry.inputs(16)
    with tf.GradientTape() as tape:
        outputs = twin(x, **told(twin, True))
        loss = loss_of(outputs)
    gradients = tape.gradient(loss, twin.trainable_variables)
    model = model_of(entry, module)
    assert len(model.trainable_variables) == len(module.trainable_variables)
    assert len(model.variables) == len(module.variables)
    model.train_on_batch(x, tf.zeros_like(outputs))
    for after, before, gradient in zip(
        module.trainable_variables, twin.trainable_variables, gradients, strict=True
    ):
        assert np.any(after != before), after.name
        step = RATE * gradient
        tolerance = 1e-4 * np.abs(step).max() + 1e-6
        np.testing.assert_allclose(before - after, step, rtol=0, atol=tolerance)
    draws = [[v.numpy().tolist() for v in m.variables if not v.trainable] for m in (module, twin)]
    assert draws[0] == draws[1]
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text))
    counted = re.search(r"Trainable params: ([\d,]+) ", "\n".join(lines))
    assert int(counted[1].replace(",", "")) == golden.read()[key]["parameters"]


@pytest.mark.slow
@every_class
def test_files_keep_all_to_the_bit(entry, tmp_path):
    tmp_path.mkdir()
    model, x = model_of(entry, entry.built()), entry.inputs(3)
    expected = model(x)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert type(loaded.layers[0].module) is type(model.layers[0].module)
    assert_equal(loaded, model)
    np.testing.assert_array_equal(loaded(x), expected)
    rng = np.random.default_rng(0)
    for variable in loaded.variables:  # not by as much everywhere, which a softmax does not see
        variable.assign(variable + rng.uniform(1, 2, variable.shape).astype(variable.dtype))
    if model.trainable_variables:
        assert np.any(loaded(x) != expected)
    loaded.load_weights(tmp_path / "model.weights.h5")
    assert_equal(loaded, model)
    np.testing.assert_array_equal(loaded(x), expected)


def assert_equal(loaded: keras.Model, model: keras.Model) -> None:
    for variable, expected in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(variable, expected)


@pytest.mark.slow
@every_class
def test_half_precision_with_weights_in_float32(entry):
    module, x = entry.built(), entry.inputs()
    model, expected = model_of(entry, module, "mixed_float16"), module(x, **told(module, False))
    with tf.GradientTape() as tape:
        outputs = model(x)
        loss = loss_of(outputs)
    assert outputs.dtype == tf.float16
    assert {v.dtype for v in module.trainable_variables} <= {tf.float32}
    for gradient in tape.gradient(loss, module.trainable_variables):
        assert gradient.dtype == tf.float32 and np.all(np.isfinite(gradient))
    if module.trainable_variables:
        assert np.any(outputs != tf.cast(expected, tf.float16)), "all is computed in float32"
    tolerance = 0.02 * np.abs(expected).max()
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected, atol=tolerance)
    np.testing.assert_array_equal(module(x, **told(module, False)), expected)
