"""The comparison of activations: rates and finalists by validation, a file for each run."""

import csv
import inspect
import json
import math

import numpy as np
import pytest

import weirdonetworks as wn
from training.studies.activations import __main__ as compare_activations
from training.engine import workdir as results
from training.experiments import executor as workers
from training.studies.activations.__main__ import (
    ALWAYS,
    FINALISTS,
    Effort,
    choose,
    compare,
    finalists,
    ranking,
)
from training.report.statistics import CHOICE_SEED
from weirdonetworks.functional import ACTIVATIONS

pytestmark = pytest.mark.usefixtures("quick_data")

FILES = ("config.json", "choices.csv", "runs.csv", "table.md", "conclusions.txt", "activations.png")
NAMES = ["gelu", "relu", "tanh", "maxout", "solu", "silu", "or_tanh", "identity"]


class MadeUp:
    """In place of training: accuracies that follow from the names, and some that diverge."""

    runs = []
    interrupt_at = None

    def __init__(self, network, splits, recipe):
        self.network, self.activation = network, recipe.network_args["activation"]
        self.epochs, self.batch_size = recipe.epochs, recipe.batch_size

    def run(self, seed, learning_rate, score_test):
        if len(self.runs) == self.interrupt_at:
            raise KeyboardInterrupt
        self.runs.append((self.network, self.activation, seed, learning_rate, score_test))
        row = {"status": "done", "validation_accuracy": "", "test_accuracy": ""}
        row |= {"parameters": 12, "seconds": 0.5}
        if self.activation == "solu" and (self.network == "mlp" or learning_rate > 0.05):
            return row | {"status": "diverged"}
        place = NAMES.index(self.activation)
        rng = np.random.default_rng([seed, place, round(1e4 * learning_rate)])
        best = {"mlp": 1e-2, "row_attention": 3e-2}[self.network]  # none of the ends
        distance = abs(math.log10(learning_rate / best))
        row["validation_accuracy"] = 0.9 - 0.05 * place - 0.03 * distance + rng.uniform(0, 0.01)
        if score_test:  # the other way round: whoever looks at it chooses others
            row["test_accuracy"] = 0.5 + 0.05 * place + rng.uniform(0, 0.01)
        return row


@pytest.fixture(scope="module")
def comparison(tmp_path_factory, quick_data, mnist_5k):
    """Heats and finals with made-up runs, interrupted and gone on with."""
    folder = tmp_path_factory.mktemp("activations")
    MadeUp.runs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_activations, "Trainer", MadeUp)
        patch.setattr(compare_activations.data, "load", lambda *_, **__: mnist_5k)
        patch.setattr(MadeUp, "interrupt_at", 30)
        arguments = (NAMES, ["mlp", "row_attention"], "mnist_5k", ["mnist"], [0, 1, 2], folder)
        with pytest.raises(KeyboardInterrupt):
            compare(*arguments, processes=0)
        patch.setattr(MadeUp, "interrupt_at", None)
        rows, choices = compare(*arguments, processes=0)
    return folder, rows, choices, list(MadeUp.runs)


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def as_text(rows):
    return [{key: str(value) for key, value in row.items()} for row in rows]


def test_each_run_is_made_once(comparison):
    folder, rows, choices, runs = comparison
    files = list(folder.glob("runs/*/*/*/*.json"))
    # solu diverges at each rate in one network: no runs of seeds.
    heats, finals = 8 * 2 * (4 + 3) - 3, 7 * 2 * (4 + 3)
    assert len(files) == len(runs) == heats + finals
    assert len(rows) == 8 * 2 * 3 + 7 * 2 * 3 and len(choices) == (8 + 7) * 2 * 4


def test_the_files(comparison):
    folder, rows, choices, _ = comparison
    assert all((folder / name).exists() for name in FILES)
    assert as_text(rows) == read_csv(folder / "runs.csv")
    assert as_text(choices) == read_csv(folder / "choices.csv")
    assert (folder / "activations.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (folder / "table.md").read_text() == compare_activations.to_markdown(rows)
    for row in rows:
        if row["learning_rate"] != "":
            name = f"seed{row['seed']}-rate{row['learning_rate']:g}.json"
            path = folder / "runs" / row["dataset"] / row["network"] / row["activation"] / name
            assert json.loads(path.read_text()) == row


def test_only_runs_of_reported_seeds_see_the_test_set(comparison):
    _, rows, choices, runs = comparison
    assert {(seed == CHOICE_SEED) for *_, seed, _, scored in runs if not scored} == {True}
    assert {seed for *_, seed, _, scored in runs if scored} == {0, 1, 2}
    assert "test_accuracy" not in choices[0] and CHOICE_SEED not in {row["seed"] for row in rows}


def test_rates_are_the_best_of_validation(comparison):
    _, rows, choices, _ = comparison
    keys = ("dataset", "network", "activation")
    for row in rows:
        grid = {
            c["learning_rate"]: c["validation_accuracy"]
            for c in choices
            if all(c[k] == row[k] for k in keys) and c["status"] == "done"
        }
        if row["learning_rate"] == "":
            assert not grid and row["status"] == "diverged" and row["test_accuracy"] == ""
        else:
            assert row["learning_rate"] == max(grid, key=grid.get)


@pytest.mark.parametrize(
    ("best", "tried"),
    [
        (3e-3, [1e-3, 3e-3, 1e-2, 3e-2]),
        (1e-3, [3e-4, 1e-3, 3e-3, 1e-2, 3e-2]),
        (1e-4, [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]),
        (1e-1, [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]),
        (1e2, [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0]),  # there is no end to this
    ],
)
def test_rates_go_on_until_the_best_is_no_end(best, tried):
    def run(rate):
        accuracy = 1 - 0.1 * abs(math.log10(rate / best))
        return {"learning_rate": rate, "validation_accuracy": accuracy, "status": "done"}

    rows, chosen = choose(run, (1e-3, 3e-3, 1e-2, 3e-2))
    assert [row["learning_rate"] for row in rows] == tried
    assert chosen == min(best, 3.0)


def test_rates_that_diverge_are_not_chosen():
    def run(rate):
        status = "diverged" if rate > 5e-4 else "done"
        return {"learning_rate": rate, "validation_accuracy": rate, "status": status}

    assert choose(run, (3e-4, 1e-3))[1] == 3e-4  # with 1e-4 tried, and no better
    rows, chosen = choose(run, (1e-3, 3e-3))
    assert chosen is None and len(rows) == 2


def test_finalists_are_chosen_by_validation_and_not_by_test(comparison):
    _, rows, _, _ = comparison
    heats = [row for row in rows if row["dataset"] == "mnist_5k"]
    assert ranking(heats) == [
        "gelu",
        "relu",
        "tanh",
        "maxout",
        "silu",
        "or_tanh",
        "identity",
        "solu",
    ]
    expected = ["relu", "gelu", "tanh", "maxout", "silu", "or_tanh", "identity"]
    assert finalists(heats) == expected and len(expected) == len(ALWAYS) + FINALISTS
    final = {row["activation"] for row in rows if row["dataset"] == "mnist"}
    assert final == set(expected)
    by_test = sorted(
        (row for row in heats if row["seed"] == 0 and row["network"] == "row_attention"),
        key=lambda row: -row["test_accuracy"],
    )
    assert [row["activation"] for row in by_test[:5]] != expected[2:]


def test_the_table(comparison):
    _, rows, _, _ = comparison
    head, _, *lines = compare_activations.to_markdown(rows).splitlines()
    columns = ["mlp, mnist_5k", "row_attention, mnist_5k", "mlp, mnist", "row_attention, mnist"]
    assert head == f"| activation | {' | '.join(columns)} |"
    cells = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in lines}
    values = [
        100 * row["test_accuracy"]
        for row in rows
        if (row["dataset"], row["network"], row["activation"]) == ("mnist", "mlp", "tanh")
    ]
    assert cells["tanh"][2] == results.mean_and_spread(values) and len(values) == 3
    assert cells["solu"][0] == "3 of 3 diverged" and len(cells["solu"]) <= 2
    some = [dict(row, status="diverged") if row["seed"] == 0 else row for row in rows]
    assert "(1 of 3 diverged)" in compare_activations.to_markdown(some)
    assert compare_activations.to_markdown([]) == ""


def test_conclusions(comparison):
    folder, rows, _, _ = comparison
    sentences = (folder / "conclusions.txt").read_text().splitlines()
    assert sentences == compare_activations.conclusions(rows) and len(sentences) == 4
    assert sentences[0].startswith("mnist_5k, mlp, against gelu (")
    assert "better relu (" in sentences[0] and "worse none" in sentences[0]
    assert "solu" not in sentences[0] and "solu (" in sentences[1]
    without = [row for row in rows if row["activation"] != "gelu"]
    assert compare_activations.conclusions(without)[0].endswith("no run of gelu has ended well.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "^epochs must be an integer >= 1, got 0$"),
        ({"epochs": "3"}, "^epochs must be an integer >= 1, got '3'$"),
        ({"seeds": [-1]}, r"^seeds must be integers >= 0, .* got \[-1\]$"),
        ({"seeds": ["a"]}, r"^seeds must be integers >= 0, .* got \['a'\]$"),
        ({"finals": None}, "^finals must be a sequence of data sets, got None$"),
        ({"finals": "mnist"}, "^finals must be a sequence of data sets, got 'mnist'$"),
        ({"dataset": "cifar"}, "^dataset must be one of .* got 'cifar'$"),
        ({"activations": ["swish"]}, "^activations must be one of .* got 'swish'$"),
    ],
)
def test_bad_arguments(change, message, tmp_path):
    good = {"activations": NAMES, "networks": ["mlp"], "dataset": "mnist_5k"}
    good |= {"finals": [], "seeds": [0], "workdir": tmp_path / "run", "processes": 0}
    with pytest.raises(ValueError, match=message):
        compare(**{**good, **change})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("epochs", [None, 3])
def test_epochs_are_those_given_or_those_of_the_effort(epochs, monkeypatch, tmp_path, mnist_5k):
    seen = []

    class Recorded(MadeUp):
        def __init__(self, network, splits, recipe):
            super().__init__(network, splits, recipe)
            seen.append((network, recipe.epochs, recipe.batch_size))

    monkeypatch.setattr(compare_activations, "Trainer", Recorded)
    monkeypatch.setattr(compare_activations.data, "load", lambda *_, **__: mnist_5k)
    where = tmp_path / "run"
    compare(["relu"], ["mlp"], "mnist_5k", ["mnist"], [0], where, epochs=epochs, processes=0)
    heats, finals = compare_activations.HEATS, compare_activations.FINALS
    expected = [(effort.epochs["mlp"], effort.batch_size) for effort in (heats, finals)]
    expected = [(epochs or own, batch_size) for own, batch_size in expected]
    assert set(seen) == {("mlp", *pair) for pair in expected} and len(set(expected)) == 2


def test_another_setting_is_refused(comparison, monkeypatch, mnist_5k):
    folder, *_ = comparison
    monkeypatch.setattr(compare_activations.data, "load", lambda *_, **__: mnist_5k)
    with pytest.raises(ValueError, match="another configuration .epochs: None there, 2 here"):
        compare(NAMES, ["mlp"], "mnist_5k", [], [0], folder, epochs=2, processes=0)


@pytest.mark.parametrize("network", compare_activations.NETWORKS)
def test_the_networks_take_every_activation_and_differ_in_maxout_alone(network):
    arguments = compare_activations.NETWORKS[network]
    assert set(compare_activations.RATES) == set(compare_activations.NETWORKS)
    assert "activation" in inspect.signature(wn.nets.NETWORKS[network].__init__).parameters
    sizes = {}
    for name in ACTIVATIONS:
        net = wn.create_network(network, 10, activation=name, **arguments)
        net(np.zeros((1, 28, 28, 1), np.float32))
        sizes[name] = results.num_parameters(net)
    smaller = sizes.pop("maxout")
    assert len(set(sizes.values())) == 1 and smaller < sizes["relu"]


def test_tasks_hold_what_heats_and_finals_ask_for(comparison):
    task = compare_activations.Task("mnist", "mlp", "solu", 3, 50, (0,), "x", None, None)
    recipe = compare_activations.recipe(task)
    assert (recipe.epochs, recipe.batch_size, recipe.step) == (3, 50, "plain")
    assert recipe.network_args["activation"] == "solu"
    for effort in (compare_activations.HEATS, compare_activations.FINALS):
        assert set(effort.epochs) == set(compare_activations.NETWORKS)


def test_real_runs_by_the_command(command, monkeypatch, tmp_path):
    """Two activations in a small network, on the embedded digits, without finals."""
    monkeypatch.setattr(
        compare_activations, "NETWORKS", {"mlp": {"hidden_sizes": (8,), "dropout": 0.0}}
    )
    monkeypatch.setattr(compare_activations, "RATES", {"mlp": (1e-2,)})
    monkeypatch.setattr(compare_activations, "HEATS", Effort({"mlp": 1}, 100))
    words = ["--compared_activations=gelu,maxout", "--activation_networks=mlp", "--finals="]
    words += ["--seeds=0,1", "--workers=0", f"--workdir={tmp_path / 'out'}"]
    outcome = command(compare_activations, *words)
    assert outcome.exit_code == 0, outcome
    rows = read_csv(tmp_path / "out" / "runs.csv")
    assert [(row["activation"], row["seed"]) for row in rows] == [
        (name, seed) for name in ("gelu", "maxout") for seed in "01"
    ]
    assert all(0.5 < float(row["test_accuracy"]) < 1 for row in rows)
    assert int(rows[0]["parameters"]) == 785 * 8 + 9 * 10
    assert int(rows[2]["parameters"]) == 785 * 8 + 5 * 10
    assert outcome.stdout.startswith("| activation | mlp, mnist_5k |\n")
    assert f"written to {tmp_path / 'out'}/: {', '.join(FILES)}" in outcome.stdout
    assert "2 of 2: maxout in mlp on mnist_5k" in outcome.stderr
    again = command(compare_activations, *words)
    assert again.stdout == outcome.stdout


def test_what_the_command_asks_for(command, monkeypatch):
    calls = []
    monkeypatch.setattr(
        compare_activations, "compare", lambda *args, **kw: calls.append((args, kw)) or ([], [])
    )
    command(compare_activations)
    command(compare_activations, "--finals=mnist", "--data_dir=d", "--epochs=3", "--workers=1")
    (first, settings), (second, other) = calls
    assert first[:2] == (list(ACTIVATIONS), ["mlp", "row_attention"])
    assert first[2:5] == ("mnist_5k", ["mnist", "fashion_mnist"], [0, 1, 2])
    assert str(first[5]) == "runs/activations-mnist_5k" and settings["processes"] == 2
    assert second[3] == ["mnist"] and (other["data_dir"], other["epochs"]) == ("d", 3)
    assert other["processes"] == 1


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--compared_activations=swish"], 1, "activations must be one of ['identity', "),
        (["--compared_activations="], 1, "activations must be at least one, and each once, got []"),
        (
            ["--compared_activations=relu,relu"],
            1,
            "activations must be at least one, and each once",
        ),
        (["--activation_networks=cnn"], 1, "networks must be one of ['mlp', 'row_attention']"),
        (["--activation_networks="], 1, "networks must be at least one"),
        (["--finals=cifar10"], 1, "finals must be one of "),
        (["--finals=mnist,mnist"], 1, "finals must be other data sets, and each once"),
        (["--finals=mnist_5k"], 1, "finals must be other data sets, and each once"),
        (["--seeds=1,1"], 1, "seeds must be at least one, and each once, got [1, 1]"),
        (["--seeds=one"], 1, "seeds must be integers >= 0, got ['one']"),
        (["--seeds=1000"], 1, "seeds must leave 1000 to the choice of rates, got [1000]"),
        (["--finals=", "--data_dir=d"], 1, "data_dir must be left out with mnist_5k"),
        (["--epochs=0"], 2, "--epochs=0"),
        (["--workers=-1"], 2, "--workers=-1"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
        (["stray"], 2, "unexpected argument 'stray'"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(workers, "run", lambda *_: pytest.fail("trained"))
    command(compare_activations, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
