"""The command line of a study: what it asks the runner for, and what it refuses."""

import dataclasses
import json
import re
import types

import pytest

from training.experiments import Report, Setting, Study

ROWS = []


def trial(axes, seed, choice, size):
    ROWS.append((axes["kind"], seed))
    return {"value": len(axes["kind"]) * size + seed}


def report(results):
    return Report({"values": results["runs"][["kind", "seed", "value"]]})


STUDY = types.SimpleNamespace(
    __name__="words",
    STUDY=Study(
        name="words",
        question="How long are words?",
        axes={"kind": ["a", "bb"]},
        options={"kind": ["ccc"]},
        trial=trial,
        report=report,
        seeds=(0, 1),
        settings={"size": Setting(10, "How wide a letter is.", minimum=1)},
    ),
)
HERE = ["--workers=0", "--workdir=w"]


@pytest.fixture(autouse=True)
def _rows():
    ROWS.clear()


def test_a_run_prints_its_folder_first_its_tables_and_what_it_wrote(command, tmp_path):
    outcome = command(STUDY, *HERE)
    assert outcome.exit_code == 0, outcome
    lines = outcome.stdout.splitlines()
    assert lines[0] == "writing to w/" and lines[-1].startswith("written to w/: results/, trials/")
    assert "| bb     | 1      | 21      |" in outcome.stdout
    assert ROWS == [("a", 0), ("a", 1), ("bb", 0), ("bb", 1)]
    told = json.loads((tmp_path / "w" / "results" / "config.json").read_text())
    assert told["command"] == "python -m training.studies.words"
    assert (told["seeds"], told["settings"]) == ([0, 1], {"size": 10})
    assert (tmp_path / "w" / "report.md").read_text().startswith("# How long are words?")


def test_only_seeds_and_settings(command, tmp_path):
    words = ["--only=kind=bb,ccc", "--seeds=7", "--size=3"]
    assert command(STUDY, *HERE, *words).exit_code == 0
    assert ROWS == [("bb", 7), ("ccc", 7)]
    told = json.loads((tmp_path / "w" / "results" / "config.json").read_text())["command"]
    assert told == "python -m training.studies.words --only=kind=bb,ccc --seeds=7 --size=3"


def test_resume_alone_goes_on_with_what_the_folder_was_asked_for(command, tmp_path):
    assert command(STUDY, *HERE, "--only=kind=ccc", "--size=3").exit_code == 0
    (lost,) = tmp_path.glob("w/trials/*ccc-1-*")
    lost.unlink()
    ROWS.clear()
    resumed = command(STUDY, *HERE, "--resume")
    assert resumed.exit_code == 0, resumed
    assert ROWS == [("ccc", 1)]


def test_where_all_diverge_the_rows_are_told(command, tmp_path, monkeypatch):
    def diverges(axes, seed, choice, size):
        raise FloatingPointError("the loss is not finite at step 3")

    monkeypatch.setattr(STUDY, "STUDY", dataclasses.replace(STUDY.STUDY, trial=diverges))
    outcome = command(STUDY, *HERE, "--only=kind=a", "--seeds=0")
    assert outcome.exit_code == 0, outcome
    cells = ("a", "0", "diverged", "the loss is not finite at step 3")
    assert re.search(r" +\| ".join(cells), outcome.stdout)


@pytest.mark.parametrize(
    ("flag", "there"),
    [("--size=4", "size=4.*: 3 there"), ("--seeds=5", "seeds=5.*: 0,1 there"),
     ("--only=kind=a", "kind=a.*: ccc there")],
)  # fmt: skip
def test_flags_that_contradict_the_folder_are_refused_by_name(command, tmp_path, flag, there):
    assert command(STUDY, *HERE, "--only=kind=ccc", "--size=3").exit_code == 0
    before = sorted(path.name for path in tmp_path.rglob("*"))
    outcome = command(STUDY, *HERE, "--resume", flag)
    outcome.assert_failed("contradicts the study in w")
    assert re.search(there, outcome.stderr)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_other_settings_want_another_folder(command):
    assert command(STUDY, *HERE, "--only=kind=a").exit_code == 0
    outcome = command(STUDY, *HERE, "--only=kind=a", "--size=3")
    outcome.assert_failed("another configuration", "'size': 10} there", "'size': 3} here")


@pytest.mark.parametrize(
    ("words", "exit_code", "parts"),
    [
        (["--only=kind"], 1, ["only must be AXIS=a,b"]),
        (["--only=kin=a"], 1, ["only=kin", "Did you mean kind?"]),
        (["--only=kind=bbb"], 1, ["kind=bbb", "Did you mean bb?"]),
        (["--only=kind="], 1, ["kind must be values, each once"]),
        (["--only=kind=a,a"], 1, ["kind must be values, each once, got 'a,a'"]),
        (["--only=kind=a", "--only=kind=bb"], 1, ["once for each axis"]),
        (["--seeds=1,1"], 1, ["seeds must be integers >= 0, each once"]),
        (["--seeds=x"], 1, ["seeds must be integers >= 0"]),
        (["--size=0"], 2, ["--size=0"]),
        (["--sizes=1"], 2, ["Unknown command line flag 'sizes'", "size"]),
        (["--resume"], 1, ["has no config.json"]),
        (["--report"], 1, ["must hold results"]),
        (["stray"], 2, ["unexpected argument 'stray'"]),
    ],
)
def test_what_is_refused_leaves_nothing(command, tmp_path, words, exit_code, parts):
    command(STUDY, *HERE, *words).assert_failed(*parts, exit_code=exit_code)
    assert not ROWS and not any(tmp_path.iterdir())


def test_report_runs_nothing(command):
    assert command(STUDY, *HERE).exit_code == 0
    ROWS.clear()
    outcome = command(STUDY, "--report", "--workdir=w")
    assert outcome.exit_code == 0 and "| bb     | 1      | 21      |" in outcome.stdout
    assert not ROWS
