"""The comparison of modulations: that it chooses on validation, and says what the runs say."""

import csv
import json
import math

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.studies.modulation import __main__ as compare_modulation
from training import data
from training.engine import workdir as results
from training.evaluate import load_run
from training.engine.loop import Loop
from training.engine.recipes import RECIPES, Recipe
from training.train import resolve_config

pytestmark = pytest.mark.usefixtures("quick_data")

ATTENTION = {"size": 4, "mlp_size": 4}
SMALL = {
    "mlp": {
        "exp gate": compare_modulation._mlp("gated_mlp", 4, gate="exp"),
        "comodulation 1/2": compare_modulation._mlp("comodulation_mlp", 4),
        "comodulation learned": compare_modulation._mlp(
            "comodulation_mlp", 4, **compare_modulation.LEARNED
        ),
    },
    "attention": {"softmax": compare_modulation._attention("normalized", 1.0, **ATTENTION)},
}
RATES = {"mlp": (1e-3, 1e-2), "attention": (1e-2,)}
FAMILIES, SEEDS = ["mlp", "attention"], [0, 1]
FILES = ("choices.csv", "runs.csv", "alphas.csv", "table.md", "conclusions.txt", "modulation.png")


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_modulation, "FAMILIES", SMALL)
        patch.setattr(compare_modulation, "RATES", RATES)
        yield


class Trainer:
    """In place of training: a result of made-up numbers, a rate that diverges, an interruption."""

    def __init__(self, interrupt_at=None):
        self.count, self.interrupt_at = 0, interrupt_at

    def __call__(self, network, dataset, workdir, *, seed, resume, **settings):
        self.count += 1
        assert resume and (workdir / "config.json").exists()
        if self.count == self.interrupt_at:
            raise KeyboardInterrupt
        rate = settings["learning_rate"]
        if (network, rate) == ("gated_mlp", 1e-2):
            raise FloatingPointError("the loss is not finite at step 3")
        rng = np.random.default_rng(
            [seed, round(1e4 * rate), len(json.dumps(settings["network_args"]))]
        )
        test, validation, seconds = rng.uniform(0.5, 1, 3).tolist()
        result = {"test_accuracy": test, "validation_accuracy": validation}
        result |= {"parameters": 1234, "seconds": seconds}
        results.Workdir(workdir).write("result.json", result)
        return result


def made_up_alphas(run):
    config = json.loads((run / "config.json").read_text())
    if not config["network_args"].get("trainable_alpha"):
        return []
    return np.random.default_rng(config["seed"]).uniform(size=4).tolist()


@pytest.fixture(scope="module")
def comparison(tmp_path_factory, small):
    """A comparison of which one rate diverges, interrupted in its second variant, then finished."""
    folder = tmp_path_factory.mktemp("modulation")
    trainer = Trainer(interrupt_at=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_modulation, "train_and_evaluate", trainer)
        patch.setattr(compare_modulation, "learned_alphas", made_up_alphas)
        with pytest.raises(KeyboardInterrupt):
            compare_modulation.compare(FAMILIES, "mnist_5k", SEEDS, folder, epochs=1, processes=0)
        stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*/result.json")}
        rows, choices = compare_modulation.compare(
            FAMILIES, "mnist_5k", SEEDS, folder, epochs=1, processes=0
        )
    assert trainer.count == 15 + 1  # every run once, and the interrupted one again
    return folder, rows, choices, stamps


@pytest.fixture(scope="module")
def real(tmp_path_factory, quick_data):
    """A whole comparison of one small variant that learns alpha."""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        learned = {"comodulation learned": SMALL["mlp"]["comodulation learned"]}
        patch.setattr(compare_modulation, "FAMILIES", {"mlp": learned})
        patch.setattr(compare_modulation, "RATES", {"mlp": (1e-2,)})
        rows, choices = compare_modulation.compare(
            ["mlp"], "mnist_5k", [3], folder, epochs=1, processes=0
        )
    return folder, rows, choices


@pytest.mark.slow
def test_real_runs(real):
    folder, (row,), (choice,) = real
    run = folder / "mlp" / "comodulation_learned"
    result, chose = (
        json.loads((run / f"seed{seed}-rate0.01" / "result.json").read_text())
        for seed in (3, compare_modulation.CHOICE_SEED)
    )
    assert {**row, **result} == {**result, **row} and row["seed"] == 3
    assert choice["validation_accuracy"] == chose["validation_accuracy"]
    network, _ = load_run(run / "seed3-rate0.01")
    alphas = network.layers[0].alpha.numpy()
    assert len(set(alphas.tolist())) == 4 and np.all(alphas != 0.5)
    own = [float(line["alpha"]) for line in read_csv(folder / "alphas.csv")]
    assert own == alphas.tolist()
    assert row["alpha_mean"] == pytest.approx(alphas.mean())


def test_attention_has_learned_alphas_too(tmp_path):
    settings = compare_modulation._attention(
        "comodulated", **compare_modulation.LEARNED, **{**ATTENTION, "heads": 2, "depth": 2}
    )
    config, network = resolve_config(dataset="mnist_5k", **settings)
    network(np.zeros((1, 28, 28, 1), np.float32))
    alphas = [[0.25, 0.5], [0.75, 1.0]]
    for attention, values in zip(network.attentions, alphas, strict=True):
        attention.theta.assign(values)
    run = results.Workdir(tmp_path / "run")
    run.claim(config, resume=False)
    checkpoint = tf.train.Checkpoint(network=network)
    run.save(run.checkpoints(checkpoint), 1)
    assert sorted(compare_modulation.learned_alphas(run.path)) == [0.25, 0.5, 0.75, 1.0]


def test_data_are_loaded_once_for_all_runs(monkeypatch):
    calls = []
    monkeypatch.setattr(data, "load", lambda *args, **_: calls.append(args))
    load = data.load
    with compare_modulation._loading_once():
        data.load("mnist", data_dir="a")
        data.load("mnist", data_dir="a")
        assert calls == [("mnist",)]
        data.load("mnist", data_dir="b")
    assert len(calls) == 2 and data.load is load


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def as_text(rows):
    return [{key: str(value) for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("family", compare_modulation.FAMILIES)
def test_the_variants_of_a_family_have_equally_many_parameters(family):
    sizes = {}
    for variant, settings in compare_modulation.FAMILIES[family].items():
        network = wn.create_network(settings["network"], **settings["network_args"])
        network(np.zeros((1, 28, 28, 1), np.float32))
        sizes[variant] = results.num_parameters(network)
    assert len(sizes) == {"mlp": 8, "attention": 10}[family]
    assert max(sizes.values()) < 1.01 * min(sizes.values()), sizes
    assert compare_modulation.BASELINES[family] in sizes


def test_recipes_of_the_networks_make_no_difference(monkeypatch):
    """Only the arguments of the network differ between variants, whatever their recipes say."""
    other = Recipe({"dropout": 0.5}, 3, 7, "sgd", 1.0, "linear", 1.0, 0.1, 0.2, "augment")
    for networks in compare_modulation.FAMILIES.values():
        configs = []
        for settings in networks.values():
            monkeypatch.setitem(RECIPES, settings["network"], other)
            config, _ = resolve_config(dataset="mnist", **settings, learning_rate=0.1, epochs=2)
            configs.append({k: v for k, v in config.items() if not k.startswith("network")})
            assert config["network_args"]["dropout"] == 0
            assert config["network_args"].get("input_dropout", 0) == 0
        assert all(config == configs[0] for config in configs)
        assert (configs[0]["optimizer"], configs[0]["step"]) == ("adam", "plain")


def test_an_order_of_each_kind_is_compared():
    mlp, attention = compare_modulation.FAMILIES.values()
    kinds = [
        (v["network_args"].get("alpha"), v["network_args"].get("trainable_alpha", False))
        for v in mlp.values()
    ]
    orders = [(0.0, False), (0.25, False), (0.5, False), (0.75, False), (0.5, True)]
    assert kinds == [(None, False)] * 3 + orders
    for weights, expected in (("normalized", [(1.0, False), *orders[1:]]), ("comodulated", orders)):
        assert [
            (v["network_args"]["alpha"], v["network_args"].get("trainable_alpha", False))
            for v in attention.values()
            if v["network_args"]["weights"] == weights
        ] == expected


def test_runs_that_are_there_are_not_repeated(comparison):
    _, _, _, stamps = comparison
    assert len(stamps) == 4
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_rates_are_chosen_by_the_validation_accuracy_of_another_seed(comparison):
    folder, rows, choices, _ = comparison
    assert as_text(choices) == read_csv(folder / "choices.csv")
    grid = {
        (row["variant"], row["learning_rate"]): row["validation_accuracy"]
        for row in choices
        if row["status"] == "done"
    }
    diverged = [row for row in choices if row["status"] == "diverged"]
    assert [(row["variant"], row["learning_rate"]) for row in diverged] == [("exp gate", 1e-2)]
    assert diverged[0]["validation_accuracy"] == ""
    assert len(grid) == 6 and "test_accuracy" not in choices[0]
    for row in rows:
        best = max((grid[key], -key[1]) for key in grid if key[0] == row["variant"])
        assert row["learning_rate"] == -best[1]
    for path in folder.rglob("config.json"):
        assert (json.loads(path.read_text())["seed"] == compare_modulation.CHOICE_SEED) == (
            f"seed{compare_modulation.CHOICE_SEED}-" in path.parent.name
        )


def test_a_row_for_each_run(comparison):
    folder, rows, _, _ = comparison
    assert as_text(rows) == read_csv(folder / "runs.csv")
    assert [(row["family"], row["variant"], row["seed"]) for row in rows] == [
        (family, variant, seed) for family in SMALL for variant in SMALL[family] for seed in SEEDS
    ]
    found = {}
    for path in folder.rglob("result.json"):
        config = json.loads((path.parent / "config.json").read_text())
        trainable = config["network_args"].get("trainable_alpha")
        key = config["network"], trainable, config["seed"], config["learning_rate"]
        found[key] = json.loads(path.read_text())
        assert config["epochs"] == 1
    for row in rows:
        settings = SMALL[row["family"]][row["variant"]]
        learned = settings["network_args"].get("trainable_alpha", False)
        trainable = None if settings["network"] == "gated_mlp" else learned
        result = found[settings["network"], trainable, row["seed"], row["learning_rate"]]
        for key in ("test_accuracy", "validation_accuracy", "parameters", "seconds"):
            assert row[key] == result[key]


def test_learned_alphas(comparison):
    folder, rows, _, _ = comparison
    alphas = read_csv(folder / "alphas.csv")
    for row in rows:
        own = [
            float(a["alpha"])
            for a in alphas
            if (a["variant"], a["seed"]) == (row["variant"], str(row["seed"]))
        ]
        if row["variant"] != "comodulation learned":
            assert not own and row["alpha_mean"] == ""
            continue
        assert len(own) == 4 and all(0 <= a <= 1 and a != 0.5 for a in own)
        assert row["alpha_mean"] == pytest.approx(np.mean(own))
        assert row["alpha_spread"] == pytest.approx(np.std(own, ddof=1))
        assert (row["alpha_min"], row["alpha_max"]) == (min(own), max(own))


def test_the_table(comparison):
    folder, rows, choices, _ = comparison
    text = (folder / "table.md").read_text()
    assert text == compare_modulation.to_markdown(rows, choices)
    for line, variant in zip(
        text.splitlines()[2:], [v for f in SMALL.values() for v in f], strict=True
    ):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        percent = 100 * np.array([r["test_accuracy"] for r in rows if r["variant"] == variant])
        assert (cells[1], cells[4]) == (variant, "2")
        assert cells[5] == f"{percent.mean():.2f} ± {percent.std(ddof=1):.2f}"
        assert bool(cells[6]) == variant.endswith("learned")
    assert (folder / "modulation.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_another_setting_is_refused(comparison):
    folder, *_ = comparison
    with pytest.raises(ValueError, match="another configuration .epochs: 1 there, 2 here"):
        compare_modulation.compare(FAMILIES, "mnist_5k", SEEDS, folder, epochs=2, processes=0)


def _rows(**accuracies):
    """Rows of made-up runs: variant_name=[accuracies in %], nan for one that diverged."""
    rows = []
    for name, values in accuracies.items():
        variant = name.replace("_", " ").replace("half", "1/2")
        for seed, value in enumerate(values):
            rows.append({**dict.fromkeys(compare_modulation.COLUMNS, ""), "family": "mlp"})
            rows[-1] |= {"variant": variant, "seed": seed, "learning_rate": 0.1}
            rows[-1] |= {"status": "diverged" if math.isnan(value) else "done"}
            if not math.isnan(value):
                rows[-1] |= {"test_accuracy": value / 100, "parameters": 7, "seconds": 1.0}
                rows[-1] |= {"validation_accuracy": 0.5}
            if variant.endswith("learned"):
                rows[-1] |= {"alpha_mean": 0.25}
    return rows, rows  # a row that ran is one that chose


def test_sentences_tell_differences_from_spread():
    rows, choices = _rows(
        exp_gate=[97.0, 97.1, 96.9],
        nested_gate=[90.0, 90.1, 89.9],
        comodulation_half=[98.0, 98.1, 97.9],
        comodulation_learned=[98.0, 98.2, 97.8],
        softmax_gate=[97.0, 97.2, 96.9],
    )
    family, learned = compare_modulation.conclusions(rows, choices)
    assert family == (
        "mlp, against the exp gate (97.00 ± 0.10 %): better comodulation 1/2 (+1.00), "
        "comodulation learned (+1.00); not told apart softmax gate (+0.03); "
        "worse nested gate (-7.00)."
    )
    assert learned == (
        "Learned alpha goes from 0.5 to 0.25 ± 0.00 (comodulation learned); against alpha = 1/2, "
        "fixed: better none; not told apart comodulation learned (+0.00); worse none."
    )


def test_runs_that_diverged_are_told():
    rows, choices = _rows(exp_gate=[97.0, 97.1], nested_gate=[math.nan, 90.0])
    lines = compare_modulation.to_markdown(rows, choices).splitlines()[2:]
    assert lines == [
        "| mlp | exp gate | 7 | 0.1 | 2 | 97.05 ± 0.07 |  | 1 |",
        "| mlp | nested gate | 7 | 0.1 | 1, 1 diverged | 90.00 |  | 1 |",
    ]
    rows, choices = _rows(exp_gate=[97.0, 97.1], nested_gate=[math.nan])
    lines = compare_modulation.to_markdown(rows[:2], choices).splitlines()[2:]
    assert lines[1] == "| mlp | nested gate |  | diverged at each | 0 |  |  |  |"
    assert "nested" not in compare_modulation.conclusions(rows, choices)[0]
    rows, choices = _rows(exp_gate=[math.nan], softmax_gate=[97.0])
    assert compare_modulation.conclusions(rows, choices) == [
        "mlp: no run of the exp gate has ended well."
    ]


def test_a_variant_that_diverges_at_every_rate_has_no_runs(tmp_path, monkeypatch, small):
    monkeypatch.setattr(compare_modulation, "train_and_evaluate", Trainer())
    monkeypatch.setattr(
        compare_modulation,
        "FAMILIES",
        {"mlp": {name: SMALL["mlp"][name] for name in ("exp gate", "comodulation 1/2")}},
    )
    monkeypatch.setattr(compare_modulation, "RATES", {"mlp": (1e-2,)})
    rows, choices = compare_modulation.compare(
        ["mlp"], "mnist_5k", [0], tmp_path, epochs=1, processes=0
    )
    assert [row["variant"] for row in rows] == ["comodulation 1/2"]
    assert [row["status"] for row in choices] == ["diverged", "done"]
    assert "exp gate |  | diverged at each | 0 |" in (tmp_path / "table.md").read_text()


def test_the_command(comparison, command, monkeypatch):
    folder, rows, choices, _ = comparison
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(compare_modulation, "learned_alphas", made_up_alphas)
    outcome = command(
        compare_modulation, "--seeds=0,1", "--epochs=1", "--workers=0", f"--workdir={folder}"
    )
    assert outcome.exit_code == 0, outcome
    assert outcome.stdout.startswith(compare_modulation.to_markdown(rows, choices))
    for sentence in compare_modulation.conclusions(rows, choices):
        assert f"\n{sentence}\n" in outcome.stdout
    assert f"written to {folder}/: {', '.join(FILES)}" in outcome.stdout
    assert all((folder / name).exists() for name in FILES)
    assert "run 3 of 15: mlp: comodulation 1/2, seed 1000, rate 0.001" in outcome.stderr


def test_five_seeds_by_default(command, monkeypatch):
    calls = []
    monkeypatch.setattr(
        compare_modulation, "compare", lambda *args, **_: calls.append(args[2]) or ([], [])
    )
    assert command(compare_modulation).exit_code == 0
    assert command(compare_modulation, "--seeds=7").exit_code == 0
    assert calls == [[0, 1, 2, 3, 4], [7]]


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (
            ["--modulation_families=cnn"],
            1,
            "families must be among ['mlp', 'attention'], got 'cnn'",
        ),
        (["--modulation_families="], 1, "families must be at least one, and each once, got []"),
        (["--modulation_families=mlp,mlp"], 1, "families must be at least one, and each once"),
        (["--seeds=1,1"], 1, "seeds must be at least one, and each once, got [1, 1]"),
        (["--seeds=one"], 1, "seeds must be integers >= 0, got ['one']"),
        (["--seeds=0,1000"], 1, "seeds must leave 1000 to the choice of rates, got [0, 1000]"),
        (["--epochs=0"], 2, "--epochs=0"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    command(compare_modulation, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
