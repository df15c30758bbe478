"""Trials are run once, kept, and gathered: what is killed goes on and ends with the same tables."""

import contextlib
import json
import os
import signal
import subprocess
import time

import filelock
import numpy as np
import pytest

from training.data import Dataset
from training.experiments import CHOICE_SEED, Ladder, Report, Setting, Study, pages, runner
from training.report.tables import to_csv

calls: list = []


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


def trial(axes, seed, choice, scale):
    calls.append((axes["kind"], seed, choice))
    if axes["kind"] == "bad":
        raise ValueError("no such kind")
    if axes["kind"] == "worse":
        raise KeyError("a fault")
    if axes["kind"] == "leaver":
        raise SystemExit(3)
    if axes["kind"] == "wild" or (choice or 0) > 0.05:
        raise FloatingPointError("loss is nan at step 3")
    best = {"a": 1e-3, "b": 1e-2, "file": 1e-3}[axes["kind"]]
    near = -abs(np.log10(choice / best)) if choice else 0.0
    return {"validation_accuracy": np.float64(near), "test_accuracy": scale * seed}


def make(**changes) -> Study:
    fields = {
        "name": "toy",
        "question": "Does it run?",
        "axes": {"kind": ["b", "a"]},
        "options": {"kind": ["wild", "bad", "worse", "leaver"]},
        "seeds": (0, 1),
        "settings": {"scale": Setting(2.0, "Of the result.", 0.0)},
        "trial": trial,
        "report": lambda results: Report(results),
    }
    return Study(**{**fields, **changes})


LADDER = Ladder((1e-3, 3e-3, 3e-1))


def run(study, folder, **more):
    return runner.run(study, folder, **{"workers": 0, **more})


def contents(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_trial_once_in_the_order_of_the_axes(tmp_path):
    found = run(make(), tmp_path)["runs"]
    assert list(found) == ["kind", "seed", "status", "validation_accuracy", "test_accuracy"]
    assert found["kind"].tolist() == ["b", "b", "a", "a"]
    assert found["test_accuracy"].tolist() == [0.0, 2.0, 0.0, 2.0]
    assert (tmp_path / "results" / "runs.csv").read_text() == to_csv(found)
    before, number = contents(tmp_path / "results"), len(calls)
    run(make(), tmp_path)
    assert len(calls) == number == 4
    after = contents(tmp_path / "results")
    assert after["runs.csv"] == before["runs.csv"]


def test_the_best_rate_is_chosen_by_trials_of_their_own(tmp_path):
    found = run(make(choose=LADDER), tmp_path)
    chosen = found["runs"].groupby("kind")["learning_rate"].unique()
    assert chosen["a"].tolist() == [1e-3] and chosen["b"].tolist() == [1e-2]
    choices = found["choices"]
    assert set(choices["seed"]) == {CHOICE_SEED} and CHOICE_SEED not in set(found["runs"]["seed"])
    # The ladder went on until the best was inside; what diverged is told, and not chosen.
    assert set(choices[choices["kind"] == "a"]["learning_rate"]) == {3e-4, 1e-3, 3e-3, 3e-1}
    assert set(choices[choices["kind"] == "b"]["learning_rate"]) >= {1e-3, 3e-3, 1e-2, 3e-2}
    assert set(choices[choices["learning_rate"] == 3e-1]["status"]) == {"diverged"}


def test_whoever_chooses_is_not_told_of_test_data(tmp_path):
    found = run(make(choose=LADDER), tmp_path)
    assert "test_accuracy" in found["runs"] and "validation_accuracy" in found["choices"]
    text = (tmp_path / "results" / "choices.csv").read_text()
    assert "test_" not in text and "validation_accuracy" in text


def test_where_every_rate_diverges_so_do_the_trials_untried(tmp_path):
    found = run(make(choose=LADDER), tmp_path, axes={"kind": ["wild"]})
    assert found["runs"]["status"].tolist() == ["diverged"] * 2
    assert {seed for _, seed, _ in calls} == {CHOICE_SEED}
    assert (
        run(make(), tmp_path / "x", axes={"kind": ["wild"]})["runs"]["error"].tolist()
        == ["loss is nan at step 3"] * 2
    )  # without a choice they are tried


def test_tables_of_several_rows(tmp_path):
    def several(axes, seed, choice, scale):
        return {"runs": [{"part": 0}, {"part": 1}], "curves": [{"epoch": e} for e in range(3)]}

    found = run(make(trial=several), tmp_path)
    assert len(found["runs"]) == 8 and len(found["curves"]) == 12
    assert list(found["curves"]) == ["kind", "seed", "epoch"]
    assert {f.name for f in (tmp_path / "results").iterdir()} == {
        "runs.csv", "curves.csv", "config.json", "manifest.json",
    }  # fmt: skip


def test_tables_without_rows_are_left_out(tmp_path):
    def learned(axes, seed, choice, scale):
        return {"runs": [{"part": 0}], "learned": [{"x": seed}] if axes["kind"] == "b" else []}

    study = make(trial=learned)
    assert set(run(study, tmp_path, axes={"kind": ["a"]})) == {"runs"}
    assert not (tmp_path / "results" / "learned.csv").exists()
    assert run(study, tmp_path)["learned"]["kind"].tolist() == ["b", "b"]


@pytest.mark.slow
def test_further_values_seeds_and_cells_that_depend_on_what_came_out(tmp_path):
    run(make(), tmp_path, axes={"kind": ["a"]}, seeds=[0])
    run(make(), tmp_path, axes={"kind": ["b"]}, seeds=[1, 0])
    assert calls == [("a", 0, None), ("b", 1, None), ("b", 0, None)]
    told = json.loads((tmp_path / "results" / "config.json").read_text())
    assert (told["axes"], told["seeds"]) == ({"kind": ["b", "a"]}, [0, 1])

    def then(rows, axes):
        return [{"kind": "wild"}] if max(row["test_accuracy"] for row in rows) > 1 else []

    assert len(run(make(then=then), tmp_path / "x", seeds=[0])["runs"]) == 2
    assert len(run(make(then=then), tmp_path / "y", seeds=[1])["runs"]) == 3


@pytest.mark.parametrize("name", ["manifest.json", "runs.csv", "config.json"])
def test_damaged_results_are_made_anew_from_the_trials(tmp_path, name):
    before = to_csv(run(make(), tmp_path)["runs"])
    (tmp_path / "results" / name).write_text("half")
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        pages.report_of(make(), tmp_path / "results")
    calls.clear()
    assert to_csv(run(make(), tmp_path)["runs"]) == before and not calls
    assert to_csv(pages.report_of(make(), tmp_path / "results").tables["runs"]) == before


def test_an_error_ends_it_in_a_line_and_the_others_stay(tmp_path):
    kinds = {"kind": ["a", "bad", "b"]}
    with pytest.raises(ValueError, match=r"^trial kind bad, seed 0: no such kind$"):
        run(make(), tmp_path, axes=kinds)
    assert (tmp_path / "results" / "runs.csv").read_text().count("\na,") == 2
    with pytest.raises(ValueError, match=r"^trial kind leaver, seed 0: it left the program \(3\)$"):
        run(make(), tmp_path / "y", axes={"kind": ["leaver"]})
    with pytest.raises(KeyError) as told:  # a fault keeps its traceback, which says where
        run(make(), tmp_path / "x", axes={"kind": ["worse"]})
    assert told.value.__notes__ == ["in the trial kind worse, seed 0"]


def test_a_damaged_record_is_named(tmp_path):
    run(make(), tmp_path)
    path = sorted((tmp_path / "trials").iterdir())[1]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    before = contents(tmp_path / "results")
    with pytest.raises(ValueError, match="is damaged: delete it to have its trial run again$") as e:
        run(make(), tmp_path)
    assert str(path) in str(e.value) and contents(tmp_path / "results") == before
    path.unlink()
    run(make(), tmp_path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("changes", "more", "message"),
    [
        ({"name": "other"}, {}, "study: 'toy' there, 'other' here"),
        ({}, {"settings": {"scale": 3.0}}, "settings: {'scale': 2.0} there, {'scale': 3.0} here"),
        ({"choose": LADDER}, {}, "choose: 'none' there"),
    ],
)
def test_a_folder_of_another_configuration(tmp_path, changes, more, message):
    run(make(), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="holds a run of another configuration") as told:
        run(make(**changes), tmp_path, **more)
    assert message in str(told.value) and contents(tmp_path) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("words")
    with pytest.raises(ValueError, match="exists and holds no run"):
        run(make(), tmp_path)
    assert contents(tmp_path) == {"thesis.tex": b"words"}


def test_a_folder_in_which_a_study_runs(tmp_path):
    run(make(), tmp_path)
    with (
        filelock.FileLock(tmp_path / ".lock"),
        pytest.raises(ValueError, match="is in use, by a command that runs now"),
    ):
        run(make(), tmp_path)
    run(make(), tmp_path)


def test_a_dataset_comes_as_such_and_is_what_it_was(tmp_path):
    seen = []

    def look(axes, seed, choice):
        seen.append(axes["dataset"])
        return {"images": len(axes["dataset"].train.images)}

    def save(seed: int) -> str:
        values = np.random.default_rng(seed).integers(0, 256, [60, 4, 4, 1]).astype(np.uint8)
        labels = np.arange(60) % 3
        np.savez(tmp_path / "d.npz", images=values, labels=labels)
        runner._dataset.cache_clear()
        return str(tmp_path / "d.npz")

    study = make(axes={"dataset": [save(0)]}, options={}, settings={}, trial=look)
    run(study, tmp_path / "x")
    assert isinstance(seen[0], Dataset) and seen[0] is seen[1]
    told = json.loads((tmp_path / "x" / "results" / "config.json").read_text())
    assert told["data"] == {str(tmp_path / "d.npz"): seen[0].sha256}
    save(1)
    with pytest.raises(ValueError, match="holds trials on other data of the name"):
        run(study, tmp_path / "x")


KILLED = """
import os, sys, time
from pathlib import Path
from tqdm import tqdm
from training.experiments import Ladder, Report, Study, main

def trial(axes, seed, choice):
    list(tqdm(range(2), disable=True))  # as of training.fit, in a worker
    slow = Path("slow").exists()
    time.sleep(float(Path("slow").read_text()) if slow else 0)
    return {"validation_accuracy": -abs(choice - 3e-3), "value": axes["n"] * seed + choice}

STUDY = Study(name="killed", question="?", axes={"n": [1, 2, 3]}, seeds=(0, 1, 2),
              choose=Ladder((1e-3, 3e-3)), trial=trial, report=lambda results: Report(results))
main(STUDY)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_study_goes_on_and_ends_with_the_same_tables(start, tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)

    def tables(folder):
        found = contents(folder / "results")
        return {name: text for name, text in found.items() if name.endswith(".csv")}

    (tmp_path / "slow").write_text("0.4")
    process = start("killed.py", "--workdir=x", "--workers=2", cwd=tmp_path)
    trials = tmp_path / "x" / "trials"
    while not trials.exists() or len(list(trials.glob("[!.]*.json"))) < 4:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = contents(trials)
    kept = {name: text for name, text in kept.items() if not name.startswith(".")}
    assert 4 <= len(kept) < 18 and not (tmp_path / "x" / "results").exists()
    (tmp_path / "slow").unlink()
    again = start("killed.py", "--resume", "--workdir=x", "--workers=1", cwd=tmp_path)
    told = again.communicate(timeout=60)[1]
    assert again.returncode == 0 and "Warning" not in told, told
    for name, text in kept.items():  # done once
        assert (trials / name).read_bytes() == text
    never = start("killed.py", "--workdir=y", "--workers=0", cwd=tmp_path)
    assert never.wait(60) == 0, never.communicate()
    assert tables(tmp_path / "x") == tables(tmp_path / "y") and len(tables(tmp_path / "x")) == 2


@pytest.mark.slow
def test_an_interrupted_study_tells_how_to_go_on(start, tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)
    (tmp_path / "slow").write_text("3")  # seconds, of fifteen trials
    process = start("killed.py", "--workdir=x", "--workers=1", cwd=tmp_path)
    assert process.stdout.readline() == "writing to x/\n"
    while not list((tmp_path / "x").glob("trials/[!.]*")):
        time.sleep(0.05)
    for _ in range(10):  # one that hits a callback of the pool is lost
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            break
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    last = "error: interrupted; go on with: python killed.py --workdir=x --workers=1 --resume"
    assert stderr.splitlines()[-1] == last
    assert "Traceback" not in stderr
    assert (tmp_path / "x" / "results" / "runs.csv").exists() or "choices" in str(
        list((tmp_path / "x" / "results").iterdir())
    )


@pytest.mark.parametrize("path", ["data_dir", "manual_dir"])
@pytest.mark.parametrize("names", [["mnist_5k"], ["mnist_1d"], ["mnist_5k", "mnist_1d"]])
def test_a_path_for_data_that_packages_bring_is_refused(tmp_path, names, path):
    study = Study(
        name="plain", question="?", axes={"dataset": names}, seeds=(0,), trial="a:b", report="a:b"
    )
    with pytest.raises(ValueError, match=f"^{path} must be left out with {', '.join(names)}, whi"):
        runner.run(study, tmp_path / "w", paths={path: "here"})
    assert not (tmp_path / "w").exists()


def test_a_path_is_for_those_data_sets_that_take_one(monkeypatch):
    asked = {}
    monkeypatch.setattr(runner, "load", lambda name, **paths: asked.setdefault(name, paths))
    runner._dataset.cache_clear()
    for name in ("mnist_5k", "mnist_1d", "mnist", "tfds:x"):
        runner._dataset(name, (("data_dir", "here"),))
    runner._dataset.cache_clear()
    there = {"data_dir": "here"}
    assert asked == {"mnist_5k": {}, "mnist_1d": {}, "mnist": there, "tfds:x": there}
