"""Data sets from files: arrays in an .npz, pictures in a folder for each class."""

import zipfile
from collections.abc import Mapping
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
_SPLIT_FOLDERS = {"train", "validation", "val", "test"}


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
        with path.open("rb") as raw:
            whole = zipfile.is_zipfile(raw)
        if not whole:
            raise ValueError("it is no .npz, which numpy.savez writes, or it is damaged")
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            keys = next((k for k in _KEYS if set(k["train"]) <= names), None)
            if keys is None:
                raise ValueError(
                    f"it must hold images and labels, or train_images and train_labels, or "
                    f"x_train and y_train; it holds {', '.join(sorted(names)) or 'nothing'}"
                )
            _check_pairs(keys, names)
            pairs: dict[str, Any] = {
                split: tuple(file[name] for name in pair)
                for split, pair in keys.items()
                if set(pair) <= names
            }
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise ValueError(f"{path} cannot be read as a data set: {error}") from None
    except (MemoryError, OverflowError):
        raise ValueError(f"{path} cannot be read as a data set: it needs more memory") from None
    images, labels = pairs.pop("train")
    return Dataset.from_arrays(images, labels, name=str(path), **pairs)


def _check_pairs(keys: Mapping[str, tuple[str, str]], names: set[str]) -> None:
    for pair in keys.values():
        for here, other in (pair, pair[::-1]):
            if here in names and other not in names:
                raise ValueError(f"it holds {here} without {other}")


def from_folder(path: str | Path) -> Dataset:
    """The data set in a folder that has a folder of pictures for each class.

    Or in its folders `train`, `test` and `validation` (or `val`), each of them like this; those of
    the last two that it lacks are cut off the training pictures. All pictures are of one size; they
    become grey if all of them are, and RGB otherwise. What is transparent is white, 16 bits become
    8, of an animation the first picture counts, and a camera's turn is undone.

    Raises:
      ValueError: no classes, a class without pictures, a file that is no picture, pictures of
        different sizes.
      OSError: a folder that is missing or cannot be read.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"dataset must be a folder that exists, got {str(path)!r}")
    names = {entry.name for entry in _visible(path) if entry.is_dir()}
    if {"validation", "val"} <= names:
        raise ValueError(f"{path} must hold validation or val, got both")
    if {"train"} <= names <= _SPLIT_FOLDERS:
        files = {name: _files(path / name) for name in ("train", "validation", "val", "test")
                 if name in names}  # fmt: skip
    else:
        files = {"train": _files(path)}
    pictures = _read([file for pairs in files.values() for file, _ in pairs])
    parts, start = {}, 0
    for name, pairs in files.items():
        parts[name] = (pictures[start : start + len(pairs)], [label for _, label in pairs])
        start += len(pairs)
    if "val" in parts:
        parts["validation"] = parts.pop("val")
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


class _KindError(Exception):
    """A picture that is whole, but of a kind that has no bytes for pixels."""


def _picture(file: Path) -> np.ndarray:
    """uint8 [height, width], if it is grey, or [height, width, 3]."""
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I;16"):  # Pillow itself would cut it off at 255
            return (np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8)
        if picture.mode in ("I", "F"):
            raise _KindError(
                f"{file} must have 8 or 16 bits a pixel and colour, got Pillow's mode "
                f"{picture.mode}: convert it"
            )
        grey = picture.mode in ("1", "L", "LA", "La")
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
        return np.asarray(picture.convert("L" if grey else "RGB"))


def _read(files: list[Path]) -> np.ndarray:
    """uint8 [n, height, width, channels]."""
    pictures: list[tuple[np.ndarray, Path]] = []
    for file in files:
        if file.is_dir() or (file.exists() and not file.is_file()):
            what = "a folder" if file.is_dir() else "something else"
            raise ValueError(f"{file.parent} must hold pictures, got {what}, {file.name}")
        try:
            pictures.append((_picture(file), file))
        except _KindError as error:
            raise ValueError(str(error)) from None
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
