"""The search: sizes that fill what is allowed, trials that go on, and commands that repeat them."""

import itertools
import json
import shlex

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.cli.flags import RecipeFlags
from training.data import Dataset, load
from training.engine import recipe_for
from training.engine.recipes import Recipe
from training.engine.run import resolve
from training.engine.scoring import Scorer
from training.search import __main__ as command
from training.search import run as module
from training.search.run import best_of, search
from training.search.spaces import FAMILIES, Family, fits, largest
from training.search.trials import FIRST, JOURNAL, begin, first, study_of
from weirdonetworks.commands import app


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("mnist_5k")


def _count(name: str, arguments: dict) -> int:
    network = wn.create_network(name, **arguments)
    network(tf.zeros([1, 28, 28, 1]))
    return wn.nets.count_numbers(network).trained


def test_the_command_knows_the_families():
    assert tuple(FAMILIES) == command.FAMILIES
    assert set(command.FAMILIES) - set(command.DEFAULT) == {"windows", "crosswise", "turned"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_the_size_fills_what_is_allowed(name, digits):
    family = FAMILIES[name]
    choices = {key: values[-1] for key, values in family.choices.items()}
    arguments, numbers = largest(family, choices, 20_000, digits)
    assert numbers == _count(family.network, arguments) <= 20_000
    sizes = [n for n in range(1, 6000) if family.arguments(choices, n) == arguments]
    assert len(sizes) == 1
    assert _count(family.network, family.arguments(choices, sizes[0] + 1)) > 20_000
    assert fits(family, 20_000, digits) and not fits(family, 5, digits)


def test_shapes_that_do_not_fit_the_images(digits):
    family = Family("mixer_mlp", {"patch_size": (5, 7)}, lambda c, n: {"size": n, **c})
    assert largest(family, {"patch_size": 5}, 10_000, digits) is None
    assert fits(family, 10_000, digits)  # by the other one
    assert largest(FAMILIES["mlp"], {"depth": 1}, 100, digits) is None


@pytest.fixture(scope="module")
def found(tmp_path_factory, few_digits_file, as_graphs):
    folder = tmp_path_factory.mktemp("search")
    arguments = {"families": ["frequencies", "mlp"], "epochs": 2, "workers": 0}
    with as_graphs():
        table = search(str(few_digits_file), [700, 900], folder, trials=3, **arguments)
    return folder, table, arguments


@pytest.mark.slow
def test_trials_and_what_is_best(found):
    folder, table, _ = found
    assert set(table["at_most"]) == {700, 900} and (table["numbers"] <= table["at_most"]).all()
    assert set(table["status"]) == {"done", "stopped"}
    assert (table.loc[table["status"] == "stopped", "epochs_done"] < 2).all()
    assert (table.loc[table["status"] == "done", "epochs_done"] == 2).all()
    assert set(table.loc[table["at_most"] == 700, "network"]) == {"dct_mlp"}  # no other fits
    best = json.loads((folder / "best.json").read_text())["best"]
    for most, rows in table[table["status"] == "done"].groupby("at_most"):
        assert best[str(most)]["validation_accuracy"] == rows["validation_accuracy"].max()
    assert (folder / "frontier.png").stat().st_size > 5_000
    assert not any("test" in column for column in table)
    for _, rows in table.groupby("at_most"):  # each family first with one recipe
        first = rows.sort_values("trial").iloc[0]
        assert {key: first[key] for key in ("optimizer", "learning_rate", "averaging")} == {
            key: FIRST[key] for key in ("optimizer", "learning_rate", "averaging")
        }


def test_each_family_begins_with_its_own_recipe(tmp_path):
    study = study_of(tmp_path / JOURNAL, 700, 3, create=True)
    begin(study, ["turned", "mlp"])
    turned, mlp = (trial.system_attrs["fixed_params"] for trial in study.trials)
    assert (turned["optimizer"], mlp["optimizer"]) == ("adam", "muon")
    for told, family in ((turned, "turned"), (mlp, "mlp")):
        choices = {f"{family}.{key}": 0 for key in FAMILIES[family].choices}
        assert told == {"family": family, **choices, **first(family)}
    begin(study, ["mlp"])
    assert len(study.trials) == 2  # it has begun


@pytest.mark.slow
def test_its_command_is_its_recipe(found):
    folder, _, _ = found
    for told in json.loads((folder / "best.json").read_text())["best"].values():
        words = shlex.split(told["command"])
        assert words[:3] == ["python", "-m", "training.train"]
        values = app.Flags("")
        flags = RecipeFlags(values)
        values.parse([word for word in words[3:] if not word.startswith("--dataset")])
        assert flags.network.value == told["network"]
        parsed = recipe_for(told["network"], "mnist", **flags.overrides())
        for name, value in told["recipe"].items():
            own = getattr(parsed, name)
            if name == "network_args":
                value = {key: tuple(v) if isinstance(v, list) else v for key, v in value.items()}
            assert own == value, name
        assert _count(told["network"], dict(parsed.network_args)) == told["numbers"]


@pytest.mark.slow
def test_the_search_tells_its_own_command(found, few_digits_file):
    folder, _, _ = found
    told = json.loads((folder / "best.json").read_text())["command"]
    made = "--numbers=700,900 --families=frequencies,mlp --dataset=FILE --step=plain --epochs=2"
    assert told.replace(str(few_digits_file), "FILE") == (
        f"python -m training.search {made} --trials=3"
    )
    config = {"search": [9], "families": ["rows"], "dataset": "mnist", "step": "augment"}
    config |= {"step_args": {"degrees": 10, "shift": 1}, "epochs": 4}
    moved = "--step=augment --step_arg=degrees=10 --step_arg=shift=1"
    assert f" {moved} --epochs=4 " in module.own_command(config, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_it_goes_on_where_it_was(found, few_digits_file):
    folder, table, arguments = found
    again = search(str(few_digits_file), [700, 900], folder, trials=3, **arguments)
    assert again.equals(table)
    more = search(str(few_digits_file), [700, 900], folder, trials=4, **arguments)
    assert len(study_of(folder / JOURNAL, 700, 2).trials) == 4
    merged = more.merge(table[["at_most", "trial"]], on=["at_most", "trial"])
    assert merged[table.columns].equals(table)
    with pytest.raises(ValueError, match=r"holds a run of another configuration \(epochs: 2 there"):
        search(str(few_digits_file), [700, 900], folder, **{**arguments, "epochs": 3})


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_validation_images_alone_choose(tmp_path, few_digits_file, monkeypatch):
    seen, accuracy = [], Scorer.accuracy
    monkeypatch.setattr(
        Scorer, "accuracy", lambda self, split: seen.append(split) or accuracy(self, split)
    )
    arguments = {"families": ["frequencies"], "epochs": 1, "workers": 0, "trials": 1}
    search(str(few_digits_file), [800], tmp_path / "x", **arguments)
    data = load(str(few_digits_file))
    assert seen and not np.array_equal(data.validation.images, data.test.images)
    for split in seen:
        np.testing.assert_array_equal(split.images, data.validation.images)


def test_no_network_has_so_few(tmp_path, few_digits_file):
    with pytest.raises(ValueError, match="^numbers must leave room for a network of mlp, got 10$"):
        search(str(few_digits_file), [10], tmp_path / "x", families=["mlp"], workers=0)


def test_the_best_are_those_that_were_not_stopped():
    import pandas as pd

    rows = [(10, "done", 0.5), (10, "stopped", 0.9), (10, "done", 0.7), (20, "stopped", 0.9)]
    table = pd.DataFrame(rows, columns=["at_most", "status", "validation_accuracy"])
    assert list(best_of(table)["validation_accuracy"]) == [0.7]
    assert best_of(table[table["status"] == "stopped"]).empty


def test_shapes_are_told_as_tuples():
    recipe = {"epochs": 3, "network_args": {"hidden_shapes": [[3, 4], [2, 2]], "unit": "dense"}}
    words = shlex.split(module.command("kronecker_mlp", "mnist", recipe))
    assert "--network_arg=hidden_shapes=((3,4),(2,2))" in words
    assert "--network_arg=unit=dense" in words and "--epochs=3" in words


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_no_trial_was_trained_to_its_end(tmp_path, few_digits_file):
    arguments = {"epochs": 1, "workers": 0, "trials": 1}
    small = {"families": ["patches"], **arguments}  # fits, but not with what is tried first
    with pytest.raises(ValueError, match="^trials must be more, for none of 1 was trained"):
        search(str(few_digits_file), [600], tmp_path / "small", **small)
    far = {"families": ["frequencies"], "step": "spectral", "step_args": {"weight": 1e38}}
    with pytest.raises(ValueError, match="^trials must be more, for none of 1 was trained"):
        search(str(few_digits_file), [800], tmp_path / "far", **far, **arguments)
    assert "diverged" in (tmp_path / "far" / "search.csv").read_text()
    assert not (tmp_path / "far" / "best.json").exists()


@pytest.mark.usefixtures("graphs")
def test_data_that_no_step_and_no_family_can_learn(tmp_path):
    curves = {"dataset": "mnist_1d", "numbers": [9000], "workdir": tmp_path / "x", "workers": 0}
    with pytest.raises(ValueError, match="^step must leave images as they are on mnist_1d"):
        search(**curves, families=["mlp"], step="augment", step_args={"degrees": 20})
    with pytest.raises(ValueError, match="^families must .* mnist_1d"):
        search(**curves, families=["turned"])
    teacher = {"teacher": "dct_mlp", "dataset": "fashion_mnist"}
    with pytest.raises(ValueError, match="^dataset of step_args must be mnist, the data to be"):
        search(
            **curves | {"dataset": "mnist_5k"}, families=["mlp"], step="distill", step_args=teacher
        )
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_networks_are_of_the_images():
    images = np.zeros([400, 16, 16], np.uint8)
    data = Dataset.from_arrays(images, np.arange(400) % 10)
    for name, family in FAMILIES.items():
        combinations = itertools.product(*family.choices.values())
        choices = [dict(zip(family.choices, values, strict=True)) for values in combinations]
        found = [largest(family, one, 60_000, data, 1) for one in choices]
        arguments, _ = next(one for one in found if one)
        _, network = resolve(family.network, data, Recipe(arguments))
        assert network(tf.zeros([2, 16, 16, 1])).shape == [2, 10], name
