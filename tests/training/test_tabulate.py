"""The table of results: that it is what the runs say, and that it goes on where it stopped."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from training.studies.zoo import __main__ as tabulate
from training.engine.loop import Loop

pytestmark = pytest.mark.usefixtures("quick_data")
NETWORKS, SEEDS = ["mlp", "autoactivation_mlp"], [0, 3]
SETTINGS = {"network_args": {"hidden_sizes": (12,)}, "epochs": 1, "batch_size": 100}


@pytest.fixture(scope="module")
def table(tmp_path_factory, quick_data):
    """A table that was interrupted after the first of its four runs, and then finished."""
    folder = tmp_path_factory.mktemp("table")
    tabulate.tabulate(NETWORKS[:1], "mnist_5k", SEEDS[:1], folder, **SETTINGS)
    stamps = {path: path.stat().st_mtime_ns for path in trained_files(folder)}
    assert {path.name for path in stamps} >= {"result.json", "metrics.csv", "ckpt-1.index"}
    rows = tabulate.tabulate(NETWORKS, "mnist_5k", SEEDS, folder, **SETTINGS)
    return folder, rows, stamps


def trained_files(folder: Path) -> list[Path]:
    """What training writes; scoring at angles is repeated, for it is quick."""
    return [p for p in folder.rglob("*/**/*") if p.is_file() and "rotations" not in p.name]


def results(folder: Path, network: str) -> list[dict]:
    return [json.loads((folder / f"{network}-seed{s}" / "result.json").read_text()) for s in SEEDS]


def test_runs_that_are_there_are_not_repeated(table):
    folder, _, stamps = table
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert len({path.parent for path in trained_files(folder) if path.name == "result.json"}) == 4


def test_a_row_for_each_run(table):
    folder, rows, _ = table
    assert [(row["network"], row["seed"]) for row in rows] == [
        ("mlp", 0),
        ("mlp", 3),
        ("autoactivation_mlp", 0),
        ("autoactivation_mlp", 3),
    ]
    trained = [result for network in NETWORKS for result in results(folder, network)]
    for row, result in zip(rows, trained, strict=True):
        assert tuple(row) == tabulate.COLUMNS
        assert {**result, **row} == {**result, "rotated_accuracy": row["rotated_accuracy"]}
        with open(folder / f"{row['network']}-seed{row['seed']}" / "rotations.csv") as file:
            angles = [float(line["accuracy"]) for line in csv.DictReader(file)]
        assert row["rotated_accuracy"] == pytest.approx(np.mean(angles)) and len(angles) == 24
    with open(folder / "runs.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{k: str(v) for k, v in row.items()} for row in rows]


def test_mean_and_spread(table):
    """The sample standard deviation, with seeds - 1 in its denominator."""
    folder, rows, _ = table
    head, rule, *lines = (folder / "table.md").read_text().splitlines()
    assert head == "| network | parameters | seeds | test accuracy % | turned % | seconds |"
    assert re.fullmatch(r"(\|---){6}\|", rule)
    for line, network in zip(lines, NETWORKS, strict=True):
        columns = {}
        for key in ("test_accuracy", "rotated_accuracy", "seconds"):
            columns[key] = np.array([row[key] for row in rows if row["network"] == network])
        upright, turned = 100 * columns["test_accuracy"], 100 * columns["rotated_accuracy"]
        assert upright.std(ddof=1) > 0.01  # two runs, not one twice
        assert line == (
            f"| {network} | {results(folder, network)[0]['parameters']:,} | 0, 3 | "
            f"{upright.mean():.2f} ± {upright.std(ddof=1):.2f} | "
            f"{turned.mean():.2f} ± {turned.std(ddof=1):.2f} | {columns['seconds'].mean():.0f} |"
        )
    assert results(folder, "mlp")[0]["parameters"] == 784 * 12 + 12 + 120 + 10


def test_the_picture(table):
    assert (table[0] / "rotations.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_one_seed_has_no_spread():
    row = dict.fromkeys(tabulate.COLUMNS, 0.25) | {"network": "mlp", "seed": 1, "parameters": 1234}
    assert tabulate.to_markdown([row]).splitlines()[2] == "| mlp | 1,234 | 1 | 25.00 | 25.00 | 0 |"


def test_a_known_spread():
    row = dict.fromkeys(tabulate.COLUMNS, 0.5) | {"network": "mlp", "parameters": 1}
    rows = [{**row, "seed": s, "test_accuracy": a} for s, a in enumerate((0.91, 0.92, 0.96))]
    assert "| 0, 1, 2 | 93.00 ± 2.65 | 50.00 ± 0.00 |" in tabulate.to_markdown(rows)


def test_the_command(table, command, monkeypatch):
    """Goes through the folder, where all is done, with what the flags say, and prints the table."""
    folder, rows, _ = table
    calls = []

    def trained(network, dataset, run, seed, resume, **settings):
        calls.append(
            (network, dataset, seed, resume, settings.pop("epochs"), set(settings.values()))
        )
        return results(folder, network)[SEEDS.index(seed)]

    def scored(run, angles, **paths):
        assert angles == tabulate.ANGLES
        (row,) = [row for row in rows if run == folder / f"{row['network']}-seed{row['seed']}"]
        return {"rotated_accuracy": row["rotated_accuracy"], "accuracy_by_angle": [0.5] * 24}

    monkeypatch.setattr(tabulate, "train_and_evaluate", trained)
    monkeypatch.setattr(tabulate, "evaluate", scored)
    words = [f"--networks={','.join(NETWORKS)}", "--seeds=0,3", "--epochs=1"]
    outcome = command(tabulate, *words, f"--workdir={folder}")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(tabulate.to_markdown(rows))
    assert f"written to {folder}/: runs.csv, table.md" in outcome.stdout
    assert calls == [(n, "mnist_5k", s, True, 1, {None}) for n in NETWORKS for s in SEEDS]


def test_a_table_of_other_settings_is_refused(table):
    folder, _, _ = table
    with pytest.raises(ValueError, match="another configuration .epochs: 1 there, 2 here"):
        tabulate.tabulate(NETWORKS, "mnist_5k", SEEDS, folder, **{**SETTINGS, "epochs": 2})


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--networks=mlp,resnet"], 1, "networks must be among ['mlp', "),
        (["--networks="], 1, "networks and seeds must not be empty"),
        (["--networks=mlp,mlp"], 1, "networks must differ from one another"),
        (["--seeds="], 1, "networks and seeds must not be empty"),
        (["--seeds=0,one"], 1, "seeds must be integers >= 0, got ['0', 'one']"),
        (["--seeds=-1"], 1, "seeds must be integers >= 0, got ['-1']"),
        (["--seeds=1,2,1"], 1, "seeds must differ from one another, got [1, 2, 1]"),
        (["--epochs=0"], 2, "--epochs=0"),
        (["--dataset=imagenet"], 2, "--dataset=imagenet"),
        (["stray"], 2, "unexpected argument 'stray'"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    command(tabulate, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
