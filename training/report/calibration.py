"""Whether a classifier is as often right as it is sure."""

import numpy as np
import pandas as pd

BINS = 15  # of the confidence, as in Guo et al. 2017, "On calibration of modern neural networks"


def calibration(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """How often the network is right, by how sure it is: a row for each of BINS equal bins."""
    confidence = probabilities.max(axis=1)
    right = np.argmax(probabilities, axis=1) == labels
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(which, minlength=BINS)
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(
            {
                "from": np.arange(BINS) / BINS,
                "images": counts,
                "confidence": np.bincount(which, confidence, BINS) / counts,
                "accuracy": np.bincount(which, right, BINS) / counts,
            }
        )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """sum_b n_b / n |accuracy_b - confidence_b| over the bins of `calibration`."""
    gaps = (table["accuracy"] - table["confidence"]).abs().fillna(0)
    return float((gaps * table["images"]).sum() / table["images"].sum())
