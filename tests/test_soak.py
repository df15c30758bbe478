"""The soak finds what it is for, tells it, and takes a short one."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.soak import __main__ as soak
from tests.soak.group import BROKEN, SILENT
from tests.soak.trials import Trial
from training.report.tables import to_markdown
from weirdonetworks.commands import app

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_short_soak(tmp_path):
    """In a process of its own: TensorFlow must not have been used before it is forked."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    words = ["--trials=6", "--seed=204", "--csv=x/soak.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("with unchecked sums: silent, ")  # the negative control
    assert lines[-1].endswith("written to x/soak.csv")
    trials = pd.read_csv(tmp_path / "x" / "soak.csv")
    assert trials["seed"].tolist() == list(range(204, 210))
    assert set(trials["end"]) == {"same numbers"}
    assert set(trials["subject"]) == {"run", "study"}
    assert set(trials["fault"]) == {"killed", "interrupted", "disk full", "two owners"}


def test_what_is_silent_or_broken_is_told_and_ends_in_an_error(monkeypatch, capsys, tmp_path):
    ends = ["same numbers", "silent", "a word", "broken", "same numbers"]
    rows = [Trial(i, "run", "killed", end, 1.0, "done", "said") for i, end in enumerate(ends)]
    monkeypatch.setattr(soak, "control", lambda: rows[1])
    monkeypatch.setattr(soak, "soak", lambda *_: reversed(rows))
    monkeypatch.setattr(sys, "argv", ["soak", f"--csv={tmp_path}/soak.csv"])
    with pytest.raises(SystemExit) as ended:
        app.run(soak.main, soak.FLAGS)
    told = capsys.readouterr()
    assert ended.value.code == 1
    again = "python -m tests.soak --repeat=1 --repeat=3"
    assert told.err.endswith(f"error: 2 trials were silent or broken: {again}\n")
    assert "silent 1, run killed: done: said" in told.out
    (line,) = [line for line in told.out.splitlines() if line.startswith("| all")]
    assert [cell.strip() for cell in line.split("|")[3:-1]] == ["5", "2", "1", "1", "1"]
    assert pd.read_csv(tmp_path / "soak.csv")["seed"].tolist() == list(range(5))


def test_the_page_is_what_the_trials_say():
    trials = pd.read_csv(REPOSITORY / "docs" / "soak.csv")
    page = (REPOSITORY / "docs" / "promises.md").read_text(encoding="utf-8")
    assert to_markdown(soak.summary(trials)) in page
    assert not set(trials["end"]) & {SILENT, BROKEN}


def test_trials_of_one_configuration_come_together():
    assert list(soak.grouped(5, 8)) == [[5, 6, 7], [8, 9, 10, 11, 12]]
