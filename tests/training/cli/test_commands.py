"""All commands and studies: what is there is listed, help is quick, old names tell the new ones."""

import ast
import json
import sys
import time
from pathlib import Path

import pytest

import weirdonetworks as wn
from training.__main__ import COMMANDS, HERE, STUDIES, modules
from training.cli import choices
from training.cli.startup import MOVED

USAGE = """
import importlib, json, sys
from training.experiments.command import Command

sys.argv = ["x"]
told = {}
for name in MODULES:
    try:
        module = importlib.import_module(name + ".__main__")
    except ModuleNotFoundError:
        module = importlib.import_module(name)
    flags = Command(module.STUDY, ["x"]).flags if hasattr(module, "STUDY") else module.FLAGS
    told[name] = [flags.usage(), sorted(set(sys.modules) & {"tensorflow", "keras", "sonnet"})]
print(json.dumps(told))
"""


def all_modules() -> dict[str, str]:
    return modules(*COMMANDS) | modules(*STUDIES)


@pytest.mark.slow
def test_the_list_holds_what_is_there(start, tmp_path):
    process = start("-X", "importtime", "-m", "training", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0 and not {"tensorflow", "numpy", "absl"} & {
        line.split("|")[-1].strip() for line in stderr.splitlines()
    }
    for name, line in all_modules().items():
        assert f"  {name} " in stdout and line in stdout and 10 < len(line) <= 100
    studies = {p.parent.name for p in (HERE / "studies").glob("*/__main__.py")}
    assert {name.rpartition(".")[2] for name in modules(*STUDIES)} >= studies
    assert {"training.train", "training.benchmark", "training.fit_law"} <= set(modules(*COMMANDS))


def test_an_argument_of_the_list_is_a_mistake(start, tmp_path):
    process = start("-m", "training", "train", cwd=tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert stderr == "error: unexpected argument 'train': python -m training.COMMAND\n"


@pytest.mark.slow
def test_help_of_all_of_them_needs_no_tensorflow(start, tmp_path):
    names = [*modules(*COMMANDS), *modules(*STUDIES)]
    process = start("-c", f"MODULES = {names!r}\n{USAGE}", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    for name, (usage, imported) in json.loads(stdout).items():
        assert not imported, f"{name} imports {imported} before it needs it"
        assert usage.count("\nflags:\n") == 1 and "--verbosity" in usage


@pytest.mark.parametrize("old", MOVED)
def test_old_names_tell_the_new_ones(old, monkeypatch, capsys):
    from training.cli import startup

    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", f"training.{old}", "--seeds=3"])
    with pytest.raises(SystemExit) as ended:
        startup.begin()
    new = f"training.{MOVED[old]}"
    assert ended.value.code == 2
    told = f"error: training.{old} is now {new}: python -m {new}\n"
    assert capsys.readouterr().err == told
    assert new in all_modules() and not (HERE / f"{old}.py").exists()


def test_an_old_name_as_a_user_meets_it(start, tmp_path):
    began = time.monotonic()
    process = start("-m", "training.tabulate", cwd=tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2 and stderr.startswith("error: training.tabulate is now ")
    assert stderr.count("\n") == 1 and time.monotonic() - began < 20


def test_names_that_are_known_before_tensorflow_are_the_originals():
    from training.data.sources import DATASETS
    from training.engine import steps
    from training.engine.optimizers import OPTIMIZERS, SCHEDULES
    from weirdonetworks.formats import FORMATS

    assert set(choices.NETWORKS) == set(wn.nets.NETWORKS)
    assert tuple(choices.FORMATS) == tuple(FORMATS)
    assert tuple(choices.OPTIMIZERS) == tuple(OPTIMIZERS)
    assert tuple(choices.SCHEDULES) == tuple(SCHEDULES)
    assert tuple(choices.STEPS) == tuple(steps.STEPS)
    assert tuple(choices.DATASETS) == tuple(DATASETS)


def test_docstrings_are_read_without_importing():
    for name in all_modules():
        path = HERE.parent / Path(*name.split("."))
        file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
