"""Whatever happens to the files of a run or a study, no other numbers are read without a word."""

import pytest

from tests.training.damage import silent, spoil
from training.engine import load_run
from training.engine.workdir import Workdir
from training.experiments import Report, Study, pages, runner
from training.report.tables import to_csv


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
