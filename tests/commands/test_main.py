"""The one command of the library, and what its words run."""

import subprocess
import sys

import pytest

from weirdonetworks import __main__ as program


def _run(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["weirdonetworks", *words])
    code = 0
    try:
        program.main()
    except SystemExit as ended:
        code = ended.code
    return code, *capsys.readouterr()


def test_without_a_word_it_tells_its_commands(monkeypatch, capsys):
    code, told, _ = _run(monkeypatch, capsys)
    assert code == 0 and all(f"\n  {name} " in told for name in program.COMMANDS)
    assert _run(monkeypatch, capsys, "--help")[1] == told


@pytest.mark.parametrize("word", ["classify", "fit_law", "fit-law"])
def test_a_word_runs_its_command(monkeypatch, capsys, word):
    code, told, _ = _run(monkeypatch, capsys, word, "--help")
    assert code == 0 and f"weirdonetworks {word.replace('-', '_')} " in told and "--workdir" in told


def test_another_word_is_refused(monkeypatch, capsys):
    code, _, error = _run(monkeypatch, capsys, "train")
    assert code == 2
    assert error == "error: unknown command 'train': weirdonetworks classify or fit_law\n"


@pytest.mark.parametrize("module", program.NEEDED)
@pytest.mark.parametrize("command", program.COMMANDS)
def test_a_package_that_is_missing_is_named(monkeypatch, capsys, command, module):
    monkeypatch.setitem(sys.modules, module, None)
    code, told, error = _run(monkeypatch, capsys, command, "--help")
    package = program.NEEDED[module]
    assert (code, told) == (1, "")
    assert error == f"error: {package} must be installed: pip install 'weirdonetworks[commands]'\n"


@pytest.mark.slow
def test_it_runs_as_a_module_and_says_nothing_else(tmp_path):
    table = "x,y\n" + "".join(f"{x},{3 * x * x}\n" for x in range(1, 30))
    (tmp_path / "table.csv").write_text(table)
    words = [sys.executable, "-m", "weirdonetworks", "fit_law", "table.csv", "--target=y"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "y = 3*x**2" in done.stdout and not done.stderr
