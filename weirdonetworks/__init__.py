"""A zoo of unconventional neural networks for Sonnet 2."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weirdonetworks import analysis, functional, groups, layers, nets, stability
    from weirdonetworks.formats import export
    from weirdonetworks.nets import create_network, list_networks
    from weirdonetworks.prediction import classify
    from weirdonetworks.weights import load_weights, save_weights

__version__ = "0.1.0"

__all__ = [
    "analysis",
    "classify",
    "create_network",
    "export",
    "functional",
    "groups",
    "layers",
    "list_networks",
    "load_weights",
    "nets",
    "save_weights",
    "stability",
]
_FUNCTIONS = {
    "classify": "weirdonetworks.prediction",
    "create_network": "weirdonetworks.nets",
    "export": "weirdonetworks.formats",
    "list_networks": "weirdonetworks.nets",
    "load_weights": "weirdonetworks.weights",
    "save_weights": "weirdonetworks.weights",
}


def __getattr__(name: str) -> Any:
    # Imported where it is asked for: TensorFlow takes seconds, which the names of networks and a
    # regression do without. `regression` needs scikit-learn, SciPy and SymPy, `keras` Keras, and
    # nothing else here does: they are no part of a star import.
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in __all__ or name in ("keras", "regression"):
        return importlib.import_module(f"weirdonetworks.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
