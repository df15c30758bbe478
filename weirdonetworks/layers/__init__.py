"""Building blocks, [batch, in] -> [batch, out]."""

from weirdonetworks.layers.accumulators import NAC, NALU
from weirdonetworks.layers.activation import StochasticGELU
from weirdonetworks.layers.additive_multiplicative import AdditiveMultiplicativeDense
from weirdonetworks.layers.arithmetic_units import NAU, NMU
from weirdonetworks.layers.attention import IterateAttention
from weirdonetworks.layers.autoactivation import AutoactivationDense
from weirdonetworks.layers.boltzmann import RestrictedBoltzmannMachine
from weirdonetworks.layers.comodulation import ComodulationDense
from weirdonetworks.layers.complex import ComplexDense
from weirdonetworks.layers.convex import (
    ImplicitSoftmaxAffineDense,
    MaxAffineDense,
    SoftmaxAffineDense,
)
from weirdonetworks.layers.convex_combination import ConvexCombination
from weirdonetworks.layers.dropout import Dropout
from weirdonetworks.layers.dynamic import DynamicDense
from weirdonetworks.layers.dynamic_filter import DynamicFilter
from weirdonetworks.layers.galerkin_attention import GalerkinAttention
from weirdonetworks.layers.gated import GatedDense
from weirdonetworks.layers.group_dense import GroupDense
from weirdonetworks.layers.hashed import HashedDense
from weirdonetworks.layers.invariant_polynomial import (
    InvariantPolynomialDense,
    invariant_energy,
    monomial_orbits,
)
from weirdonetworks.layers.kronecker import KroneckerDense
from weirdonetworks.layers.linear_attention import LinearAttention
from weirdonetworks.layers.mesh import MeshDense
from weirdonetworks.layers.neural_field import NeuralField
from weirdonetworks.layers.orthogonal import OrthogonalDense
from weirdonetworks.layers.patch_attention import PatchAttention
from weirdonetworks.layers.polynomial import PolynomialDense
from weirdonetworks.layers.posynomial import PosynomialDense, SignomialDense
from weirdonetworks.layers.power_units import NPU
from weirdonetworks.layers.products_of_experts import ProductOfExperts
from weirdonetworks.layers.sparse_readout import SparseReadout
from weirdonetworks.layers.synchronous import LiftDense, Synchronous
from weirdonetworks.layers.toeplitz_attention import ToeplitzAttention

__all__ = [
    "AdditiveMultiplicativeDense",
    "AutoactivationDense",
    "ComodulationDense",
    "ComplexDense",
    "ConvexCombination",
    "Dropout",
    "DynamicDense",
    "GalerkinAttention",
    "DynamicFilter",
    "GatedDense",
    "GroupDense",
    "ImplicitSoftmaxAffineDense",
    "InvariantPolynomialDense",
    "IterateAttention",
    "HashedDense",
    "KroneckerDense",
    "LiftDense",
    "LinearAttention",
    "MaxAffineDense",
    "MeshDense",
    "NAC",
    "NALU",
    "NAU",
    "NMU",
    "NPU",
    "NeuralField",
    "OrthogonalDense",
    "PatchAttention",
    "PolynomialDense",
    "PosynomialDense",
    "ProductOfExperts",
    "RestrictedBoltzmannMachine",
    "SignomialDense",
    "SoftmaxAffineDense",
    "SparseReadout",
    "StochasticGELU",
    "Synchronous",
    "ToeplitzAttention",
    "invariant_energy",
    "monomial_orbits",
]
