"""Is a module exported, by operations of each format's own, for batches of any size?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.table import TABLE, class_name, every, richest
from weirdonetworks import nets
from weirdonetworks.formats import FORMATS, Run, export, graph
from weirdonetworks.functional import ACTIVATIONS, gelu, gelu_tanh, maximum

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "export.md"
# What the guide says of activations: the operation that is missing.
REFUSED = {
    "tflite": {"ramp_normal": "Erfc"},
    "onnx": {"ramp_normal": "Erfc", "ramp_cauchy": "Log1p"},
}
WRONG_IN_TFLITE = {"softplus", "and_softplus"}  # above 88
TRANSFORMS = "NeuralField[transforms]"  # of which neither format has those of real numbers
# The graph of another one of theirs, which takes converters five seconds.
ALIKE = {"AdditiveMultiplicativeDense[shared]", "AdditiveMultiplicativeDense[fixed]"}

each_converter = pytest.mark.parametrize("format", ["tflite", "onnx"])


@pytest.fixture
def convert(tmp_path) -> Callable[..., Run]:
    """Converts a function of inputs of a size, without a comparison."""

    def convert(function: Callable[[tf.Tensor], tf.Tensor], size: int, format: str) -> Run:
        write, read = FORMATS[format]
        write(graph(function, [size]), tf.Module(), tmp_path / "file")
        return read(tmp_path / "file")

    return convert


def assert_same(run: Run, expected: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> None:
    """For the batch and for its first row alone, to 1e-5 of the largest output."""
    y = np.array(expected(tf.constant(x)))
    for batch in {len(x), 1}:
        actual = run(x[:batch])
        assert actual.dtype == y.dtype and actual.shape == (batch, *y.shape[1:])
        np.testing.assert_allclose(actual, y[:batch], rtol=0, atol=1e-5 * np.abs(y).max())


def exported(entry, format: str, folder: Path) -> None:
    """Exports a module, and asks of what was written for more than the export itself does."""
    module = entry.first()
    folder.mkdir()
    export(module, folder / "module", format, entry.shape)
    kwargs = dict.fromkeys(entry.kwargs, False)  # what draws in training does not do so there
    run = FORMATS[format].read(folder / "module")
    assert_same(run, lambda x: module(x, **kwargs), entry.inputs(5).numpy())


@pytest.mark.slow
@each_converter
@every([key for key in TABLE if key not in {*ALIKE, TRANSFORMS}])
def test_a_module_is_exported(entry, format, tmp_path):
    exported(entry, format, tmp_path)


@pytest.mark.slow
@each_converter
def test_transforms_are_refused_as_the_guide_says(format, tmp_path):
    with pytest.raises(ValueError, match=f"^network must consist of .* {format} has, got I?RFFT2D"):
        exported(TABLE[TRANSFORMS], format, tmp_path / "refused")
    assert "the layer `NeuralField` of more than 64 places" in GUIDE.read_text(encoding="utf-8")


@pytest.mark.slow
@every([key for key in richest() if hasattr(nets, class_name(key))])  # test_saved_model asks all
def test_a_network_is_exported_as_a_saved_model(entry, tmp_path):
    exported(entry, "savedmodel", tmp_path)


@pytest.mark.slow
@each_converter
def test_activations_convert_but_those_that_the_guide_names(format, convert, tmp_path):
    # Also for large inputs, at which a branch that is not taken may be infinite.
    x = np.random.default_rng(0).normal(size=(3, 16)) * [[1], [1e2], [1e4]]
    x = x.astype(np.float32)
    for name, function in ACTIVATIONS.items():
        if operation := REFUSED[format].get(name):
            told = f"^network must consist of operations that {format} has, got {operation}$"
            with pytest.raises(ValueError, match=told):
                export(nets.MLP(3, (4,), name), tmp_path / "refused", format, [5])
            continue
        run = convert(function, 16, format)
        wrong = format == "tflite" and name in WRONG_IN_TFLITE
        for row in x[:1] if wrong else x:
            assert_same(run, function, row[None])
        if wrong:
            with pytest.raises(AssertionError, match="Not equal to tolerance"):
                assert_same(run, function, x[2:])
        else:
            assert np.all(np.isfinite(run(x[2:]))), name
    assert not list(tmp_path.glob("*refused*"))


def test_the_guide_names_them():
    lines = GUIDE.read_text(encoding="utf-8").split("\n* ")
    for name in {*REFUSED["tflite"], *REFUSED["onnx"], *WRONG_IN_TFLITE}:
        operations = {held[name] for held in REFUSED.values() if name in held}
        assert any(f"`{name}`" in line and all(o in line for o in operations) for line in lines)


@pytest.mark.slow
def test_tflite_knows_erf_in_a_gelu_alone(convert, tmp_path):
    def both(x: tf.Tensor) -> tf.Tensor:
        return gelu(x) + gelu_tanh(x)  # x / 2 of one x

    told = r"^network must consist of operations that tflite has, got Erf$"
    with pytest.raises(ValueError, match=told):
        export(nets.MLP(3, (4,), both), tmp_path / "refused", "tflite", [5])
    x = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    assert_same(convert(both, 16, "onnx"), both, x)


@pytest.mark.slow
@each_converter
def test_the_maximum_converts_and_keeps_nan(format, convert):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    run = convert(maximum, 5, format)
    assert_same(run, maximum, x)
    x[2, 3] = np.nan
    np.testing.assert_array_equal(run(x), maximum(x))


@pytest.mark.slow
@each_converter
def test_what_is_not_the_same_is_found(format, convert):
    x = np.ones([3, 5], np.float32)
    run = convert(lambda x: 1.0001 * x, 5, format)
    assert_same(run, lambda x: 1.0001 * x, x)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(run, tf.identity, x)
    with pytest.raises(AssertionError):
        assert_same(lambda x: run(np.ones([3, 5], np.float32)), lambda x: 1.0001 * x, x)
