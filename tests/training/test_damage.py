"""Whatever happens to the files of a run or a study, no other numbers are read without a word."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.damage import spoil
from training.engine import load_run
from training.engine.workdir import Workdir
from training.experiments import Report, Study, pages, runner
from training.report.tables import to_csv


def silent(
    folder: Path, copy: Path, seeds: range, read: Callable[[Path], object], told: Callable[[], str]
) -> tuple[list[str], int]:
    """What was done where a damaged copy is read as something else without a word, and how often
    a word was said.

    read: what is read of a folder; raises ValueError or OSError for damage that it sees.
    told: what was written to stderr since it was last asked.
    """
    expected, faults, words = read(folder), [], 0
    for seed in seeds:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        done = spoil(copy, seed)
        told()
        try:
            found = read(copy)
        except (ValueError, OSError):
            words += 1
            continue
        if told():
            words += 1
        elif found != expected:
            faults.append(f"{seed}: {done}")
    return faults, words


def read_run(workdir):
    """Weights, history, configuration and result."""
    run = load_run(workdir)
    weights = [variable.numpy().tobytes() for variable in run.network.variables]
    return weights, to_csv(run.history), run.config, Workdir(workdir).read("result.json")


@pytest.mark.slow
def test_a_finished_run(small_run, tmp_path, capfd):
    faults, words = silent(
        small_run.workdir, tmp_path / "copy", range(150), read_run, lambda: capfd.readouterr().err
    )
    assert faults == []
    assert words > 100  # the others were to the picture, or exchanged a file for itself


STUDY = Study(
    name="toy",
    question="?",
    axes={"kind": ["a", "b"]},
    seeds=(0, 1),
    trial=lambda axes, seed, choice: {"value": seed / 3},
    report=Report,
)


def read_study(workdir):
    """The tables that it ends with, and those of its results."""
    tables = pages.report_of(STUDY, workdir / pages.RESULTS).tables
    shown = {name: to_csv(table) for name, table in tables.items()}
    found = runner.run(STUDY, workdir, workers=0)
    return shown, {name: to_csv(table) for name, table in found.items()}


@pytest.mark.slow
def test_a_study(tmp_path, capfd):
    runner.run(STUDY, tmp_path / "study", workers=0)
    faults, words = silent(
        tmp_path / "study", tmp_path / "copy", range(300), read_study, lambda: ""
    )
    assert faults == []
    assert words > 150


def test_what_is_not_checked_is_read_in_silence(tmp_path):
    """So the test can fail."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "numbers.csv").write_text("0.25\n" * 9)

    def read(folder):
        return (folder / "numbers.csv").read_bytes()

    faults, _ = silent(tmp_path / "run", tmp_path / "copy", range(20), read, lambda: "")
    assert len(faults) > 10
    assert spoil(tmp_path / "run", 0).endswith("numbers.csv")
