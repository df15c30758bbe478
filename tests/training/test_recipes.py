"""The table of recipes, and what a recipe may not be."""

import dataclasses
import math

import pytest

import weirdonetworks as wn
from training import optimizers
from training.recipes import RECIPES, Recipe, recipe_for


def test_the_table_names_networks_that_there_are():
    assert set(RECIPES) <= set(wn.list_networks())


@pytest.mark.parametrize("network", wn.list_networks())
def test_every_network_accepts_its_recipe(network):
    recipe = recipe_for(network, "mnist")
    wn.create_network(network, 10, **recipe.network_args)
    assert recipe.optimizer in optimizers.OPTIMIZERS
    assert recipe.schedule in optimizers.SCHEDULES
    assert recipe == RECIPES.get(network, Recipe())


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
    ],
)
def test_bad_settings(name, value, rule):
    with pytest.raises(ValueError, match=f"^{name} must be {rule}, got {value!r}$"):
        recipe_for("mlp", "mnist", **{name: value})
