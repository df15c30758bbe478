"""Data sets in a file with a checksum: whatever byte of it changes, it is read or said damaged."""

import types

import numpy as np
import pytest

from training.data import made


def _kind(make, sha256: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(make=make, SHA256=sha256)


def _save(path) -> tuple[bytes, made.Arrays]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 9, (20, 28, 28, 2)).astype(np.uint8)
    arrays = {"train_images": images, "train_labels": np.arange(20, dtype=np.int32)}
    made.load(_kind(lambda: arrays, made.checksum(arrays)), path, dict)
    return path.read_bytes(), arrays


@pytest.mark.slow
def test_a_bit_of_the_compressed_file_that_changes(tmp_path):
    """Read anew only where it changed nothing of the arrays, as in dates."""
    path, rng = tmp_path / "made.npz", np.random.default_rng(1)
    whole, arrays = _save(path)
    sha256, damaged = made.checksum(arrays), 0
    ends = [*range(60), *range(len(whole) - 250, len(whole))]  # where zip files say what they are
    for place in [*ends, *rng.integers(len(whole), size=200)]:
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoiled)
        try:
            found = made.load(_kind(dict, sha256), path, dict)
        except ValueError as error:
            assert str(error).startswith(f"{path} is damaged"), error
            damaged += 1
        else:
            assert made.checksum(found) == sha256
    assert damaged > 250


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "made.npz").mkdir()
    (tmp_path / "made.npz" / "inside").write_text("")
    with pytest.raises(ValueError, match="is damaged"):
        made.load(_kind(dict, "0"), tmp_path / "made.npz", dict)
    arrays = {"train_labels": np.arange(3)}

    def make() -> made.Arrays:
        (tmp_path / "other.npz").mkdir()  # by another process, in the meantime
        return arrays

    with pytest.raises(OSError, match="^data_dir must be a folder that can be written, got"):
        made.load(_kind(make, made.checksum(arrays)), tmp_path / "other.npz", dict)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.npz", "other.npz"]
