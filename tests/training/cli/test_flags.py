"""Flags that commands share: what they take, what they say of what they do not take."""

import pytest
from absl import flags

from training.cli.flags import (
    DatasetFlags,
    PathFlags,
    RecipeFlags,
    command_line,
    define_choices,
    found_again,
    literal,
    parse_arguments,
    parse_integers,
)
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import check_choice, define_workdir


@pytest.fixture
def recipe():
    own = app.Flags("A command.")
    return own, RecipeFlags(own), DatasetFlags(own)


def test_what_is_not_given_is_left_to_the_recipe(recipe):
    own, given, _ = recipe
    own.parse([])
    assert given.overrides() == {}
    own.parse(["--epochs=3", "--noinvariant_start", "--network_arg=rank=8", "--step_arg=weight=2"])
    assert given.overrides() == {
        "epochs": 3,
        "invariant_start": False,
        "network_args": {"rank": 8},
        "step_args": {"weight": 2},
    }
    own.parse([])  # what an earlier call has set is gone
    assert given.overrides() == {}


@pytest.mark.parametrize("name", ["mnist", "tfds:cifar10", "mine.npz", "pictures/", "a/b"])
def test_names_of_data_sets_files_and_folders(recipe, name):
    own, _, data = recipe
    own.parse([f"--dataset={name}", "--data_dir=here"])
    assert data.name.value == name
    assert data.paths == {"data_dir": "here", "manual_dir": None}


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--dataset=minst", "Did you mean mnist?"),
        ("--network=quadratic", "Did you mean quadratic_mlp?"),
        ("--optimizer=adma", "Did you mean adam?"),
        ("--step=plane", "Did you mean plain?"),
    ],
)
def test_misspelt_values_are_told_what_may_be_meant(recipe, word, meant):
    with pytest.raises(flags.Error, match=f"{word}: value should be one of .*") as raised:
        recipe[0].parse([word])
    assert meant in str(raised.value)
    with pytest.raises(flags.Error) as raised:
        recipe[0].parse([f"{word.partition('=')[0]}=xyz"])
    assert "Did you mean" not in str(raised.value)


def test_choices_are_each_among_the_options():
    own = app.Flags("A command.")
    chosen = define_choices("only", ("loops", "steps"), ("loops", "steps"), "which.", own)
    own.parse([])
    assert chosen.value == ["loops", "steps"]
    own.parse(["--only=steps"])
    assert chosen.value == ["steps"]
    with pytest.raises(flags.Error, match="Did you mean loops?"):
        own.parse(["--only=steps,loop"])


def test_check_choice():
    assert check_choice("axis", "b", ["a", "b"]) == "b"
    with pytest.raises(ValueError, match="axis=ab: value should be one of <abc|d>. Did you mean"):
        check_choice("axis", "ab", ["abc", "d"])


def test_parse_arguments():
    words = ["rank=64", "hidden_sizes=(32,16)", "group=cyclic8", "rate=1e-3", "flat=True", "x="]
    assert parse_arguments(words) == {
        "rank": 64,
        "hidden_sizes": (32, 16),
        "group": "cyclic8",
        "rate": 1e-3,
        "flat": True,
        "x": "",
    }
    assert literal("a=b") == "a=b"
    for word in ("rank", "=3", "2x=3"):
        with pytest.raises(ValueError, match="step_arg must be NAME=VALUE, got"):
            parse_arguments([word], "step_arg")
    with pytest.raises(ValueError, match="network_arg must give each name once, got 'a' twice"):
        parse_arguments(["a=1", "a=2"])


def test_parse_integers():
    assert parse_integers("seeds", ["0", "12"]) == [0, 12]
    for words in ([], ["1", "1"], ["-1"], ["one"], ["1.0"]):
        with pytest.raises(ValueError, match="seeds must be integers >= 0, each once, got"):
            parse_integers("seeds", words)


def test_command_line_can_be_repeated():
    line = command_line("training.train", {"workdir": "my runs/1", "epochs": 3})
    assert line == "python -m training.train '--workdir=my runs/1' --epochs=3"


def test_a_home_behind_an_equals_sign(monkeypatch):
    """Where no shell expands it."""
    monkeypatch.setenv("HOME", "/home/me")
    found = app.Flags("command")
    workdir = define_workdir(found, "where.")
    found.parse(["--workdir=~/runs"])
    assert workdir.value == "/home/me/runs"


def test_a_run_is_found_again_without_the_original_files(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("training.data.load", lambda name, **paths: asked.append(paths))
    config = {"dataset": "mnist", "data_dir": "prepared", "manual_dir": str(tmp_path / "files")}
    values = app.Flags("")
    paths = PathFlags(values)
    values.parse([])
    found_again("run", config, paths, None)  # the files have gone since
    (tmp_path / "files").mkdir()
    found_again("run", config, paths, None)
    values.parse([f"--manual_dir={tmp_path / 'other'}"])
    found_again("run", config, paths, None)  # what is asked for now is refused, if it is wrong
    places = [None, str(tmp_path / "files"), str(tmp_path / "other")]
    assert asked == [{"data_dir": "prepared", "manual_dir": place} for place in places]
