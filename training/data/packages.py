"""Packages that only some data sets need."""

import importlib
import types


def require(module: str) -> types.ModuleType:
    """The module, which a data set needs; an ImportError says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this data set needs the package of {module}: "
            f"pip install 'weirdonetworks[training]' ({error})"
        ) from error
