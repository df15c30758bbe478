"""MNIST-1D (Greydanus 2020): ten curves, moved, sheared and noisy, in place of the digits."""

import random

import numpy as np

from training.data.dataset import Split
from training.data.made import checksum
from training.data.packages import require

SHA256 = "6bce70ecf869d8192b3dbb7ac79825e9ac7c1e26e9c43ec7607b76e71fe106f5"
ZERO = 128  # the pixel that stands for 0
_UNIT = 24  # pixels to a standard deviation of all values


def make() -> tuple[Split, Split]:
    """The package's 4,000 curves to train on and its 1,000 to test, 40 values each, in a column.

    A value v is the pixel round(128 + 24 v), of which one in 200,000 is cut off at 0: an error of
    0.012 where the standard deviation is 1. No pictures: 0 is in the middle.

    Raises:
      ImportError: the package is not installed.
      ValueError: it makes other curves than it did.
    """
    package = require("mnist1d.data")
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:  # it seeds both
        made = package.make_dataset(package.get_dataset_args())
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
    arrays = {
        "test_images": pixels(made["x_test"]),
        "test_labels": made["y_test"].astype(np.int32),
        "train_images": pixels(made["x"]),
        "train_labels": made["y"].astype(np.int32),
    }
    if (found := checksum(arrays)) != SHA256:
        raise ValueError(
            f"mnist1d must make the curves of its version 0.0.2, SHA-256 {SHA256}, got {found}"
        )
    train, test = (
        Split(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in ("train", "test")
    )
    return train, test


def pixels(curves: np.ndarray) -> np.ndarray:
    """Values [n, 40] as uint8 [n, 40, 1, 1]."""
    levels = np.clip(np.round(ZERO + _UNIT * curves), 0, 255)
    return levels.astype(np.uint8)[..., None, None]
