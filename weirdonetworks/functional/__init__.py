"""Pure functions of tensors, without variables."""

from weirdonetworks.functional.activations import ACTIVATIONS, gelu, gelu_tanh, get_activation
from weirdonetworks.functional.images import warp
from weirdonetworks.functional.iterates import exp_iterate, half_exp, superexp, superlog
from weirdonetworks.functional.maxima import implicit_soft_maximum, soft_maximum
from weirdonetworks.functional.monomials import monomial_indices, monomials, num_monomials
from weirdonetworks.functional.parameter_activations import (
    PARAMETER_ACTIVATIONS,
    ParameterActivation,
    get_parameter_activation,
)
from weirdonetworks.functional.pooling import (
    POOLINGS,
    Pooling,
    get_pooling,
    moments,
    order_statistics,
)
from weirdonetworks.functional.sparse import SparseMap

__all__ = [
    "ACTIVATIONS",
    "PARAMETER_ACTIVATIONS",
    "POOLINGS",
    "ParameterActivation",
    "Pooling",
    "SparseMap",
    "exp_iterate",
    "gelu",
    "gelu_tanh",
    "get_activation",
    "get_parameter_activation",
    "get_pooling",
    "half_exp",
    "implicit_soft_maximum",
    "moments",
    "monomial_indices",
    "monomials",
    "num_monomials",
    "order_statistics",
    "soft_maximum",
    "superexp",
    "superlog",
    "warp",
]
