"""Names that are imported where they are asked for, so that the library starts at once."""

import importlib
from collections import UserDict
from typing import Any


def load(path: str) -> Any:
    """What stands at "module:name"."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


class Registry(UserDict):
    """A dict whose values may be written as "module:name", and are imported when they are read.

    Keys are there without any import.
    """

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        return load(value) if isinstance(value, str) else value
