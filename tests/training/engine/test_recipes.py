"""The table of recipes, and what a recipe may not be."""

import dataclasses
import math

import pytest

import weirdonetworks as wn
from training.cli.choices import DATASETS
from training.engine import optimizers, steps
from training.engine.recipes import DATASET_RECIPES, RECIPES, Recipe, recipe_for, recipe_names
from training.engine.run import resolve
from training.found.records import NAMES, RECORDS, records
from training.found.rows import rows
from weirdonetworks import pretrained
from weirdonetworks.nets import count_numbers


def test_the_table_names_networks_that_there_are():
    assert set(RECIPES) <= set(wn.list_networks())
    assert {network for network, _ in DATASET_RECIPES} <= set(wn.list_networks())
    assert {dataset for _, dataset in DATASET_RECIPES} <= set(DATASETS)


@pytest.mark.parametrize(
    ("network", "dataset"), [*((n, "mnist") for n in wn.list_networks()), *DATASET_RECIPES]
)
def test_every_network_accepts_its_recipe(network, dataset):
    recipe = recipe_for(network, dataset)
    wn.create_network(network, 10, **recipe.network_args)
    assert recipe.optimizer in optimizers.OPTIMIZERS
    assert recipe.schedule in optimizers.SCHEDULES
    assert recipe.step in steps.STEPS
    own = RECIPES.get(network, Recipe())
    assert recipe == DATASET_RECIPES.get((network, dataset), own)


def test_a_data_set_may_have_a_recipe_of_its_own(monkeypatch):
    other = Recipe(network_args={"dropout": 0.25}, epochs=7)
    monkeypatch.setitem(DATASET_RECIPES, ("mlp", "fashion_mnist"), other)
    assert recipe_for("mlp", "fashion_mnist") == other
    assert recipe_for("mlp", "mnist_5k") == RECIPES["mlp"] != other
    assert recipe_for("quadratic_mlp", "fashion_mnist") == RECIPES["quadratic_mlp"]
    overridden = recipe_for("mlp", "fashion_mnist", batch_size=9, network_args={"dropout": 0.5})
    assert overridden == dataclasses.replace(other, batch_size=9, network_args={"dropout": 0.5})


@pytest.mark.slow
def test_recipes_with_names_are_what_searches_found_and_records():
    found = rows("mnist")
    for network in wn.list_networks():
        names = [name for name, row in found.items() if row.network == network]
        names += RECORDS.get((network, "mnist"), {})
        assert recipe_names(network, "mnist") == ["default", *names]
        assert recipe_for(network, "mnist", name="default") == recipe_for(network, "mnist")
        # Data on which nothing was found have what was found on digits.
        assert recipe_names(network, "my/data.npz") == ["default", *names]
        for name in names:
            assert recipe_for(network, "my/data.npz", name=name) == recipe_for(
                network, "mnist", name=name
            )
    recipe = recipe_for("row_recurrent", "mnist", name="W+-1800")
    assert recipe == Recipe(**found["W+-1800"].recipe)
    assert recipe.network_args["columns"] and recipe.step == "augment"
    assert recipe != recipe_for("row_recurrent", "mnist", name="W+-1000")
    fewer = recipe_for("row_recurrent", "mnist", 7, "W+-1800", epochs=3, network_args={"size": 9})
    assert (fewer.batch_size, fewer.epochs, fewer.network_args["size"]) == (7, 3, 9)
    assert fewer.network_args["columns"]


@pytest.mark.slow
def test_records_are_of_images_as_they_are_or_distorted():
    for network, dataset in RECORDS:
        for name in records(network, dataset):
            assert name in NAMES
            recipe = recipe_for(network, dataset, name=name)
            assert recipe != recipe_for(network, dataset)
            moved = recipe.step == "augment" or bool(set(recipe.step_args) & {"degrees", "shift"})
            assert moved == name.endswith("+")
    assert records("mlp", "mnist_rot") == records("mlp", "mnist")


@pytest.mark.slow
def test_a_name_says_how_many_numbers_there_are_at_most(mnist_5k):
    for name, row in rows("mnist").items():
        recipe = recipe_for(row.network, "mnist_5k", name=name)
        network = wn.create_network(row.network, **recipe.network_args)
        network(mnist_5k.test.images[:1].astype("float32"))
        most = int(name.rpartition("-")[2])
        assert 0.9 * most <= count_numbers(network).trained <= most == row.at_most


def test_an_unknown_name_is_told_those_that_there_are():
    message = r"^the recipe of hashed_mlp on mnist must be one of \['default', 'P-12000', "
    with pytest.raises(ValueError, match=message + r".*\], got 'W\+-1800'$"):
        recipe_for("hashed_mlp", "mnist", name="W+-1800")
    with pytest.raises(ValueError, match=r"must be one of \['default'\], got 'best'$"):
        recipe_for("gated_mlp", "mnist", name="best")


@pytest.mark.slow
def test_a_run_tells_which_recipe_it_is_of(mnist_5k):
    """However it is given; and none, if one thing is another."""

    def name_of(recipe, network="row_recurrent"):
        return resolve(network, mnist_5k, recipe)[0]["recipe"]

    recipe = recipe_for("row_recurrent", "mnist_5k", name="W+-1800")
    assert name_of(recipe) == "W+-1800"
    assert name_of(dataclasses.replace(recipe, bits=None, weight_decay=0)) == "W+-1800"
    told = dict(recipe.network_args)
    assert told.pop("rank") is None  # the network's default
    assert name_of(dataclasses.replace(recipe, network_args=told)) == "W+-1800"
    assert name_of(dataclasses.replace(recipe, epochs=19)) is None
    assert name_of(dataclasses.replace(recipe, network_args=told | {"size": 23})) is None
    assert name_of(Recipe(), "gated_mlp") is None
    assert name_of(RECIPES["gated_mlp"], "gated_mlp") == "default"


def test_a_network_is_trained_where_the_teacher_of_its_record_is_not(
    mnist_5k, monkeypatch, tmp_path
):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="got 'mnist'"):
        recipe_for("mlp", "mnist_5k", name="record+")
    for recipe, name in ((RECIPES["mlp"], "default"), (Recipe(), None)):
        assert resolve("mlp", mnist_5k, recipe)[0]["recipe"] == name


def test_step_args_belong_to_their_step(monkeypatch):
    """They are added to those of the recipe, unless it is of another step."""
    penalty = Recipe(step="penalty", step_args={"weight": 0.5, "degrees": 30})
    monkeypatch.setitem(DATASET_RECIPES, ("mlp", "mnist"), penalty)
    added = recipe_for("mlp", "mnist", step_args={"weight": 2, "shift": 1})
    assert (added.step, added.step_args) == ("penalty", {"weight": 2, "degrees": 30, "shift": 1})
    assert recipe_for("mlp", "mnist", step="penalty").step_args == penalty.step_args
    other = recipe_for("mlp", "mnist", step="augment", step_args={"shift": 1})
    assert (other.step, other.step_args) == ("augment", {"shift": 1})
    assert recipe_for("mlp", "mnist", step="plain").step_args == {}


def test_overrides():
    recipe = recipe_for(
        "quadratic_mlp", "mnist", epochs=3, batch_size=None, network_args={"rank": 7}
    )
    table = RECIPES["quadratic_mlp"]
    assert recipe.epochs == 3 != table.epochs
    assert recipe.batch_size == table.batch_size  # None leaves it
    assert recipe.network_args == {**table.network_args, "rank": 7}
    assert "rank" not in table.network_args  # the table is as it was


def test_network_args_override_those_of_the_recipe():
    assert (
        recipe_for("quadratic_mlp", "mnist", network_args={"dropout": 0.125}).network_args[
            "dropout"
        ]
        == 0.125
    )


def test_zero_is_an_override_and_not_a_missing_one():
    smoothed = dataclasses.replace(RECIPES["mlp"], label_smoothing=0.1)
    assert dataclasses.replace(smoothed, label_smoothing=0.0).label_smoothing == 0
    assert recipe_for("mlp", "mnist", warmup_epochs=0.0).warmup_epochs == 0


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 0, "an integer >= 1"),
        ("epochs", 2.0, "an integer >= 1"),
        ("epochs", True, "an integer >= 1"),
        ("batch_size", -1, "an integer >= 1"),
        ("learning_rate", 0, r"a number in \(0, inf\)"),
        ("learning_rate", -0.1, r"a number in \(0, inf\)"),
        ("learning_rate", math.nan, r"a number in \(0, inf\)"),
        ("learning_rate", math.inf, r"a number in \(0, inf\)"),
        ("learning_rate", "fast", r"a number in \(0, inf\)"),
        ("learning_rate", True, r"a number in \(0, inf\)"),
        ("warmup_epochs", -1, r"a number in \[0, 20\)"),
        ("warmup_epochs", 20, r"a number in \[0, 20\)"),
        ("weight_decay", -1e-3, r"a number in \[0, inf\)"),
        ("weight_decay", math.nan, r"a number in \[0, inf\)"),
        ("label_smoothing", 1.0, r"a number in \[0, 1\)"),
        ("label_smoothing", -0.1, r"a number in \[0, 1\)"),
        (
            "step",
            "sleep",
            r"one of \['plain', 'augment', 'distill', 'penalty', 'projected', 'dream', 'adv.*\]",
        ),
        ("invariant_start", 1, "True or False"),
    ],
)
def test_bad_settings(name, value, rule):
    with pytest.raises(ValueError, match=f"^{name} must be {rule}, got {value!r}$"):
        recipe_for("mlp", "mnist", **{name: value})


def test_the_step_of_a_recipe():
    recipe = Recipe(step="penalty", step_args={"weight": 0.25})
    assert recipe.create_step() == steps.create_step("penalty", weight=0.25)
    assert recipe.create_step() != steps.create_step("penalty", weight=0.5)


def test_a_batch_is_no_larger_than_the_data_unless_it_was_asked_for():
    assert recipe_for("mlp", "mnist", 7).batch_size == 7
    assert recipe_for("mlp", "mnist", 10**6) == recipe_for("mlp", "mnist")
    assert recipe_for("mlp", "mnist", 7, batch_size=9).batch_size == 9
