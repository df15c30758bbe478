"""Packages that only some functions need."""

import importlib
from types import ModuleType


def load(module: str, extra: str) -> ModuleType:
    """Returns the module; an ImportError says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is needed for this: pip install 'weirdonetworks[{extra}]'"
        ) from error
