"""A whole run: what is printed and written, and what is refused."""

import csv
import json

import pytest

from tests.training.benchmark.contenders import counting
from training.benchmark import __main__ as command_module
from training.benchmark import groups, measure
from training.benchmark.frameworks import Contender
from training.benchmark.groups import Group
from training.benchmark.run import benchmark


@pytest.mark.slow
def test_a_group_on_one_core(monkeypatch, tmp_path, capsys):
    names = ["exact GELU", "half_exp", "exact GELU: gradient", "half_exp: gradient"]
    rivals = [counting(name, 10, []) for name in names]
    group = Group("A title", rivals, names[0], "x", one_core=True)
    monkeypatch.setitem(groups.GROUPS, "iterates", lambda: group)
    called = []

    def here(function, what, *arguments, one_core=False):
        called.append((function, one_core))
        return getattr(measure, function)(*arguments)

    monkeypatch.setattr(measure, "in_a_process", here)
    benchmark(["iterates"], 2, 1e-9, tmp_path)
    assert called == [("measure_group", True)]
    assert "half_exp: gradient costs" in capsys.readouterr().out


@pytest.mark.slow
def test_a_whole_run(monkeypatch, tmp_path, capsys):
    missing = Contender("unheard of", 1, lambda: None, (("no-such-package", "no_such_module"),))
    group = Group(
        "A title", [counting("ours", 10, []), counting("theirs", 5, []), missing], "ours", "x"
    )
    monkeypatch.setitem(groups.GROUPS, "quadratic", lambda: group)
    tables = benchmark(["quadratic"], 2, 1e-9, tmp_path)
    assert [row["contender"] for row in tables["quadratic"]] == ["ours", "theirs"]
    printed = capsys.readouterr().out
    assert "A title" in printed
    assert "unheard of: not installed (pip install no-such-package)" in printed
    written = json.loads((tmp_path / "benchmark.json").read_text())
    assert written["quadratic"] == tables["quadratic"] and "tensorflow" in written["machine"]
    with open(tmp_path / "benchmark.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["contender"], row["round"]) for row in rows] == [
        ("ours", "0"), ("ours", "1"), ("theirs", "0"), ("theirs", "1")
    ]  # fmt: skip
    assert (tmp_path / "benchmark.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "names, repeats, seconds, message",
    [
        (["loop"], 1, 1.0, "only must hold names among .*'loops'.*got 'loop'"),
        ([], 1, 1.0, "only must not be empty"),
        (["loops"], 0, 1.0, "repeats be >= 1"),
        (["loops"], 1, 0.0, "seconds > 0"),
    ],
)
def test_bad_arguments(names, repeats, seconds, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        benchmark(names, repeats, seconds, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_unwritable_workdir_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        benchmark(["loops"], 1, 1.0, tmp_path / "file" / "below")


def test_an_older_benchmark_is_not_overwritten(tmp_path):
    (tmp_path / "benchmark.json").write_text("older")
    with pytest.raises(ValueError, match="holds a benchmark already: give another --workdir"):
        benchmark(["loops"], 1, 1.0, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["benchmark.json"]
    assert (tmp_path / "benchmark.json").read_text() == "older"


@pytest.mark.parametrize(
    "flag, exit_code, message",
    [
        ("--only=loop", 2, "Did you mean loops?"),
        ("--repeats=0", 2, "repeats"),
        ("--seconds=0", 2, "seconds=0.0: must be > 0"),
    ],
)
def test_a_wrong_flag_is_one_line(command, tmp_path, flag, exit_code, message):
    command(command_module, flag).assert_failed(message, exit_code=exit_code)
    assert list(tmp_path.iterdir()) == []
