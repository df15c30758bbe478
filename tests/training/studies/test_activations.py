"""The comparison of activations: rates and finalists by validation, networks that differ in nothing
else."""

import inspect
import math
import shutil

import numpy as np
import pandas as pd
import pytest

import weirdonetworks as wn
from training.engine.workdir import num_parameters
from training.experiments import CHOICE_SEED, runner
from training.report.statistics import holm, welch
from training.report.tables import percent
from training.studies.activations import networks
from training.studies.activations import trial as module
from training.studies.activations.__main__ import ACTIVATIONS, STUDY
from training.studies.activations.finals import ALWAYS, FINALISTS, finalists, ranking
from training.studies.activations.report import report
from weirdonetworks import functional

NAMES = ["gelu", "relu", "tanh", "maxout", "solu", "silu", "or_tanh", "identity"]


class MadeUp:
    """In place of training: accuracies that follow from the names, and some that diverge."""

    runs = []

    def __init__(self, network, dataset, recipe):
        self.network, self.activation = network, recipe.network_args["activation"]

    def run(self, seed, learning_rate, splits):
        self.runs.append((self.network, self.activation, seed, learning_rate, tuple(splits)))
        if self.activation == "solu" and (self.network == "mlp" or learning_rate > 0.05):
            raise FloatingPointError("the loss is not finite at step 3")
        place = NAMES.index(self.activation)
        rng = np.random.default_rng([seed, place, round(1e4 * learning_rate)])
        best = {"mlp": 1e-2, "row_attention": 3e-2}[self.network]  # none of the ends
        distance = abs(math.log10(learning_rate / best))
        row = {"parameters": 12, "seconds": 0.5}
        row["validation_accuracy"] = 0.9 - 0.05 * place - 0.03 * distance + rng.uniform(0, 0.01)
        if "test" in splits:  # the other way round: whoever looks at it chooses others
            row["test_accuracy"] = 0.5 + 0.05 * place + rng.uniform(0, 0.01)
        return row


@pytest.fixture(scope="module")
def made_up(tmp_path_factory, few_digits_file):
    """Heats and finals with made-up runs, on data that are called few and many."""
    folder = tmp_path_factory.mktemp("activations")
    names = {str(folder / f"{name}.npz"): name for name in ("few", "many")}
    for path in names:
        shutil.copy(few_digits_file, path)
    axes = {"dataset": list(names), "network": list(networks.NETWORKS), "activation": NAMES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Repeated", MadeUp)
        tables = runner.run(STUDY, folder / "out", axes=axes, workers=0)
    return {name: table.replace({"dataset": names}) for name, table in tables.items()}


@pytest.fixture(scope="module")
def told(made_up):
    return report(made_up)


def _done(runs, **keys):
    for key, value in keys.items():
        runs = runs[runs[key] == value]
    return runs[runs["status"] == "done"]


def test_only_runs_of_reported_seeds_see_the_test_set(made_up):
    # solu diverges at each rate in one network: no runs of seeds.
    assert len(MadeUp.runs) == 8 * 2 * (4 + 3) - 3 + 7 * 2 * (4 + 3)
    assert {seed for *_, seed, _, splits in MadeUp.runs if "test" not in splits} == {CHOICE_SEED}
    assert {seed for *_, seed, _, splits in MadeUp.runs if "test" in splits} == {0, 1, 2}
    assert "test_accuracy" not in made_up["choices"]
    assert set(made_up["runs"]["seed"]) == {0, 1, 2}


def test_rates_are_the_best_of_validation(made_up):
    keys = ["dataset", "network", "activation"]
    for key, part in made_up["runs"].groupby(keys):
        grid = _done(made_up["choices"], **dict(zip(keys, key, strict=True)))
        if key[1:] == ("mlp", "solu"):
            assert grid.empty and (part["status"] == "diverged").all()
        else:
            best = grid.loc[grid["validation_accuracy"].idxmax(), "learning_rate"]
            assert (part["learning_rate"] == best).all() and (part["status"] == "done").all()


def test_finalists_are_chosen_by_validation_and_not_by_test(made_up):
    runs = made_up["runs"]
    heats = runs[runs["dataset"] == "few"]
    order = ["gelu", "relu", "tanh", "maxout", "silu", "or_tanh", "identity", "solu"]
    rows = heats.to_dict("records")
    assert ranking(rows) == order  # solu has diverged: behind all others
    expected = ["relu", "gelu", "tanh", "maxout", "silu", "or_tanh", "identity"]
    assert finalists(rows) == expected and len(expected) == len(ALWAYS) + FINALISTS
    assert set(runs[runs["dataset"] == "many"]["activation"]) == set(expected)
    by_test = _done(heats, seed=0, network="row_attention").sort_values("test_accuracy")
    assert by_test["activation"].tolist()[:-6:-1] != expected[2:]


@pytest.mark.slow
def test_the_tables(made_up, told):
    runs = made_up["runs"]
    accuracy = told.tables["accuracy"].set_index("activation")
    assert list(accuracy.columns) == [
        "mlp, few", "row_attention, few", "mlp, many", "row_attention, many",
    ]  # fmt: skip
    tanh = _done(runs, dataset="many", network="mlp", activation="tanh")["test_accuracy"]
    assert accuracy.loc["tanh", "mlp, many"] == percent(tanh) and len(tanh) == 3
    assert accuracy.loc["solu", "mlp, few"] == "3 of 3 diverged"
    assert accuracy.loc["solu"].isna().tolist() == [False, False, True, True]
    some = runs.assign(status=runs["status"].where(runs["seed"] != 0, "diverged"))
    table = report({"runs": some}).tables["accuracy"].set_index("activation")
    assert table.loc["tanh", "mlp, many"] == f"{percent(tanh[1:])} (1 of 3 diverged)"


@pytest.mark.slow
def test_verdicts_are_against_gelu_within_network_and_data(made_up, told):
    table = told.tables["verdicts"]
    part = table[(table["dataset"] == "many") & (table["network"] == "mlp")].set_index("activation")
    values = {
        name: 100
        * _done(made_up["runs"], dataset="many", network="mlp", activation=name)[
            "test_accuracy"
        ].to_numpy()
        for name in part.index
    }
    others = [name for name in part.index if name != "gelu"]
    p = holm([welch(values[name], values["gelu"]) for name in others])
    assert part.loc["gelu", "verdict"] == "baseline" and len(others) == 6
    assert part.loc[others, "p"].tolist() == [f"{value:.2g}" for value in p]
    assert part.loc["tanh", "verdict"] == "better"
    assert "solu" not in set(table[table["network"] == "mlp"]["activation"])
    without = made_up["runs"][made_up["runs"]["activation"] != "gelu"]
    assert "verdict" not in report({"runs": without}).tables["verdicts"]


def test_the_picture(made_up, told):
    panels = told.figures["activations"].axes
    assert [axis.get_title() for axis in panels] == [
        "few, mlp", "few, row_attention", "many, mlp", "many, row_attention",
    ]  # fmt: skip
    labels = [label.get_text() for label in panels[0].get_yticklabels()]
    assert labels == NAMES[:3:-1][:3] + NAMES[3::-1]  # by test accuracy, without solu
    gone = made_up["runs"].assign(status="diverged")
    assert not report({"runs": gone}).figures


@pytest.mark.slow
def test_a_trial(tmp_path, few_digits_file):
    """A real network; without further data there are no finals."""
    axes = {"dataset": [few_digits_file], "network": ["mlp"], "activation": ["maxout"]}
    settings = {"epochs": 2}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    (row,) = found["runs"].to_dict("records")
    assert (row["activation"], row["seed"], row["status"]) == ("maxout", 0, "done")
    assert 0.1 < row["test_accuracy"] < 1 and row["seconds"] > 0
    assert row["parameters"] == 785 * 100 + 51 * 100 + 51 * 10


def test_recipes_differ_in_the_activation_alone():
    for network, arguments in networks.NETWORKS.items():
        few, many = (module.recipe(network, "solu", images) for images in (9_999, 10_000))
        assert (few.epochs, few.batch_size) == (networks.FEW.epochs[network], 50)
        assert (many.epochs, many.batch_size) == (networks.MANY.epochs[network], 100)
        given = module.recipe(network, "solu", 10_000, epochs=3)
        assert (given.epochs, given.batch_size, given.step) == (3, 100, "plain")
        assert given.network_args == {**arguments, "activation": "solu"}
    assert set(networks.RATES) == set(networks.NETWORKS)


def test_all_activations_are_compared():
    assert tuple(functional.ACTIVATIONS) == ACTIVATIONS


@pytest.mark.slow
@pytest.mark.parametrize("network", networks.NETWORKS)
def test_the_networks_take_every_activation_and_differ_in_maxout_alone(network):
    arguments = networks.NETWORKS[network]
    assert "activation" in inspect.signature(wn.nets.NETWORKS[network].__init__).parameters
    sizes = {}
    for name in ACTIVATIONS:
        net = wn.create_network(network, 10, activation=name, **arguments)
        net(np.zeros((1, 28, 28, 1), np.float32))
        sizes[name] = num_parameters(net)
    smaller = sizes.pop("maxout")
    assert len(set(sizes.values())) == 1 and smaller < sizes["relu"]


def test_what_is_transcribed_is_shown_as_it_stands():
    table = pd.DataFrame({"activation": ["gelu"]})
    assert report({"transcribed": table}).tables["accuracy"] is table
