"""Data sets in an .npz and in a folder of pictures."""

import os
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from training import data
from training.data import SPLITS

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 5), np.uint8)
LABELS = np.arange(40) % 4


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        ({"images": IMAGES, "labels": LABELS}, [28, 4, 8]),
        ({"train_images": IMAGES, "train_labels": LABELS}, [28, 4, 8]),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:4], "y_test": LABELS[:4]},
            [36, 4, 4],
        ),
        (
            {"images": IMAGES, "labels": LABELS}
            | {f"{s}_images": IMAGES[:8] for s in ("validation", "test")}
            | {f"{s}_labels": LABELS[:8] for s in ("validation", "test")},
            [40, 8, 8],
        ),
    ],
    ids=["images", "train_images", "x_train", "splits"],
)
def test_an_npz(tmp_path, names, sizes):
    path = tmp_path / "mine.npz"
    np.savez(path, **names)
    dataset = data.load(str(path))
    assert [len(getattr(dataset, split)) for split in SPLITS] == sizes
    assert (dataset.name, dataset.image_shape) == (str(path), (6, 5, 1))
    known = {image.tobytes(): label for image, label in zip(IMAGES, LABELS, strict=True)}
    for image, label in zip(dataset.train.images, dataset.train.labels, strict=True):
        assert known[image.tobytes()] == label


def test_an_npz_that_cannot_be_read(tmp_path):
    def failure(message, error=ValueError):
        with pytest.raises(error, match=message) as raised:
            data.load(str(tmp_path / "mine.npz"))
        assert "\n" not in str(raised.value)

    failure("dataset must be a file that exists", FileNotFoundError)
    path = tmp_path / "mine.npz"
    path.write_bytes(b"PK no zip")
    failure("mine.npz cannot be read as a data set")
    np.savez(path, pictures=IMAGES)
    failure("it must hold images and labels, .* it holds pictures")
    np.savez(path, images=IMAGES, labels=np.array([{}] * 40))  # pickled: never loaded
    failure("mine.npz cannot be read as a data set: .*allow_pickle")
    np.savez(path, images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[:400])
    failure("mine.npz cannot be read as a data set")
    np.savez(path, images=IMAGES / 255, labels=LABELS)
    failure("images must be uint8")
    np.savez(path, images=IMAGES, labels=LABELS, test_images=IMAGES)
    failure("it holds test_images without test_labels")
    for damaged in (b"", b"image,label", pickle.dumps({"images": 1})):
        path.write_bytes(damaged)
        failure("mine.npz cannot be read as a data set: it is no .npz")
    with path.open("wb") as file:
        np.save(file, IMAGES)  # one array, which is no zip
    failure("mine.npz cannot be read as a data set: it is no .npz")
    with pytest.raises(ValueError, match="data_dir must be left out with .*mine.npz"):
        data.load(str(path), data_dir="somewhere")


def write(folder, count=10, mode="L", classes=("cat", "dog"), size=(5, 6)):
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            picture = Image.new(mode, size, 20 * k + i if mode == "L" else (20 * k + i, i, 0))
            picture.save(folder / name / f"{i:02}.png")


def test_a_folder_of_pictures(tmp_path, capfd):
    write(tmp_path)
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "cat" / ".thumbs").write_text("")
    dataset = data.load(f"{tmp_path}/")
    assert capfd.readouterr().err.endswith("mapped: cat -> 0, dog -> 1\n")
    assert (dataset.classes, dataset.image_shape) == (("cat", "dog"), (6, 5, 1))
    assert [len(getattr(dataset, split)) for split in SPLITS] == [14, 2, 4]
    for split in SPLITS:
        part = getattr(dataset, split)
        np.testing.assert_array_equal(part.images[:, 0, 0, 0] // 20, part.labels)


def test_folders_of_splits_and_colours(tmp_path):
    write(tmp_path / "train", 10, "RGB")
    write(tmp_path / "test", 3, "RGB")
    write(tmp_path / "test", 1, "L")  # a grey one among them
    dataset = data.load(str(tmp_path))
    assert [len(getattr(dataset, split)) for split in SPLITS] == [18, 2, 6]
    assert dataset.image_shape == (6, 5, 3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: None, "must hold a folder of pictures for each class, got none"),
        (lambda d: (d / "cat").mkdir(), "cat must hold pictures, got none"),
        (lambda d: (d / "note.txt").write_text("x"), "folder for each class, got the file note"),
        (
            lambda d: (write(d), (d / "cat" / "note.txt").write_text("x")),
            "note.txt cannot be read as a picture",
        ),
        (
            lambda d: (write(d), (d / "dog" / "01.png").write_bytes(b"\x89PNG\r\n")),
            "01.png cannot be read as a picture",
        ),
        (
            lambda d: (write(d), write(d, 1, classes=["owl"], size=(5, 7))),
            "pictures must be of one size, got 5 x 6 pixels in .*cat.00.png and 5 x 7 in .*owl",
        ),
        (lambda d: write(d, classes=["cat"]), "two classes at least, got only cat"),
        (lambda d: write(d / "cat"), "cat must hold pictures, got a folder, cat"),
        (
            lambda d: (write(d), os.mkfifo(d / "cat" / "x.png")),  # it would be waited for
            "cat must hold pictures, got something else, x.png",
        ),
        (
            lambda d: (write(d), Image.new("F", (5, 6)).save(d / "cat" / "x.tif")),
            "x.tif must have 8 or 16 bits",
        ),
        (
            lambda d: [write(d / split) for split in ("train", "val", "validation")],
            "must hold validation or val, got both",
        ),
    ],
    ids=[
        "empty",
        "empty class",
        "a file",
        "no picture",
        "damaged",
        "sizes",
        "one class",
        "nested",
        "a pipe",
        "float pixels",
        "val twice",
    ],
)
def test_folders_that_are_no_data_set(tmp_path, spoil, message):
    folder = tmp_path / "pictures"
    folder.mkdir()
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        data.load(str(folder))


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="dataset must be a folder that exists"):
        data.load(str(tmp_path / "nowhere"))


def test_an_npz_that_no_memory_could_hold(tmp_path):
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("images.npy", "w") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
            )
        with archive.open("labels.npy", "w") as file:
            np.save(file, LABELS)
    with pytest.raises(ValueError, match="mine.npz cannot be read as a data set: .*memory"):
        data.load(str(path))


def test_a_folder_may_be_called_like_a_file_and_not_the_reverse(tmp_path):
    write(tmp_path / "mine.npz")
    assert data.load(str(tmp_path / "mine.npz")).classes == ("cat", "dog")
    (tmp_path / "mine.csv").write_text("image,label")
    with pytest.raises(ValueError, match="a file.npz, a folder/.*got the file .*mine.csv"):
        data.load(str(tmp_path / "mine.csv"))


@pytest.mark.parametrize("held", [["val"], ["validation"], ["test"], ["val", "test"], []])
def test_what_lacks_beside_train_is_cut_off(tmp_path, held):
    write(tmp_path / "train", 20)
    for name in held:
        write(tmp_path / name, 3)
    dataset = data.load(str(tmp_path))
    assert len(dataset.validation) == (6 if {"val", "validation"} & {*held} else 4)
    assert len(dataset.test) == (6 if "test" in held else 8)
    assert dataset.classes == ("cat", "dog")


def only_pixel(tmp_path, save):
    """Of the pictures of a class that `save` has written as 10 files."""
    write(tmp_path, classes=["dog"], size=(2, 3), mode="RGB")
    (tmp_path / "cat").mkdir()
    for i in range(10):
        save(tmp_path / "cat" / str(i))
    dataset = data.load(str(tmp_path))
    (cats,) = np.unique(dataset.train.images[dataset.train.labels == 0], axis=0)
    return cats.tolist()


def test_pictures_of_16_bits_become_those_of_8(tmp_path):
    deep = np.full((3, 2), 0x1234, np.uint16)
    pixels = only_pixel(tmp_path, lambda f: Image.fromarray(deep).save(f, "png"))
    assert pixels == [[[0x12] * 3] * 2] * 3


def test_what_is_transparent_is_white(tmp_path):
    def save(file):
        picture = Image.new("RGBA", (2, 3), (9, 9, 9, 0))  # a hidden colour
        picture.putpixel((0, 0), (1, 2, 3, 255))
        picture.save(file, "png")

    white = [255] * 3
    assert only_pixel(tmp_path, save) == [[[1, 2, 3], white], [white, white], [white, white]]


def test_a_camera_held_upright(tmp_path):
    def save(file):
        lying = Image.new("RGB", (3, 2))
        lying.putpixel((0, 0), (1, 2, 3))
        turn = Image.Exif()
        turn[0x112] = 6  # to be turned clockwise
        lying.save(file, "png", exif=turn)

    black = [0] * 3
    assert only_pixel(tmp_path, save) == [[black, [1, 2, 3]], [black, black], [black, black]]
