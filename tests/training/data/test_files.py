"""Data sets in an .npz and in a folder of pictures."""

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
        (lambda d: write(d, classes=["cat"]), "num_classes must be an integer >= 2, got 1"),
    ],
    ids=["empty", "empty class", "a file", "no picture", "damaged", "sizes", "one class"],
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
