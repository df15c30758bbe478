"""A zoo of unconventional neural networks for Sonnet 2."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    # Imported where it is asked for: TensorFlow takes seconds, which the names of networks and a
    # regression do without. `regression` needs scikit-learn, SciPy and SymPy, and nothing else here
    # does: it is no part of a star import.
    if name in ("create_network", "list_networks"):
        return getattr(importlib.import_module("weirdonetworks.nets"), name)
    if name in __all__ or name == "regression":
        return importlib.import_module(f"weirdonetworks.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
