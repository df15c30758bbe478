"""weirdonetworks classify: pictures in, classes out, and an honest word about what is none."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from training.data import load
from weirdonetworks.commands.classify import __main__ as program
from weirdonetworks.commands.classify.classify import classify, files, networks, rank

DIGITS = load("mnist_5k").test


def _write(path, brightness) -> None:
    pixels = np.rint(255 * np.asarray(brightness)).astype(np.uint8)
    path.write_bytes(tf.io.encode_png(pixels[..., None]).numpy())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten digits in black on white, three times as large, a chess board, and no picture."""
    path = tmp_path_factory.mktemp("pictures")
    for i in range(10):
        digit = DIGITS.images[i, ..., 0] / 255
        _write(path / f"digit{i}.png", 1 - np.kron(np.pad(digit, 9), np.ones((3, 3))))
    y, x = np.mgrid[0:120, 0:120]
    _write(path / "chess.png", (x // 15 + y // 15) % 2)
    (path / "text.png").write_text("no picture")
    (path / "notes.txt").write_text("ignored")
    return path


@pytest.fixture(scope="module")
def asked():
    return networks("mlp", "mnist")


@pytest.mark.slow
def test_digits_are_named(folder, asked):
    found = classify(files([str(folder)]), asked).table
    digits = found[found["picture"].str.contains("digit")]
    assert np.mean(digits["class"].to_numpy() == DIGITS.labels[:10]) >= 0.9
    probabilities = digits[[f"p{k}" for k in range(10)]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(probabilities.max(axis=1), digits["probability"])


@pytest.mark.slow
def test_what_is_no_digit_is_told_apart(folder, asked):
    found = classify(files([str(folder)]), asked)
    table = found.table.set_index(found.table["picture"].str.rpartition("/")[2])
    assert table.loc["chess.png", "energy_rank"] > 0.97
    assert table.loc[[f"digit{i}.png" for i in range(10)], "energy_rank"].median() < 0.9
    assert "must be a picture" in table.loc["text.png", "error"]
    lines = list(found.lines())
    assert sum("not read: path must be a picture" in line for line in lines) == 1
    assert len(found.seen) == 11 and "notes.txt" not in table.index


def test_a_rank_is_the_share_below():
    quantiles = np.quantile(np.arange(1000), np.linspace(0, 1, 101))
    assert rank(-1, quantiles) == 0 and rank(1000, quantiles) == 1
    assert rank(250, quantiles) == pytest.approx(0.25, abs=0.02)


def test_paths_must_be_there(tmp_path):
    with pytest.raises(ValueError, match="^pictures must be files or folders, got 'nowhere', wh"):
        files(["nowhere"])
    with pytest.raises(ValueError, match=r"^a folder must hold pictures \(.png, "):
        files([str(tmp_path)])


@pytest.mark.slow
def test_the_command_writes_a_table_and_a_picture(folder, tmp_path, command):
    words = [str(folder / "digit0.png"), str(folder / "text.png"), "--network=mlp"]
    outcome = command(program, *words, "--workdir=out")
    assert outcome.exit_code == 0, outcome
    assert "written to  out/: classes.csv, seen.png" in outcome.stdout
    assert list(pd.read_csv(tmp_path / "out" / "classes.csv")["network"].dropna()) == ["mlp"]
    assert (tmp_path / "out" / "seen.png").stat().st_size > 1000


def test_no_picture_at_all_is_an_error(folder, command):
    outcome = command(program, str(folder / "text.png"), "--network=mlp")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(
        "error: none of 1 pictures could be read: path must be a picture"
    )
    outcome = command(program)
    assert outcome.exit_code == 2 and "missing argument 'pictures'" in outcome.stderr
