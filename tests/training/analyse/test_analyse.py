"""Analysing finished runs: files, what they say, and runs that cannot be compared."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.analyse import __main__ as command_module
from training.analyse import measure, sampled
from training.analyse.measure import analyse
from training.analyse.text import to_text
from training.engine import Loop, load_run, recipe_for, train_and_evaluate
from training.engine.run import initial_network
from training.engine.workdir import Workdir
from weirdonetworks.analysis import align_networks, dense_layers, level_spacings, spectrum

FILES = {
    "config.json",
    "manifest.json",
    "report.json",
    "table.txt",
    "spectra.csv",
    "spectra.png",
    "eigenvalues.csv",
    "eigenvalues.png",
    "samples.csv",
    "samples.png",
}


def _trained(folder, dataset, network="mlp", seed=0, **overrides):
    overrides = {"epochs": 1, "batch_size": 500} | overrides
    recipe = recipe_for(network, dataset.name, **overrides)
    train_and_evaluate(network, dataset, recipe, folder, seed=seed)
    return folder


@pytest.fixture(scope="module")
def twin(small_run, mnist_5k, tmp_path_factory, as_graphs):
    """The network of the small run, trained with another seed."""
    folder = tmp_path_factory.mktemp("twin") / "twin"
    with as_graphs():
        return _trained(folder, mnist_5k, seed=1, **small_run.overrides)


@pytest.fixture(scope="module")
def analysed(small_run, twin, mnist_5k, tmp_path_factory):
    folder = tmp_path_factory.mktemp("analysed") / "both"
    report = analyse([small_run.workdir, twin], mnist_5k, folder, draws=2, images=500)
    return folder, report


def _rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_files_of_two_runs(analysed):
    folder, report = analysed
    assert {path.name for path in folder.iterdir()} == FILES | {"alignment.csv", "alignment.png"}
    for path in folder.glob("*.png"):
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.loads((folder / "report.json").read_text()) == json.loads(json.dumps(report))
    for name in ("spectra", "alignment", "samples"):
        assert len(_rows(folder / f"{name}.csv")) == len(report[name])
    assert (folder / "table.txt").read_text() == to_text(report)


@pytest.mark.slow
def test_spectra_are_those_of_the_runs(small_run, analysed):
    folder, report = analysed
    rows = {(row["run"], row["state"], row["layer"]): row for row in report["spectra"]}
    assert list(rows) == [(r, s, k) for s in ("initial", "trained") for r in "AB" for k in (1, 2)]
    weights = dense_layers(load_run(small_run.workdir).network)[0].w
    row, known = rows["A", "trained", 1], spectrum(weights, "bulk")
    assert (row["inputs"], row["outputs"]) == (784, 16)
    assert row["distance"] == known.distance and row["outliers"] == known.outliers
    gaps = level_spacings(known.singular_values[known.outliers :])
    assert (row["levels"], row["gap_ratio"]) == (16 - known.outliers, gaps.mean)
    assert row["size"] == pytest.approx(np.linalg.norm(weights))
    assert rows["A", "initial", 1]["outliers"] == 0 < row["outliers"]
    values = [
        float(row["eigenvalue"])
        for row in _rows(folder / "eigenvalues.csv")
        if (row["run"], row["state"], row["layer"]) == ("A", "trained", "1")
    ]
    np.testing.assert_allclose(values, known.eigenvalues[:16])


@pytest.mark.slow
@pytest.mark.parametrize("invariant_start", [False, True])
def test_the_initial_network_is_where_training_starts(small_run, mnist_5k, invariant_start):
    config = load_run(small_run.workdir).config | {"seed": 7, "invariant_start": invariant_start}
    arguments = {"network_args": config["network_args"], "invariant_start": invariant_start}
    recipe = recipe_for("mlp", "mnist_5k", **arguments)
    network = wn.create_network("mlp", **recipe.network_args)
    tf.random.set_seed(7)  # as training does
    loop = Loop(network, mnist_5k.train, recipe, seed=7)
    initial = initial_network(config)
    for variable, known in zip(initial.variables, loop.network.variables, strict=True):
        np.testing.assert_array_equal(variable, known)
    other = initial_network(config | {"seed": 8})
    assert np.abs(other.layers[0].w - initial.layers[0].w).max() > 0.01


@pytest.mark.slow
def test_alignment_of_trainings(analysed):
    _, report = analysed
    rows = [row for row in report["alignment"] if row["what"] == "activations"]
    assert [(row["state"], row["layer"]) for row in rows] == [("initial", 1), ("trained", 1)]
    for row in rows:
        assert 0 < row["aligned"] < row["unaligned"] / 2
    whats = {row["what"] for row in report["alignment"]}
    assert whats == {"activations", "covariances, frobenius", "covariances, bures"}


@pytest.mark.slow
def test_what_is_left_is_measured_on_images_that_did_not_align(small_run, twin, analysed, mnist_5k):
    pair = [load_run(workdir).network for workdir in (small_run.workdir, twin)]
    train, validation = (
        sampled.some_images(split, 500) for split in (mnist_5k.train, mnist_5k.validation)
    )
    row = next(
        row
        for row in analysed[1]["alignment"]
        if (row["state"], row["what"]) == ("trained", "activations")
    )
    held_out, seen = (
        align_networks(*pair, train, images).hidden[0] for images in (validation, train)
    )
    for key, name in (("aligned", "residual"), ("unaligned", "unaligned"), ("random", "random")):
        assert row[key] == pytest.approx(getattr(held_out, name), rel=1e-6)
    assert row["aligned"] != pytest.approx(seen.residual, rel=1e-3)


@pytest.mark.slow
def test_samples(small_run, analysed):
    _, report = analysed
    kinds: dict[tuple[str, str, str], list[float]] = {}
    for row in report["samples"]:
        kinds.setdefault((row["run"], row["hidden"], row["head"]), []).append(row["test_accuracy"])
    scores = {kind: np.mean(test) for kind, test in kinds.items()}
    assert len(report["samples"]) == 2 * 2 * (1 + 3 * 2) and len(scores) == 2 * 2 * 4
    result = json.loads((small_run.workdir / "result.json").read_text())
    assert scores["A", "trained", "trained"] == pytest.approx(result["test_accuracy"], abs=1e-3)
    assert scores["A", "aligned", "trained"] > scores["A", "unaligned", "trained"] + 0.2
    assert scores["A", "trained", "refitted"] > scores["A", "white", "refitted"] + 0.05


@pytest.mark.slow
def test_the_command_with_one_run(small_run, command):
    workdir = small_run.workdir
    words = (f"--workdir={workdir}", "--draws=1", "--images=200")
    outcome = command(command_module, *words)
    assert outcome.exit_code == 0, outcome
    folder = Path("runs") / f"analysis-{workdir.name}"
    assert {path.name for path in folder.iterdir()} == FILES
    lines = outcome.stdout.splitlines()
    assert lines[0] == f"A: {workdir}" and lines[-1].startswith(
        f"written to {folder}/: config.json"
    )
    assert (folder / "table.txt").read_text() in outcome.stdout
    assert "left" not in outcome.stdout and "alignment" not in outcome.stdout
    assert command(command_module, *words).exit_code == 0  # again, in its own folder
    command(command_module, *words, "--draws=2").assert_failed(
        "holds a run of another configuration"
    )


@pytest.mark.slow
def test_the_command_with_two_runs(small_run, twin, command):
    words = [f"--workdir={small_run.workdir}", f"--against={twin}", "--output=both"]
    outcome = command(command_module, *words, "--draws=1", "--images=200")
    assert outcome.exit_code == 0, outcome
    assert outcome.stdout.startswith(f"A: {small_run.workdir}\nB: {twin}\n")
    assert "alignment.csv, alignment.png" in outcome.stdout.splitlines()[-1]
    assert Path("both/alignment.png").exists()


def _other_run(small_run, folder, **entries):
    """A copy of the small run that says of itself that it is something else."""
    shutil.copytree(small_run.workdir, folder)
    files = Workdir(folder)
    config = files.read("config.json") | entries
    files.write("config.json", {key: value for key, value in config.items() if value is not None})
    return folder


ONE = "workdir must name two trainings of one network on one data set, got "


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"network_args": {"hidden_sizes": (17,)}}, ONE + "network_args: {'hidden_sizes': [16], "),
        ({"network_args": {"hidden_sizes": (16, 16)}}, ONE + "network_args: "),
        ({"network": "quadratic_mlp", "network_args": {"rank": 2}}, ONE + "network: 'mlp' in "),
    ],
)
def test_runs_of_different_networks(small_run, command, tmp_path, entries, message):
    other = _other_run(small_run, tmp_path / "other", **entries)
    outcome = command(command_module, f"--workdir={small_run.workdir}", f"--against={other}")
    outcome.assert_failed(message)


@pytest.mark.slow
def test_runs_on_different_data(small_run, command, tmp_path):
    other = _other_run(small_run, tmp_path / "other", dataset="fashion_mnist", data_sha256="0")
    command(command_module, f"--workdir={small_run.workdir}", f"--against={other}").assert_failed(
        ONE + "dataset: 'mnist_5k' in ", "'fashion_mnist' in "
    )


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize(
    ("network", "arguments", "label"),
    [
        ("quadratic_mlp", {"rank": 2}, "QuadraticMLP"),
        # Of which the head alone is a dense layer.
        ("dynamic_mlp", {"hidden_sizes": (4,), "rank": 2, "generator_sizes": (4,)}, "DynamicMLP"),
    ],
)
def test_a_network_that_is_no_sequence(command, tmp_path, mnist_5k, network, arguments, label):
    other = _trained(tmp_path / "other", mnist_5k, network, network_args=arguments)
    command(command_module, f"--workdir={other}").assert_failed(
        "network must be dense layers (snt.Linear) in sequence", f"got {label}"
    )
    assert not (tmp_path / "runs").exists()


NOTHING_DRAWN = "no networks are drawn: that takes a hidden layer, and a bias in the last one"
SAMPLES = {"samples.csv", "samples.png"}


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_network_without_hidden_layers(command, tmp_path, mnist_5k):
    first, second = (
        _trained(tmp_path / f"run{seed}", mnist_5k, seed=seed, network_args={"hidden_sizes": ()})
        for seed in (0, 1)
    )
    words = ["--output=both", f"--workdir={first}", f"--against={second}"]
    outcome = command(command_module, *words)
    assert outcome.exit_code == 0, outcome
    assert NOTHING_DRAWN in outcome.stdout and "drawn 3 times" not in outcome.stdout
    assert "samples" not in outcome.stdout.splitlines()[-1]
    files = FILES - SAMPLES | {"alignment.csv", "alignment.png"}
    assert {path.name for path in Path("both").iterdir()} == files
    report = json.loads(Path("both/report.json").read_text())
    assert report["samples"] == [] and len(report["spectra"]) == 4
    assert {row["what"] for row in report["alignment"]} == {
        "covariances, frobenius",
        "covariances, bures",
    }


def _with_network(monkeypatch, network: snt.Module, **entries) -> None:
    """Whatever run is loaded, its network is this one, and its configuration has these entries."""
    network(tf.zeros([1, 28, 28, 1]))

    def load(workdir, dataset):
        run = load_run(workdir, dataset)
        run.network, run.config = network, run.config | entries
        return run

    monkeypatch.setattr(measure, "load_run", load)


@pytest.mark.slow
def test_a_last_layer_without_bias(small_run, command, monkeypatch):
    layers = [snt.Flatten(), snt.Linear(5), tf.nn.relu, snt.Linear(10, with_bias=False)]
    _with_network(monkeypatch, snt.Sequential(layers))
    outcome = command(command_module, f"--workdir={small_run.workdir}", "--output=one")
    assert outcome.exit_code == 0, outcome
    assert NOTHING_DRAWN in outcome.stdout
    assert {path.name for path in Path("one").iterdir()} == FILES - SAMPLES


@pytest.mark.slow
def test_layers_without_a_bulk(small_run, command, monkeypatch):
    """Of low rank in float32, as after an average over rotations, and all zero."""
    network = wn.nets.MLP(10, (16, 12))
    _with_network(monkeypatch, network, network_args={"hidden_sizes": (16, 12)})
    normal = np.random.default_rng(0).normal
    first, _, head = network.layers
    first.w.assign(normal(size=(784, 5)) @ normal(size=(5, 16)))
    head.w.assign(tf.zeros_like(head.w))
    words = [f"--workdir={small_run.workdir}", "--output=one", "--draws=1"]
    outcome = command(command_module, *words, "--images=50")
    assert outcome.exit_code == 0, outcome
    assert "-: not there, of weights with half the full rank or less" in outcome.stdout
    assert {path.name for path in Path("one").iterdir()} == FILES
    low, full, zero = json.loads(Path("one/report.json").read_text())["spectra"][3:]
    fit = ("variance", "edge", "threshold", "edge_scale", "outliers", "distance", "levels")
    fit += ("gap_ratio", "gap_error")
    assert all(low[key] is None is zero[key] for key in fit)
    assert low["effective_rank"] < 5.01 and low["size"] > 1 < low["largest"]
    assert zero["size"] == zero["norm"] == zero["largest"] == 0 and zero["stable_rank"] is None
    assert full["outliers"] == 0 < full["variance"] and full["distance"] < 0.3
    table = Path("one/table.txt").read_text().splitlines()
    assert table[4].split()[-4:] == ["-"] * 4 and table[6].split()[-6:] == ["-"] * 6
    eigenvalues = [row for row in _rows("one/eigenvalues.csv") if row["state"] == "trained"]
    assert [row["layer"] for row in eigenvalues] == ["1"] * 16 + ["2"] * 12 + ["3"] * 10


@pytest.mark.slow
def test_weights_that_are_not_finite(small_run, command, tmp_path, monkeypatch):
    network = wn.nets.MLP(10, (16,))
    _with_network(monkeypatch, network)
    network.layers[0].w.assign(np.full((784, 16), np.nan))
    outcome = command(command_module, f"--workdir={small_run.workdir}")
    outcome.assert_failed("network must have finite outputs, got MLP with 20 that are not")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, -1, True, 0.5, 2**31])
def test_a_run_without_a_seed(small_run, command, tmp_path, seed):
    other = _other_run(small_run, tmp_path / "other", seed=seed)
    command(command_module, f"--workdir={other}").assert_failed(
        f"{other / 'config.json'} is damaged: it lacks the seed of a run, an integer in [0, 2^31)"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.slow
def test_each_run_has_draws_of_its_own_seed(small_run, twin, mnist_5k, monkeypatch, tmp_path):
    seeds, accuracies = [], {"validation_accuracy": 0.5, "test_accuracy": 0.5}

    def recorded(network, splits, seed, *arguments):
        seeds.append(seed)
        return [{"hidden": "trained", "head": "trained", "draw": "", **accuracies}]

    monkeypatch.setattr(sampled, "score_samples", recorded)
    analyse([twin, small_run.workdir], mnist_5k, tmp_path / "both", draws=1, images=50)
    assert seeds == [1, 0]


@pytest.mark.slow
def test_an_unfinished_run(small_run, command, tmp_path):
    other = _other_run(small_run, tmp_path / "other")
    (other / "result.json").unlink()
    command(command_module, f"--workdir={other}").assert_failed("has no result.json")


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        ([], 1, "workdir must be given: --workdir=FOLDER of a run"),
        (["--workdir="], 2, "--workdir=: must be a path, got an empty one"),
        (["--workdir=nowhere"], 1, "workdir nowhere has no config.json: give the folder of a run"),
        (["--workdir=a", "--draws=0"], 2, "flag --draws=0: 0 is not a positive integer"),
        (["--workdir=a", "--images=x"], 2, "flag --images=x: invalid literal"),
        (["--workdir=a", "stray"], 2, "unexpected argument 'stray'"),
        (["--workdir"], 2, "Missing value for flag --workdir"),
    ],
)
def test_bad_flags(command, tmp_path, words, exit_code, message):
    command(command_module, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_of_something_else(small_run, command, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("Dear")
    words = [f"--workdir={small_run.workdir}", "--output=letters"]
    command(command_module, *words).assert_failed("workdir letters exists and holds no run")


@pytest.mark.slow
def test_data_folders_are_passed_on(small_run, command):
    outcome = command(command_module, f"--workdir={small_run.workdir}", "--data_dir=data")
    outcome.assert_failed("data_dir must be left out with mnist_5k")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["draws", "images"])
@pytest.mark.parametrize("value", [0, True, 2.0])
def test_bad_counts(small_run, mnist_5k, tmp_path, name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be an integer >= 1, got {value}$"):
        analyse([small_run.workdir], mnist_5k, tmp_path / "a", **{name: value})


@pytest.mark.parametrize(
    ("workdirs", "message"),
    [
        ((), "workdir must be given once or twice, got 0 folders"),
        (("a", "b", "c"), "workdir must be given once or twice, got 3 folders"),
        (("a", "./a"), "workdir must name two different runs, got a twice"),
        (("nowhere",), "workdir nowhere has no config.json"),
    ],
)
def test_bad_runs(mnist_5k, tmp_path, workdirs, message):
    with pytest.raises(ValueError, match=message):
        analyse(workdirs, mnist_5k, tmp_path / "analysis")
    assert not any(tmp_path.iterdir())
