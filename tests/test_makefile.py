"""The Makefile installs once, and hands its settings on as flags."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def make(tmp_path):
    """Tells what `make` would do in a copy of the project, and changes nothing."""
    for name in ("Makefile", "setup.py"):
        shutil.copy(REPOSITORY / name, tmp_path)
    # An outer make leaves its own flags in the environment.
    ours = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}

    def dry_run(*words: str, **environment: str) -> str:
        done = subprocess.run(
            ["make", "--dry-run", *words],
            cwd=tmp_path,
            env=ours | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    return dry_run


TARGETS = {
    "train": "python -m training.train --network='quadratic_mlp' --dataset='mnist_5k'\n",
    "test": "python -m pytest --numprocesses=2 --dist=worksteal\n",
    "test-fast": "python -m pytest --numprocesses=2 --dist=worksteal -m 'not slow'\n",
    "soak": "python -m tests.soak",
    "lint": "ruff check\n",
    "docs": "python -m sphinx --quiet --fail-on-warning --keep-going --conf-dir docs "
    "--doctree-dir build/doctrees . build/site\n",
    "notebooks": "python -m nbconvert --to notebook --execute --inplace "
    "--ExecutePreprocessor.record_timing=False notebooks/*.ipynb\n",
    "benchmark": "python -m training.benchmark",
    "table": "python -m training.studies.zoo",
    "playground": "python -m training.playground",
}


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_installs_first_and_only_once(make, tmp_path, target):
    assert TARGETS[target] in make(target)
    assert "-m venv --clear .venv" in make(target)
    stamp = tmp_path / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (os.stat(tmp_path / "setup.py").st_mtime + 1,) * 2)
    assert TARGETS[target] in make(target)
    assert "venv --clear" not in make(target)
    os.utime(tmp_path / "setup.py", (stamp.stat().st_mtime + 1,) * 2)
    assert "-m venv --clear .venv" in make(target)


def test_settings_become_flags(make):
    names = "NETWORK DATASET EPOCHS BATCH_SIZE LEARNING_RATE OPTIMIZER SEED WORKDIR MANUAL_DIR"
    names = [*names.split(), "DATA_DIR"]
    plan = make("train", *(f"{name}=a b" for name in names), "ARGS=--resume --network_arg=rank=8")
    flags = " ".join(f"--{name.lower()}='a b'" for name in names)
    assert f"training.train {flags} --resume --network_arg=rank=8\n" in plan


def test_settings_come_from_the_command_line_alone(make):
    assert TARGETS["train"] in make("train", SEED="7", WORKDIR="elsewhere", NETWORK="mlp")


def test_help_names_every_target(tmp_path):
    done = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0
    for target in [*TARGETS, "clean", "help"]:
        assert f"\n{target} " in "\n" + done.stdout
