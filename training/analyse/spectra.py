"""The spectra of a network's weights, against the law of random ones."""

from typing import Any

import numpy as np
import sonnet as snt

from weirdonetworks.analysis import Spectrum, dense_layers, level_spacings, operator, spectrum

COLUMNS = (
    "layer",
    "inputs",
    "outputs",
    "size",
    "norm",
    "effective_rank",
    "participation_ratio",
    "stable_rank",
    "variance",
    "edge",
    "threshold",
    "edge_scale",
    "largest",
    "outliers",
    "distance",
    "levels",
    "gap_ratio",
    "gap_error",
)
_LEVELS = 6  # of which there are four ratios, from which on there is a standard error
EIGENVALUES = ("layer", "index", "eigenvalue")
Row = dict[str, Any]


def describe(network: snt.Module) -> tuple[list[Row], list[Row]]:
    """A row (`COLUMNS`) for each dense layer, and one for each eigenvalue of W W^T / out.

    Of the eigenvalues, the min(in, out) that are not 0 by the shape alone. The law's variance is
    that of the bulk, so that outliers do not hide behind their own size; `levels` of the singular
    values are no outliers, and gap_ratio is the mean ratio of their neighbouring gaps, with its
    standard error. None stands for what a layer does not have: a law, where its weights have half
    the full rank or less, ranks, where they are all 0, and ratios, of a bulk of fewer than six
    levels, or of equal ones.
    """
    rows, eigenvalues = [], []
    for layer, linear in enumerate(dense_layers(network), start=1):
        weights = linear.w.numpy()
        row: Row = dict.fromkeys(COLUMNS) | {
            "layer": layer,
            "inputs": weights.shape[0],
            "outputs": weights.shape[1],
        }
        values = np.zeros(min(weights.shape))
        if weights.any():
            shape, found = operator(weights), spectrum(weights)
            values = found.eigenvalues[: len(values)]
            row |= {key: value for key, value in shape._asdict().items() if key != "shape"}
            if 2 * found.rank > len(values):
                row |= _against_the_law(weights)
        else:
            row |= {"size": 0.0, "norm": 0.0}
        rows.append({**row, "largest": float(values[0])})
        for index, value in enumerate(values):
            eigenvalues.append({"layer": layer, "index": index, "eigenvalue": float(value)})
    return rows, eigenvalues


def _against_the_law(weights: np.ndarray) -> Row:
    found = spectrum(weights, variance="bulk")
    return {
        "variance": found.law.variance,
        "edge": found.law.edges[1],
        "threshold": found.threshold,
        "edge_scale": found.edge_scale,
        "outliers": found.outliers,
        "distance": found.distance,
        **_gaps(found),
    }


def _gaps(found: Spectrum) -> Row:
    bulk = found.singular_values[found.outliers : found.rank]
    row: Row = {"levels": len(bulk)}
    if len(bulk) >= _LEVELS:
        try:
            spacings = level_spacings(bulk)
        except ValueError:  # three that are equal
            return row
        row |= {"gap_ratio": spacings.mean, "gap_error": spacings.error}
    return row
