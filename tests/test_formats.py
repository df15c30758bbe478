"""Exported networks: what runs them, what is written when, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks import formats

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "export.md"
X = np.random.default_rng(1).uniform(size=(7, 6, 6, 1)).astype(np.float32)
SHAPE = (6, 6, 1)
GROUP = wn.groups.cyclic(4, (6, 6))

each_format = pytest.mark.parametrize("format", formats.FORMATS)


@pytest.fixture(scope="module")
def network() -> snt.Module:
    """One that draws in training."""
    return wn.nets.MLP(3, (4,), dropout=0.5)


class Wrong(snt.Module):
    """A network whose graphs are not what it says by itself, for batches of a size and below."""

    def __init__(self, error: float, largest: int = 3):
        super().__init__()
        self.error, self.largest = error, largest

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        small = tf.cast(tf.shape(images)[0] <= self.largest, tf.float32)
        return snt.flatten(images) + (0.0 if tf.executing_eagerly() else self.error * small)


@pytest.mark.slow
@each_format
def test_the_largest_difference_is_returned(network, tmp_path, format):
    difference = wn.export(network, tmp_path / "net", format, SHAPE)
    images = np.random.default_rng(0).uniform(size=(3, *SHAPE)).astype(np.float32)
    expected = network(images).numpy()
    found = np.abs(formats.FORMATS[format].read(tmp_path / "net")(images) - expected).max()
    assert isinstance(difference, float) and difference == pytest.approx(found, abs=1e-7)
    off = wn.export(Wrong(3e-6), tmp_path / "off", format, SHAPE)
    assert off == pytest.approx(3e-6, rel=0.1)


@pytest.mark.slow
def test_a_saved_model_is_called_in_one_line(network, tmp_path):
    wn.export(network, tmp_path / "net", "savedmodel", SHAPE)
    loaded = tf.saved_model.load(str(tmp_path / "net"))
    expected = network(X).numpy()
    np.testing.assert_allclose(loaded(X), expected, atol=1e-6)
    serving = loaded.signatures["serving_default"](images=tf.constant(X))
    np.testing.assert_array_equal(serving["logits"], loaded(X))
    assert wn.classify(loaded, X).classes.tolist() == expected.argmax(axis=1).tolist()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(loaded(X) ** 2)
    assert len(tape.gradient(loss, tape.watched_variables())) == 4


class Draws(snt.Module):
    """One that must be told, whose signature Sonnet hides."""

    takes_is_training = True

    def __call__(self, images: tf.Tensor, is_training: bool) -> tf.Tensor:
        return snt.flatten(images) * (0.0 if is_training else 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("around", [lambda f: f, lambda f: wn.layers.Synchronous(f, GROUP)])
def test_what_wants_is_training_gets_false(tmp_path, around):
    wn.export(around(Draws()), tmp_path / "net", "savedmodel", SHAPE)
    expected = around(Draws())(tf.constant(X), is_training=False)
    run = formats.FORMATS["savedmodel"].read(tmp_path / "net")
    np.testing.assert_allclose(run(X), expected, atol=1e-6)


@pytest.mark.slow
@each_format
def test_other_logits_are_refused(tmp_path, format):
    (tmp_path / "net").mkdir() if format == "savedmodel" else (tmp_path / "net").write_text("old")
    told = rf"^network must have the same logits in {format}, to 1\.0e-05, got a difference of "
    for wrong, number in (
        (Wrong(1e-3), r"1\.0e-03"),
        (Wrong(2e-3, 1), "2"),
        (Wrong(np.nan), "nan"),
    ):
        with pytest.raises(ValueError, match=told + number):
            wn.export(wrong, tmp_path / "net", format, SHAPE)
    (left,) = tmp_path.iterdir()
    assert left.is_dir() or left.read_text() == "old"


@pytest.mark.slow
@each_format
def test_one_that_exists_is_replaced(network, tmp_path, format):
    other = wn.nets.MLP(2)
    for exported in (other, network):
        wn.export(exported, tmp_path / "net", format, SHAPE)
        run = formats.FORMATS[format].read(tmp_path / "net")
        np.testing.assert_allclose(run(X), exported(X), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


@each_format
def test_a_place_with_something_else_is_refused(network, tmp_path, format):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "diary.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    path = tmp_path / ("file" if format == "savedmodel" else "folder")
    refused = [path, tmp_path / "folder", tmp_path / "file" / "net", tmp_path / "nowhere" / "net"]
    for place in refused:
        with pytest.raises(ValueError, match="^path must be .* got '"):
            wn.export(network, place, format, SHAPE)
    assert (tmp_path / "folder" / "diary.txt").read_text() == "mine"
    assert len(list(tmp_path.rglob("*"))) == 3


@pytest.mark.slow
@each_format
def test_an_interrupt_leaves_what_was_there(network, tmp_path, format, monkeypatch):
    wn.export(network, tmp_path / "net", format, SHAPE)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def interrupted(path):
        assert path.exists()
        raise KeyboardInterrupt

    write, _ = formats.FORMATS[format]
    monkeypatch.setitem(formats.FORMATS, format, formats.Format(write, interrupted))
    with pytest.raises(KeyboardInterrupt):
        wn.export(wn.nets.MLP(2), tmp_path / "net", format, SHAPE)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": lambda images: images}, "^network must be a snt.Module, got <function"),
        ({"format": "onx"}, r"^format must be one of \['savedmodel', 'tflite', 'onnx'\], got 'onx"),
        ({"image_shape": ()}, r"^image_shape must hold at least one size, got \(\)"),
        ({"image_shape": (6, 0)}, r"^image_shape\[1\] must be an integer >= 1, got 0"),
        ({"image_shape": (5, 5, 1)}, "^MLP inputs must have 36 features as at the first call"),
    ],
)
def test_bad_arguments(network, tmp_path, arguments, message):
    network(X)
    good = {"network": network, "path": tmp_path / "net", "format": "onnx", "image_shape": SHAPE}
    with pytest.raises(ValueError, match=message):
        wn.export(**good | arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "module"),
    [("tflite", "ai_edge_litert"), ("onnx", "tf2onnx"), ("onnx", "onnxruntime")],
)
def test_a_package_that_is_missing_is_named(network, tmp_path, monkeypatch, format, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"{module}.interpreter", raising=False)
    told = rf"^{module}\S* is needed for this: pip install 'weirdonetworks\[export\]'$"
    with pytest.raises(ImportError, match=told):
        wn.export(network, tmp_path / "net", format, SHAPE)
    assert not list(tmp_path.iterdir())


class Inverse(snt.Module):
    """(x x' + I)^-1, which neither TFLite nor ONNX have."""

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        x = snt.flatten(images)
        return tf.linalg.inv(x[:, None] * x[..., None] + tf.eye(36))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_what_has_no_counterpart_is_named_and_nothing_else_said(tmp_path, capfd, caplog, format):
    told = f"^network must consist of operations that {format} has, got MatrixInverse$"
    with pytest.raises(ValueError, match=told):
        wn.export(Inverse(), tmp_path / "net", format, SHAPE)
    assert not list(tmp_path.iterdir()) and capfd.readouterr() == ("", "") and not caplog.records
    assert wn.export(Inverse(), tmp_path / "net", "savedmodel", SHAPE) < 1e-5


@pytest.mark.slow
@each_format
def test_nothing_is_said(network, tmp_path, capfd, format):
    wn.export(network, tmp_path / "net", format, SHAPE)
    assert capfd.readouterr() == ("", "")
