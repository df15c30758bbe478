"""The comparison of modulations: variants that differ in nothing else, rates by validation, what is
told of them and of the alphas that they learn."""

import dataclasses
import math
import types

import numpy as np
import pandas as pd
import pytest

import weirdonetworks as wn
from training.engine.recipes import RECIPES, Recipe
from training.engine.workdir import num_parameters
from training.experiments import CHOICE_SEED, runner
from training.report.statistics import holm, welch
from training.report.tables import mean_and_spread, percent
from training.studies.modulation import trial as module
from training.studies.modulation.__main__ import STUDY
from training.studies.modulation.report import report
from training.studies.modulation.variants import BASELINES, EPOCHS, FAMILIES, cells

SEEDS = [0, 1, 2]


class MadeUp:
    """In place of training: accuracies that follow from the arguments, and some that diverge."""

    runs = []

    def __init__(self, network, dataset, recipe, *, seed, progress):
        arguments, rate = recipe.network_args, recipe.learning_rate
        gate, alpha = arguments.get("gate"), arguments.get("alpha", 1.0)
        self.runs.append((network, str(arguments), seed, rate, recipe.epochs))
        if (gate == "nested" and (rate > 2e-4 or seed == 2)) or rate > 0.05:
            raise FloatingPointError("the loss is not finite at step 3")
        rng = np.random.default_rng([seed, round(1e5 * rate), len(str(arguments))])
        best = 1e-2 if network == "row_attention" else 1e-4
        value = 0.9 - 0.1 * alpha - 0.01 * abs(math.log10(rate / best)) + rng.uniform(0, 0.002)
        self.history = pd.DataFrame({"validation_accuracy": [0.1, value], "seconds": [0.25, 0.25]})
        self.test_accuracy, self.parameters = 1 - value, 1234
        learned = arguments.get("trainable_alpha", False)
        alphas = rng.uniform(size=1 if network == "row_attention" else 4)
        layer = types.SimpleNamespace(trainable_alpha=learned, alpha=alphas)
        names = ("attentions", "layers") if network == "row_attention" else ("layers",)
        self.network = types.SimpleNamespace(**dict.fromkeys(names, [layer]))

    def evaluate(self, split):
        self.runs[-1] += (split,)
        return self.test_accuracy


@pytest.fixture(scope="module")
def made_up(tmp_path_factory, few_digits_file):
    axes = {**STUDY.axes, "dataset": [few_digits_file]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit", MadeUp)
        folder = tmp_path_factory.mktemp("modulation")
        tables = runner.run(STUDY, folder, axes=axes, seeds=SEEDS, workers=0)
    return {name: table.assign(dataset="digits") for name, table in tables.items()}


@pytest.fixture(scope="module")
def told(made_up):
    return report(made_up)


def _runs(made_up, variant, status="done"):
    runs = made_up["runs"]
    return runs[(runs["variant"] == variant) & (runs["status"] == status)]


def test_rates_are_chosen_by_the_validation_accuracy_of_another_seed(made_up):
    runs, choices = made_up["runs"], made_up["choices"]
    for variant, part in runs.groupby("variant"):
        grid = choices[(choices["variant"] == variant) & (choices["status"] == "done")]
        best = grid.loc[grid["validation_accuracy"].idxmax(), "learning_rate"]
        assert (part["learning_rate"] == best).all()
    assert "test_accuracy" not in choices and set(runs["seed"]) == set(SEEDS)
    scored = {seed for *_, seed, _, _, split in (r for r in MadeUp.runs if len(r) == 6)}
    assert scored == set(SEEDS)
    assert {run[2] for run in MadeUp.runs} == {*SEEDS, CHOICE_SEED}
    assert {(run[0] == "row_attention", run[4]) for run in MadeUp.runs} == {
        (False, EPOCHS["mlp"]), (True, EPOCHS["attention"]),
    }  # fmt: skip


def test_rates_go_on_beyond_the_first(made_up):
    """Those of attention were never half decades."""
    tried = made_up["choices"].groupby("variant")["learning_rate"].agg(set)
    assert tried["exp gate"] == {3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2}
    assert tried["softmax"] == {5e-3, 1e-2, 2e-2, 4e-2}
    assert {0.0025, 0.08, 0.64} < set(STUDY.choose.rungs["attention"])


def test_learned_alphas(made_up):
    for (variant, seed), part in made_up["runs"].groupby(["variant", "seed"]):
        alphas = made_up["alphas"]
        own = alphas[(alphas["variant"] == variant) & (alphas["seed"] == seed)]["alpha"]
        row = part.iloc[0]
        if not variant.endswith("learned"):
            assert own.empty and np.isnan(row["alpha_mean"])
            continue
        assert len(own) == (4 if row["family"] == "mlp" else 1)
        assert row["alpha_mean"] == pytest.approx(own.mean())
        assert row["alpha_spread"] == pytest.approx(own.std(ddof=1) if len(own) > 1 else 0)
        assert (row["alpha_min"], row["alpha_max"]) == (own.min(), own.max())


def test_the_table_of_accuracies(made_up, told):
    table = told.tables["accuracy"]
    names = [(family, variant) for family in FAMILIES for variant in FAMILIES[family]]
    assert list(zip(table["family"], table["variant"], strict=True)) == names
    table = table.set_index("variant")
    assert list(table.columns) == ["family", "parameters", "digits %", "learned α, digits"]
    done = _runs(made_up, "exp gate")["test_accuracy"]
    assert table.loc["exp gate", "digits %"] == percent(done) and len(done) == 3
    done = _runs(made_up, "nested gate")["test_accuracy"]
    assert table.loc["nested gate", "digits %"] == f"{percent(done)} (1 of 3 diverged)"
    alphas = _runs(made_up, "comodulation learned")["alpha_mean"]
    assert table.loc["comodulation learned", "learned α, digits"] == mean_and_spread(alphas)
    assert table["learned α, digits"].notna().sum() == 3
    assert table.loc["softmax", "parameters"] == "1,234"


@pytest.mark.slow
def test_a_variant_that_diverges_at_every_rate(made_up):
    runs = made_up["runs"].copy()
    lost = runs["variant"] == "nested gate"
    runs.loc[lost, "status"] = "diverged"
    runs.loc[lost, ["test_accuracy", "parameters"]] = np.nan
    tables = report({"runs": runs}).tables
    row = tables["accuracy"].set_index("variant").loc["nested gate"]
    assert row["digits %"] == "3 of 3 diverged" and pd.isna(row["parameters"])
    assert "nested gate" not in set(tables["verdicts"]["variant"])


def test_verdicts_are_against_the_baseline_of_the_family(made_up, told):
    table = told.tables["verdicts"].set_index("variant")
    for family, baseline in BASELINES.items():
        part = table[table["family"] == family]
        assert part.loc[baseline, "verdict"] == "baseline"
        values = {name: 100 * _runs(made_up, name)["test_accuracy"].to_numpy()
                  for name in part.index}  # fmt: skip
        others = [name for name in part.index if name != baseline]
        p = holm([welch(values[name], values[baseline]) for name in others])
        assert part.loc[others, "p"].tolist() == [f"{value:.2g}" for value in p]
    assert table.loc["comodulation 0", "verdict"] == "worse"


def test_learned_alphas_are_compared_with_one_half(made_up, told):
    table = told.tables["learned"]
    learned = table[table["alpha"] == "learned"]
    kinds = ["comodulation", "normalized", "comodulated"]
    assert learned["kind"].tolist() == kinds and set(table["alpha"]) == {"1/2", "learned"}
    values = [
        [100 * _runs(made_up, f"{kind} {alpha}")["test_accuracy"] for alpha in ("learned", "1/2")]
        for kind in kinds
    ]
    p = holm([welch(a.to_numpy(), b.to_numpy()) for a, b in values])
    assert learned["p"].tolist() == [f"{value:.2g}" for value in p]


def test_the_picture(made_up, told):
    panels = told.figures["modulation"].axes
    titles = ["digits, mlp", "digits, attention", "learned, from 1/2"]
    assert [axis.get_title() for axis in panels] == titles
    labels = [[label.get_text() for label in axis.get_yticklabels()] for axis in panels]
    assert labels[:2] == [list(variants) for variants in FAMILIES.values()]
    assert labels[2] == ["comodulation learned", "normalized learned", "comodulated learned"]
    assert not report({"runs": made_up["runs"].assign(status="diverged")}).figures


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_trial(tmp_path, few_digits_file):
    """A real network that learns alpha, at a rate that is given."""

    def at_a_rate(axes, seed, choice, **settings):
        return module.trial(axes, seed, 1e-2, **settings)

    study = dataclasses.replace(STUDY, choose=None, trial=at_a_rate)
    variant = "comodulation learned"
    axes = {"dataset": [few_digits_file], "family": ["mlp"], "variant": [variant]}
    found = runner.run(study, tmp_path, axes=axes, seeds=[3], settings={"epochs": 1}, workers=0)
    (row,), alphas = found["runs"].to_dict("records"), found["alphas"]["alpha"]
    assert (row["variant"], row["seed"], row["status"]) == (variant, 3, "done")
    assert row["parameters"] == 2 * 785 * 128 + 2 * 128 + 1290
    assert 0 < row["test_accuracy"] < 1 and row["seconds"] > 0
    assert len(set(alphas)) == 128 and np.all(alphas != 0.5)
    assert row["alpha_mean"] == pytest.approx(alphas.mean())


@pytest.mark.slow
def test_attention_has_learned_alphas_too():
    _, arguments = FAMILIES["attention"]["comodulated learned"]
    small = {**arguments, "size": 4, "mlp_size": 4, "heads": 2, "depth": 2}
    network = wn.create_network("row_attention", 10, **small)
    network(np.zeros((1, 28, 28, 1), np.float32))
    for attention, values in zip(network.attentions, [[0.25, 0.5], [0.75, 1.0]], strict=True):
        attention.theta.assign(values)
    assert sorted(module.learned_alphas(network)) == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_variants_of_a_family_have_equally_many_parameters(family):
    sizes = {}
    for variant, (name, arguments) in FAMILIES[family].items():
        network = wn.create_network(name, 10, **arguments)
        network(np.zeros((1, 28, 28, 1), np.float32))
        sizes[variant] = num_parameters(network)
    assert len(sizes) == {"mlp": 8, "attention": 10}[family]
    assert max(sizes.values()) < 1.01 * min(sizes.values()), sizes
    assert BASELINES[family] in sizes


def test_recipes_of_the_networks_make_no_difference(monkeypatch):
    """Only the arguments of the network differ between variants, whatever their recipes say."""
    asked = []

    def record(network, dataset, recipe, **settings):
        asked.append(recipe)
        raise FloatingPointError

    monkeypatch.setattr(module, "fit", record)
    other = Recipe({"dropout": 0.5}, 3, 7, "sgd", 1.0, "linear", 1.0, 0.1, 0.2, "augment")
    for family, variants in FAMILIES.items():
        asked.clear()
        for variant, (network, arguments) in variants.items():
            monkeypatch.setitem(RECIPES, network, other)
            with pytest.raises(FloatingPointError):
                module.trial({"family": family, "variant": variant, "dataset": None}, 0, 0.1,
                             epochs=2)  # fmt: skip
            assert asked[-1].network_args == arguments
            assert arguments["dropout"] == 0 and arguments.get("input_dropout", 0) == 0
        common = Recipe(epochs=2, batch_size=100, learning_rate=0.1)
        assert all(dataclasses.replace(recipe, network_args={}) == common for recipe in asked)
        assert (common.optimizer, common.step) == ("adam", "plain")


def test_an_order_of_each_kind_is_compared():
    mlp, attention = ([arguments for _, arguments in v.values()] for v in FAMILIES.values())

    def kinds(variants):
        return [(v.get("alpha"), v.get("trainable_alpha", False)) for v in variants]

    orders = [(0.0, False), (0.25, False), (0.5, False), (0.75, False), (0.5, True)]
    assert kinds(mlp) == [(None, False)] * 3 + orders
    for weights, expected in (("normalized", [(1.0, False), *orders[1:]]), ("comodulated", orders)):
        assert kinds(v for v in attention if v["weights"] == weights) == expected


def test_variants_belong_to_their_family():
    chosen = {"dataset": ["mnist"], "family": ["mlp"], "variant": ["exp gate", "softmax"]}
    assert cells(chosen) == [{"dataset": "mnist", "family": "mlp", "variant": "exp gate"}]
    assert len(cells(STUDY.axes)) == 18
    with pytest.raises(ValueError, match="^variant must be one of the family, got softmax of mlp"):
        cells({**chosen, "variant": ["softmax"]})
    assert STUDY.seeds == (0, 1, 2, 3, 4)


def test_what_is_transcribed_is_shown_as_it_stands():
    table = pd.DataFrame({"variant": ["exp gate"]})
    assert report({"transcribed": table}).tables["accuracy"] is table
