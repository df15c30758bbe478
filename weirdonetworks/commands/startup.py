"""TensorFlow without its chatter, and sooner.

It takes seconds, so nothing imports it before it needs it: help, misspelt flags and reports do
without. Whoever imports it then, here or in a notebook, has it quiet.
"""

import contextlib
import gc
import importlib.abc
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Iterator

from weirdonetworks import _quiet


def begin() -> None:
    """Called when a package of commands is imported; again without effect."""
    there = any(isinstance(finder, _Quietly) for finder in sys.meta_path)
    if "tensorflow" not in sys.modules and not there:
        sys.meta_path.insert(0, _Quietly())


class _Quietly(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as Python would, and silences its import.

    It stays until then: TensorFlow Datasets asks whether there is one before it imports it.
    """

    _searching = False

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow" or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._searching = False
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_quietly(module) -> None:
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                with _silenced(), _uncollected():
                    load(module)

            spec.loader.exec_module = load_quietly
        return spec


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is looked for meanwhile, nor ever again among what is there at the end.

    Of some million objects, hardly one is garbage: each collection, the last one at the exit of
    Python among them, would look through all of them in vain.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keeps what TensorFlow's libraries write from stderr, and shows it if the import fails.

    `--verbosity=0` or higher lets it talk, and so does TF_CPP_MIN_LOG_LEVEL=0 in the environment.
    absl's levels are -1 for warnings, 0 for info, 1 for debugging.
    """
    levels = re.findall(r"(?<!\S)--?v(?:erbosity)?[= ](-?\d+)(?!\S)", " ".join(sys.argv[1:]))
    if not levels or int(levels[-1]) < 0:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
        yield
        return
    # They write it before they look at TF_CPP_MIN_LOG_LEVEL (TensorFlow 2.16 to 2.21).
    with _quiet.stderr():
        yield
    # Its Python side, too: a table of many runs looks to it like one function traced many times.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
