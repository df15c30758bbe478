"""Does a module convert to TFLite and to ONNX, by their own operations, for batches of any size?"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx

import weirdonetworks as wn
from tests import helpers
from tests.conformance.table import TABLE, every
from weirdonetworks.functional import ACTIVATIONS, cdf_gate, gelu, gelu_tanh, maximum

Run = Callable[[np.ndarray], np.ndarray]
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "export.md"
# What the guide says of them.
NOT_IN_ONNX = {"ramp_normal", "ramp_cauchy"}
NOT_IN_TFLITE = {"ramp_normal"}
INFINITE_IN_TFLITE = {"softplus", "and_softplus"}  # above 88
# The graph of another one of theirs, which takes converters five seconds.
ALIKE = {"AdditiveMultiplicativeDense[shared]", "AdditiveMultiplicativeDense[fixed]"}


def to_tflite(function, owner: tf.Module) -> Run:
    concrete = function.get_concrete_function()
    return run_tflite(tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner).convert())


def run_tflite(model: bytes) -> Run:
    interpreter = tf.lite.Interpreter(model_content=model, num_threads=1)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(x: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(source["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    return run


def to_onnx(function, owner: tf.Module) -> Run:
    model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature)
    return run_onnx(model.SerializeToString())


def run_onnx(model: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # others would spin beside it
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    return lambda x: session.run(None, {source.name: x})[0]


each_converter = pytest.mark.parametrize("convert", [to_tflite, to_onnx])


def assert_same(run: Run, expected: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> None:
    """For the batch and for its first row alone, to 1e-5 of the largest output."""
    y = np.array(expected(tf.constant(x)))
    for batch in {len(x), 1}:
        actual = run(x[:batch])
        assert actual.dtype == y.dtype and actual.shape == (batch, *y.shape[1:])
        np.testing.assert_allclose(actual, y[:batch], rtol=0, atol=1e-5 * np.abs(y).max())


def graph(function: Callable, *shape: int):
    return tf.function(function, input_signature=[tf.TensorSpec([None, *shape])], autograph=False)


@pytest.mark.slow
@each_converter
@every([key for key in TABLE if key not in ALIKE])
def test_a_module_converts(entry, convert):
    if "is_training" in entry.kwargs:  # what draws is not exported
        module = entry.first()
        call = graph(lambda x: module(x, is_training=False), *entry.shape)
        assert_same(convert(call, module), call, entry.inputs(3).numpy())
        return
    module, call = entry.traced()
    expected = entry.function(module)
    assert_same(
        convert(call, module),
        lambda x: helpers.evaluate(module, expected, x),
        entry.inputs(3).numpy(),
    )


@pytest.mark.slow
@each_converter
def test_activations_convert_but_those_that_the_guide_names(convert):
    refused = NOT_IN_TFLITE if convert is to_tflite else NOT_IN_ONNX
    # Also for large inputs, at which a branch that is not taken may be infinite.
    x = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32) * [[1], [1e2], [1e4]]
    x = x.astype(np.float32)
    for name, function in ACTIVATIONS.items():
        call = graph(function, 16)
        if name in refused:
            with pytest.raises(Exception, match=r"Erfc|Log1p"):
                convert(call, tf.Module())
            continue
        run = convert(call, tf.Module())
        infinite = convert is to_tflite and name in INFINITE_IN_TFLITE
        for row in x[:1] if infinite else x:
            assert_same(run, function, row[None])
        assert np.isinf(run(x[2:])).any() == infinite, name
    both = graph(lambda x: gelu(x) + gelu_tanh(x), 16)  # x / 2 of one x
    if convert is to_tflite:
        with pytest.raises(Exception, match="Erf"):
            convert(both, tf.Module())
    else:
        assert_same(convert(both, tf.Module()), lambda x: gelu(x) + gelu_tanh(x), x[:1])
    guide = GUIDE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in guide for name in NOT_IN_ONNX | INFINITE_IN_TFLITE)


@each_converter
def test_the_maximum_converts_and_keeps_nan(convert):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    run = convert(graph(maximum, 5), tf.Module())
    assert_same(run, maximum, x)
    x[2, 3] = np.nan
    np.testing.assert_array_equal(run(x), maximum(x))


@each_converter
def test_what_does_not_convert_is_found(convert):
    with pytest.raises(Exception, match="Erfc"):
        convert(graph(cdf_gate("normal"), 5), tf.Module())
    x = np.ones([3, 5], np.float32)
    run = convert(graph(lambda x: 1.0001 * x, 5), tf.Module())
    assert_same(run, lambda x: 1.0001 * x, x)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(run, tf.identity, x)
    with pytest.raises(AssertionError):
        assert_same(lambda x: run(np.ones([3, 5], np.float32)), lambda x: 1.0001 * x, x)


@pytest.mark.slow
def test_the_guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(example, str(GUIDE), "exec"), names)
    images = np.random.default_rng(0).uniform(size=(3, 28, 28, 1)).astype(np.float32)
    saved = tf.saved_model.load("net").signatures["serving_default"]
    for run in (
        lambda x: next(iter(saved(tf.constant(x)).values())).numpy(),
        run_tflite(Path("net.tflite").read_bytes()),
        run_onnx(Path("net.onnx").read_bytes()),
    ):
        assert_same(run, names["net"], images)
    assert type(names["net"]) in wn.nets.NETWORKS.values()
