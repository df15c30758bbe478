"""The growing networks: that the grid is what the runs say, and goes on where it stopped."""

import csv
import json

import pytest

from training.studies.posynomial_growth import __main__ as grow_posynomials
from training.engine.loop import Loop

pytestmark = pytest.mark.usefixtures("quick_data")
CONVEX = "posynomial_mlp-convex"
FIRST = f"{CONVEX}-depth2-terms4-seed0"


@pytest.fixture(scope="module")
def grid(tmp_path_factory, quick_data):
    """A grid that was interrupted after its first run, and then finished."""
    folder = tmp_path_factory.mktemp("grid")
    grow_posynomials.grow([CONVEX], [4], [2], "mnist_5k", [0], folder, epochs=1)
    stamp = (folder / FIRST / "result.json").stat().st_mtime_ns
    rows = [
        *grow_posynomials.grow([CONVEX], [4, 2], [2], "mnist_5k", [0], folder, epochs=1),
        *grow_posynomials.grow(["signomial_mlp"], [2], [1], "mnist_5k", [0], folder, epochs=1),
    ]
    return folder, rows, stamp


def test_runs_that_are_there_are_not_repeated(grid):
    folder, _, stamp = grid
    assert (folder / FIRST / "result.json").stat().st_mtime_ns == stamp


def test_a_row_for_each_run(grid):
    folder, rows, _ = grid
    assert [tuple(row[key] for key in grow_posynomials.COLUMNS[:4]) for row in rows] == [
        (CONVEX, 2, 4, 0),
        (CONVEX, 2, 2, 0),
        ("signomial_mlp", 1, 2, 0),
    ]
    for row in rows:
        assert tuple(row) == grow_posynomials.COLUMNS
        label, depth, terms, seed = (row[key] for key in grow_posynomials.COLUMNS[:4])
        run = folder / f"{label}-depth{depth}-terms{terms}-seed{seed}"
        result = json.loads((run / "result.json").read_text())
        config = json.loads((run / "config.json").read_text())
        assert {**result, **row} == {**row, **result, "network": label}
        assert (config["epochs"], config["seed"]) == (1, seed)
        expected = {"num_terms": terms, "depth": depth, "nonnegative_exponents": label == CONVEX}
        assert expected.items() <= config["network_args"].items()
    assert rows[0]["parameters"] == 784 * 4 + 4 * 256 + 256 + 256 * 4 + 4 * 10 + 10
    # The folder's own files are those of the last call.
    with open(folder / "runs.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{k: str(v) for k, v in rows[-1].items()}]
    assert (folder / "table.md").read_text() == grow_posynomials.to_markdown(rows[-1:])
    assert (folder / "growth.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_line_for_each_depth_and_a_column_for_each_number_of_terms():
    row = dict.fromkeys(grow_posynomials.COLUMNS, 0.5) | {"network": CONVEX}
    rows = [
        {**row, "depth": 2, "num_terms": terms, "test_accuracy": accuracy}
        for terms, accuracy in ((64, 0.91), (64, 0.92), (64, 0.96), (2, 0.5))
    ]
    rows.append({**row, "depth": 3, "num_terms": 64, "test_accuracy": 0.25})
    assert grow_posynomials.to_markdown(rows).splitlines() == [
        "| network | depth | 2 terms | 64 terms |",
        "|---|---|---|---|",
        f"| {CONVEX} | 2 | 50.00 | 93.00 ± 2.65 |",
        f"| {CONVEX} | 3 |  | 25.00 |",
    ]


def test_the_command(grid, command, monkeypatch):
    folder, rows, _ = grid
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    words = [f"--networks={CONVEX}", "--term_counts=4,2", "--depths=2", "--seeds=0"]
    outcome = command(grow_posynomials, *words, "--epochs=1", f"--workdir={folder}")
    assert outcome.exit_code == 0
    assert outcome.stdout == (
        f"{grow_posynomials.to_markdown(rows[:2])}test accuracy in % after 1 epochs\n"
        f"written to {folder}/: runs.csv, table.md, growth.png, and a folder for each run\n"
    )
    with open(folder / "runs.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert read == [{k: str(v) for k, v in row.items()} for row in rows[:2]]


def test_epochs_by_default(monkeypatch, tmp_path):
    calls = []

    def trained(network, *_, epochs, **settings):
        calls.append((network, epochs, settings["data_dir"]))
        return dict.fromkeys(grow_posynomials.COLUMNS, 0.5)

    monkeypatch.setattr(grow_posynomials, "train_and_evaluate", trained)
    for epochs in (None, 7):
        grow_posynomials.grow(
            [CONVEX], [4], [1], "mnist_5k", [0], tmp_path, epochs=epochs, data_dir="there"
        )
    assert calls == [("posynomial_mlp", 5, "there"), ("posynomial_mlp", 7, "there")]


def test_a_grid_of_other_settings_is_refused(grid):
    with pytest.raises(ValueError, match="another configuration .epochs: 1 there, 2 here"):
        grow_posynomials.grow([CONVEX], [4], [2], "mnist_5k", [0], grid[0], epochs=2)


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--networks=mlp"], 1, "networks must be one of ['posynomial_mlp', "),
        (["--networks="], 1, "networks must be at least one, and each once, got []"),
        (["--networks=signomial_mlp,signomial_mlp"], 1, "networks must be at least one, and each"),
        (["--term_counts=4,many"], 1, "term_counts must be integers >= 1, got ['4', 'many']"),
        (["--term_counts=4,0"], 1, "term_counts[1] must be an integer >= 1, got 0"),
        (["--term_counts=4,4"], 1, "term_counts must be at least one, and each once, got (4, 4)"),
        (["--depths="], 1, "depths must be at least one, and each once, got ()"),
        (["--depths=0"], 1, "depths[0] must be an integer >= 1, got 0"),
        (["--depths=1.5"], 1, "depths must be integers >= 1, got ['1.5']"),
        (["--seeds=1,1"], 1, "seeds must be at least one, and each once, got [1, 1]"),
        (["--epochs=0"], 2, "--epochs=0"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    command(grow_posynomials, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
