"""Nothing that comes from outside is evaluated: no text as code, no file as a pickle."""

import base64
import contextlib
import gzip
import itertools
import json
import os
import pickle
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import training
import weirdonetworks as wn
from training import evaluate, train
from training.experiments import pages
from training.experiments.store import Store
from training.playground import laws, paper
from training.report.tables import read_csv
from training.studies.zoo import __main__ as zoo
from weirdonetworks.commands.fit_law import __main__ as fit_law
from weirdonetworks.commands.folder import Sealed, digest
from weirdonetworks.regression import Law, PosynomialRegressor, law_units

SENTINEL = "sentinel"  # appears in the working directory where a payload is evaluated

PYTHON = [
    f"__import__('os').system('touch {SENTINEL}')",
    f"__import__('pathlib').Path('{SENTINEL}').touch()",
    f"(lambda: open('{SENTINEL}', 'w'))()",
    f"[open(name, 'w') for name in ['{SENTINEL}']]",
    f'exec(\'open("{SENTINEL}", "w")\')',
]
SHELL = [
    f"$(touch {SENTINEL})",
    f"`touch {SENTINEL}`",
    f"x; touch {SENTINEL}",
    f"x | touch {SENTINEL}",
]
TEXTS = [*PYTHON, *SHELL]


class Payload:
    """Makes the sentinel when it is unpickled."""

    def __reduce__(self):
        return os.system, (f"touch {SENTINEL}",)


PICKLES = [pickle.dumps(Payload(), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]


def appeared() -> bool:
    """Whether the sentinel is there; it is then taken away."""
    there = os.path.exists(SENTINEL)
    Path(SENTINEL).unlink(missing_ok=True)
    return there


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_payloads_do_what_they_shall_where_they_are_evaluated():
    for text in PYTHON:
        eval(text)
        assert appeared(), text
    for text in SHELL:
        subprocess.run(f": {text}", shell=True, stderr=subprocess.DEVNULL)
        assert appeared(), text
    for content in PICKLES:
        pickle.loads(content)
        assert appeared()
    np.savez("x.npz", images=np.array([Payload()], dtype=object))
    np.load("x.npz", allow_pickle=True)["images"]
    assert appeared()


@pytest.mark.slow
def test_words_of_the_library():
    law = {"exponents": [[Fraction(1)]], "coefficients": [2.0], "power": Fraction(1)}
    x = np.linspace(1, 2, 9)[:, None]
    places: dict[str, Callable[[str], object]] = {
        "a network": wn.create_network,
        "an argument of a network": lambda text: wn.create_network("mlp", **{text: 1}),
        "the value of an argument": lambda text: wn.create_network("mlp", hidden_sizes=text),
        "an activation": lambda text: wn.create_network("mlp", activation=text),
        "a group": lambda text: wn.create_network("synchronous_mlp", group=text),
        "a function": wn.functional.get_activation,
        "a unit": lambda text: law_units(Law(("a",), "y", **law, sign=1), {"a": text}, "m"),
        "a unit of a column": lambda text: PosynomialRegressor(
            units={"x0": text}, target_units="m"
        ).fit(x, x[:, 0]),
        "a name in a law": lambda text: [
            str(Law((text,), text, **law, sign=1).to_sympy()),
            Law((text,), text, **law, sign=1).formula(),
            Law((text,), text, **law, sign=1).to_latex(),
            Law((text,), text, **law, sign=1).to_cvxpy(),
        ],
        "a data set": training.load,
        "a class": lambda text: training.Dataset.from_arrays(
            np.zeros((40, 4, 4), np.uint8), [text, "b"] * 20
        ),
    }
    _try_all(places, TEXTS)


@pytest.mark.slow
def test_words_of_commands(command, few_digits_file):
    here = Path.cwd()
    table = here / "table.csv"
    table.write_text("".join(["a,y\n", *(f"{a},{a}\n" for a in range(1, 9))]))
    places = {
        flag: lambda text, flag=flag: command(train, f"--{flag}{text}", "--workdir=new")
        for flag in (
            *("network=", "dataset=", "network_arg=", "network_arg=hidden_sizes=", "step_arg="),
            *("network_arg=activation=", "epochs=", "optimizer=", "seed=", "flagfile="),
        )
    }
    places |= {
        flag: lambda text, flag=flag: command(
            fit_law, "table.csv", "--target=y", f"--{flag}{text}", "--workdir=new"
        )
        for flag in ("target=", "columns=", "units=y=m,a=", "powers=", "rounding=", "holdout=")
    }
    places |= {
        flag: lambda text, flag=flag: command(zoo, f"--{flag}{text}", "--workdir=new")
        for flag in ("only=network=", "only=", "seeds=", "dataset=", "cluster=", "epochs=")
    }
    places["workdir of a run"] = lambda text: command(evaluate, f"--workdir={text}")
    _try_all(places, TEXTS, refused=lambda outcome: outcome.exit_code != 0, each=3)


@pytest.mark.slow
def test_a_table(command):
    for number, text in enumerate(TEXTS):
        quoted = text.replace('"', '""')
        Path("cell.csv").write_text(f'a,y\n1,1\n"{quoted}",2\n')
        assert command(fit_law, "cell.csv", "--target=y").exit_code == 1
        assert not appeared(), text
        if number in (0, len(PYTHON)):  # a law is found, said in every form, and drawn
            rows = "".join(f"{a},{a * a}\n" for a in range(1, 9))
            Path("name.csv").write_text(f'"{quoted}",y\n{rows}')
            found = command(fit_law, "name.csv", "--target=y", "--num_terms=1", "--powers=1")
            assert found.exit_code == 0, found
            assert not appeared(), text


@pytest.mark.slow
def test_the_playground():
    Path("table.csv").write_text("".join(["a,y\n", *(f"{a},{a}\n" for a in range(1, 9))]))
    places = {
        "a drawing": paper.read,
        "the data of a drawing": lambda text: paper.read(f"data:image/png;base64,{text}"),
        "a target": lambda text: laws.find("table.csv", text, [], "", False),
        "a column": lambda text: laws.find("table.csv", "y", [text], "", False),
        "a unit": lambda text: laws.find("table.csv", "y", [], f"a=m,y={text}", False),
    }
    _try_all(places, TEXTS)
    for content in PICKLES:
        Path("pickle.csv").write_bytes(content)
        drawn = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        for read, given in ((laws.read, "pickle.csv"), (paper.read, drawn)):
            with pytest.raises((ValueError, OSError)):
                read(given)
            assert not appeared()


@pytest.mark.slow
def test_files_of_data():
    picture = np.zeros((40, 4, 4), np.uint8)
    objects = np.array([Payload()] * 40, dtype=object)
    labels = np.arange(40) % 2
    cases = {
        "images": {"images": objects, "labels": labels},
        "labels": {"images": picture, "labels": objects},
        "others": {
            "images": picture,
            "labels": labels,
            "test_images": objects,
            "test_labels": labels,
        },
    }
    for name, arrays in cases.items():
        np.savez(f"{name}.npz", **arrays)
        with pytest.raises(ValueError, match="cannot be read as a data set"):
            training.load(f"{name}.npz")
        assert not appeared(), name
    for i, content in enumerate(PICKLES):
        Path("pickle.npz").write_bytes(content)
        with zipfile.ZipFile("inside.npz", "w") as archive:
            for name in ("images.npy", "labels.npy"):
                archive.writestr(name, content)
        for kind in "ab":
            Path("pictures", kind).mkdir(parents=True, exist_ok=True)
            Path("pictures", kind, f"{i}.png").write_bytes(content)
        Path("manual").mkdir(exist_ok=True)
        for part in itertools.product(("train", "t10k"), ("images-idx3", "labels-idx1")):
            Path("manual", f"{'-'.join(part)}-ubyte.gz").write_bytes(gzip.compress(content))
        for name in ("pickle.npz", "inside.npz", "pictures/"):
            with pytest.raises((ValueError, OSError)):
                training.load(name)
            assert not appeared(), name
    with pytest.raises((ValueError, OSError)):
        training.load("mnist", data_dir="data", manual_dir="manual")
    assert not appeared()
    # Folders of classes whose names are code.
    for text in TEXTS[:2]:
        Path("classes", text).mkdir(parents=True)
        Path("classes", text, "1.png").write_bytes(b"no picture")
    with pytest.raises(ValueError):
        training.load("classes/")
    assert not appeared()


@pytest.mark.slow
def test_files_of_runs(small_run, mnist_5k):
    """Those whose sums are right, too: who writes a file can write its sum."""
    config = json.loads((small_run.workdir / "config.json").read_text())
    run, recipe = Path("run"), training.recipe_for("mlp", "mnist_5k", **small_run.overrides)

    def read(name: str, content: bytes) -> None:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(small_run.workdir, run)
        (run / name).write_bytes(content)
        if name != "manifest.json":
            files = Sealed(run)
            files.write_sums(files.sums() | {name: [digest(content)]})
        with contextlib.suppress(ValueError, OSError):
            training.load_run(run, mnist_5k).evaluate()
        with contextlib.suppress(ValueError, OSError):
            training.train_and_evaluate("mlp", mnist_5k, recipe, run, resume=True)
        assert not appeared(), (name, content)

    for name in ("config.json", "metrics.csv", "result.json", "manifest.json"):
        read(name, PICKLES[-1])
    for path in (small_run.workdir / "checkpoints").iterdir():
        read(f"checkpoints/{path.name}", PICKLES[-1])
    for text in (TEXTS[0], TEXTS[len(PYTHON)]):
        read("checkpoints/checkpoint", f'model_checkpoint_path: "{text}"\n'.encode())
        for key in ("network", "dataset"):
            read("config.json", json.dumps(config | {key: text}).encode())
        for argument in ("hidden_sizes", "activation", text):
            held = config | {"network_args": {argument: text}}
            read("config.json", json.dumps(held).encode())
        read("metrics.csv", f"epoch,loss\n{text},1\n".encode())


def test_files_of_studies(command):
    for text in (TEXTS[0], TEXTS[len(PYTHON)]):
        key = {"dataset": text, "network": text, "seed": 0}
        row = key | {"status": "done", "test_accuracy": text, "__class__": text}
        folder = Path("study")
        shutil.rmtree(folder, ignore_errors=True)
        Store(folder).write(key, {"runs": [row]})
        Store(folder).all()
        results = Sealed(folder / pages.RESULTS)
        results.write("config.json", {"study": "zoo", "command": text, "reason": text})
        results.write_text(
            "runs.csv", ",".join(row) + "\n" + '"' + '","'.join(map(str, row.values())) + '"\n'
        )
        read_csv(results.path / "runs.csv")
        Sealed(folder).write("config.json", {"study": "zoo", "axes": {text: [text]}, "seeds": text})
        for word in ("--report", "--resume"):
            assert command(zoo, f"--workdir={folder.absolute()}", word).exit_code == 1
            assert not appeared(), (text, word)
    for name in ("runs.csv", "config.json"):
        results.write_bytes(name, PICKLES[-1])
        assert command(zoo, f"--workdir={folder.absolute()}", "--report").exit_code == 1
        assert not appeared(), name


def _try_all(places, texts, refused=lambda outcome: True, each: int | None = None) -> None:
    """Gives each place these texts, or as many of them in turn; some places refuse none."""
    turn = itertools.cycle(texts)
    for place, give in places.items():
        for text in itertools.islice(turn, each or len(texts)):
            with contextlib.suppress(ValueError, OSError):
                assert refused(give(text)), f"{place} took {text}"
            assert not appeared(), f"{place} evaluated {text}"
