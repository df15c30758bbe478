"""Training, measuring and writing results: all that touches files, flags and data sets.

    import training

    dataset = training.load("mnist_5k")
    run = training.fit("quadratic_mlp", dataset, epochs=15)
    run.plot(), run.evaluate("test")

`python -m training` lists the commands and the studies.
"""

import importlib
from typing import Any

from training.cli import startup

_PUBLIC = {
    "Dataset": "training.data",
    "Recipe": "training.engine",
    "Run": "training.engine",
    "Split": "training.data",
    "fit": "training.engine",
    "load": "training.data",
    "load_run": "training.engine",
    "recipe_names": "training.engine",
    "recipe_for": "training.engine",
    "train_and_evaluate": "training.engine",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


startup.begin()
