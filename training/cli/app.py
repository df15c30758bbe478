"""Runs a command: flags in, one-line errors out."""

import functools
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import app, flags

# What bad input, files or numbers raise. Anything else is a fault of the program: a traceback.
EXPECTED_ERRORS = (ValueError, OSError, FloatingPointError, ImportError)


def run(main: Callable[..., None]) -> NoReturn:
    """Parses the command line, calls `main` with the words that are no flags, and exits.

    The parameters of `main` are the words that the command takes, all of them required: most
    commands have none, `main(data)` is for `python -m training.command data.csv --flag=value`.

    Exit codes: 0 done; 1 for an error, which is told in one line on stderr (`--verbosity=1` shows
    the traceback before it); 2 for a command line that cannot be read; 130 if interrupted.
    """

    def guarded_main(argv: list[str]) -> int:
        try:
            main(*argv[1:])
        except EXPECTED_ERRORS as error:
            if flags.FLAGS.verbosity >= 1:
                traceback.print_exc()
            return _fail(str(error) or type(error).__name__, exit_code=1)
        except KeyboardInterrupt:
            return _fail("interrupted", exit_code=130)
        return 0

    names = list(inspect.signature(main).parameters)
    app.run(guarded_main, flags_parser=functools.partial(_parse, names=names))


def _parse(argv: list[str], names: Sequence[str]) -> list[str]:
    """Parses the flags of `argv` and returns its other words, which must be as many as `names`.

    Exits if there are more or fewer of them, unknown flags or wrong values.
    """
    flag_values = flags.FLAGS
    try:
        words = flag_values(argv)[1:]
    except flags.Error as error:
        sys.exit(_fail(f"{error} (--helpshort lists the flags)", exit_code=2))
    except SystemExit:  # absl has printed the help, and would report it as a failure
        sys.exit(0)
    message = None
    if len(words) > len(names):
        message = f"unexpected argument {words[len(names)]!r}: give settings as --name=value"
    elif len(words) < len(names):
        message = f"missing argument {names[len(words)]!r}: give it as a word without --"
    if message:
        sys.exit(_fail(f"{message} (--helpshort lists the flags)", exit_code=2))
    if flag_values["verbosity"].using_default_value:
        flag_values.verbosity = -1  # absl would raise it to 0 and show the libraries' info messages
    return [argv[0], *words]


def _fail(message: str, exit_code: int) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return exit_code
