"""Pure functions of tensors, without variables; those of attention are in `attention`."""

from weirdonetworks.functional import attention as attention
from weirdonetworks.functional.activations import (
    ACTIVATIONS,
    and_gate,
    gelu,
    gelu_tanh,
    get_activation,
    or_gate,
)
from weirdonetworks.functional.cdfs import DISTRIBUTIONS, Distribution, cdf_gate, cdf_ramp
from weirdonetworks.functional.complex_parts import mod_relu, modulus
from weirdonetworks.functional.convex_combinations import convex_combination
from weirdonetworks.functional.gaussians import product_of_gaussians
from weirdonetworks.functional.gray_code import gray_code, tent
from weirdonetworks.functional.group_activations import group_softmax, maxout, sort_groups
from weirdonetworks.functional.images import warp
from weirdonetworks.functional.iterates import exp_iterate, half_exp, superexp, superlog
from weirdonetworks.functional.matching_pursuit import (
    Pursuit,
    orthogonal_matching_pursuit,
    simultaneous_matching_pursuit,
)
from weirdonetworks.functional.maxima import implicit_soft_maximum, maximum, soft_maximum
from weirdonetworks.functional.meshes import MeshPhases, mesh_phases
from weirdonetworks.functional.monomials import monomial_indices, monomials, num_monomials
from weirdonetworks.functional.normalized import (
    layer_norm,
    solu,
    solu_layer_norm,
    xexp_layer_norm,
)
from weirdonetworks.functional.parameter_activations import (
    PARAMETER_ACTIVATIONS,
    ParameterActivation,
    get_parameter_activation,
)
from weirdonetworks.functional.patches import cosine_basis, lowest_frequencies, patches
from weirdonetworks.functional.pooling import (
    POOLINGS,
    Pooling,
    get_pooling,
    moments,
    order_statistics,
)
from weirdonetworks.functional.sparse import SparseMap
from weirdonetworks.functional.squashes import SQUASHES, Squash, get_squash
from weirdonetworks.functional.stochastic import stochastic_gelu

__all__ = [
    "ACTIVATIONS",
    "DISTRIBUTIONS",
    "Distribution",
    "MeshPhases",
    "PARAMETER_ACTIVATIONS",
    "POOLINGS",
    "SQUASHES",
    "ParameterActivation",
    "Pooling",
    "Pursuit",
    "SparseMap",
    "Squash",
    "and_gate",
    "cdf_gate",
    "cdf_ramp",
    "convex_combination",
    "cosine_basis",
    "exp_iterate",
    "gelu",
    "gelu_tanh",
    "get_activation",
    "get_parameter_activation",
    "get_pooling",
    "get_squash",
    "gray_code",
    "group_softmax",
    "half_exp",
    "implicit_soft_maximum",
    "layer_norm",
    "lowest_frequencies",
    "maximum",
    "maxout",
    "mesh_phases",
    "mod_relu",
    "modulus",
    "moments",
    "monomial_indices",
    "monomials",
    "num_monomials",
    "or_gate",
    "order_statistics",
    "orthogonal_matching_pursuit",
    "patches",
    "product_of_gaussians",
    "simultaneous_matching_pursuit",
    "soft_maximum",
    "solu",
    "solu_layer_norm",
    "sort_groups",
    "stochastic_gelu",
    "superexp",
    "superlog",
    "tent",
    "warp",
    "xexp_layer_norm",
]
