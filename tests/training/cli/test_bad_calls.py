"""Is every bad call of every command and study refused: a line, soon, and nothing written?"""

import importlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from absl import flags
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import examples
from training.__main__ import COMMANDS, STUDIES, modules
from training.cli.flags import _ChoicesParser, _DatasetParser
from training.experiments.command import Command
from weirdonetworks.commands.flags import _ChoiceParser, _PathParser
from weirdonetworks.commands.folder import LOCK, Sealed

SECONDS = 10


def load(name: str):
    """The module that `python -m name` runs."""
    module = importlib.import_module(name)
    return importlib.import_module(f"{name}.__main__") if hasattr(module, "__path__") else module


MODULES = {name: load(name) for name in modules(*COMMANDS) | modules(*STUDIES)}


def flags_of(module) -> dict[str, flags.Flag]:
    """The flags of its own by name; those of help apart, which ask for something else."""
    own = Command(module.STUDY, ["x"]).flags if hasattr(module, "STUDY") else module.FLAGS
    helps = {"help", "helpshort", "helpfull", "?"}
    return {name: own[name] for name in own if name not in helps}


FLAGS = {name: flags_of(module) for name, module in MODULES.items()}

# What a call holds beside its fault: with it alone, it would be done.
GOOD = {
    "training.analyse": ["--workdir=run", "--output=new"],
    "training.benchmark": ["--only=iterates", "--workdir=new"],
    "training.energy": ["--workdir=run"],
    "training.evaluate": ["--workdir=run"],
    "training.export": ["--workdir=run"],
    "training.fit_law": ["table.csv", "--target=y", "--workdir=new"],
    "training.iterates": ["--coefficients=new.py"],
    "training.pages": ["--only=zoo"],
    "training.playground": [],
    "training.search": ["--trials=1", "--epochs=1", "--workers=0", "--workdir=new"],
    "training.stability": ["--workdir=run"],
    "training.train": ["--network=mlp", "--epochs=1", "--workdir=new"],
}
STUDY = ["--workdir=new", "--workers=0"]

# Neither numbers nor names of anything.
WORDS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "lots",
            "None",
            "żółć",
            "∞",
            "💥",
            "\x1b[31mred\x1b[0m",
            "\x1b]0;title\x07",
            "\x9b2J",
            "a\rb",
            "a\nb",
            "\b\b\b",
            "\u202egnp.x",
            "\udcff",
            "x" * 20_000,
            "[" * 20_000,
            '{"a":' * 4_000,
            "-" * 20_000,
            "%s%n{0.__class__}",
            "__import__('os')",
            "../" * 500,
            "~nobody",
            "1;2",
            "0x",
            "1e",
            "1.2.3",
        ]
    ),
    # Beside /, which could be in the name of a place, and commas, which separate; no digits.
    st.text(st.characters(exclude_categories=["Nd"], exclude_characters="\0/,"), max_size=12),
)
NOT_FINITE = st.sampled_from(["nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e400", "-1e999"])
NOT_WHOLE = st.sampled_from(["1.5", "1e3", "1/2", "0b", "9" * 20_000, "1,2", "- 1"]) | NOT_FINITE
HUGE = st.sampled_from(["99999999999999999999", "1" + "0" * 300, str(2**63)])
TRUTHS = {"t", "true", "1", "f", "false", "0", "yes", "no", "y", "n"}
NO_TRUTH = (WORDS | NOT_WHOLE | HUGE).filter(lambda word: word.lower() not in TRUTHS)

MISSING = ["missing", "missing.npz", "missing/", "/dev/null/x", "file.txt/x", "x" * 5_000]
NO_RUN = st.sampled_from([*MISSING, "other", "file.txt", "study", "/dev/null", "/proc", ""])
DAMAGED = st.integers(0, 59).map(lambda i: f"forged/{i}")  # as many as there are, see `_places`
NO_DATA = st.sampled_from(
    [
        *("missing.npz", "missing/", "other/", "pictures/", "empty.npz", "noise.npz", "cut.npz"),
        *("objects.npz", "names.npz", "floats.npz", "folder.npz", "flat.npz", "one_class.npz"),
        *("unequal.npz", "missing_labels.npz", "file.txt", "./table.csv", "/", "/dev/null", ""),
        *("tfds:", "tfds:../..", "tfds:\x1b[2J", "tfds:no_such_set", "mnist_5k.npz", "mnist5k"),
    ]
)  # fmt: skip
NO_NEW = st.sampled_from(
    ["other", "file.txt", "file.txt/x", "/dev/null", "/proc/x", "x" * 5_000, ""]
)
NETWORK_ARGS = st.sampled_from(
    [
        *("hidden_sizes=0", "hidden_sizes=(0,)", "hidden_sizes=(2.5,)", "hidden_sizes='lots'"),
        *("hidden_sizes=(1000000000,)", f"hidden_sizes={(1,) * 2000}", "hidden_sizes={1: 2}"),
        *("hidden_sizes=(10**400,)", "dropout=nan", "dropout=1", "dropout=-1e999", "dropout=1e999"),
        *("dropout=True", "dropout=None", "dropout=[0.1]", "num_classes=10", "name=x", "self=1"),
        *("activation=nothing", "activation=", "activation=3", "activation=('relu',)"),
        *(
            "activation=\x1b[31m",
            "activation=lambda x: x",
            "rank=3",
            "with space=1",
            "=1",
            "==",
            "",
        ),
        *("hidden_sizes", f"hidden_sizes={'(' * 9000}", f"hidden_sizes={'9' * 9000}"),
        *("dropout=" + "-" * 9_999 + "1", "input_dropout=b'1'", "dropout=1j", "dropout={}"),
        *(f"dropout={'x' * 20_000}", "dropout=0.1,", "ĳ=1", "__class__=1", "is_training=True"),
    ]
)
STEP_ARGS = st.sampled_from(
    ["degrees=10", "weight=nan", "degrees", "", "=3", "weight=-1", "self=1", "images=\x1b[2J"]
)

Bad = st.SearchStrategy


def _beyond(parser, float_: bool) -> Bad:
    """Numbers outside of the bounds of a parser, if it has any."""
    low, high = parser.lower_bound, parser.upper_bound
    found = []
    if low is not None:
        found += [low - 1, low - 10**9, -(10**20)] + ([low - 1e-9] if float_ else [])
    if high is not None:
        found += [high + 1, 10**20]
    return st.sampled_from([str(value) for value in found]) if found else st.nothing()


UNITS = st.sampled_from(
    [
        *("a=m", "a=m,b=s", "a=m,b=s,y=m,y=s", "a=m,b=s,z=m", "a=m**9**9**9,b=s,y=s"),
        *("a=m**1e308,b=s,y=s", "a=\x1b[31m,b=s,y=s", "a=m/0,b=s,y=s", "a=m+s,b=s,y=s"),
        *("a=__import__('os'),b=s,y=s", "a=nothing,b=s,y=s", "a=(((,b=s,y=s"),
        *(f"a={'(' * 9000}m,b=s,y=s", f"a={'m*' * 9000}m,b=s,y=s"),
    ]
)

# Flags whose bad values no type tells, by the command and by the flag.
OWN: dict[tuple[str, str], Bad] = {
    ("analyse", "against"): NO_RUN | DAMAGED,
    ("analyse", "output"): st.just("file.txt") | NO_NEW,
    ("energy", "groups"): WORDS.filter(str.strip)
    | st.sampled_from(
        ["cyclic", "cyclic0", "cyclic4,cyclic4", "cyclic1000000000", "dihedral-4", "cyclic4,,"]
    ),
    ("fit_law", "target"): WORDS | st.sampled_from(["z", "a ", "A"]),
    ("fit_law", "columns"): WORDS | st.sampled_from(["y", "a,y", "a,a", "a,,b", "z"]),
    ("fit_law", "units"): WORDS | UNITS,
    ("fit_law", "rounding"): WORDS | NOT_WHOLE | HUGE | st.sampled_from(["0", "-1"]),
    ("fit_law", "powers"): WORDS
    | NOT_FINITE
    | st.sampled_from(["0", "1/0", "1,,2", "1e1000000000", "1/1e9", "1,1", "9" * 400]),
    ("fit_law", "holdout"): st.sampled_from(["-0.1", "0.6", "1e300", "1"]),
    ("fit_law", "num_terms"): HUGE | st.sampled_from(["101", "1000000000"]),
    ("fit_law", "max_terms"): HUGE | st.sampled_from(["101", "1000000000"]),
    ("fit_law", "random_state"): HUGE,
    ("iterates", "coefficients"): st.sampled_from(
        ["other", "missing/x.py", "file.txt/x", "/proc/x", "x" * 5_000, ""]
    ),
    ("pages", "only"): WORDS | st.sampled_from(["../zoo", "zoo/", "zoo.report", "__init__", "os"]),
    ("stability", "steps"): HUGE | st.sampled_from(["1000000000", "4000000"]),
    ("stability", "low"): st.just("1e300"),
    ("stability", "high"): st.sampled_from(["-200", "-1e300", "-180"]),
    ("train", "epochs"): HUGE | st.just("1000001"),
    ("train", "batch_size"): HUGE | st.sampled_from(["1000001", "100000"]),
    ("train", "learning_rate"): st.just("0"),
    ("train", "warmup_epochs"): st.sampled_from(["1", "2", "1e300"]),
    ("train", "label_smoothing"): st.sampled_from(["1", "1.5", "1e300"]),
    ("train", "network_arg"): NETWORK_ARGS,
    ("train", "step_arg"): STEP_ARGS,
    ("train", "workdir"): NO_NEW | st.just("run"),
    ("benchmark", "only"): st.sampled_from(["loops,loops", "loops,", "", "all"]),
    ("benchmark", "seconds"): st.sampled_from(["0", "-1"]),
    ("benchmark", "workdir"): NO_NEW.filter(lambda path: path != "other"),
    ("fit_law", "workdir"): NO_NEW | st.just("run"),
}
for _name, _module in MODULES.items():
    if hasattr(_module, "STUDY"):
        _axes = list(_module.STUDY.axes)
        OWN |= {
            (_name.rpartition(".")[2], "seeds"): WORDS
            | NOT_WHOLE.filter(lambda word: word not in ("1,2", "9" * 20_000))
            | st.sampled_from(["-1", "0,0", "0,", ",", "1.0", "0;1"]),
            (_name.rpartition(".")[2], "only"): WORDS
            | st.builds("{}={}".format, st.sampled_from(_axes), WORDS.filter(str.strip))
            | st.sampled_from([f"{_axes[0]}=", "seed=1", f"{_axes[0]}", "workdir=x"]),
            (_name.rpartition(".")[2], "dataset"): NO_DATA
            | st.sampled_from(["mnist_5k,mnist_5k", "mnist_5k,nothing"]),
            (_name.rpartition(".")[2], "workdir"): NO_NEW | st.just("run"),
            (_name.rpartition(".")[2], "workers"): HUGE | st.sampled_from(["1001", "100000000"]),
            (_name.rpartition(".")[2], "cluster"): st.sampled_from(
                ["\x1b[2J", "nowhere", "a b:3", " ", ""]
            ),
        }
        for _setting, _held in _module.STUDY.settings.items():
            if isinstance(_held.default, int) and not isinstance(_held.default, bool):
                OWN[_name.rpartition(".")[2], _setting] = HUGE


def bad_values(name: str, flag: flags.Flag) -> Bad:
    """What is certainly wrong behind this flag."""
    command, parser = name.rpartition(".")[2], flag.parser
    found = [OWN[command, flag.name]] if (command, flag.name) in OWN else []
    if isinstance(parser, flags.BooleanParser):
        found.append(NO_TRUTH)
    elif isinstance(parser, flags.IntegerParser):
        found += [WORDS, NOT_WHOLE, _beyond(parser, False)]
    elif isinstance(parser, flags.FloatParser):
        found += [WORDS, NOT_FINITE, _beyond(parser, True)]
    elif isinstance(parser, _ChoiceParser):
        found.append(WORDS | NOT_WHOLE | st.sampled_from([parser.enum_values[0] + "x"]))
    elif isinstance(parser, _ChoicesParser):
        found.append(WORDS | NOT_WHOLE)
    elif isinstance(parser, _DatasetParser):
        found.append(NO_DATA | WORDS)
    elif flag.name == "dataset":
        found.append(NO_DATA)
    elif flag.name in ("data_dir", "manual_dir"):
        found.append(st.sampled_from([*MISSING, "other", "file.txt"]))
    elif isinstance(parser, _PathParser) and not found:
        found.append(NO_RUN | DAMAGED)
    return st.one_of(found)


BAD = {
    name: {flag: bad_values(name, held) for flag, held in own.items()}
    for name, own in FLAGS.items()
}

CONTRADICTIONS = [
    ("training.train", ["--resume"]),
    ("training.train", ["--resume", "--workdir=missing"]),
    ("training.train", ["--resume", "--workdir=run", "--seed=9"]),
    ("training.train", ["--resume", "--workdir=run", "--network=row_attention"]),
    ("training.train", ["--resume", "--workdir=run", "--dataset=mnist"]),
    ("training.train", ["--resume", "--workdir=run", "--network_arg=dropout=0.2"]),
    ("training.train", ["--network_arg=dropout=0.2", "--network_arg=dropout=0.3"]),
    ("training.train", ["--workdir=new", "--epochs=2", "--warmup_epochs=3"]),
    ("training.train", ["--workdir=new", "--step=penalty", "--step_arg=weight=nan"]),
    ("training.evaluate", []),
    ("training.analyse", ["--workdir=run", "--against=run/checkpoints"]),
    ("training.stability", ["--workdir=run", "--low=10", "--high=-10"]),
    ("training.stability", ["--workdir=run", "--action=scale", "--low=-1"]),
    ("training.fit_law", ["table.csv"]),
    ("training.fit_law", []),
    ("training.fit_law", ["table.csv", "--target=y", "--columns=y"]),
    ("training.fit_law", ["table.csv", "--target=y", "--dimensions=constrain"]),
    *[("training.fit_law", [f"{name}.csv", "--target=y"]) for name in (
        "missing", "words", "latin", "bytes", "negative", "header", "twice", "empty", "wide",
        "ragged", "quoted", "zeros", "folder", "nul")],
    ("training.studies.zoo", ["--publish", "--report"]),
    ("training.studies.zoo", ["--resume", "--workdir=missing"]),
    ("training.studies.zoo", ["--resume", "--workdir=run"]),
    ("training.studies.zoo", ["--report", "--workdir=missing"]),
    ("training.studies.zoo", ["--report", "--workdir=run"]),
    ("training.studies.zoo", ["--dataset=mnist_5k", "--only=dataset=mnist_5k"]),
    ("training.studies.zoo", ["--only=dataset=mnist_5k", "--only=dataset=mnist_5k"]),
    ("training.studies.zoo", ["--data_dir=other", "--workers=0"]),
]  # fmt: skip


class Call(NamedTuple):
    """A command and its words."""

    name: str
    words: list[str]


@st.composite
def bad_calls(draw) -> Call:
    """A call with one fault."""
    name = draw(st.sampled_from(list(MODULES)))
    words = list(GOOD.get(name, STUDY))
    new = draw(st.sampled_from(["new", "new\x1b[2J", "new\r\udcff\u202e"]))
    words = [
        f"{word.removesuffix('new')}{new}" if word.endswith("=new") else word for word in words
    ]
    kind = draw(st.sampled_from(["value"] * 7 + ["flag", "word", "flagfile", "contradiction"]))
    if kind == "contradiction":
        return Call(*draw(st.sampled_from(CONTRADICTIONS)))
    if kind == "value":
        flag = draw(st.sampled_from(sorted(BAD[name])))
        fault = f"--{flag}={draw(BAD[name][flag])}"
    elif kind == "flag":
        known = draw(st.sampled_from(sorted(FLAGS[name])))
        place = draw(st.integers(0, len(known)))
        more = draw(st.text(st.characters(exclude_characters="\0=-"), min_size=1, max_size=9))
        wrong = known[:place] + more + known[place + draw(st.integers(0, 1)) :]
        known_too = {*FLAGS[name], *(f"no{flag}" for flag in FLAGS[name]), "flagfile", "undefok"}
        fault = f"--{wrong}" + draw(st.sampled_from(["", "=1", "=\x1b[31m"]))
        fault = fault if wrong not in known_too | {"help", "h", "?"} else "--=1"
    elif kind == "word":
        fault = draw(WORDS.filter(lambda word: not word.startswith("-")))
    else:
        fault = "--flagfile=" + draw(
            st.sampled_from(["missing", "other", "noise.npz", "latin.csv", "flags", "words.csv"])
        )
    return Call(name, [*words, fault])


@pytest.fixture(scope="module")
def places(tmp_path_factory, small_run) -> Path:
    """A folder with what calls name."""
    return _places(tmp_path_factory.mktemp("places"), small_run.workdir)


def _places(here: Path, run: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("other", "pictures/a", "pictures/b", "folder.npz", "folder.csv", "study"):
        (here / name).mkdir(parents=True)
    (here / "other" / "diary.txt").write_text("mine\n")
    (here / "file.txt").write_text("a file\n")
    (here / "flags").write_text("--nothing=\x1b[31m\n")
    for place in ("pictures/a/1.png", "pictures/b/1.png", "noise.npz"):
        (here / place).write_bytes(rng.bytes(1000))
    Sealed(here / "study").write("config.json", {"study": "another"})
    _tables(here)
    _arrays(here, rng)
    shutil.copytree(run, here / "run")
    config = json.loads((run / "config.json").read_text())
    read = ("network", "num_classes", "image_shape", "network_args")  # by every command
    forged = [{}, {"study": "zoo"}, *({k: config[k] for k in config if k != key} for key in read)]
    strange = [None, "x", [1, {}], -1, 10**400, "\x1b[31m", [1e999], {"num_classes": 3, "name": 1}]
    forged += [config | {key: value} for key in read for value in strange]
    for i in range(60):
        folder = here / "forged" / str(i)
        folder.mkdir(parents=True)
        for name in ("config.json", "manifest.json"):
            shutil.copy(run / name, folder)
        (folder / "checkpoints").symlink_to(here / "run" / "checkpoints")
        if i < len(forged):
            Sealed(folder).write("config.json", forged[i])
        elif i % 3 == 0:  # the sum is right, the text is not
            text = ['{"a":' * 20_000, "[]", "3", "nul", "\xff", ""][i % 6]
            Sealed(folder).write_bytes("config.json", text.encode("latin-1"))
        else:
            path = folder / ("config.json" if i % 3 == 1 else "manifest.json")
            content = bytearray(path.read_bytes())
            content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(7))
            path.write_bytes(content[: len(content) if i % 2 else len(content) // 2])
    return here


def _tables(here: Path) -> None:
    rows = "".join(f"{a},{b},{a * b * b}\n" for a in (1, 2, 3) for b in (1, 2, 5))
    texts = {
        "table": f"a,b,y\n{rows}",
        "words": "a,y\n1,two\n",
        "negative": "a,y\n-1,2\n",
        "header": "a,y\n",
        "twice": "a,a,y\n1,2,3\n",
        "empty": "",
        "wide": ",".join(f"c{i}" for i in range(100_000)) + ",y\n" + "1," * 100_000 + "2\n",
        "ragged": "a,y\n1,2,3,4\n",
        "quoted": 'a,y\n"1,2\n',
        "zeros": "a,y\n0,1\n",
        "nul": "a,y\n\0,1\n",
        "latin": "a,y\n\xff,1\n",
    }
    for name, text in texts.items():
        (here / f"{name}.csv").write_bytes(text.encode("latin-1"))
    (here / "bytes.csv").write_bytes(bytes(range(256)) * 9)


def _arrays(here: Path, rng: np.random.Generator) -> None:
    images, labels = np.zeros((40, 4, 4), np.uint8), np.arange(40) % 2
    for name, arrays in {
        "objects": {"images": images, "labels": np.array([{}] * 40, dtype=object)},
        "names": {"pictures": images, "names": labels},
        "floats": {"images": images / 255, "labels": labels},
        "flat": {"images": images.reshape(40, -1), "labels": labels},
        "one_class": {"images": images, "labels": 0 * labels},
        "unequal": {"images": images, "labels": labels[1:]},
        "missing_labels": {"images": images, "labels": np.full(40, np.nan)},
    }.items():
        np.savez(here / f"{name}.npz", **arrays)
    (here / "empty.npz").touch()
    (here / "cut.npz").write_bytes((here / "names.npz").read_bytes()[:500])


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for place, folders, files in os.walk(folder):  # four times as fast as by pathlib
        found |= dict.fromkeys((os.path.join(place, name) for name in folders), (0, 0))
        for name in files:
            # Where a run is, a lock that was taken stays: if it went, two writers could have one
            # each.
            if name == LOCK and "config.json" in files:
                continue
            held = os.lstat(path := os.path.join(place, name))
            found[path] = (held.st_mtime_ns, held.st_size)
    return found


def faults(call: Call, command: Callable, places: Path) -> list[str]:
    """What is wrong with how a bad call ends."""
    before, began = _files(places), time.monotonic()
    try:
        code, stdout, stderr = command(MODULES[call.name], *call.words)
    except Exception as error:
        return [f"a traceback: {type(error).__name__}: {str(error)[:300]}"]
    seconds, after = time.monotonic() - began, _files(places)
    changed = [path for path in {*before, *after} if before.get(path) != after.get(path)]
    found = {
        f"exit code {code}": code not in (1, 2),
        f"no line: {stderr[:500]!r}": not stderr.startswith("error: ") or stderr.count("\n") != 1,
        f"a line of {len(stderr)} signs": len(stderr) > 2_100,
        f"{seconds:.1f} s": seconds > SECONDS,
        f"changed {changed[:5]}": bool(changed),
        f"signs {stdout + stderr!r:.300}": not (stdout + stderr).replace("\n", "").isprintable(),
    }
    return [fault for fault, wrong in found.items() if wrong]


@pytest.mark.slow
@settings(max_examples=examples(500))
@given(call=bad_calls())
def test_a_bad_call_is_refused(call, command, places, monkeypatch):
    monkeypatch.chdir(places)
    assert not faults(call, command, places)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, words",
    [
        ("training.train", ["--network=mlp", "--network_arg=activation=\x1b[31m"]),
        ("training.fit_law", ["bytes.csv", "--target=\x1b]0;title\x07"]),
        ("training.studies.zoo", ["--only=network=\x1b[2J"]),
    ],
)
def test_a_bad_call_as_a_user_meets_it(name, words, start, places):
    before = _files(places)
    process = start("-m", name, *words, cwd=places)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert stderr.startswith("error: ") and stderr.count("\n") == 1
    assert (stdout + stderr).replace("\n", "").isprintable() and _files(places) == before
