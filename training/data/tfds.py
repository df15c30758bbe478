"""Data sets of TensorFlow Datasets, prepared from original files or the network."""

import atexit
import contextlib
import difflib
import io
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from training.data import made
from training.data.dataset import Dataset, Split, hold_out
from training.data.packages import require

_SIZES = {"train": 60_000, "test": 10_000}  # of mnist and of fashion_mnist
# Of the original files: what is prepared as the one may be the other, since TensorFlow Datasets by
# itself takes files of the same names for one another (see `_prepare`).
_FINGERPRINTS = {
    "mnist": {"train": 4015348926, "test": 2764684395},
    "fashion_mnist": {"train": 2478834352, "test": 3464066081},
}
_PROBE_SECONDS = 4

PathLike = str | os.PathLike[str]


def load_any(name: str, data_dir: PathLike | None, manual_dir: PathLike | None) -> Dataset:
    """tfds:NAME, any image classification set whose pictures are of one size.

    Raises:
      ValueError: a set of another kind, or with pictures of several sizes.
    """
    # With those of its community, it would look for them on the network, for minutes without one.
    tfds = require("tensorflow_datasets")
    known = tfds.list_builders(with_community_datasets=False)
    plain = name.removeprefix("tfds:").partition("/")[0].partition(":")[0]
    if plain not in known:
        near = difflib.get_close_matches(plain, known, 1)
        meant = f". Did you mean tfds:{near[0]}?" if near else ""
        raise ValueError(
            f"{name} must be a data set of TensorFlow Datasets: it knows no such name{meant}"
        )
    if plain != name.removeprefix("tfds:"):
        try:
            tfds.builder(name.removeprefix("tfds:"), data_dir=data_dir)
        except Exception as error:  # it promises no types
            raise ValueError(
                f"{name} must be a data set of TensorFlow Datasets, which knows {plain}, but no "
                f"such version or configuration of it ({type(error).__name__})"
            ) from None
    builder = _builder(name.removeprefix("tfds:"), data_dir, manual_dir)
    features = builder.info.features
    kinds = {key: type(feature).__name__ for key, feature in (features or {}).items()}
    if kinds.get("image") != "Image" or kinds.get("label") != "ClassLabel":
        raise ValueError(f"{name} must be an image classification set, got {kinds}")
    if None in features["image"].shape:
        raise ValueError(
            f"{name} must have pictures of one size, got the shape {features['image'].shape}"
        )
    if not builder.data_path.exists():
        _prepare(builder, manual_dir)
    with _blame(f"{name} in {builder.data_dir}"):
        found = {split: _arrays(builder, split) for split in builder.info.splits}
    train = Split(*found["train"])
    names = {"test": found.get("test"), "validation": found.get("validation")}
    parts = {key: Split(*value) for key, value in names.items() if value}
    for key, share in (("test", 0.2), ("validation", 0.1)):
        if key not in parts:
            train, parts[key] = hold_out(train, round(share * len(found["train"][1])))
    label = features["label"]
    return Dataset(name, label.num_classes, train, **parts, classes=tuple(label.names))


def load_made(
    kind: ModuleType, data_dir: PathLike | None, manual_dir: PathLike | None
) -> tuple[Split, Split]:
    """What `kind` makes of MNIST, `mnist_rot` or `mnist_kspace`, from its file beside MNIST."""

    def mnist() -> dict[str, np.ndarray]:
        splits = load_original("mnist", data_dir, manual_dir)
        return {
            f"{name}_{key}": getattr(split, key)
            for name, split in splits.items()
            for key in ("images", "labels")
        }

    arrays = made.load(
        kind, _builder("mnist", data_dir, manual_dir).data_dir_root / kind.FILE, mnist
    )
    train, test = (
        Split(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in ("train", "test")
    )
    return train, test


def load_original(
    name: str, data_dir: PathLike | None, manual_dir: PathLike | None
) -> dict[str, Split]:
    """Reads TensorFlow Datasets' splits `train` and `test`, prepared first where they are not."""
    builder = _builder(name, data_dir, manual_dir)
    if not builder.data_path.exists():
        _prepare(builder, manual_dir)
    with _blame(f"{name} in {builder.data_dir}"):
        return {split: _read(builder, split) for split in _SIZES}


def _builder(name: str, data_dir: PathLike | None, manual_dir: PathLike | None):
    """TensorFlow Datasets' builder, which knows its folders; a manual_dir that lacks files is
    refused even where the data are prepared and need none."""
    require("importlib_resources")  # TensorFlow Datasets needs it without declaring it
    tfds = require("tensorflow_datasets")
    if data_dir is not None:
        data_dir = os.path.expanduser(data_dir)
    with _blame(f"{name} in data_dir={data_dir or 'the default of TensorFlow Datasets'}"):
        builder = tfds.builder(name, data_dir=data_dir)
    if manual_dir is not None:
        _check_manual_dir(name, pathlib.Path(manual_dir).expanduser(), _files(builder))
    return builder


def _files(builder) -> list[str]:
    """The names of the original files of a data set that is known here, sorted."""
    if builder.name not in _FINGERPRINTS:
        return []
    return sorted(info.filename for info in (builder.url_infos or {}).values())


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
    images, labels = _arrays(builder, split)
    if len(labels) != _SIZES[split]:
        raise ValueError(f"{split} must have {_SIZES[split]} examples, got {len(labels)}")
    if fingerprint(images, labels) != _FINGERPRINTS[builder.name][split]:
        raise ValueError(f"{split} must have the examples of {builder.name}")
    return Split(images, labels)


def _arrays(builder, split: str) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds

    # One shard after another, so that the order does not depend on how many there are.
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    images, labels = tfds.as_numpy(
        builder.as_dataset(
            split=split, batch_size=-1, shuffle_files=False, as_supervised=True, read_config=config
        )
    )
    return images, labels.astype(np.int32)


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
    urls, files = list(builder.url_infos or {}), _files(builder)
    by_hand = f" with the four original files ({', '.join(files)})" if files else ""
    ways_out = (
        f"use --dataset=mnist_5k, which needs no network, or --manual_dir=FOLDER{by_hand}, or "
        f"--data_dir=FOLDER where TensorFlow Datasets has prepared {name} already (it has not in "
        f"{folder})"
    )
    if manual_dir is not None:
        manual_dir = pathlib.Path(manual_dir).expanduser()
    elif urls and (reason := _unreachable(urls[0])):
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
    with _folder_of_threads() as unpacked, _well_behaved_tfds():
        config = tfds.download.DownloadConfig(manual_dir=manual_dir, extract_dir=unpacked)
        try:
            builder.download_and_prepare(download_config=config)
        except FileExistsError:
            if not builder.data_path.exists():
                raise
            builder.info.read_from_directory(builder.data_path)  # another process was sooner
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


def _check_manual_dir(name: str, manual_dir: pathlib.Path, files: list[str]) -> None:
    what = f"the four original files of {name}" if files else f"the files of {name}"
    if not manual_dir.is_dir():
        raise FileNotFoundError(f"manual_dir must be a folder with {what}, got {str(manual_dir)!r}")
    if missing := [file for file in files if not (manual_dir / file).is_file()]:
        raise FileNotFoundError(
            f"manual_dir must hold {what}, got {str(manual_dir)!r} without {', '.join(missing)}"
        )


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

    # In a thread, since the timeout of requests begins after the look-up of the name, which takes
    # as long as the system's resolver likes: minutes where there is no network.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return reasons[0] if reasons else f"no answer within {_PROBE_SECONDS} s"


@contextlib.contextmanager
def _folder_of_threads() -> Iterator[str]:
    """A temporary folder in which threads may still write when an error leaves it.

    TensorFlow Datasets unpacks in threads that outlive the error of another file. A folder that
    they keep from being removed must not hide that error: it goes when the process ends, which
    waits for them.
    """
    folder = tempfile.mkdtemp()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


@contextlib.contextmanager
def _well_behaved_tfds() -> Iterator[None]:
    """Keeps TensorFlow Datasets from printing, and from trying a download for 3.5 minutes.

    Its downloads run in threads that outlive an error, and the process's end waits for them; no
    setting of its `DownloadConfig` reaches the number of retries (4.9.10).
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
