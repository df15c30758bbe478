"""Runs a command: flags in, one-line errors out."""

import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags

# What bad input, files or numbers raise. Anything else is a fault of the program: a traceback.
EXPECTED_ERRORS = (ValueError, OSError, FloatingPointError, ImportError)


def run(main: Callable[[], None]) -> NoReturn:
    """Parses the command line, calls `main()` and exits.

    Exit codes: 0 done; 1 for an error, which is told in one line on stderr (`--verbosity=1` shows
    the traceback before it); 2 for a command line that cannot be read; 130 if interrupted.
    """

    def guarded_main(_: list[str]) -> int:
        try:
            main()
        except EXPECTED_ERRORS as error:
            if flags.FLAGS.verbosity >= 1:
                traceback.print_exc()
            return _fail(str(error) or type(error).__name__, exit_code=1)
        except KeyboardInterrupt:
            return _fail("interrupted", exit_code=130)
        return 0

    app.run(guarded_main, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    """Parses the flags of `argv`; exits if it holds unknown flags, wrong values or other words."""
    flag_values = flags.FLAGS
    try:
        words = flag_values(argv)[1:]
    except flags.Error as error:
        sys.exit(_fail(f"{error} (--helpshort lists the flags)", exit_code=2))
    except SystemExit:  # absl has printed the help, and would report it as a failure
        sys.exit(0)
    if words:
        message = f"unexpected argument {words[0]!r}: give settings as --name=value"
        sys.exit(_fail(f"{message} (--helpshort lists the flags)", exit_code=2))
    if flag_values["verbosity"].using_default_value:
        flag_values.verbosity = -1  # absl would raise it to 0 and show the libraries' info messages
    return argv[:1]


def _fail(message: str, exit_code: int) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return exit_code
