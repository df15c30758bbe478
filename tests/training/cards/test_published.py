"""What is published is what it says it is: a test for each line of the library's table."""

import functools
import gzip
import hashlib
import json
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from training import data
from training.cards import kept, publish
from training.data import Split
from training.engine.loop import scale
from training.engine.scoring import Scorer
from training.experiments import pages as studies
from training.experiments.study import STUDIES
from training.found import records
from weirdonetworks import pretrained, weights

LINES = {
    (row["network"], pretrained.key(row["dataset"], row["recipe"])): row
    for row in pretrained.table()
}
TOLERANCE = 1e-5  # of the largest logit: what another order of sums may change

each = pytest.mark.parametrize("network, key", LINES, ids=map("-".join, LINES))


def path_of(network: str, key: str):
    return pretrained.FOLDER / pretrained.file_name(network, key)


def test_the_files_are_those_of_the_table():
    assert LINES, "nothing is published"
    files = {path_of(*line) for line in LINES}
    assert set(pretrained.FOLDER.glob("*.safetensors")) == files
    assert {path.name for path in kept.RESULTS.iterdir()} == {"-".join(line) for line in LINES}
    assert sum(path.stat().st_size for path in files) <= 40e6


@each
def test_the_file_is_the_one_that_was_measured(network, key):
    path, row = path_of(network, key), LINES[network, key]
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert len(content) == int(row["bytes"])
    told = pretrained.metadata(network, key)
    recipe = told.get("recipe", pretrained.DEFAULT)  # older files do not tell it
    assert (told["network"], pretrained.key(told["dataset"], recipe)) == (network, key)
    assert told["seed"] == publish.SEED
    assert told["test_accuracy"] == float(row["test_accuracy"])
    assert not helpers.absolute_paths(json.dumps(told))
    card, measured = kept.read(network, key)
    assert {key: float(row[key]) for key in measured.numbers} == measured.numbers
    assert card["config"]["data_sha256"] == told["data_sha256"]


@pytest.fixture(scope="module")
def embedded(mnist_5k) -> tf.Tensor:
    return scale(tf.constant(mnist_5k.test.images[: publish.LOGITS]))


def differ(logits: np.ndarray, expected: np.ndarray) -> bool:
    assert logits.shape == expected.shape == (publish.LOGITS, 10)
    return np.abs(logits - expected).max() > TOLERANCE * np.abs(expected).max()


def touch(module, images: tf.Tensor) -> None:
    """Makes the one weight larger by 1 % that matters most for the logits of these images."""
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.abs(module(images)))
    gradients = zip(module.trainable_variables, tape.gradient(total, module.trainable_variables),
                    strict=True)  # fmt: skip
    effects = [(float(tf.reduce_max(tf.abs(v * g))), v, g) for v, g in gradients if g is not None]
    _, variable, gradient = max(effects, key=lambda effect: effect[0])
    value = np.array(variable.numpy())  # of a scalar, too, one that can be written
    value.flat[np.abs(value * gradient).argmax()] *= 1.01
    variable.assign(value)


@pytest.mark.slow
@each
def test_the_network_gives_the_logits_of_its_card(network, key, embedded):
    """Of the embedded digits; and others, if one weight is another."""
    module = wn.create_network(network, pretrained=key)
    tensors, _ = weights.read(path_of(network, key))
    assert set(weights.variables(module)) == set(tensors)
    expected = kept.read(network, key)[1].tables["logits"].to_numpy(np.float32)
    assert not differ(module(embedded).numpy(), expected)
    touch(module, embedded)
    assert differ(module(embedded).numpy(), expected)


@pytest.fixture(scope="module")
def split_of(tmp_path_factory) -> Callable[[str], Split]:
    """The test split of a published data set, from the original files."""

    @functools.cache
    def split_of(dataset: str) -> Split:
        if dataset == "mnist_rot":  # half a minute: it turns what TensorFlow Datasets prepares
            files = helpers.original_files("mnist")
            return data.load(dataset, tmp_path_factory.mktemp("tfds"), manual_dir=files).test
        files = [helpers.original_files(dataset) / name for name in helpers.ORIGINALS[:2]]
        images, labels = (np.frombuffer(gzip.decompress(f.read_bytes()), np.uint8) for f in files)
        return Split(images[16:].reshape(-1, 28, 28, 1), labels[8:].astype(np.int32))

    return split_of


@pytest.mark.slow
@each
def test_the_accuracy_is_that_of_the_card(network, key, split_of):
    """To the digit, where the original files are."""
    row = LINES[network, key]
    split = split_of(row["dataset"])
    module = wn.create_network(network, pretrained=key)
    assert Scorer(module).accuracy(split) == float(row["test_accuracy"])


RECORDS = [line for line, row in LINES.items() if row["recipe"] in records.NAMES]
NAMED = [line for line, row in LINES.items() if row["recipe"] != pretrained.DEFAULT]
NAMED = [line for line in NAMED if line not in RECORDS]


@pytest.mark.parametrize("network, key", NAMED, ids=map("-".join, NAMED))
def test_a_recipe_with_a_name_trained_what_its_study_did(network, key):
    """Another number of threads adds up in another order: as accurate as its seeds, no more."""
    row = LINES[network, key]
    runs = studies.read_results(STUDIES / "minimal" / studies.RESULTS)["runs"]
    found = runs[(runs["row"] == row["recipe"]) & (runs["dataset"] == row["dataset"])]
    assert len(found) >= 5, "a recipe is published with its study's results"
    of_study, scores = found.iloc[0], found["test_accuracy"]
    assert (of_study["network"], of_study["numbers"]) == (network, int(row["parameters"]))
    away = abs(scores.mean() - float(row["test_accuracy"]))
    assert away <= 4.6 * scores.std() * (1 + 1 / len(scores)) ** 0.5  # Student's, 99 % of 4 degrees
    assert int(row["parameters"]) <= of_study["at_most"] == int(key.rpartition("-")[2])


@pytest.mark.parametrize("network, key", RECORDS, ids=map("-".join, RECORDS))
def test_a_record_is_the_one_of_its_study(network, key):
    row = LINES[network, key]
    runs = studies.read_results(STUDIES / "records" / studies.RESULTS)["runs"]
    runs = runs[(runs["network"] == network) & (runs["recipe"] == row["recipe"])]
    runs = runs[runs["dataset"] == row["dataset"]]
    (run,) = runs[runs["seed"] == publish.SEED].to_dict("records")
    assert run["numbers"] == int(row["parameters"])
    assert abs(run["test_accuracy"] - float(row["test_accuracy"])) <= publish.HALF


@pytest.mark.parametrize(
    "text, found",
    [
        ("/srv/mnist", ["/srv"]),
        ('{"manual_dir": "/srv/mnist"}', ["/srv"]),
        ("python -m training.train --data_dir=~/data", ["~/data"]),
        (r"C:\data", [r"C:\data"]),
        ("uint8 pixels / 255, [n, H/2] of runs/first and https://example.org/a", []),
    ],
)
def test_absolute_paths_are_found(text, found):
    assert helpers.absolute_paths(text) == found


def test_no_card_holds_a_path_of_a_machine():
    files = [path for path in kept.RESULTS.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {kept.CARD, "logits.csv"}
    for path in files:
        assert not helpers.absolute_paths(path.read_text(encoding="utf-8")), path
