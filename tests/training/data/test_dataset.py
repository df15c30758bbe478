"""Data sets of one's own: from arrays, with what is said about those that are wrong."""

import numpy as np
import pytest

from training.data import SPLITS, Dataset, Split


def make_split(size=4, num_classes=3, side=5):
    images = np.zeros((size, side, side, 1), np.uint8)
    return Split(images, np.arange(size, dtype=np.int32) % num_classes)


def test_dataset_of_ones_own():
    dataset = Dataset("mine", 3, make_split(), make_split(3), make_split(5))
    assert [len(getattr(dataset, split)) for split in SPLITS] == [4, 3, 5]
    with pytest.raises(AttributeError):
        dataset.train = make_split()


IMAGES = np.zeros((4, 5, 5, 1), np.uint8)
LABELS = np.zeros(4, np.int32)


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (IMAGES.tolist(), LABELS, r"images must be a numpy array of uint8 \[n, height, .*got list"),
        (
            IMAGES / 255,
            LABELS,
            r"images must be a numpy array of uint8 .*got float64 \[4, 5, 5, 1\]",
        ),
        (IMAGES[..., 0], LABELS, r"images must be .*\[n, height, width, channels\].*got uint8 \[4"),
        (IMAGES[:0], LABELS[:0], r"images must be .* without an empty axis, got uint8 \[0, 5"),
        (IMAGES, LABELS.tolist(), r"labels must be a numpy array of int32 \[n\].*got list"),
        (
            IMAGES,
            LABELS.astype(np.int64),
            r"labels must be a numpy array of int32 .*got int64 \[4\]",
        ),
        (IMAGES, LABELS[:, None], r"labels must be a numpy array of int32 .*got int32 \[4, 1\]"),
        (IMAGES, LABELS[:3], "images and labels must be equally many, got 4 images and 3 labels"),
        (IMAGES, LABELS - 2, "labels must be at least 0, got -2"),
    ],
)
def test_bad_split(images, labels, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Split(images, labels)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"name": ""}, "name must be a non-empty string, got ''"),
        ({"num_classes": 1}, "num_classes must be an integer >= 2, got 1"),
        ({"num_classes": 3.0}, "num_classes must be an integer >= 2, got 3.0"),
        ({"num_classes": True}, "num_classes must be an integer >= 2, got True"),
        ({"train": (IMAGES, LABELS)}, "train must be a Split, got tuple"),
        ({"test": None}, "test must be a Split, got NoneType"),
        ({"num_classes": 2}, "train.labels must be below num_classes=2, got 2"),
        (
            {"test": make_split(num_classes=4)},
            "test.labels must be below num_classes=3, got 3",
        ),
        (
            {"validation": make_split(side=6)},
            r"validation.images must have the shape of train.images, \(5, 5, 1\), got \(6, 6, 1\)",
        ),
    ],
)
def test_bad_dataset(change, message):
    good = {"name": "mine", "num_classes": 3}
    good |= {split: make_split() for split in SPLITS}
    with pytest.raises(ValueError, match=f"^{message}"):
        Dataset(**(good | change))


# From arrays


def pictures(size=60, shape=(5, 7), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, *shape), np.uint8)


def test_arrays_become_splits_with_equal_shares_of_each_class(capfd):
    images, labels = pictures(), np.arange(60) % 3
    dataset = Dataset.from_arrays(images, labels, validation=0.1, test=0.2, seed=4)
    assert (dataset.num_classes, dataset.image_shape) == (3, (5, 7, 1))
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [42, 6, 12]
    for split in (dataset.train, dataset.validation, dataset.test):
        assert len(set(np.bincount(split.labels))) == 1
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    seen = [
        (image.tobytes(), label)
        for split in (dataset.train, dataset.validation, dataset.test)
        for image, label in zip(split.images, split.labels, strict=True)
    ]
    assert dict(seen) == known and len(seen) == 60
    again = Dataset.from_arrays(images, labels, seed=4)
    assert again.sha256 == dataset.sha256
    assert Dataset.from_arrays(images, labels, seed=5).sha256 != dataset.sha256
    assert capfd.readouterr() == ("", "")  # nothing was mapped


def test_splits_of_ones_own_are_kept_as_they_are():
    images, labels = pictures(20, (3, 3, 2)), np.arange(20) % 2
    held = pictures(4, (3, 3, 2), 1), np.array([1, 1, 0, 1])
    dataset = Dataset.from_arrays(images, labels, validation=held, test=held)
    np.testing.assert_array_equal(dataset.train.images, images)
    np.testing.assert_array_equal(dataset.test.images, held[0])
    np.testing.assert_array_equal(dataset.validation.labels, held[1])


@pytest.mark.parametrize(
    ("labels", "told", "classes"),
    [
        (np.array(["cat", "dog"] * 10), "cat -> 0, dog -> 1", ("cat", "dog")),
        (np.array(["cat", "dog"] * 10, object), "cat -> 0, dog -> 1", ("cat", "dog")),
        (np.array([b"cat", b"dog"] * 10), "cat -> 0, dog -> 1", ("cat", "dog")),
        (np.array([7, 3] * 10), "3 -> 0, 7 -> 1", ("3", "7")),
        (np.array([-1.0, 1.0] * 10), "-1 -> 0, 1 -> 1", ("-1", "1")),
        (np.array([True, False] * 10), "False -> 0, True -> 1", ("False", "True")),
    ],
)
def test_other_labels_are_mapped_and_it_is_said(capfd, labels, told, classes):
    images = pictures(20)
    dataset = Dataset.from_arrays(images, labels, name="mine", test=(images, labels))
    assert capfd.readouterr() == ("", f"labels of mine mapped: {told}\n")
    assert dataset.classes == classes
    labels = np.char.decode(labels) if labels.dtype.kind == "S" else labels
    by_class = {name: set(labels[dataset.test.labels == k]) for k, name in enumerate(classes)}
    assert [len(found) for found in by_class.values()] == [1, 1]
    assert {name: str(found.pop()).removesuffix(".0") for name, found in by_class.items()} == {
        name: name for name in classes
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": pictures() / 255}, "images must be uint8 .* got float64 .*round those in"),
        ({"images": pictures().astype(np.int64)}, "images must be uint8 .* got int64"),
        ({"images": pictures()[0]}, r"images must be uint8 .* got uint8 \[5, 7\]"),
        ({"images": pictures()[:0]}, r"without an empty axis, got uint8 \[0, 5, 7\]"),
        ({"images": "pictures"}, "images must be uint8"),
        ({"labels": np.zeros(59, int)}, "equally many, got 60 images and 59 labels"),
        ({"labels": np.full(60, np.nan)}, "labels must be whole numbers or words .*none missing"),
        ({"labels": np.arange(60) / 2}, "labels must be whole numbers or words"),
        ({"labels": np.eye(60, dtype=int)}, r"labels must be .* got int64 \[60, 60\]"),
        ({"labels": np.array([None] * 60)}, "labels must be whole numbers or words"),
        ({"labels": np.zeros(60, int)}, "labels must be of two classes at least, got only 0"),
        ({"images": [[1, 2], [3]]}, "images must be an array: "),
        ({"labels": [[1], [2, 3]]}, "labels must be an array: "),
        ({"seed": -1}, r"seed must be an integer in \[0, 2\^32\), got -1"),
        ({"seed": None}, "seed must be an integer"),
        ({"labels": np.arange(60)}, "leave each class enough examples to cut 12 of 60 off"),
        ({"test": 0.0}, r"test must be a share in \(0, 1\), or \(images, labels\), got 0.0"),
        ({"test": True}, "test must be a share"),
        ({"validation": 1}, "validation must be a share"),
        ({"test": (pictures(4),)}, r"test must be a share or \(images, labels\), got 1"),
        ({"test": (pictures(4), [0, 1, 2, 9])}, "test labels must be among those .*got 9"),
        ({"test": (pictures(4, (3, 3)), [0, 1, 2, 0])}, "test.images must have the shape"),
        ({"test": (pictures(4), [0, 1])}, "test: images and labels must be equally many"),
    ],
)
def test_arrays_of_the_wrong_kind(change, message):
    good = {"images": pictures(), "labels": np.arange(60) % 3}
    Dataset.from_arrays(**good)
    with pytest.raises(ValueError, match=message):
        Dataset.from_arrays(**(good | change))


def test_a_data_set_is_told_in_a_line():
    dataset = Dataset.from_arrays(pictures(), np.arange(60) % 3)
    assert "Split(42 images [5, 7, 1])" in repr(dataset) and len(repr(dataset)) < 300
