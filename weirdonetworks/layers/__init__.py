"""Building blocks, [batch, in] -> [batch, out]."""

from weirdonetworks.layers.autoactivation import AutoactivationDense
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.polynomial import PolynomialDense
from weirdonetworks.layers.posynomial import PosynomialDense, SignomialDense
from weirdonetworks.layers.synchronous import LiftDense, Synchronous

__all__ = [
    "AutoactivationDense",
    "Dropout",
    "LiftDense",
    "PolynomialDense",
    "PosynomialDense",
    "SignomialDense",
    "Synchronous",
]
