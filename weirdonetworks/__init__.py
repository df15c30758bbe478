"""A zoo of unconventional neural networks for Sonnet 2."""

from weirdonetworks import functional, groups, layers, nets, stability
from weirdonetworks.nets import create_network, list_networks

__version__ = "0.1.0"

__all__ = [
    "create_network",
    "functional",
    "groups",
    "layers",
    "list_networks",
    "nets",
    "stability",
]
