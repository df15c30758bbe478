"""Attention in one place: its forms, as functions of queries, keys and values.

Queries are [..., n, d], keys [..., m, d], values [..., m, e], outputs [..., n, e], for leading
shapes that broadcast; floating, float32 or float64 where transforms or eigenvalues are taken. The
numbers of the tokens and of their features are static.
"""

from weirdonetworks.functional.attention.galerkin import (
    fourier_attention,
    galerkin_attention,
    petrov_galerkin_projection,
)
from weirdonetworks.functional.attention.graph import graph_attention, heat_kernel
from weirdonetworks.functional.attention.hopfield import hopfield_energy, hopfield_update
from weirdonetworks.functional.attention.kernels import (
    KERNELS,
    Kernel,
    kernel_attention,
    softmax_attention,
)
from weirdonetworks.functional.attention.linear import (
    LinearState,
    delta_rule,
    linear_attention,
    linear_attention_step,
    masked_attention,
)
from weirdonetworks.functional.attention.normaliser import divide_by_totals
from weirdonetworks.functional.attention.random_features import (
    positive_features,
    random_feature_attention,
    random_projection,
    trigonometric_features,
)
from weirdonetworks.functional.attention.tensor import tensor_attention
from weirdonetworks.functional.attention.toeplitz import toeplitz_attention, toeplitz_matrix

__all__ = [
    "KERNELS",
    "Kernel",
    "LinearState",
    "delta_rule",
    "divide_by_totals",
    "fourier_attention",
    "galerkin_attention",
    "graph_attention",
    "heat_kernel",
    "hopfield_energy",
    "hopfield_update",
    "kernel_attention",
    "linear_attention",
    "linear_attention_step",
    "masked_attention",
    "petrov_galerkin_projection",
    "positive_features",
    "random_feature_attention",
    "random_projection",
    "softmax_attention",
    "tensor_attention",
    "toeplitz_attention",
    "toeplitz_matrix",
    "trigonometric_features",
]
