"""Whatever state a crash leaves a folder in, what goes on there ends as if it had never been.

Epochs are counterfeit here, so that hundreds of runs take seconds: each changes weights and slots
by what they are. `tests/soak` does the same with real ones, signals and disks.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from training import evaluate, train
from training.data import Dataset
from training.engine import Scorer, recipe_for, train_and_evaluate
from training.engine import run as engine_run
from training.engine.loop import EpochMetrics, Loop
from training.engine.workdir import Workdir
from training.experiments import Ladder, Report, Study, runner

EPOCHS = 3  # the first checkpoint is deleted when the third is there


@pytest.fixture
def counterfeit(monkeypatch):
    """Epochs, scores and pictures that take no time; what came before decides them."""

    def size(network) -> float:
        return float(sum(abs(w.numpy()).sum() for w in network.trainable_variables))

    def run_epoch(self, report):
        draw = np.random.default_rng([self.seed, self.epoch]).normal
        for variable in (*self.network.trainable_variables, *self.optimizer.variables):
            if variable.dtype.is_floating:
                variable.assign(0.9 * variable + draw(size=variable.shape))
        self.step.assign_add(self.steps_per_epoch)
        return EpochMetrics(loss=size(self.network), accuracy=0.5)

    def picture(history, title):
        return Figure(figsize=(0.1, 0.1))

    monkeypatch.setattr(Loop, "run_epoch", run_epoch)
    monkeypatch.setattr(Scorer, "accuracy", lambda self, split: size(self.network) % 1)
    monkeypatch.setattr(engine_run, "draw_metrics", picture)


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, [60, 4, 4], dtype=np.uint8)
    return Dataset.from_arrays(images, np.arange(60) % 3)


@pytest.fixture
def go(counterfeit, pictures) -> Callable[[Path], None]:
    """Begins or resumes a run in a folder."""
    args = {"hidden_sizes": (3,)}
    recipe = recipe_for("mlp", "d", epochs=EPOCHS, batch_size=14, network_args=args)

    def go(workdir: Path) -> None:
        train_and_evaluate("mlp", pictures, recipe, workdir, resume=True)

    return go


def ended(workdir: Path) -> tuple:
    """The names of all files, and all numbers, of a run that has ended."""
    files = Workdir(workdir)
    names = sorted(str(path.relative_to(workdir)) for path in workdir.rglob("*"))
    reader = tf.train.load_checkpoint(files.checkpoint(files.newest_epoch()))
    held = sorted(set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"})
    bits = {name: reader.get_tensor(name).tobytes() for name in held}
    rows, result = files.read_metrics(EPOCHS), files.read("result.json")
    for record in (*rows, result):
        del record["seconds"]
    assert len(bits) > 10 and len(rows) == EPOCHS
    return names, bits, rows, result


@contextmanager
def noticed(notice: Callable[[], None]) -> Iterator[None]:
    """Calls `notice` before and within all that changes a folder."""

    def before(function):
        def changed(*args, **kwargs):
            notice()
            return function(*args, **kwargs)

        return changed

    def by_halves(path, content):
        notice()
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            notice()
            file.write(content[len(content) // 2 :])

    def checkpoint(self, prefix, *args):
        """TensorFlow writes the parts below another name first, the index last."""
        notice()
        real(self, prefix, *args)
        data, index = (Path(f"{prefix}.{end}") for end in ("data-00000-of-00001", "index"))
        kept, half = index.read_bytes(), Path(f"{prefix}_temp")
        index.unlink()
        notice()
        half.mkdir()
        data.rename(half / "part-00000-of-00001")
        notice()
        (half / "part-00000-of-00001").rename(data)
        half.rmdir()
        real_write(index, kept)

    real, real_write = tf.train.Checkpoint.write, Path.write_bytes
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((os, "replace"), (os, "fsync"), (Path, "unlink"), (Path, "mkdir")):
            patch.setattr(module, name, before(getattr(module, name)))
        patch.setattr(Path, "write_bytes", by_halves)
        patch.setattr(tf.train.Checkpoint, "write", checkpoint)
        yield


def states(work: Callable[[], object], folder: Path, copies: Path) -> list[Path]:
    """Copies of all distinct states of a folder while work() is done."""
    found: dict[tuple, Path] = {}

    def keep() -> None:
        held = tuple(
            (str(path.relative_to(folder)), path.read_bytes() if path.is_file() else b"")
            for path in sorted(folder.rglob("*"))
        )
        if held not in found:
            found[held] = copies / str(len(found))
            shutil.copytree(folder, found[held]) if folder.exists() else found[held].mkdir()

    with noticed(keep):
        work()
    return list(found.values())


@pytest.mark.slow
def test_from_every_state_of_the_folder_of_a_run(go, tmp_path):
    copies = states(lambda: go(tmp_path / "run"), tmp_path / "run", tmp_path)
    expected = ended(tmp_path / "run")
    assert len(copies) > 50
    for copy in copies:
        go(copy)
        assert ended(copy) == expected, copy


@pytest.mark.slow
def test_from_every_state_of_the_folder_of_a_study(tmp_path):
    study = Study(
        name="toy",
        question="?",
        axes={"kind": ["a", "b"]},
        seeds=(0, 1),
        choose=Ladder((1e-3, 3e-3)),
        trial=lambda axes, seed, choice: {"validation_accuracy": -choice, "value": seed / 3},
        report=Report,
    )

    def go(workdir):
        runner.run(study, workdir, workers=0)

    def tables(workdir):
        return {path.name: path.read_bytes() for path in workdir.glob("results/*.csv")}

    copies = states(lambda: go(tmp_path / "study"), tmp_path / "study", tmp_path)
    assert len(copies) > 60
    for copy in copies:
        go(copy)
        assert tables(copy) == tables(tmp_path / "study") and len(tables(copy)) == 2, copy


@pytest.mark.slow
def test_after_interrupts(go, tmp_path):
    """Before, between and within writes, of which every tenth is tried."""
    go(tmp_path / "run")
    expected, number, moment = ended(tmp_path / "run"), 0, 0

    def interrupt():
        nonlocal number
        number += 1
        if number == moment:
            raise KeyboardInterrupt

    for moment in range(1, 1000, 10):
        number, workdir = 0, tmp_path / str(moment)
        with noticed(interrupt):
            try:
                go(workdir)
            except KeyboardInterrupt:
                pass
            else:
                break
        go(workdir)
        assert ended(workdir) == expected, moment
    assert moment > 60


@contextmanager
def room(folder: Path, most: int) -> Iterator[None]:
    """A disk on which the files of a folder have that many bytes; what is more is cut off."""

    def held() -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def write(path, content):
        fits = most - held()
        real_write(path, content[: max(fits, 0)])
        if len(content) > fits:
            raise OSError(errno.ENOSPC, "No space left on device")

    def checkpoint(self, prefix, *args):
        real(self, prefix, *args)
        if held() > most:
            os.truncate(f"{prefix}.data-00000-of-00001", 7)
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    real, real_write = tf.train.Checkpoint.write, Path.write_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        patch.setattr(tf.train.Checkpoint, "write", checkpoint)
        yield


@pytest.mark.slow
def test_after_a_full_disk(go, tmp_path):
    """Five sizes of it: where the first file does not fit, up to where the last one does not."""
    go(tmp_path / "run")
    expected = ended(tmp_path / "run")
    size = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file())
    for most in (10, size // 4, size // 2, size * 3 // 4, size - 10):
        workdir = tmp_path / str(most)
        full = pytest.raises(OSError, match=rf"workdir {workdir} cannot be written .No space left")
        with room(workdir, most), full:
            go(workdir)
        go(workdir)
        assert ended(workdir) == expected, most


ODD = [
    "two words",
    "läufe, zwei (2)",
    "数/🧮",
    "100%",
    "%s%d",
    "{run}",
    "$HOME",
    "a'b",
    'a"b',
    "a;b&c|d",
    "a=b",
    "a:b",
    "#1",
    "~/run",
    "-run",
    ".run",
    "./run/",
    "run/../other",
    "link",
    "far/run",
    "l" * 200,
]


@pytest.mark.slow
def test_odd_paths(counterfeit, pictures, command, forget, tmp_path, monkeypatch):
    """Trained, interrupted before the result, resumed and scored, each where it says."""
    np.savez(tmp_path / "d.npz", images=pictures.train.images, labels=pictures.train.labels)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("training.engine.train.failure", lambda *_: None)  # it learns nothing
    for link in ("link", "far"):
        (tmp_path / f"at {link}").mkdir()
        (tmp_path / link).symlink_to(f"at {link}")
    words = ["--network=mlp", "--dataset=d.npz", "--epochs=2", "--network_arg=hidden_sizes=(3,)"]
    for path in ODD:
        told = [f"--workdir={path}"]
        assert command(train, *words, *told).exit_code == 0, path
        place = tmp_path / path.replace("~", "home")
        result = (place / "result.json").read_bytes()
        forget(place, "result.json")
        assert command(train, *told, "--resume").exit_code == 0, path
        assert (place / "result.json").read_bytes() == result
        scored = command(evaluate, *told)
        assert scored.exit_code == 0 and scored.stdout.startswith("test accuracy"), path
