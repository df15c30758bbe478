"""Checked arrays of float64, in which everything here is measured."""

from typing import Any

import numpy as np


def array(name: str, value: Any, rank: int, shape: str) -> np.ndarray:
    """Returns `value` as finite, real float64 of this rank, with at least one entry."""
    kind = type(value).__name__
    try:
        value = np.asarray(value)
        if not np.iscomplexobj(value):
            value = value.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers {shape}, got {kind}") from None
    if np.iscomplexobj(value):  # of which NumPy would keep the real part
        raise ValueError(f"{name} must be real numbers {shape}, got {value.dtype}")
    if value.ndim != rank or not value.size:
        raise ValueError(f"{name} must be {shape} with at least one entry, got {value.shape}")
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{name} must be finite, got {np.sum(~np.isfinite(value))} that are not")
    return value


def weights(value: Any) -> np.ndarray:
    """Returns the weights of a dense layer, [in, out]."""
    return array("weights", value, 2, "[in, out]")
