"""MNIST-1D: the same curves everywhere, as hard for a linear classifier as was published."""

import random
import sys

import numpy as np
import pytest
from mnist1d import data as package
from sklearn.linear_model import LogisticRegression

from training import data
from training.data import mnist_1d

pytestmark = pytest.mark.slow  # SciPy makes 5,000 curves


@pytest.fixture(scope="module")
def loaded() -> tuple[data.Dataset, tuple[float, float]]:
    """The curves, and the random numbers that come after them."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  that of the package
    curves = data.load("mnist_1d")
    return curves, (random.random(), np.random.rand())  # noqa: NPY002


@pytest.fixture(scope="module")
def curves(loaded) -> data.Dataset:
    return loaded[0]


@pytest.fixture(scope="module")
def made() -> dict[str, np.ndarray]:
    """The package's own."""
    return package.make_dataset(package.get_dataset_args())


def test_splits_and_shapes(curves):
    assert [len(getattr(curves, split)) for split in data.SPLITS] == [3_500, 500, 1_000]
    assert curves.image_shape == (40, 1, 1)
    assert not curves.pictures
    whole = np.bincount(np.concatenate([curves.train.labels, curves.validation.labels]))
    np.testing.assert_allclose(np.bincount(curves.validation.labels), whole / 8, atol=1)


def test_values_come_back_but_for_their_rounding(curves, made):
    values = made["x_test"]
    found = (curves.test.images[..., 0, 0].astype(float) - mnist_1d.ZERO) / 24
    off = np.abs(found - values)
    assert np.sum(off > 0.5 / 24 + 1e-9) == 0
    assert np.isclose(np.sqrt(np.mean(np.square(off))), 1 / 24 / np.sqrt(12), rtol=0.02)


def test_a_linear_classifier_has_a_third_of_them(curves):
    """Greydanus 2020: 32 % by logistic regression, where people have 96 %."""
    x, y = (
        [getattr(split, name) for split in (curves.train, curves.test)]
        for name in ("images", "labels")
    )
    flat = [(images.reshape(len(images), -1) - float(mnist_1d.ZERO)) / 24 for images in x]
    right = LogisticRegression(max_iter=1000).fit(flat[0], y[0]).score(flat[1], y[1])
    assert 0.27 < right < 0.37


def test_random_numbers_of_others_are_left_alone(loaded):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert loaded[1] == (random.random(), np.random.rand())  # noqa: NPY002


def test_other_curves_are_refused(made, monkeypatch):
    other = {**made, "x": made["x"] + 0.1}
    monkeypatch.setattr(package, "make_dataset", lambda _: other)
    with pytest.raises(ValueError, match=r"^mnist1d must make the curves .* got [0-9a-f]{64}$"):
        data.load("mnist_1d")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    with pytest.raises(ImportError, match=r"needs the package of mnist1d.data: pip install"):
        data.load("mnist_1d")


def test_paths_are_refused():
    with pytest.raises(
        ValueError, match="^manual_dir must be left out with mnist_1d, which mnist1d brings"
    ):
        data.load("mnist_1d", manual_dir="here")
