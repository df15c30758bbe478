"""Weights in files: what is written is read, and nothing else is."""

import functools
import json

import numpy as np
import pytest
import safetensors.numpy
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from weirdonetworks import weights

IMAGES = tf.constant(np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 1)), tf.float32)


def _built(*sizes: int) -> snt.Module:
    network = wn.nets.MLP(hidden_sizes=sizes)
    network(IMAGES)
    return network


def test_saved_weights_give_the_same_logits(tmp_path):
    first, second = _built(5, 4), _built(5, 4)
    assert np.any(first(IMAGES) != second(IMAGES))
    wn.save_weights(first, tmp_path / "net.safetensors")
    wn.load_weights(second, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(first(IMAGES), second(IMAGES))


def test_the_file_says_what_it_holds(tmp_path):
    wn.save_weights(_built(5), tmp_path / "net", {"dataset": "mnist", "image_shape": (8, 8, 1)})
    tensors, metadata = weights.read(tmp_path / "net")
    assert {name: array.shape for name, array in tensors.items()} == {
        "linear_0/b": (5,),
        "linear_0/w": (64, 5),
        "linear_1/b": (10,),
        "linear_1/w": (5, 10),
    }
    assert metadata == {
        "network": "MLP",
        "arguments": {"hidden_sizes": [5]},
        "dataset": "mnist",
        "image_shape": [8, 8, 1],
    }


def test_a_network_that_was_not_called_is_made_by_the_image_shape(tmp_path):
    first, second = _built(5), wn.nets.MLP(hidden_sizes=(5,), name="other")
    wn.save_weights(first, tmp_path / "net")
    with pytest.raises(ValueError, match=r"^network must have been called once, got MLP\("):
        wn.load_weights(second, tmp_path / "net")
    wn.save_weights(first, tmp_path / "net", {"image_shape": (8, 8, 1)})
    wn.load_weights(second, tmp_path / "net")
    np.testing.assert_array_equal(first(IMAGES), second(IMAGES))


def test_arguments_that_json_cannot_hold_are_left_out(tmp_path):
    network = wn.nets.MLP(hidden_sizes=(5,), activation=tf.tanh)
    network(IMAGES)
    wn.save_weights(network, tmp_path / "net")
    assert weights.read(tmp_path / "net")[1]["arguments"] == {}
    again = wn.nets.MLP(hidden_sizes=(5,), activation=tf.tanh)
    again(IMAGES)
    wn.load_weights(again, tmp_path / "net")
    np.testing.assert_array_equal(network(IMAGES), again(IMAGES))


def test_half_precision_rounds_and_refuses_what_it_cannot_hold(tmp_path):
    network = _built(5)
    exact = network(IMAGES).numpy()
    wn.save_weights(network, tmp_path / "net", dtype="float16")
    wn.load_weights(network, tmp_path / "net")
    assert network.layers[0].w.dtype == tf.float32
    assert 0 < np.max(np.abs(network(IMAGES) - exact)) < 1e-2
    network.layers[0].w.assign(network.layers[0].w * 1e6)
    message = "^dtype must hold all numbers of linear_0/w, got 'float16'$"
    with pytest.raises(ValueError, match=message):
        wn.save_weights(network, tmp_path / "net", dtype="float16")
    with pytest.raises(ValueError, match=r"^dtype must be one of .*, got 'int8'$"):
        wn.save_weights(network, tmp_path / "net", dtype="int8")


def test_weights_of_another_network_are_refused_and_change_nothing(tmp_path):
    wn.save_weights(_built(5), tmp_path / "net")
    network = _built(6)
    before = network(IMAGES).numpy()
    message = r"^network must be the one whose weights are in .*net, MLP\(hidden_sizes=\[5\]\): "
    message += r"they differ in linear_0/b, linear_0/w, linear_1/w, got MLP\(hidden_sizes=\(6,\)\)$"
    with pytest.raises(ValueError, match=message):
        wn.load_weights(network, tmp_path / "net")
    with pytest.raises(ValueError, match=r"they differ in linear_2/b, linear_2/w"):
        wn.load_weights(_built(5, 5), tmp_path / "net")
    np.testing.assert_array_equal(network(IMAGES), before)


@pytest.mark.slow
def test_every_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "net"
    network = _built(2)
    wn.save_weights(network, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(0, 40), *rng.integers(0, len(whole), 200)]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"^path must be a (safetensors file|file of save_w)"):
            wn.load_weights(network, path)
    for end in (0, 7, 8, 100, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="^path must be a safetensors file, got '"):
            wn.load_weights(network, path)
    path.write_bytes(whole)
    wn.load_weights(network, path)


def test_files_of_others_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^path must be .*net' \(No such file or directory\)$"):
        wn.load_weights(_built(5), tmp_path / "net")
    with pytest.raises(ValueError, match=r"\(Is a directory\)$"):
        wn.load_weights(_built(5), tmp_path)
    safetensors.numpy.save_file({"linear_0/b": np.zeros(5, np.float32)}, tmp_path / "other")
    with pytest.raises(ValueError, match="which is not written by save_weights$"):
        wn.load_weights(_built(5), tmp_path / "other")


def test_a_file_that_cannot_be_written_leaves_the_one_that_was_there(tmp_path, monkeypatch):
    network = _built(5)
    path = tmp_path / "net"
    wn.save_weights(network, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        wn.save_weights(network, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net"]


def test_what_cannot_be_saved_is_refused(tmp_path):
    path = tmp_path / "net"
    with pytest.raises(ValueError, match=r"^network must have been called once, got MLP\(\)$"):
        wn.save_weights(wn.nets.MLP(), path)
    with pytest.raises(ValueError, match=r"^network must be a snt.Module, got 3$"):
        wn.save_weights(3, path)

    class Twins(snt.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = tf.Variable(1.0, name="w"), tf.Variable(2.0, name="w")

    with pytest.raises(ValueError, match="different names, got 'w' twice$"):
        wn.save_weights(Twins(), path)
    assert not path.exists()


def test_any_sonnet_module_can_be_saved(tmp_path):
    first, second = snt.nets.MLP([4, 2]), snt.nets.MLP([4, 2])
    x = tf.ones([1, 3])
    first(x), second(x)
    wn.save_weights(first, tmp_path / "net")
    wn.load_weights(second, tmp_path / "net")
    np.testing.assert_array_equal(first(x), second(x))
    assert json.loads(json.dumps(weights.read(tmp_path / "net")[1]))["network"] == "MLP"


class Counting(snt.Module):
    """A weight and a counter of its own, which counts no draws."""

    def __init__(self, dtype=tf.float32):
        super().__init__()
        self.w = tf.Variable(tf.cast([0.1, -3e38, 1e-40, np.inf], dtype), name="w")
        self.steps = tf.Variable(0, dtype=tf.int64, name="steps")


def test_other_counters_than_those_of_draws_are_kept_as_they_are(tmp_path):
    first, second = Counting(), Counting()
    first.steps.assign(2**53 + 1)
    wn.save_weights(first, tmp_path / "net")
    wn.load_weights(second, tmp_path / "net")
    assert int(second.steps) == 2**53 + 1


@pytest.mark.parametrize("activation", ["gelu", "stochastic_gelu"])
def test_counters_of_draws_are_no_weights(tmp_path, activation):
    def made(dropout):
        network = wn.nets.MLP(hidden_sizes=(5,), activation=activation, dropout=dropout)
        network(IMAGES, is_training=True)
        return network

    first, second, plain = made(0.5), made(0.3), made(0.0)
    wn.save_weights(first, tmp_path / "net", dtype="float16")
    assert {name.rpartition("/")[2] for name in weights.read(tmp_path / "net")[0]} == {"b", "w"}
    second(IMAGES, is_training=True)
    counted = [v for v in second.variables if v.dtype.is_integer]
    before = [int(v) for v in counted]
    assert 2 in before and len(counted) == (2 if activation == "gelu" else 4)
    wn.load_weights(second, tmp_path / "net")
    assert [int(v) for v in counted] == before
    wn.load_weights(plain, tmp_path / "net")
    np.testing.assert_array_equal(second(IMAGES), plain(IMAGES))


def test_bfloat16_is_kept_exactly(tmp_path):
    first, second = Counting(tf.bfloat16), Counting(tf.bfloat16)
    second.w.assign(tf.zeros(4, tf.bfloat16))
    wn.save_weights(first, tmp_path / "net")
    assert weights.read(tmp_path / "net")[0]["w"].dtype == np.float32
    wn.load_weights(second, tmp_path / "net")
    assert second.w.dtype == tf.bfloat16
    np.testing.assert_array_equal(first.w.numpy(), second.w.numpy())
    with pytest.raises(ValueError, match="^dtype must hold all numbers of w, got 'float16'$"):
        wn.save_weights(first, tmp_path / "net", dtype="float16")


def test_metadata_come_back_as_they_were(tmp_path):
    told = {"a": "3", "b": "true", "c": '"x"', "d": "[" * 100_000, "e": "", "f": 3, "g": None,
            "h": [1, 0.1, {"k": False}], "ü": "ü", "network": "mine"}  # fmt: skip
    wn.save_weights(_built(5), tmp_path / "net", told)
    assert weights.read(tmp_path / "net")[1] == {**told, "arguments": {"hidden_sizes": [5]}}


CIRCLE: list = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "metadata, message",
    [
        ([1], r"^metadata must be a mapping, got \[1\]$"),
        ("", r"^metadata must be a mapping, got ''$"),
        ({"sha256": "0"}, r"^metadata must have strings as keys, none of them 'sha256', got 'sha2"),
        ({3: "x"}, r"^metadata must have strings as keys, .*, got 3$"),
        ({"a": {1, 2}}, r"^metadata must hold .* what JSON can hold, got 'a': \{1, 2\}$"),
        ({"a": np.float32(1)}, r"^metadata must hold .*, got 'a': np.float32\(1.0\)$"),
        ({"a": float("nan")}, r"^metadata must hold .*, got 'a': nan$"),
        ({"a": [{0: "cat"}]}, r"^metadata must hold .*, got 'a': \[\{0: 'cat'\}\]$"),
        ({"a": CIRCLE}, r"^metadata must hold .*, got 'a': \[\[\["),
        ({"a": "\ud800"}, r"^metadata must hold .*, got 'a': '\\ud800'$"),
    ],
)
def test_other_metadata_are_refused(tmp_path, metadata, message):
    with pytest.raises(ValueError, match=message):
        wn.save_weights(_built(5), tmp_path / "net", metadata)
    assert not list(tmp_path.iterdir())


def test_an_image_shape_that_is_none_is_refused(tmp_path):
    wn.save_weights(_built(5), tmp_path / "net", {"image_shape": "large"})
    with pytest.raises(ValueError, match=r"^the image_shape of .*net must be a sequence of int"):
        wn.load_weights(wn.nets.MLP(hidden_sizes=(5,)), tmp_path / "net")


@pytest.mark.parametrize("path", ["", "folder", "missing/net", "file/net", 3, None, b"net"])
def test_a_path_of_no_file_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="^path must be a file in a folder that exists, got "):
        wn.save_weights(_built(5), path)
    assert {p.name for p in tmp_path.rglob("*")} == {"folder", "file"}


def test_variables_that_files_cannot_hold_are_refused(tmp_path):
    network = Counting()
    network.words = tf.Variable(["a", "b"], name="words")
    with pytest.raises(ValueError, match="^network must have variables that the file can hold "):
        wn.save_weights(network, tmp_path / "net")


class _Outer(snt.Module):
    def __init__(self):
        super().__init__()
        self.network = wn.create_network("mlp", hidden_sizes=(3,))

    def __call__(self, x):
        return self.network(x)


@pytest.mark.slow
def test_where_a_network_was_made_makes_no_difference(tmp_path):
    """In a module, a name scope or a graph: its variables have longer names there."""
    x = tf.random.stateless_uniform([2, 28, 28], [0, 0])
    outer = _Outer()
    logits = outer(x)
    path = tmp_path / "net.safetensors"
    wn.save_weights(outer.network, path)
    with tf.name_scope("elsewhere"):
        other = wn.create_network("mlp", hidden_sizes=(3,))
        other(x)
        published = wn.create_network("mlp", pretrained="mnist")
    wn.load_weights(other, path)
    np.testing.assert_allclose(other(x), logits, rtol=1e-6)
    expected = wn.create_network("mlp", pretrained="mnist")(x)
    np.testing.assert_array_equal(published(x), expected)

    @functools.partial(tf.function, autograph=False)
    def in_a_loop(x):
        def body(i, _):
            if not kept:
                with tf.init_scope():
                    kept.append(wn.create_network("mlp", pretrained="mnist"))
            return i + 1, kept[0](x)

        return tf.while_loop(lambda i, _: i < 1, body, [0, tf.zeros([2, 10])])[1]

    kept = []
    np.testing.assert_allclose(in_a_loop(x), expected, rtol=1e-4, atol=1e-4)
