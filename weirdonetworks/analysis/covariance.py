"""Covariances of weights: their effective ranks, and how far two of them are apart."""

from typing import Any

import numpy as np

from weirdonetworks import _checks
from weirdonetworks.analysis import _arrays


def weight_covariance(weights: Any) -> np.ndarray:
    """C = W W^T / out, [in, in], of the weights W of a dense layer, [in, out].

    The units of the layer are the samples, their incoming weights the variables; the mean, 0 for
    random weights, is not taken off. Source: Guth, Menard, Rochette and Mallat 2023, "A rainbow in
    deep network black boxes".
    """
    weights = _arrays.weights(weights)
    return weights @ weights.T / weights.shape[1]


def effective_rank(eigenvalues: Any) -> float:
    """exp(-sum_i p_i log p_i) with p_i = e_i / sum_j e_j, for eigenvalues e >= 0, [n].

    Between 1, where one eigenvalue has everything, and n, where all are equal; never more than the
    rank. Source: Roy and Vetterli 2007, "The effective rank: a measure of effective
    dimensionality", of the covariance as the matrix.
    """
    p = _shares(eigenvalues)
    return float(np.exp(-np.sum(p * np.log(np.where(p > 0, p, 1)))))


def participation_ratio(eigenvalues: Any) -> float:
    """(sum_i e_i)^2 / sum_i e_i^2 for eigenvalues e >= 0: at most their effective rank."""
    return float(1 / np.sum(_shares(eigenvalues) ** 2))


def stable_rank(eigenvalues: Any) -> float:
    """sum_i e_i / max_i e_i for eigenvalues e >= 0: at most their participation ratio.

    |W|_F^2 / |W|_2^2 of weights W with the covariance that has these eigenvalues. Source: Rudelson
    and Vershynin 2007, "Sampling from large matrices: an approach through geometric functional
    analysis".
    """
    return float(1 / np.max(_shares(eigenvalues)))


def covariance_distance(first: Any, second: Any, kind: str = "frobenius") -> float:
    """How far two covariances C and D, [n, n], are apart, in [0, 1]: 0 for C = D only.

    "frobenius": |C - D|_F^2 / (|C|_F^2 + |D|_F^2) = 1 - 2 <C, D> / (|C|_F^2 + |D|_F^2).
    "bures": 1 - 2 tr (C^(1/2) D C^(1/2))^(1/2) / (tr C + tr D), the squared distance of optimal
    transport between the normal laws of these covariances, over its largest value; Bhatia, Jain and
    Lim 2019, "On the Bures-Wasserstein distance between positive definite matrices".

    Both are 1 for covariances on orthogonal subspaces.

    Raises:
      ValueError: matrices that are not symmetric of one size, both of them 0, or an unknown kind;
        with "bures", a matrix with an eigenvalue that is negative beyond rounding.
    """
    kind = _checks.choice("kind", kind, ("frobenius", "bures"))
    first, second = _symmetric("first", first), _symmetric("second", second)
    if first.shape != second.shape:
        raise ValueError(f"second must have the shape of first, {first.shape}, got {second.shape}")
    if kind == "frobenius":
        # By a power of two, which rounds nothing, so that squares are neither infinite nor 0.
        exponent = -np.frexp(max(np.abs(first).max(), np.abs(second).max()))[1]
        first, second = np.ldexp(first, exponent), np.ldexp(second, exponent)
        size = np.sum(first**2) + np.sum(second**2)
        overlap = np.sum(first * second)
    else:
        size = np.trace(first) + np.trace(second)
        roots = _root("first", first) @ _root("second", second)
        overlap = np.sum(np.linalg.svd(roots, compute_uv=False))
    if not size:
        raise ValueError("first and second must not both be 0")
    return float(max(0.0, 1 - 2 * overlap / size))


def _shares(eigenvalues: Any) -> np.ndarray:
    eigenvalues = _arrays.array("eigenvalues", eigenvalues, 1, "[n]")
    if eigenvalues.min() < 0 or not eigenvalues.any():
        raise ValueError(
            f"eigenvalues must be >= 0, and one of them > 0, got {eigenvalues.min():.6g} to "
            f"{eigenvalues.max():.6g}"
        )
    # By a power of two, which rounds nothing, so that the sum of large ones is finite.
    eigenvalues = np.ldexp(eigenvalues, -np.frexp(eigenvalues.max())[1])
    return eigenvalues / np.sum(eigenvalues)


def _symmetric(name: str, value: Any) -> np.ndarray:
    value = _arrays.array(name, value, 2, "[n, n]")
    if value.shape[0] != value.shape[1]:
        raise ValueError(f"{name} must be a symmetric matrix, got shape {value.shape}")
    # Of rounding, small entries hold more than their own share.
    apart, largest = np.abs(value - value.T).max(), np.abs(value).max()
    if not apart <= 1e-6 * largest:
        raise ValueError(
            f"{name} must be a symmetric matrix, got one whose entries differ by {apart:.6g} from "
            f"those of its transpose, the largest being {largest:.6g}"
        )
    return value


def _root(name: str, value: np.ndarray) -> np.ndarray:
    """The symmetric square root."""
    eigenvalues, vectors = np.linalg.eigh(value)
    if eigenvalues[0] < -1e-6 * max(eigenvalues[-1], 0):
        raise ValueError(f"{name} must have no negative eigenvalue, got {eigenvalues[0]:.6g}")
    return (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T
