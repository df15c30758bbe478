"""Runs a command: flags in, one-line errors out."""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from absl import flags

# What bad input, files or numbers raise. Anything else is a fault of the program: a traceback.
EXPECTED_ERRORS = (ValueError, OSError, FloatingPointError, ImportError)

_MOST = 2000  # signs of an error

_hints: list[str] = []


class Flags(flags.FlagValues):
    """The flags of one command: absl's, apart from those of all others.

    flags.DEFINE_integer("epochs", 5, "Passes over the training split.", 1, flag_values=FLAGS)
    """

    def __init__(self, description: str):
        """description: the command's docstring, the head of its help."""
        super().__init__()
        self.__dict__["description"] = description.strip()
        flags.DEFINE_boolean("help", False, "Show this help.", short_name="?", flag_values=self)
        for name in ("helpshort", "helpfull"):
            flags.DEFINE_boolean(name, False, "Show this help.", flag_values=self)
        flags.DEFINE_integer(
            "verbosity",
            -1,
            "-1: warnings; 0: TensorFlow talks; 1: errors come with their traceback.",
            short_name="v",
            flag_values=self,
        )

    def usage(self) -> str:
        """The description, and every flag with its help."""
        hidden = {"help", "helpshort", "helpfull"}
        shown = {id(f): f for name, f in self._flags().items() if f.name not in hidden}
        lines = [self.description, "", "flags:"]
        ordered = sorted(shown.values(), key=lambda f: (f.name == "verbosity", f.name))
        self._render_flag_list(ordered, lines)
        return "\n".join(lines)

    def parse(self, argv: Sequence[str]) -> list[str]:
        """The words of the command line that are no flags.

        Raises:
          flags.Error: an unknown flag or a wrong value, with what may be meant.
        """
        self.unparse_flags()
        for name in self:
            self[name].unparse()  # what an earlier call in this process has set
        return self(["command", *argv])[1:]


@contextmanager
def going_on_with(command: str) -> Iterator[None]:
    """Says `command` to whoever interrupts what happens inside."""
    _hints.append(f"go on with: {command}")
    yield  # an error leaves the hint for `run`
    _hints.pop()


def run(main: Callable[..., None], flag_values: Flags) -> NoReturn:
    """Parses the command line, calls `main`, and exits.

    The parameters of `main` are the words that the command takes, all of them required: most
    commands have none, `main(data)` is for `python -m training.command data.csv --flag=value`, and
    `main(*pictures)` takes one word or more.

    Exit codes: 0 done; 1 for an error, which is told in one line on stderr (`--verbosity=1` shows
    the traceback before it); 2 for a command line that cannot be read; 130 if interrupted.
    """
    _hints.clear()
    try:
        words = flag_values.parse(sys.argv[1:])
    except (flags.Error, UnicodeDecodeError) as error:  # the latter of a --flagfile
        sys.exit(_fail(f"{error} (--help lists the flags)", exit_code=2))
    if flag_values.help or flag_values.helpshort or flag_values.helpfull:
        print(flag_values.usage())
        sys.exit(0)
    parameters = inspect.signature(main).parameters.values()
    names = [parameter.name for parameter in parameters]
    more = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    message = None
    if len(words) > len(names) and not more:
        message = f"unexpected argument {words[len(names)]!r}: give settings as --name=value"
    elif len(words) < len(names):
        message = f"missing argument {names[len(words)]!r}: give it as a word without --"
    elif not all(word.isprintable() for word in words):
        message = f"arguments must be of printable signs, got {words!r}"
    if message:
        sys.exit(_fail(f"{message} (--help lists the flags)", exit_code=2))
    if not flags.FLAGS.is_parsed():  # absl's own logging asks
        flags.FLAGS.mark_as_parsed()
    try:
        main(*words)
    except Exception as error:
        message = str(error) or type(error).__name__
        # TensorFlow's error by its name: not every command imports it.
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            message = f"not enough memory, choose smaller sizes ({message})"
        elif not isinstance(error, EXPECTED_ERRORS):
            raise
        if flag_values.verbosity >= 1:
            traceback.print_exc()
        sys.exit(_fail(message, exit_code=1))
    except KeyboardInterrupt:
        sys.exit(_fail("; ".join(["interrupted", *_hints]), exit_code=130))
    sys.exit(0)


def one_line(message: str) -> str:
    """An error in one line, of which nothing that was given changes what a terminal shows."""
    message = " ".join(message.split())
    message = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in message)
    return message if len(message) <= _MOST else f"{message[: _MOST - 4]} ..."


def _fail(message: str, exit_code: int) -> int:
    print("error:", one_line(message), file=sys.stderr)
    return exit_code
