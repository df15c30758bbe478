"""What the README shows runs."""

import importlib
import inspect
import re
import shlex
from pathlib import Path

import pytest
from absl import flags

from training import train

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^python -m training\.(\w+)([^#\n]*)", README, re.MULTILINE)
MODULES = {module: importlib.import_module(f"training.{module}") for module, _ in COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(example, capsys):
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_there_are_examples_and_commands():
    assert len(EXAMPLES) == 5
    shown = {module for module, _ in COMMANDS}
    assert shown >= {"train", "evaluate", "tabulate", "stability", "fit_law", "recover_laws"}


def test_every_command_is_shown():
    paths = Path(train.__file__).parent.glob("*.py")
    commands = {path.stem for path in paths if "app.run(main)" in path.read_text(encoding="utf-8")}
    hidden = {name for name in commands if not re.search(rf"(training\.|make ){name}\b", README)}
    assert "train" in commands and not hidden


@pytest.mark.parametrize(("module", "words"), COMMANDS)
def test_commands_know_their_flags(module, words):
    """The words that a command takes; its own flags, defined or declared, with values they take."""
    own = flags.FLAGS.get_key_flags_for_module(MODULES[module].__name__)
    own = {flag.name: flag for flag in own}
    words = [word for word in shlex.split(words) if word not in ("...", "--helpshort")]
    given = [word for word in words if not word.startswith("--")]
    assert len(given) == len(inspect.signature(MODULES[module].main).parameters)
    for word in words:
        if word in given:
            continue
        name, _, value = word.removeprefix("--").partition("=")
        assert name in own, word
        own[name].parser.parse(value or "true")
