"""Training, measuring and writing results: all that touches files, flags and data sets.

Importing it imports TensorFlow without its start-up chatter, so what the commands print is theirs.
`--verbosity=0` (or higher) on the command line, or TF_CPP_MIN_LOG_LEVEL=0 in the environment, lets
TensorFlow talk; absl's levels are -1 for warnings (the default here), 0 for info, 1 for debugging.
"""

import logging
import os
import re
import sys
import tempfile


def _verbosity(arguments: list[str]) -> int:
    """The level that absl will read later from `--verbosity=1`, `-v 1` and the like."""
    levels = re.findall(r"(?<!\S)--?v(?:erbosity)?[= ](-?\d+)(?!\S)", " ".join(arguments))
    return int(levels[-1]) if levels else -1


def _import_tensorflow_quietly() -> None:
    """Imports TensorFlow with the file descriptor of stderr diverted.

    Its libraries write there while they are loaded, before they look at TF_CPP_MIN_LOG_LEVEL.
    What they wrote is shown if the import fails.
    """
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


if _verbosity(sys.argv[1:]) < 0:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3":
    _import_tensorflow_quietly()
    # Its Python side, too: a table of many runs looks to it like one function traced many times.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
