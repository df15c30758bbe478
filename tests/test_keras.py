"""Layers of Keras that hold modules: what is tracked, trained, saved, and what is refused."""

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import training
import weirdonetworks as wn
from tests import helpers

X = np.random.default_rng(0).uniform(size=(32, 6, 6, 1)).astype(np.float32)
Y = np.arange(32) % 3
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network() -> snt.Module:
    return wn.nets.MLP(3, (4,), dropout=0.2)


def fitted(model: keras.Model) -> keras.Model:
    model.compile(keras.optimizers.Adam(0.01), LOSS, jit_compile=False)
    model.fit(X, Y, verbose=0)
    return model


def values(module: snt.Module) -> list[np.ndarray]:
    return [variable.numpy() for variable in module.trainable_variables]


def moved(module: snt.Module, before: list[np.ndarray]) -> list[bool]:
    return [bool(np.any(a != b)) for a, b in zip(values(module), before, strict=True)]


class Attribute(keras.layers.Layer):
    """A layer of Keras that holds something and calls it."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def call(self, inputs):
        return self.held(inputs)


@pytest.mark.slow
@pytest.mark.parametrize("hold", [keras.layers.Lambda, Attribute, wn.keras.Layer])
def test_keras_swallows_a_bare_module_and_no_layer(hold, tmp_path):
    """The danger that docs/guides/keras.md begins with, beside what averts it."""
    module = network()
    module(X)
    before = values(module)
    model = keras.Sequential([keras.Input(X.shape[1:]), hold(module), keras.layers.Dense(3)])
    fitted(model).save_weights(tmp_path / "model.weights.h5")
    expected, after, ours = model(X), values(module), hold is wn.keras.Layer
    assert moved(module, before) == [ours] * 4
    assert len(model.trainable_variables) == (6 if ours else 2)
    for variable in module.trainable_variables:
        variable.assign(variable + 1)
    model.load_weights(tmp_path / "model.weights.h5")
    assert moved(module, after) == [not ours] * 4
    assert np.array_equal(model(X), expected) == ours


def test_a_bare_module_that_keras_refuses():
    with pytest.raises(ValueError, match="Only instances of `keras.Layer` can be added"):
        keras.Sequential([keras.Input(X.shape[1:]), network()])
    with pytest.raises(ValueError, match="must be a tensor of a floating type, got KerasTensor"):
        network()(keras.Input(X.shape[1:]))


class Subclass(keras.Model):
    """A model whose layers are built where it is first called, in a trace."""

    def __init__(self):
        super().__init__()
        self.first = wn.keras.Layer(network())
        self.last = keras.layers.Dense(3)

    def call(self, inputs, training=None):
        return self.last(tf.nn.relu(self.first(inputs)))


def functional() -> keras.Model:
    images = keras.Input(X.shape[1:])
    x = keras.layers.Flatten()(images)
    x = wn.keras.Layer(wn.layers.PolynomialDense(4, degree=2, rank=3))(x)
    return keras.Model(images, keras.layers.Dense(3)(Attribute(wn.keras.Layer(network()))(x)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "number"),
    [
        (lambda: keras.Sequential([wn.keras.Layer(network())]), 4),
        (Subclass, 6),
        (functional, 10),
    ],
    ids=["deferred", "subclass", "functional"],
)
def test_all_is_trained_in_each_kind_of_model(make, number):
    model = make()
    model(X[:1]) if make is functional else None
    fitted(model)
    before = [v.numpy() for v in model.trainable_variables]
    assert len(before) == number
    model.fit(X, Y, verbose=0)
    assert all(np.any(v != b) for v, b in zip(model.trainable_variables, before, strict=True))


@pytest.mark.slow
def test_training_and_inference_are_told_apart():
    module = network()
    layer = wn.keras.Layer(module)
    inference = layer(X)
    np.testing.assert_array_equal(inference, layer(X, training=False))
    np.testing.assert_array_equal(inference, module(X))
    assert int(module.dropouts[0].calls) == 0
    assert np.any(layer(X, training=True) != inference) and int(module.dropouts[0].calls) == 1
    around = wn.keras.Layer(wn.layers.Synchronous(network(), wn.groups.cyclic(4, (6, 6))))
    assert np.any(around(X, training=True) != around(X))  # which passes it on


@pytest.mark.slow
def test_one_set_of_variables():
    module = wn.nets.MLP(3, (4,))
    layer = wn.keras.Layer(module)
    y = layer(X)
    layer.set_weights([2 * weight for weight in layer.get_weights()])
    assert np.any(layer(X) != y)
    np.testing.assert_array_equal(layer(X), module(X))
    module.layers[0].b.assign(tf.ones(4))
    np.testing.assert_array_equal(layer.weights[0], np.ones(4))
    layer.trainable = False
    assert not layer.trainable_variables and len(layer.non_trainable_variables) == 4


@pytest.mark.slow
def test_variables_are_of_the_type_of_the_policy():
    for dtype in ("float64", "float32"):
        layer = wn.keras.Layer(wn.nets.MLP(3, (4,)), dtype=dtype)
        assert layer(X).dtype == dtype
        assert {v.dtype.name for v in layer.module.variables} == {dtype}


@pytest.mark.slow
def test_a_network_with_weights_keeps_them(tmp_path):
    module = wn.create_network("mlp", pretrained="mnist")
    x = np.random.default_rng(0).uniform(size=(3, 28, 28, 1)).astype(np.float32)
    expected = module(x)
    model = keras.Sequential([keras.Input([28, 28, 1]), wn.keras.Layer(module, name="mlp")])
    np.testing.assert_array_equal(model(x), expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), expected)
    assert loaded.get_layer("mlp").module.hidden_sizes == module.hidden_sizes
    (copy,) = keras.models.clone_model(model).layers
    assert np.any(copy(x) != expected)  # a new one


LOAD = """
import sys, keras, numpy as np
import weirdonetworks.keras
model = keras.models.load_model(sys.argv[1])
print(model(np.load(sys.argv[2])).numpy().tobytes().hex())
"""


@pytest.mark.slow
def test_a_file_is_read_in_another_process(tmp_path):
    model = fitted(keras.Sequential([keras.Input(X.shape[1:]), wn.keras.Layer(network())]))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", X)
    words = [str(tmp_path / name) for name in ("model.keras", "x.npy")]
    program = helpers.UNCOLLECTED + LOAD
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=Path(wn.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    outputs = np.frombuffer(bytes.fromhex(done.stdout), np.float32).reshape(-1, 3)
    np.testing.assert_allclose(outputs, model(X), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_saved_model_of_keras(tmp_path):
    model = fitted(keras.Sequential([keras.Input(X.shape[1:]), wn.keras.Layer(network())]))
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(loaded.serve(X), model(X), atol=1e-6)


@pytest.mark.slow
def test_values_that_keras_gives_in_place_of_the_variables():
    layer = wn.keras.Layer(network())
    before = snt.Module.__getattribute__
    assert np.any(layer(X) != 0)
    zeros = [0 * variable.value for variable in layer.trainable_variables]
    draws = [variable.value + 0 for variable in layer.non_trainable_variables]
    outputs, _ = layer.stateless_call(zeros, draws, X, training=True)
    assert not np.any(outputs) and np.any(layer(X) != 0)
    assert snt.Module.__getattribute__ is before  # by which Sonnet has others read


class Own(snt.Module):
    """No public one."""

    def __init__(self):
        super().__init__()
        self.linear = snt.Linear(3)

    def __call__(self, x):
        return self.linear(snt.flatten(x))


def own_activation(x):
    return tf.nn.relu(x)


class Larger(wn.nets.MLP):
    """A class of somebody else."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (Own, "module"),
        (lambda: Larger(3), "module"),
        (lambda: wn.nets.MLP(3, activation=own_activation), "activation"),
        (lambda: wn.layers.Synchronous(Own(), wn.groups.cyclic(4, (6, 6))), "module"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_and_its_weights_kept(tmp_path, make, argument):
    models = [keras.Sequential([keras.Input(X.shape[1:]), wn.keras.Layer(make())]) for _ in "ab"]
    told = f"^{argument} must be a public module, function or group of weirdonetworks, or numbers"
    with pytest.raises(ValueError, match=told):
        models[0].save(tmp_path / "model.keras")
    models[0].save_weights(tmp_path / "model.weights.h5")
    models[1].load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(models[0](X), models[1](X))


@pytest.mark.slow
def test_arguments_that_are_no_numbers_and_words_come_back():
    group = wn.groups.translations(1, (6, 6), wrap=True)
    inner = wn.nets.MLP(4, np.array([5]), activation=wn.functional.gelu_tanh)
    layer = wn.keras.Layer(wn.layers.Synchronous(inner, group, "moments"), name="pooled")
    config = json.loads(json.dumps(layer.get_config()))
    again = wn.keras.Layer.from_config(config)
    assert again.name == "pooled" and again.module.module.hidden_sizes == (5,)
    assert again.module.module.activation is wn.functional.gelu_tanh
    for key in ("name", "image_shape", "wrap", "order"):
        assert getattr(again.module.group, key) == getattr(group, key)
    np.testing.assert_array_equal(again.module.group.matrices, group.matrices)
    np.testing.assert_array_equal(again.module.group.shifts, group.shifts)
    shapes = [
        [w.shape for w in made.get_weights()] for made in (layer, again) if made(X) is not None
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "told"),
    [
        ({"module": "Sequential", "arguments": {}}, "module must be one of .*got 'Sequential'"),
        ({"module": "__import__", "arguments": {}}, "module must be one of .*got '__import__'"),
        ({"function": "eval"}, "function must be one of .*got 'eval'"),
        (
            {"module": "MLP", "arguments": {"activation": {"function": "os.system"}}},
            "function must",
        ),
    ],
)
def test_a_file_names_no_code(tmp_path, module, told):
    model = keras.Sequential([keras.Input(X.shape[1:]), wn.keras.Layer(network())])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["module"] = module
    with zipfile.ZipFile(tmp_path / "forged.keras", "w") as file:
        for name, content in (parts | {"config.json": json.dumps(config)}).items():
            file.writestr(name, content)
    with pytest.raises((ValueError, TypeError), match=told):
        keras.models.load_model(tmp_path / "forged.keras")


@pytest.mark.parametrize("module", [None, "mlp", wn.nets.MLP, tf.nn.relu, keras.layers.Dense(3)])
def test_what_is_no_module_is_refused(module):
    with pytest.raises(ValueError, match="^module must be a snt.Module, got "):
        wn.keras.Layer(module)


def test_inputs_that_the_module_refuses():
    with pytest.raises(ValueError, match="^images must be .* with static sizes after the batch"):
        keras.Sequential([keras.Input([None, 6, 1]), wn.keras.Layer(network())])
    with pytest.raises(ValueError, match="must be float32 as at the first call, got float64"):
        module = network()
        module(X)
        keras.Sequential([keras.Input(X.shape[1:]), wn.keras.Layer(module, dtype="float64")])


def fresh() -> None:
    """Imports the module anew."""
    spec = importlib.util.find_spec("weirdonetworks.keras")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_it_needs_keras_on_tensorflow(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        told = r"^weirdonetworks.keras needs Keras on TensorFlow .*, got 'jax'$"
        with pytest.raises(ImportError, match=told):
            fresh()
    monkeypatch.setitem(sys.modules, "keras", None)
    told = r"^weirdonetworks.keras needs keras: pip install 'weirdonetworks\[keras\]'$"
    with pytest.raises(ImportError, match=told):
        fresh()


def accuracies(name: str, digits: training.Dataset, arguments: dict) -> np.ndarray:
    """On the test digits after five epochs: of our loop and of Keras, three seeds each."""
    recipe = training.Recipe(
        epochs=5, batch_size=50, learning_rate=2e-3, schedule="constant", network_args=arguments
    )
    images, tested = (np.float32(s.images) / 255 for s in (digits.train, digits.test))
    found = []
    for seed in range(3):
        ours = training.fit(name, digits, recipe, seed=seed, progress=False).evaluate("test")
        keras.utils.set_random_seed(seed)
        module = wn.create_network(name, **arguments)
        model = keras.Sequential([keras.Input(images.shape[1:]), wn.keras.Layer(module)])
        model.compile(keras.optimizers.Adam(2e-3), LOSS, metrics=["accuracy"])
        model.fit(images, digits.train.labels, batch_size=50, epochs=5, verbose=0)
        theirs = model.evaluate(tested, digits.test.labels, batch_size=500, verbose=0)[1]
        found.append((ours, theirs))
    return np.transpose(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mlp", {"hidden_sizes": (32,), "dropout": 0.1}),
        ("posynomial_mlp", {"hidden_sizes": (16,), "num_terms": 64}),
    ],
)
def test_fit_of_keras_is_as_accurate_as_our_loop(name, arguments):
    ours, theirs = accuracies(name, training.load("mnist_5k"), arguments)
    spread = np.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / 2)
    assert min(*ours, *theirs) > 0.85
    assert abs(ours.mean() - theirs.mean()) <= 3 * spread * np.sqrt(2 / 3), (ours, theirs)
