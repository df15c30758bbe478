"""Training in memory: what a run offers, that it is the command's, and what it refuses."""

import dataclasses
import gc
import inspect
import json
import sys
import types

import matplotlib.figure
import numpy as np
import pytest
import tensorflow as tf

import training
import weirdonetworks as wn
from training.data import Dataset, Split
from training.engine import RECIPES, Recipe, load_run, recipe_for, resolve, scale, steps
from training.engine.run import initial_network
from training.engine.train import failure
from training.engine.workdir import METRICS

TINY = {"network_args": {"hidden_sizes": (8,)}, "epochs": 2, "batch_size": 20}


@pytest.fixture(scope="module")
def run(few_digits, as_graphs):
    with as_graphs():
        return training.fit("mlp", few_digits, seed=3, progress=False, learning_rate=0.01, **TINY)


@pytest.mark.slow
def test_history_is_a_table_with_a_row_an_epoch(run):
    assert tuple(run.history.columns) == METRICS
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.history["loss"][1] < run.history["loss"][0]


@pytest.mark.slow
def test_a_run_scores_predicts_and_draws(run, few_digits):
    probabilities = run.probabilities(few_digits.test.images)
    assert probabilities.shape == (100, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    predicted = run.predict(few_digits.test.images)
    np.testing.assert_array_equal(predicted, probabilities.argmax(axis=1))
    assert run.evaluate() == run.evaluate("test") == np.mean(predicted == few_digits.test.labels)
    assert run.evaluate(few_digits.train) == run.evaluate("train") > 0.2
    np.testing.assert_array_equal(run.predict(few_digits.test.images[..., 0]), predicted)
    assert isinstance(run.plot(), matplotlib.figure.Figure)
    assert run.parameters == 784 * 8 + 8 + 80 + 10
    assert repr(run) == "Run(mlp on few_digits, 2 epochs, 6,370 parameters)"


@pytest.mark.slow
def test_over_shifts_is_the_mean_of_logits_of_shifted_images(run, few_digits, tmp_path):
    images = few_digits.test.images
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    logits = [
        run.network(scale(padded[:, i : i + 28, j : j + 28])) for i in range(3) for j in range(3)
    ]
    expected = tf.nn.softmax(tf.reduce_mean(logits, axis=0))
    shifted = run.over_shifts()
    np.testing.assert_allclose(shifted.probabilities(images), expected, atol=1e-6)
    assert np.abs(run.probabilities(images) - expected).max() > 0.01
    assert shifted.evaluate() == np.mean(np.argmax(expected, axis=1) == few_digits.test.labels)
    assert shifted.parameters == run.parameters and shifted.history is run.history
    with pytest.raises(ValueError, match="a mean over shifts is made anew by over_shifts, got"):
        shifted.save(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("shifts", [0, -1, 1.0, True, "1"])
def test_shifts_are_whole_pixels(run, shifts):
    with pytest.raises(ValueError, match="^shifts must be an integer >= 1, got "):
        run.over_shifts(shifts)
    with pytest.raises(ValueError, match="^shifts must be an integer <= 8, got 9$"):
        run.over_shifts(9)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_nothing_is_written_until_it_is_saved(run, few_digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training.fit("mlp", few_digits, progress=False, **TINY)
    assert not any(tmp_path.iterdir())
    result = run.save(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result
    loaded = load_run(tmp_path / "run", few_digits)
    for ours, theirs in zip(loaded.network.variables, run.network.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.evaluate() == run.evaluate() == result["test_accuracy"]
    assert loaded.history.equals(run.history)
    with pytest.raises(ValueError, match="already: continue it with --resume"):
        run.save(tmp_path / "run")
    with pytest.raises(ValueError, match="a run that was loaded is in its folder already"):
        loaded.save(tmp_path / "again")


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_in_memory_and_with_files_are_the_same_run(run, few_digits, tmp_path):
    recipe = recipe_for("mlp", few_digits.name, learning_rate=0.01, **TINY)
    training.train_and_evaluate("mlp", few_digits, recipe, tmp_path / "run", seed=3)
    loaded = load_run(tmp_path / "run")
    assert loaded.config == run.config
    for ours, theirs in zip(loaded.network.variables, run.network.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="split must be a Split, since this run was loaded with"):
        loaded.evaluate("test")
    assert loaded.evaluate(few_digits.test) == run.evaluate("test")


def test_the_network_that_a_run_began_with(few_digits):
    tf.random.set_seed(3)
    expected = wn.create_network("mlp", hidden_sizes=(8,), dropout=0.1)
    expected(tf.zeros([1, 28, 28, 1]))
    config, _ = resolve("mlp", few_digits, recipe_for("mlp", "d", **TINY), 3)
    for ours, theirs in zip(initial_network(config).variables, expected.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_recipe_is_an_argument(few_digits):
    recipe = Recipe(network_args={"hidden_sizes": (8,)}, epochs=1, batch_size=50, optimizer="sgd")
    run = training.fit("mlp", few_digits, recipe, progress=False, learning_rate=0.5)
    assert run.config["optimizer"] == "sgd" and run.config["learning_rate"] == 0.5
    assert len(run.history) == 1


def test_resolve(mnist_5k):
    """Nothing is left to defaults that a later version may change."""
    recipe = recipe_for("quadratic_mlp", "mnist_5k", network_args={"rank": 8}, optimizer="sgd")
    config, network = resolve("quadratic_mlp", mnist_5k, recipe, seed=4)
    network_args = config.pop("network_args")
    fields = dataclasses.asdict(recipe)
    given = fields.pop("network_args")
    assert config == {
        "network": "quadratic_mlp",
        "recipe": None,
        "dataset": "mnist_5k",
        "num_classes": 10,
        "image_shape": [28, 28, 1],
        "data_sha256": mnist_5k.sha256,
        "seed": 4,
        **fields,
    }
    arguments = inspect.signature(wn.nets.QuadraticMLP.__init__).parameters
    assert network_args.keys() == arguments.keys() - {"self", "num_classes", "name"}
    for name, value in network_args.items():
        expected = 8 if name == "rank" else given.get(name, arguments[name].default)
        assert value == (list(expected) if isinstance(expected, tuple) else expected), name
    assert isinstance(network, wn.nets.QuadraticMLP)


def test_the_step_is_resolved_too(mnist_5k):
    recipe = recipe_for("mlp", "d", step="dream", step_args={"weight": 3}, invariant_start=True)
    config, _ = resolve("mlp", mnist_5k, recipe)
    assert (config["step"], config["invariant_start"]) == ("dream", True)
    assert config["step_args"] == {**steps.default_arguments("dream"), "weight": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "resnet"}, "network must be one of .*got 'resnet'"),
        ({"dataset": "mnist_5k"}, r"dataset must be a Dataset, such as training.load\('mnist_5k'"),
        ({"seed": 1.0}, "seed must be an integer"),
        ({"seed": True}, "seed must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
        ({"network_args": {"activation": tf.nn.relu}}, "network_args must be JSON: .*relu"),
        ({"network_args": {"num_classes": 3}}, "network_args must not hold num_classes"),
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"batch_size": 401}, r"batch_size must be in 1 .. 400 \(the training images\), got 401"),
        ({"recipe": {"epochs": 1}}, "recipe must be a Recipe or its name, got dict"),
        ({"optimizer": "lion"}, "optimizer must be one of .*got 'lion'"),
    ],
)
def test_bad_arguments(few_digits, change, message):
    good = {"network": "mlp", "dataset": few_digits, "progress": False, "epochs": 1}
    with pytest.raises(ValueError, match=message):
        training.fit(**(good | change))


@pytest.mark.slow
@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28)),
        np.zeros((2, 14, 14), np.uint8),
        np.zeros((0, 28, 28), np.uint8),
        "x",
    ],
    ids=["float64", "size", "none", "str"],
)
def test_images_of_another_kind_are_not_predicted(run, images):
    with pytest.raises(ValueError, match=r"images must be uint8 \[n, 28, 28, 1\], n >= 1, got"):
        run.predict(images)


@pytest.mark.slow
def test_a_split_of_another_kind_is_not_scored(run):
    turned = Split(np.zeros((2, 14, 56, 1), np.uint8), np.zeros(2, np.int32))  # as many pixels
    with pytest.raises(ValueError, match=r"split must have images of the shape \(28, 28, 1\)"):
        run.evaluate(turned)


@pytest.mark.slow
def test_a_folder_in_the_home_of_the_user(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run.save("~/kept")
    assert {path.name for path in tmp_path.iterdir()} == {"kept"}
    assert load_run("~/kept").parameters == run.parameters


@pytest.mark.slow
def test_another_data_set_is_not_taken_for_that_of_a_run(run, few_digits, mnist_5k, tmp_path):
    run.save(tmp_path / "run")
    with pytest.raises(ValueError, match="must be the one of the run .*, few_digits, got mnist_5k"):
        load_run(tmp_path / "run", mnist_5k)
    with pytest.raises(ValueError, match="dataset must be a Dataset, got str"):
        load_run(tmp_path / "run", "few_digits")


def coloured(height: int, width: int) -> Dataset:
    """Three classes of pictures in colour, which differ in a pixel."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120).astype(np.int32)
    images = rng.integers(0, 60, (120, height, width, 3)).astype(np.uint8)
    images[:, height // 2, width // 2, 1] = 90 * labels
    cuts = {"train": slice(0, 80), "validation": slice(80, 100), "test": slice(100, 120)}
    splits = {name: Split(images[cut], labels[cut]) for name, cut in cuts.items()}
    return Dataset("coloured", 3, **splits)


SMALL = {
    "mlp": {"hidden_sizes": (8,)},
    "quadratic_mlp": {"rank": 8, "hidden_sizes": ()},
    "polynomial_mlp": {"degree": 3, "rank": 8, "hidden_sizes": ()},
    "synchronous_mlp": {"lift_sizes": (8,), "group": "cyclic4"},
    "posynomial_mlp": {"hidden_sizes": (8,), "num_terms": 8},
    "signomial_mlp": {"hidden_sizes": (8,), "num_terms": 8},
    "autoactivation_mlp": {"hidden_sizes": (8,)},
    "comodulation_mlp": {"hidden_sizes": (8,)},
    "gated_mlp": {"hidden_sizes": (8,)},
    "row_attention": {"size": 8, "mlp_size": 8, "alpha": 1.0},
    "dynamic_mlp": {"hidden_sizes": (8,), "rank": 4},
    "dct_mlp": {"frequencies": 3},
    "patch_mlp": {"patch_size": 4, "stride": 3},
    "mixer_mlp": {"patch_size": 1, "size": 3},
    "synchronous_network": {"network_args": {"size": 5, "rows": 7}, "group": "cyclic4"},
    "hashed_mlp": {"hidden_sizes": (8,), "compression": 50},
    "lipschitz_mlp": {"hidden_sizes": (8,)},
    "kronecker_mlp": {"hidden_shapes": ((3, 4),)},
    "row_recurrent": {"size": 4, "rows": 7},
}


@pytest.mark.parametrize("network", RECIPES)
def test_every_network_takes_pictures_of_any_shape_and_colour(network):
    """Made for the data set, as a run makes it; that each trains, whole runs test."""
    assert SMALL.keys() == RECIPES.keys() == set(wn.list_networks())
    oblong = coloured(7, 10)
    recipe = recipe_for(network, oblong.name, network_args=SMALL[network])
    config, module = resolve(network, oblong, recipe)
    assert (config["num_classes"], config["image_shape"]) == (3, [7, 10, 3])
    logits = module(scale(oblong.test.images))
    assert logits.shape == (20, 3) and np.isfinite(logits).all()


def test_a_network_for_another_shape_says_so_by_name(few_digits):
    with pytest.raises(ValueError, match=r"SynchronousMLP images must be images \[batch, 14, 14"):
        training.fit("synchronous_mlp", few_digits, network_args={"image_shape": (14, 14)})


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("kernel", [True, False])
def test_a_kernel_shows_a_bar_and_others_a_line_an_epoch(few_digits, monkeypatch, capfd, kernel):
    shell = types.SimpleNamespace(**({"kernel": None} if kernel else {}))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    training.fit("mlp", few_digits, **TINY)
    shown = capfd.readouterr().err
    assert ("40/40, epoch 2/2 loss" in shown) == kernel
    assert ("epoch 2: loss" in shown) != kernel


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_nothing_of_a_run_is_kept(few_digits):
    """What memory grows by from run to run is what TensorFlow keeps of what it compiled."""

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    def train():
        return training.fit("mlp", few_digits, progress=False, **TINY)

    counts = []
    for _ in range(4):
        train()
        counts.append(objects())
    assert counts[3] - counts[2] < 100, counts
    kept = train()
    assert objects() - counts[3] > 500 and kept  # a run that is kept shows


def test_a_result_that_is_none_says_so(mnist_5k):
    result = {"test_accuracy": 0.9, "training_loss": 0.3}
    assert failure(result, mnist_5k) is None
    told = failure({**result, "test_accuracy": 0.12}, mnist_5k)
    assert told == (
        "the test accuracy, 12.00 %, is that of guessing: 10.00 % of the images are of one class"
    )
    assert failure({**result, "test_accuracy": 0.14}, mnist_5k) is None
    told = failure({**result, "training_loss": 1234.5}, mnist_5k)
    assert told == "the training loss has grown to 1.23e+03"
