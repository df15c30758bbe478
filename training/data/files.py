"""Data sets from files: arrays in an .npz, pictures in a folder for each class."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from training.data.dataset import Dataset

# Names of (images, labels) for each split, as people save them; the second way is Keras's.
_KEYS = (
    {"train": ("train_images", "train_labels"), "validation": ("validation_images",
     "validation_labels"), "test": ("test_images", "test_labels")},
    {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"),
     "test": ("x_test", "y_test")},
    {"train": ("images", "labels"), "validation": ("validation_images", "validation_labels"),
     "test": ("test_images", "test_labels")},
)  # fmt: skip


def from_npz(path: str | Path) -> Dataset:
    """The data set in an .npz: `images` and `labels`, or those of train, validation and test.

    Splits that it lacks are cut off the training images (10 % validation, 20 % test, seed 0).

    Raises:
      ValueError: no such arrays, arrays of another kind, a damaged file.
      OSError: a file that is missing or cannot be read.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"dataset must be a file that exists, got {str(path)!r}")
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array, not several by name")
            names = set(file.files)
            keys = next((k for k in _KEYS if set(k["train"]) <= names), None)
            if keys is None:
                raise ValueError(
                    f"it must hold images and labels, or train_images and train_labels, or "
                    f"x_train and y_train; it holds {', '.join(sorted(names)) or 'nothing'}"
                )
            pairs: dict[str, Any] = {
                split: tuple(file[name] for name in pair)
                for split, pair in keys.items()
                if set(pair) <= names
            }
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise ValueError(f"{path} cannot be read as a data set: {error}") from None
    images, labels = pairs.pop("train")
    return Dataset.from_arrays(images, labels, name=str(path), **pairs)


def from_folder(path: str | Path) -> Dataset:
    """The data set in a folder that has a folder of pictures for each class.

    Or in its folders `train` and `test` (and `validation`), each of them like this. All pictures
    are of one size; they become grey if all of them are, and RGB otherwise.

    Raises:
      ValueError: no classes, a class without pictures, a file that is no picture, pictures of
        different sizes.
      OSError: a folder that is missing or cannot be read.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"dataset must be a folder that exists, got {str(path)!r}")
    names = {entry.name for entry in _visible(path) if entry.is_dir()}
    if {"train", "test"} <= names <= {"train", "validation", "test"}:
        files = {name: _files(path / name) for name in ("train", "validation", "test")
                 if name in names}  # fmt: skip
    else:
        files = {"train": _files(path)}
    pictures = _read([file for pairs in files.values() for file, _ in pairs])
    parts, start = {}, 0
    for name, pairs in files.items():
        parts[name] = (pictures[start : start + len(pairs)], [label for _, label in pairs])
        start += len(pairs)
    images, labels = parts.pop("train")
    return Dataset.from_arrays(images, labels, name=str(path), **parts)


def _visible(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))


def _files(path: Path) -> list[tuple[Path, str]]:
    """(picture, class) of all pictures in the folders of `path`."""
    pairs = []
    for folder in _visible(path):
        if not folder.is_dir():
            name = folder.name
            raise ValueError(f"{path} must hold a folder for each class, got the file {name}")
        files = _visible(folder)
        if not files:
            raise ValueError(f"{folder} must hold pictures, got none")
        pairs += [(file, folder.name) for file in files]
    if not pairs:
        raise ValueError(f"{path} must hold a folder of pictures for each class, got none")
    return pairs


def _read(files: list[Path]) -> np.ndarray:
    """uint8 [n, height, width, channels]."""
    from PIL import Image

    pictures = []
    for file in files:
        try:
            with Image.open(file) as picture:
                grey = picture.mode in ("1", "L", "LA", "I;16")
                pictures.append((np.asarray(picture.convert("L" if grey else "RGB")), file))
        except Exception as error:  # Pillow promises no types for damaged files
            raise ValueError(
                f"{file} cannot be read as a picture ({type(error).__name__})"
            ) from None
        first, size = pictures[0][0].shape[:2], pictures[-1][0].shape[:2]
        if size != first:
            raise ValueError(
                f"pictures must be of one size, got {first[1]} x {first[0]} pixels in {files[0]} "
                f"and {size[1]} x {size[0]} in {file}"
            )
    if any(picture.ndim == 3 for picture, _ in pictures):
        return np.stack(
            [p if p.ndim == 3 else np.repeat(p[..., None], 3, axis=2) for p, _ in pictures]
        )
    return np.stack([picture for picture, _ in pictures])
