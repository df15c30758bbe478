"""How a command starts, fails and ends, as its user sees it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
COMMAND = '''"""Adds up.

Usage: python -m training.sum [--flag=value ...]
"""

import time

from absl import flags

from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_choice

FAILURES = {
    "value": ValueError("terms must be small,\\n    got 7"),
    "file": FileNotFoundError(2, "No such file or directory", "digits.gz"),
    "number": FloatingPointError("loss is nan at step 3"),
    "memory": MemoryError("of 9 GB"),
    "tensor": type("ResourceExhaustedError", (Exception,), {})("OOM of a tensor"),
    "signs": ValueError("name must be plain, got \x1b[31mred\x07"),
    "long": ValueError("got " + 5_000 * "7"),
    "fault": KeyError("lost"),
}
FLAGS = app.Flags(__doc__)
_TERMS = flags.DEFINE_integer("terms", 1, "How many terms to add.", 1, flag_values=FLAGS)
_FAIL = define_choice("fail", None, list(FAILURES), "how.", FLAGS)
_SLEEP = flags.DEFINE_boolean("sleep", False, "Whether to wait.", flag_values=FLAGS)


def main():
    if _FAIL.value:
        raise FAILURES[_FAIL.value]
    print("sum", sum(range(_TERMS.value)), flush=True)
    if _SLEEP.value:
        time.sleep(60)


if __name__ == "__main__":
    app.run(main, FLAGS)
'''
# A stand-in that talks while it is imported, as TensorFlow does, and is imported quickly.
TALKATIVE = """
import os
os.write(2, b"chatter\\n")
level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
"""


def start(arguments: list[str], **environment: str) -> subprocess.Popen:
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=inherited | {"PYTHONPATH": str(REPOSITORY)} | environment,
    )


def run(arguments: list[str], **environment: str) -> tuple[int, str, str]:
    process = start(arguments, **environment)
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, stderr


@pytest.fixture
def command(tmp_path):
    """Runs the command above; it needs no TensorFlow, and level 0 leaves it unimported."""
    path = tmp_path / "sum.py"
    path.write_text(COMMAND)
    return lambda *flags: run([str(path), *flags], TF_CPP_MIN_LOG_LEVEL="0")


@pytest.mark.slow
def test_a_command_succeeds_and_is_quiet(command):
    exit_code, stdout, stderr = command("--terms=4")
    assert (exit_code, stdout) == (0, "sum 6\n")
    assert stderr == ""


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("value", "error: terms must be small, got 7"),
        ("file", "error: [Errno 2] No such file or directory: 'digits.gz'"),
        ("number", "error: loss is nan at step 3"),
        ("memory", "error: not enough memory, choose smaller sizes (of 9 GB)"),
        ("tensor", "error: not enough memory, choose smaller sizes (OOM of a tensor)"),
        ("signs", r"error: name must be plain, got \x1b[31mred\x07"),
        ("long", f"error: {('got ' + 5_000 * '7')[:1996]} ..."),
    ],
)
def test_expected_errors_are_one_line(command, failure, message):
    exit_code, stdout, stderr = command(f"--fail={failure}")
    assert (exit_code, stdout, stderr) == (1, "", message + "\n")


def test_verbosity_adds_the_traceback(command):
    exit_code, _, stderr = command("--fail=value", "--verbosity=1")
    assert exit_code == 1
    assert "Traceback" in stderr and "in main" in stderr
    assert stderr.endswith("\nerror: terms must be small, got 7\n")


def test_a_fault_of_the_program_keeps_its_traceback(command):
    exit_code, _, stderr = command("--fail=fault")
    assert exit_code == 1
    assert "Traceback" in stderr and stderr.endswith("KeyError: 'lost'\n")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("mnist", "error: unexpected argument 'mnist': give settings as --name=value"),
        ("--term=2", "error: Unknown command line flag 'term'. Did you mean: terms ?"),
        ("--terms=0", "error: flag --terms=0: 0 is not a positive integer"),
        ("--terms=two", "error: flag --terms=two: invalid literal for int() with base 10: 'two'"),
        (
            "--fail=fil",
            "error: flag --fail=fil: value should be one of "
            "<value|file|number|memory|tensor|signs|long|fault>. Did you mean file?",
        ),
        ("--terms", "error: Missing value for flag --terms"),
    ],
)
def test_a_wrong_command_line_is_one_line(command, flag, message):
    exit_code, stdout, stderr = command(flag)
    assert (exit_code, stdout) == (2, "")
    assert stderr == f"{message} (--help lists the flags)\n"


@pytest.fixture
def reader(tmp_path):
    """Runs a command that takes two words: the parameters of its main function."""
    path = tmp_path / "read.py"
    path.write_text(
        COMMAND.replace("def main():", "def main(source, target):\n    print(source, target)")
    )
    return lambda *words: run([str(path), *words], TF_CPP_MIN_LOG_LEVEL="0")


@pytest.mark.parametrize(
    "words",
    [["a.csv", "b", "--terms=2"], ["--terms=2", "a.csv", "b"], ["a.csv", "--terms=2", "b"]],
)
def test_the_parameters_of_main_are_words_among_the_flags(reader, words):
    exit_code, stdout, _ = reader(*words)
    assert (exit_code, stdout) == (0, "a.csv b\nsum 1\n")


def test_a_word_may_look_like_a_flag_behind_two_dashes(reader):
    assert reader("--", "--terms=2", "b")[:2] == (0, "--terms=2 b\nsum 0\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing argument 'source': give it as a word without --"),
        (["a.csv"], "missing argument 'target': give it as a word without --"),
        (["a", "b", "c"], "unexpected argument 'c': give settings as --name=value"),
        (["a", "b", "--term=2"], "Unknown command line flag 'term'. Did you mean: terms ?"),
    ],
)
def test_words_too_few_or_too_many_are_one_line(reader, words, message):
    exit_code, stdout, stderr = reader(*words)
    assert (exit_code, stdout) == (2, "")
    assert stderr == f"error: {message} (--help lists the flags)\n"


@pytest.mark.slow
def test_help_needs_no_words(reader):
    assert reader("--help")[0] == 0


def test_help_shows_the_docstring_and_the_flags(command):
    exit_code, stdout, stderr = command("--help")
    assert (exit_code, stderr) == (0, "")
    assert stdout.startswith("Adds up.\n\nUsage: python -m training.sum [--flag=value ...]\n")
    assert "  --terms: How many terms to add.\n    (default: '1')" in stdout


@pytest.mark.slow
def test_help_speaks_of_this_command_only(command):
    names = re.findall(r"^  (?:-\w,)?--(?:\[no\])?(\w+):", command("--help")[1], re.MULTILINE)
    assert sorted(names) == ["fail", "sleep", "terms", "verbosity"]


@pytest.mark.slow
def test_an_interrupted_command_says_so(tmp_path):
    path = tmp_path / "sum.py"
    path.write_text(COMMAND)
    process = start([str(path), "--sleep"], TF_CPP_MIN_LOG_LEVEL="0")
    assert process.stdout.readline() == "sum 0\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "error: interrupted\n")


@pytest.fixture
def talkative(tmp_path):
    """Imports `training` beside a stand-in for TensorFlow: tells its log level and stderr."""
    (tmp_path / "tensorflow.py").write_text(TALKATIVE)
    path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
    # It is looked for before it is imported: TensorFlow Datasets does so.
    code = (
        "import importlib.util, training; importlib.util.find_spec('tensorflow'); "
        "import tensorflow; print(tensorflow.level)"
    )

    def import_training(flags: str, **environment: str) -> tuple[str, str]:
        _, stdout, stderr = run(["-c", code, *flags.split()], PYTHONPATH=path, **environment)
        return stdout.strip(), stderr

    return import_training


@pytest.mark.parametrize("flags", ["", "--epochs=3", "--verbosity=-1", "-v 1 -v -1", "-v", "x-v 1"])
def test_start_up_is_quiet_by_default(talkative, flags):
    assert talkative(flags) == ("3", "")


@pytest.mark.parametrize("flags", ["--verbosity=0", "--verbosity 1", "-v=0", "--v=-1 -v 0"])
def test_verbosity_lets_tensorflow_talk(talkative, flags):
    assert talkative(flags) == ("None", "chatter\n")


def test_the_environment_has_its_say(talkative):
    assert talkative("", TF_CPP_MIN_LOG_LEVEL="1") == ("1", "chatter\n")


def test_a_failing_import_tells_what_it_printed(tmp_path):
    (tmp_path / "tensorflow.py").write_text(TALKATIVE + "raise ImportError('no such processor')")
    path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
    exit_code, _, stderr = run(["-c", "import training, tensorflow"], PYTHONPATH=path)
    assert exit_code == 1
    assert stderr.startswith("chatter\n") and stderr.endswith("ImportError: no such processor\n")


# Whether garbage is collected before, while and after TensorFlow is imported, and whether what is
# there then is kept from it.
COLLECTED = """
import contextlib, gc, training
{before}
print(gc.isenabled())
with contextlib.suppress(ImportError):
    import tensorflow
print(gc.isenabled(), gc.get_freeze_count() > 1000)
"""


@pytest.mark.parametrize("end", ["", "raise ImportError"])
@pytest.mark.parametrize(
    ("before", "told"), [("", "True False True True"), ("gc.disable()", "False False False False")]
)
def test_no_garbage_is_looked_for_in_what_is_imported(tmp_path, before, told, end):
    (tmp_path / "tensorflow.py").write_text(f"import gc\nprint(gc.isenabled())\n{end}\n")
    path = f"{tmp_path}{os.pathsep}{REPOSITORY}"
    _, stdout, _ = run(["-c", COLLECTED.format(before=before)], PYTHONPATH=path)
    assert stdout.split() == told.split()


# Everything that makes the real TensorFlow talk: its import, a first op, a first XLA compilation.
COMPILE = """
from weirdonetworks.commands import app
import sonnet as snt
import tensorflow as tf

def main():
    net = snt.Linear(2)
    print(tf.function(net, jit_compile=True)(tf.ones([3, 4])).shape)

app.run(main, app.Flags("Compiles."))
"""


@pytest.mark.slow
def test_the_real_tensorflow_is_quiet():
    assert run(["-c", COMPILE]) == (0, "(3, 2)\n", "")


@pytest.mark.slow
def test_the_real_tensorflow_talks_if_asked():
    exit_code, stdout, stderr = run(["-c", COMPILE, "--verbosity=0"])
    assert (exit_code, stdout) == (0, "(3, 2)\n")
    assert "Compiled cluster using XLA" in stderr
