"""A classification task: uint8 images and int32 labels, split into train, validation and test."""

import dataclasses
import functools
import hashlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data.packages import require
from weirdonetworks import _checks

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    images: uint8 [n, height, width, channels], n >= 1.
    labels: int32 [n], each >= 0.

    Raises ValueError if one of them is not so.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        _check_array("images", self.images, np.uint8, ("n", "height", "width", "channels"))
        _check_array("labels", self.labels, np.int32, ("n",))
        if len(self.images) != len(self.labels):
            raise ValueError(
                "images and labels must be equally many, "
                f"got {len(self.images)} images and {len(self.labels)} labels"
            )
        if self.labels.min() < 0:
            raise ValueError(f"labels must be at least 0, got {self.labels.min()}")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} images {list(self.images.shape[1:])})"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A classification task: fit on `train`, choose settings on `validation`, score `test` once.

    classes: what the labels 0, 1, ... mean; the numbers themselves by default.
    pictures: whether images are pictures, which may be moved, with 0 where nothing is left.

    Raises ValueError if `num_classes` is not an integer >= 2, a label is not below it, the images
    of the three splits differ in shape, or there are names for another number of classes.
    """

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...] = ()
    pictures: bool = True

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a non-empty string, got {_checks.received(self.name)}")
        if (
            not isinstance(self.num_classes, int | np.integer)
            or isinstance(self.num_classes, bool)
            or self.num_classes < 2
        ):
            raise ValueError(
                f"num_classes must be an integer >= 2, got {_checks.received(self.num_classes)}"
            )
        for name in SPLITS:
            split = getattr(self, name)
            if not isinstance(split, Split):
                raise ValueError(f"{name} must be a Split, got {type(split).__name__}")
            if split.labels.max() >= self.num_classes:
                raise ValueError(
                    f"{name}.labels must be below num_classes={self.num_classes}, "
                    f"got {split.labels.max()}"
                )
            if split.images.shape[1:] != self.train.images.shape[1:]:
                raise ValueError(
                    f"{name}.images must have the shape of train.images, "
                    f"{self.train.images.shape[1:]}, got {split.images.shape[1:]}"
                )
        classes = tuple(self.classes) or tuple(map(str, range(self.num_classes)))
        if len(classes) != self.num_classes:
            raise ValueError(
                f"classes must be names for {self.num_classes} classes, got {len(classes)}"
            )
        object.__setattr__(self, "classes", classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.train.images.shape[1:]

    def check_pictures(self, name: str, value: Any) -> None:
        """Raises ValueError, naming the argument that moves images, if they are no pictures."""
        if not self.pictures:
            raise ValueError(
                f"{name} must leave images as they are on {self.name}, whose images are no "
                f"pictures, got {_checks.received(value)}"
            )

    @functools.cached_property
    def sha256(self) -> str:
        """Of the shapes and bytes of all splits: what a run says of the data that it has seen."""
        digest = hashlib.sha256(str(self.num_classes).encode())
        for name in SPLITS:
            split = getattr(self, name)
            digest.update(str(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).data)
            digest.update(np.ascontiguousarray(split.labels).data)
        return digest.hexdigest()

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any,
        *,
        validation: float | tuple[Any, Any] = 0.1,
        test: float | tuple[Any, Any] = 0.2,
        seed: int = 0,
        name: str = "arrays",
    ) -> "Dataset":
        """A data set of your own pictures.

        Args:
          images: uint8 [n, height, width] or [n, height, width, channels], of any size.
          labels: [n], whole numbers or words. Those that are not 0, 1, ... already are mapped to
            these in their order, which is said on stderr and kept in `classes`.
          validation, test: the share that is cut off, with the same shares of each class, or a
            pair (images, labels) of their own.
          seed: of the cuts.

        Raises:
          ValueError: arrays of another kind, labels that are missing or unknown, a share that
            leaves a split without a class.
        """
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise ValueError(f"seed must be an integer in [0, 2^32), got {_checks.received(seed)}")
        images, labels = _pictures("images", images), _labels("labels", labels)
        parts = {"train": (images, labels)}
        for key, given in (("test", test), ("validation", validation)):
            if isinstance(given, tuple | list):
                if len(given) != 2:
                    raise ValueError(f"{key} must be a share or (images, labels), got {len(given)}")
                parts[key] = (
                    _pictures(f"{key} images", given[0]),
                    _labels(f"{key} labels", given[1]),
                )
        for key, (pictures, names) in parts.items():
            if len(pictures) != len(names):
                raise ValueError(
                    f"{key}: images and labels must be equally many, "
                    f"got {len(pictures)} images and {len(names)} labels"
                )
        known = np.unique(labels)
        if len(known) < 2:
            raise ValueError(f"labels must be of two classes at least, got only {known[0]}")
        numbers = {key: (x, _numbers(key, y, known)) for key, (x, y) in parts.items()}
        total = len(images)
        for key, given in (("test", test), ("validation", validation)):
            if key not in numbers:
                held = _count(key, given, total)
                x, y = numbers["train"]
                rest, cut = stratified(y, held, seed)
                numbers["train"], numbers[key] = (x[rest], y[rest]), (x[cut], y[cut])
        if labels.dtype.kind not in "iu" or not np.array_equal(known, np.arange(len(known))):
            told = ", ".join(f"{label} -> {i}" for i, label in enumerate(known))
            print(f"labels of {name} mapped: {told}", file=sys.stderr)
        return cls(
            name,
            len(known),
            **{key: Split(x, y) for key, (x, y) in numbers.items()},
            classes=tuple(map(str, known)),
        )


def stratified(labels: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rest, and of `size` that are held out, with the same shares of each class.

    Raises:
      ValueError: there are too few of a class.
    """
    cut = require("sklearn.model_selection").train_test_split
    try:
        rest, held_out = cut(
            np.arange(len(labels)), test_size=size, stratify=labels, random_state=seed
        )
    except ValueError as error:
        counts = np.bincount(labels)
        raise ValueError(
            f"labels must leave each class enough examples to cut {size} of {len(labels)} off, "
            f"got classes of {counts.min()} to {counts.max()} "
            f"({str(error).partition('. ')[0]})"
        ) from None
    return rest, held_out


def hold_out(split: Split, size: int, seed: int = 0) -> tuple[Split, Split]:
    """Cuts `size` images off: (the rest, those), with the same shares of each class."""
    rest, held_out = stratified(split.labels, size, seed)
    return (
        Split(split.images[rest], split.labels[rest]),
        Split(split.images[held_out], split.labels[held_out]),
    )


def _count(name: str, share: Any, total: int) -> int:
    ok = isinstance(share, int | float | np.floating) and not isinstance(share, bool)
    if not ok or not 0 < share < 1:
        raise ValueError(
            f"{name} must be a share in (0, 1), or (images, labels), got {_checks.received(share)}"
        )
    return max(1, round(share * total))


def _pictures(name: str, values: Any) -> np.ndarray:
    """uint8 [n, height, width, channels]."""
    array = _array(name, values)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or not array.size:
        hint = ""
        if array.dtype.kind == "f":
            hint = ": round those in [0, 1] times 255, and cast them"
        raise ValueError(
            f"{name} must be uint8 [n, height, width] or [n, height, width, channels] without an "
            f"empty axis, got {array.dtype} {list(array.shape)}{hint}"
        )
    return array if array.ndim == 4 else array[..., None]


def _labels(name: str, values: Any) -> np.ndarray:
    """Whole numbers or words, [n]."""
    array = _array(name, values)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "f" and np.all(np.isfinite(array)) and np.all(array == np.rint(array)):
        array = array.astype(np.int64)
    if array.dtype.kind == "O" and all(isinstance(value, str) for value in array.ravel()):
        array = array.astype(str)
    if array.ndim != 1 or array.dtype.kind not in "iubU" or not array.size:
        raise ValueError(
            f"{name} must be whole numbers or words [n], none missing, "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array


def _array(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: {error}") from None


def _numbers(name: str, labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The places of the labels among those that are known."""
    unknown = set(labels.tolist()) - set(known.tolist())
    if unknown:
        raise ValueError(
            f"{name} labels must be among those of the training images, "
            f"got {sorted(unknown, key=str)[0]!r}"
        )
    return np.searchsorted(known, labels).astype(np.int32)


def _check_array(name: str, value: np.ndarray, dtype: type, axes: Sequence[str]) -> None:
    shape = ", ".join(axes)
    rule = f"{name} must be a numpy array of {np.dtype(dtype)} [{shape}] without an empty axis"
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{rule}, got {type(value).__name__}")
    if value.dtype != dtype or value.ndim != len(axes) or value.size == 0:
        raise ValueError(f"{rule}, got {value.dtype} {list(value.shape)}")
