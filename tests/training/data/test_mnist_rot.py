"""Synthetic rotated MNIST: the same bytes everywhere, turned as scipy does, no digit twice."""

import numpy as np
import pytest
import scipy.ndimage

from training import data
from training.data import made, mnist_rot, sources

# Of 300 + 200 of the embedded digits: a small copy of the data set, made by the same code.
SMALL = "55b2073e0fd48c77a23292e62082d6ff06cb10f2be80b7a2460bc628982a32ec"


@pytest.fixture(scope="module")
def source(mnist_5k) -> made.Arrays:
    return {
        f"{name}_{key}": getattr(split, key)
        for name, split in (("train", mnist_5k.train), ("test", mnist_5k.validation))
        for key in ("images", "labels")
    }


@pytest.fixture(scope="module")
def small(source) -> made.Arrays:
    return mnist_rot.make(**source, num_train=300, num_test=700)


def test_its_bytes_are_pinned(small):
    assert made.checksum(small) == SMALL


def test_the_checksum_sees_every_change(small):
    pinned = made.checksum(small)
    for name in small:
        changed = {key: value.copy() for key, value in small.items()}
        changed[name].flat[-1] ^= 1
        assert made.checksum(changed) != pinned
    renamed = {name[::-1]: value for name, value in small.items()}
    assert made.checksum(renamed) != pinned


@pytest.mark.slow
def test_no_digit_occurs_twice_and_all_test_digits_do(source):
    ids = {**source, "train_labels": np.arange(3500), "test_labels": np.arange(3500, 4000)}
    found = mnist_rot.make(**ids, num_train=300, num_test=700)
    used = np.concatenate([found["train_labels"], found["test_labels"]])
    assert len(set(used)) == 1000
    assert found["train_labels"].max() < 3500
    assert set(range(3500, 4000)) <= set(found["test_labels"])


@pytest.mark.slow
def test_labels_stay_with_their_images(source):
    ids = {**source, "train_labels": np.arange(3500), "test_labels": np.arange(3500, 4000)}
    found = mnist_rot.make(**ids, num_train=300, num_test=700)
    images = np.concatenate([source["train_images"], source["test_images"]])
    for part in ("train", "test"):
        # Far from the frame, turning keeps the sum of an image but for rounding.
        sums = images[found[f"{part}_labels"]].sum(axis=(1, 2, 3), dtype=float)
        turned = found[f"{part}_images"].sum(axis=(1, 2, 3), dtype=float)
        assert np.abs(turned / sums - 1).mean() < 0.01
        assert np.abs(turned / np.roll(sums, 1) - 1).mean() > 0.1


def test_it_turns_as_scipy_does(source):
    images = source["test_images"][:20]
    degrees = np.linspace(0, 350, 20)
    turned = mnist_rot.rotate(images, degrees)
    for image, angle, found in zip(images, degrees, turned, strict=True):
        expected = scipy.ndimage.rotate(
            image[..., 0].astype(float), angle, reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_array_equal(found[..., 0], np.rint(expected))


@pytest.mark.slow
def test_angles_are_uniform_over_the_circle():
    """Bright pixels to the right of the centre show where each image was turned to."""
    images = np.zeros((2000, 28, 28, 1), np.uint8)
    images[:, 13:15, 22:25] = 255
    labels = np.zeros(2000, np.int32)
    found = mnist_rot.make(images, labels, images[:500], labels[:500], 1000, 1000)
    turned = np.concatenate([found["train_images"], found["test_images"]])[..., 0].astype(float)
    x = (turned * (np.arange(28) - 13.5)).sum(axis=(1, 2))
    y = (turned * (13.5 - np.arange(28))[:, None]).sum(axis=(1, 2))
    counts, _ = np.histogram(np.arctan2(y, x), bins=8, range=(-np.pi, np.pi))
    assert counts.min() > 200 and counts.max() < 300  # 250 +- 3.4 standard deviations


def test_it_is_made_once(tmp_path, small, monkeypatch):
    monkeypatch.setattr(mnist_rot, "SHA256", made.checksum(small))
    monkeypatch.setattr(mnist_rot, "make", lambda: small)
    path = tmp_path / "new" / mnist_rot.FILE
    calls = []
    for _ in range(2):
        loaded = made.load(mnist_rot, path, lambda: calls.append(0) or {})
        assert loaded.keys() == small.keys()
        for name in small:
            np.testing.assert_array_equal(loaded[name], small[name])
    assert len(calls) == 1
    assert [file.name for file in path.parent.iterdir()] == [mnist_rot.FILE]


@pytest.mark.parametrize("damage", ["empty", "cut", "other", "text"])
def test_a_damaged_file(tmp_path, small, monkeypatch, damage):
    monkeypatch.setattr(mnist_rot, "SHA256", made.checksum(small))
    path = tmp_path / mnist_rot.FILE
    other = {**small, "test_labels": small["test_labels"][::-1]}
    np.savez(path, **other)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[:-500], "other": whole, "text": b"12"}[damage])
    with pytest.raises(ValueError, match="is damaged.*delete it to have it made"):
        made.load(mnist_rot, path, dict)


def test_made_from_other_digits(tmp_path, small, monkeypatch):
    monkeypatch.setattr(mnist_rot, "make", lambda: small)
    path = tmp_path / mnist_rot.FILE
    with pytest.raises(ValueError, match="could not be made as it was.*must be [0-9a-f]{64}, got"):
        made.load(mnist_rot, path, dict)
    assert not path.exists()


def test_a_folder_that_cannot_be_written(tmp_path, small, monkeypatch):
    monkeypatch.setattr(mnist_rot, "SHA256", made.checksum(small))
    monkeypatch.setattr(mnist_rot, "make", lambda: small)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="^data_dir must be a folder that can be written, got"):
        made.load(mnist_rot, tmp_path / "file" / mnist_rot.FILE, dict)


@pytest.mark.slow
def test_load_cuts_it_and_keeps_it_beside_mnist(tmp_path, small, monkeypatch):
    monkeypatch.setattr(mnist_rot, "SHA256", made.checksum(small))
    np.savez_compressed(tmp_path / mnist_rot.FILE, **small)
    monkeypatch.setattr(sources, "hold_out", lambda split, _: (split, split))
    loaded = data.load("mnist_rot", data_dir=tmp_path)
    np.testing.assert_array_equal(loaded.test.images, small["test_images"])
    np.testing.assert_array_equal(loaded.train.labels, small["train_labels"])
