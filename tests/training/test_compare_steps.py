"""The comparison of steps: that it is what the runs say, and that it goes on where it stopped."""

import csv
import json

import numpy as np
import pytest

from training.studies.invariance_steps import __main__ as compare_steps
from training.engine import steps
from training.engine.loop import Loop
from training.engine.recipes import Recipe

pytestmark = pytest.mark.usefixtures("quick_data")
VARIANTS = ["plain", "augment"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory, quick_data):
    """A comparison that was interrupted after its first run, and then finished."""
    folder = tmp_path_factory.mktemp("steps")
    compare_steps.compare(["mlp"], VARIANTS[:1], "mnist_5k", [0], folder, epochs=1)
    stamp = (folder / "mlp-plain-seed0" / "result.json").stat().st_mtime_ns
    rows = compare_steps.compare(["mlp"], VARIANTS, "mnist_5k", [0, 1], folder, epochs=1)
    return folder, rows, stamp


def test_every_variant_is_a_recipe():
    for settings in compare_steps.VARIANTS.values():
        Recipe(**settings)
    assert tuple(steps.STEPS) == compare_steps.STEPS
    assert set(compare_steps.STEPS) <= set(compare_steps.VARIANTS)


def test_runs_that_are_there_are_not_repeated(comparison):
    folder, _, stamp = comparison
    assert (folder / "mlp-plain-seed0" / "result.json").stat().st_mtime_ns == stamp


def test_a_row_for_each_run(comparison):
    folder, rows, _ = comparison
    assert [(row["variant"], row["seed"]) for row in rows] == [
        (variant, seed) for variant in VARIANTS for seed in (0, 1)
    ]
    for row in rows:
        assert tuple(row) == compare_steps.COLUMNS
        run = folder / f"mlp-{row['variant']}-seed{row['seed']}"
        result = json.loads((run / "result.json").read_text())
        assert {**result, **row} == {**row, **result}
        config = json.loads((run / "config.json").read_text())
        assert (config["step"], config["epochs"]) == (row["variant"], 1)
        with open(run / "rotations.csv") as file:
            angles = [float(line["accuracy"]) for line in csv.DictReader(file)]
        assert row["rotated_accuracy"] == pytest.approx(np.mean(angles))
        assert row["worst_rotated_accuracy"] == min(angles)
        with open(run / "stability-rotation-images.csv") as file:
            images = list(csv.DictReader(file))
        assert len(images) == 1000
        for key in ("variance", "difference"):
            assert row[key] == pytest.approx(np.mean([float(line[key]) for line in images]))
    with open(folder / "runs.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [{k: str(v) for k, v in row.items()} for row in rows]
    assert (folder / "rotations.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_mean_and_spread(comparison):
    folder, rows, _ = comparison
    lines = (folder / "table.md").read_text().splitlines()[2:]
    for line, variant in zip(lines, VARIANTS, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[:2] == ["mlp", variant]
        for cell, key, unit, digits in zip(
            cells[2:],
            compare_steps.COLUMNS[3:8],
            (100, 100, 100, 1, 1),
            (2, 2, 2, 4, 3),
            strict=False,
        ):
            values = unit * np.array([row[key] for row in rows if row["variant"] == variant])
            assert cell == f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"


def test_the_command(comparison, command, monkeypatch):
    folder, rows, _ = comparison
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    words = ["--networks=mlp", f"--variants={','.join(VARIANTS)}", "--seeds=0,1", "--epochs=1"]
    outcome = command(compare_steps, *words, f"--workdir={folder}")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(compare_steps.to_markdown(rows))
    assert f"written to {folder}/: runs.csv, table.md, rotations.png" in outcome.stdout


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--networks=resnet"], 1, "networks must be among ['mlp', "),
        (["--networks="], 1, "networks must be at least one, and each once, got []"),
        (["--variants=plain,quick"], 1, "variants must be among ['plain', "),
        (["--variants=plain,plain"], 1, "variants must be at least one, and each once"),
        (["--seeds=1,1"], 1, "seeds must be at least one, and each once, got [1, 1]"),
        (["--seeds=one"], 1, "seeds must be integers >= 0, got ['one']"),
        (["--epochs=0"], 2, "--epochs=0"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(Loop, "run_epoch", lambda *_: pytest.fail("trained"))
    command(compare_steps, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
