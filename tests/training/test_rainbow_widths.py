"""Networks of several widths, drawn anew: rows, files, resuming, and bad input."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from training.analyse.__main__ import __main__ as analyse
from training.studies.rainbow_widths import __main__ as rainbow_widths
from training.analyse import sampled
from training.evaluate import load_run
from training.studies.rainbow_widths.__main__ import compare

pytestmark = pytest.mark.usefixtures("quick_data")

SETTINGS = {"epochs": 2, "draws": 1, "images": 300}
FILES = {"config.json", "samples.csv", "alignment.csv", "table.md", "conclusions.txt", "widths.png"}


@pytest.fixture(scope="module")
def compared(patched_load, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("rainbow") / "widths"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.data.load", patched_load)
        rows, aligned = compare([8, 24], "mnist_5k", [0, 1], workdir, **SETTINGS)
    return workdir, rows, aligned


def test_files(compared):
    workdir, rows, aligned = compared
    names = {path.name for path in workdir.iterdir()}
    runs = {f"width{width}-seed{seed}" for width in (8, 24) for seed in (0, 1)}
    kept = {f"alignment-width{width}-seeds0-1.json" for width in (8, 24)}
    assert names == FILES | runs | kept
    for name, expected in (("samples", rows), ("alignment", aligned)):
        with open(workdir / f"{name}.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == len(expected)
    assert (workdir / "widths.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (workdir / "table.md").read_text() == rainbow_widths.to_markdown(rows, aligned)
    assert (workdir / "conclusions.txt").read_text().count("\n") == 3


def test_rows(compared):
    workdir, rows, aligned = compared
    assert len(rows) == 2 * 2 * 2 * 4
    for row in rows:
        result = json.loads(
            (workdir / f"width{row['width']}-seed{row['seed']}" / "result.json").read_text()
        )
        if (row["hidden"], row["head"]) == ("trained", "trained"):
            assert row["test_accuracy"] == pytest.approx(result["test_accuracy"], abs=1.1e-3)
    assert {row["hidden"] for row in rows} == set(sampled.KINDS)
    # Two states, two hidden layers and two distances for each of three dense ones; one pair.
    assert len(aligned) == 2 * 2 * (2 + 2 * 3)


def test_the_table_has_means_over_the_networks(compared):
    _, rows, aligned = compared
    head, _, narrow, wide = rainbow_widths.to_markdown(rows, aligned).splitlines()
    assert head.count("|") == narrow.count("|") == wide.count("|") == 12
    scores = [
        100 * row["test_accuracy"]
        for row in rows
        if (row["width"], row["hidden"], row["head"]) == (24, "aligned", "refitted")
    ]
    assert len(scores) == 2 and f"| {sum(scores) / 2:.2f} ± " in wide
    first, *_ = rainbow_widths.conclusions(rows)
    assert first.startswith("At the widths 8, 24, networks drawn from the aligned covariances")


def test_the_table_has_what_is_left_between_trained_networks(compared):
    """The mean over the pairs, of the activations of that layer, in that state."""
    _, rows, aligned = compared
    keys = ("width", "state", "layer", "what")
    left = {tuple(row[key] for key in keys): row["aligned"] for row in aligned}
    _, _, *lines = rainbow_widths.to_markdown(rows, aligned).splitlines()
    for width, line in zip((8, 24), lines, strict=True):
        states = {
            state: [f"{left[width, state, layer, 'activations']:.3f}" for layer in (1, 2)]
            for state in analyse.STATES
        }
        assert [cell.strip() for cell in line.split("|")[-3:-1]] == states["trained"]
        assert states["trained"] != states["initial"]


def test_initial_networks_are_aligned_too_and_are_others(compared, mnist_5k):
    workdir, _, aligned = compared
    loaded = [load_run(workdir / f"width8-seed{seed}") for seed in (0, 1)]
    inputs, held_out = (
        sampled.some_images(split, 300) for split in (mnist_5k.train, mnist_5k.validation)
    )
    pairs = {
        "initial": [analyse.initial_network(config) for _, config in loaded],
        "trained": [network for network, _ in loaded],
    }
    found = {}
    for state, pair in pairs.items():
        rows = [row for row in aligned if (row["width"], row["state"]) == (8, state)]
        known = analyse.compare(*pair, inputs, held_out)
        assert [(row["layer"], row["what"]) for row in rows] == [
            (row["layer"], row["what"]) for row in known
        ]
        found[state] = [row["aligned"] for row in rows]
        assert found[state] == pytest.approx([row["aligned"] for row in known], rel=1e-4)
    assert found["initial"] != pytest.approx(found["trained"], rel=0.01)


def _made_up(**accuracies: float) -> list[dict]:
    """Rows of two seeds, whose test accuracies differ by 2 % from the mean that is given."""
    return [
        {
            "width": 8,
            "seed": seed,
            "hidden": key.split("_")[0],
            "head": key.split("_")[1],
            "test_accuracy": value + (-0.02, 0.02)[seed],
        }
        for key, value in accuracies.items()
        for seed in (0, 1)
    ]


def test_the_conclusions_say_what_the_rows_do():
    rows = _made_up(
        trained_trained=0.95, aligned_trained=0.84, unaligned_trained=0.1, white_trained=0.6,
        trained_refitted=0.94, aligned_refitted=0.9, unaligned_refitted=0.88, white_refitted=0.75,
    )  # fmt: skip
    assert rainbow_widths.conclusions(rows) == [
        "At the widths 8, networks drawn from the aligned covariances of trained ones classify "
        "84.0 % of the test images without any training, 11.0 points less than those they are "
        "drawn from.",
        "Without alignment they classify 10.0 %, and white weights, aligned, 60.0 %.",
        "With a last layer fitted anew it is 90.0 % aligned, 88.0 % without alignment and 75.0 % "
        "for white weights, against 94.0 % on trained hidden layers.",
    ]


def test_each_run_has_draws_of_its_own_seed(compared, monkeypatch, tmp_path):
    workdir, rows, _ = compared
    shutil.copytree(workdir, tmp_path / "again")
    for path in (tmp_path / "again").glob("*/samples.json"):
        path.unlink()
    seeds, score = [], sampled.score_samples

    def recorded(network, splits, seed, *arguments):
        seeds.append(seed)
        return score(network, splits, seed, *arguments)

    monkeypatch.setattr(sampled, "score_samples", recorded)
    again, _ = compare([8, 24], "mnist_5k", [0, 1], tmp_path / "again", **SETTINGS)
    assert seeds == [0, 1, 0, 1] and again == rows


def test_what_is_there_is_not_repeated(compared, monkeypatch):
    workdir, rows, aligned = compared

    def refuse(*_, **__):
        raise AssertionError("done before")

    monkeypatch.setattr(sampled, "score_samples", refuse)
    monkeypatch.setattr(rainbow_widths, "_align", refuse)
    again = compare([8, 24], "mnist_5k", [0, 1], workdir, **SETTINGS)
    assert again == (rows, json.loads(json.dumps(aligned)))
    (workdir / "width24-seed1" / "samples.json").unlink()
    with pytest.raises(AssertionError, match="done before"):
        compare([8, 24], "mnist_5k", [0, 1], workdir, **SETTINGS)


def test_another_comparison_in_the_same_folder(compared):
    with pytest.raises(ValueError, match=r"holds a run of another configuration \(draws: 1 there"):
        compare([8, 24], "mnist_5k", [0, 1], compared[0], **{**SETTINGS, "draws": 2})


def test_the_command(command):
    words = ["--rainbow_widths=6", "--seeds=0", "--epochs=1", "--draws=1", "--analysis_images=50"]
    outcome = command(rainbow_widths, *words)
    assert outcome.exit_code == 0, outcome
    assert outcome.stdout.startswith("| width | trained | trained, refitted | aligned, head |")
    assert outcome.stdout.splitlines()[-1].startswith("written to runs/rainbow-mnist_5k/: config")
    folder = Path("runs/rainbow-mnist_5k")
    assert {path.name for path in folder.iterdir()} == FILES | {"width6-seed0"}


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--rainbow_widths="], 1, "widths must be at least one, and each once, got []"),
        (["--rainbow_widths=8,8"], 1, "widths must be at least one, and each once, got [8, 8]"),
        (["--rainbow_widths=8,0"], 1, "widths must be integers >= 1, got 0"),
        (["--rainbow_widths=8,x"], 1, "rainbow_widths must be integers, got '8,x'"),
        (["--seeds="], 1, "seeds must be at least one, and each once, got []"),
        (["--seeds=1,1"], 1, "seeds must be at least one, and each once, got [1, 1]"),
        (["--draws=0"], 2, "flag --draws=0: 0 is not a positive integer"),
        (["--data_dir=data"], 1, "data_dir must be left out with mnist_5k"),
        (["stray"], 2, "unexpected argument 'stray'"),
    ],
)
def test_bad_flags(command, words, exit_code, message):
    command(rainbow_widths, *words).assert_failed(message, exit_code=exit_code)
