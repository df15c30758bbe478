"""What a result depends on."""

import importlib.metadata
import platform

import weirdonetworks as wn


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("tensorflow", "dm-sonnet", "numpy")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "weirdonetworks": wn.__version__,
    }
