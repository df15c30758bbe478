"""A zoo of unconventional neural networks for Sonnet 2."""

import importlib
from typing import Any

from weirdonetworks import analysis, functional, groups, layers, nets, stability
from weirdonetworks.nets import create_network, list_networks

__version__ = "0.1.0"

__all__ = [
    "analysis",
    "create_network",
    "functional",
    "groups",
    "layers",
    "list_networks",
    "nets",
    "stability",
]


def __getattr__(name: str) -> Any:
    # Imported where it is asked for, and no part of a star import: it needs scikit-learn, SciPy and
    # SymPy, and nothing else here does.
    if name == "regression":
        return importlib.import_module("weirdonetworks.regression")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
