"""Measuring how a finished run's probabilities move, its files, and what is refused."""

import csv
import shutil

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training import stability as command_module
from training.engine import load_run, stability


@pytest.fixture
def copy(small_run, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(small_run.workdir, workdir)
    return workdir


def read(path) -> dict[str, np.ndarray]:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


@pytest.mark.slow
def test_what_is_printed_is_that_of_the_files(copy, command):
    words = ["--images=50", "--steps=8"]
    outcome = command(command_module, f"--workdir={copy}", *words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    curves, images = (
        read(copy / "stability-rotation.csv"),
        read(copy / "stability-rotation-images.csv"),
    )
    assert list(curves) == ["degrees", "accuracy", "distance"]
    np.testing.assert_array_equal(curves["degrees"], np.arange(0, 360, 45))
    np.testing.assert_array_equal(images["image"], np.arange(50))
    accuracy = 100 * curves["accuracy"]
    lines = outcome.stdout.splitlines()
    errors = [line.rpartition("about ")[2].rstrip(")") for line in lines[3:5]]
    assert lines == [
        "class probabilities of 50 test images, rotation from 0 to 315 degrees in steps of 45",
        f"accuracy       {accuracy[0]:.2f} % upright, {accuracy.mean():.2f} % on average, "
        f"{accuracy.min():.2f} % at worst",
        f"always right   {100 * images['always_right'].mean():.2f} %",
        f"variance       {images['variance'].mean():.4f} (error of the steps about {errors[0]})",
        f"difference     {images['difference'].mean():.4f} (error of the steps about {errors[1]})",
        f"instability    {100 * images['instability'].mean():.2f} %",
        f"written to     {copy}/stability-rotation.csv, stability-rotation-images.csv, "
        "stability-rotation.png",
    ]
    assert float(errors[1]) < 0
    np.testing.assert_allclose(np.mean(images["label"] == images["predicted"]), accuracy[0] / 100)
    # A plain MLP knows upright digits; probabilities are at most sqrt(2) apart.
    assert accuracy[0] > accuracy.mean() + 20
    assert 0.5 < images["worst_distance"].max() <= np.sqrt(2)
    assert curves["distance"][0] == 0 < curves["distance"][1:].min()
    assert (copy / "stability-rotation.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_the_probabilities_of_the_network(small_run, mnist_5k):
    """One image and one turn, by hand."""
    network = load_run(small_run.workdir).network
    images, labels = mnist_5k.test.images[:3], mnist_5k.test.labels[:3]
    result = stability.measure(network, images, labels, wn.stability.rotation(4))
    for s in range(4):
        turned = np.rot90(images, s, axes=(1, 2)).astype("f") / 255
        logits = network(turned).numpy().astype(float)
        expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(result.responses[:, s], expected, atol=1e-5)
    np.testing.assert_allclose(result.responses.sum(axis=2), 1, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["shift_x", "shift_y", "scale", "shear"])
def test_every_action(copy, mnist_5k, action):
    scores = stability.report(copy, mnist_5k, action, images=20, steps=5)
    family = wn.stability.FAMILIES[action](5)
    curves = read(copy / f"stability-{action}.csv")
    np.testing.assert_array_equal(curves[family.unit], family.parameters)
    np.testing.assert_allclose(curves["accuracy"] @ family.weights, scores["mean_accuracy"])
    assert scores["worst_accuracy"] < scores["upright_accuracy"]
    assert (copy / f"stability-{action}-images.csv").exists()
    assert (copy / f"stability-{action}.png").exists()


@pytest.mark.slow
def test_an_exactly_invariant_network_is_stable(mnist_5k):
    """Under quarter turns, a synchronous network, trained or not; an MLP is not."""
    images, labels = mnist_5k.test.images[:20], mnist_5k.test.labels[:20]
    scores = {}
    for name, arguments in (("synchronous_mlp", {"group": "cyclic4"}), ("mlp", {})):
        network = wn.create_network(name, **arguments)
        network(tf.zeros([1, 28, 28, 1]))
        scores[name] = stability.summarise(network, images, labels, wn.stability.rotation(4))
    stable, unstable = scores.values()
    assert stable["variance"] < 1e-10 < 1e-4 < unstable["variance"]
    assert stable["difference"] < 1e-4 < 1e-2 < unstable["difference"]
    assert stable["instability"] == 0 < 0.1 < unstable["instability"]
    assert stable["upright_accuracy"] == stable["worst_accuracy"] == stable["always_right"]
    assert set(stable) == {
        *("upright_accuracy", "mean_accuracy", "worst_accuracy", "always_right", "variance"),
        *("variance_error", "difference", "difference_error", "worst_distance", "instability"),
    }


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        ([], 1, "workdir must be given: --workdir=FOLDER of a run"),
        (["--workdir="], 2, "--workdir=: must be a path, got an empty one"),
        (["--workdir=nowhere"], 1, "workdir nowhere has no config.json"),
        (["--workdir=nowhere", "stray"], 2, "unexpected argument 'stray'"),
        (["--action=flip"], 2, "flag --action=flip: value should be one of <rotation|shift_x|"),
        (["--images=0"], 2, "flag --images=0: 0 is not a positive integer"),
        (["--steps=1"], 2, "flag --steps=1: "),
        (["--low=a"], 2, "flag --low=a: "),
    ],
)
def test_bad_flags(command, tmp_path, words, exit_code, message):
    command(command_module, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"action": "flip"}, r"action must be one of \['rotation', .*\], got 'flip'"),
        ({"images": 1001}, "images must be 1 to 1000, the test images, got 1001"),
        ({"images": 0}, "images must be 1 to 1000, the test images, got 0"),
        ({"steps": 9}, "steps must be an even number >= 4"),
        ({"low": 9.0, "high": 9.0}, "low must be below high, got 9 and 9"),
        ({"low": -1.0}, "high - low must be at most 360 degrees, got 361"),
        ({"action": "scale", "low": 0.0}, "low must be a finite number > 0"),
        ({"low": 10.0, "high": 20.0}, "the maps must hold the identity, .* got <Family rotation"),
    ],
)
def test_bad_arguments(copy, mnist_5k, arguments, message):
    with pytest.raises(ValueError, match=message):
        stability.report(copy, mnist_5k, **arguments)
    assert not list(copy.glob("stability*"))


@pytest.mark.slow
def test_of_other_data(copy, few_digits):
    with pytest.raises(ValueError, match="dataset must be the one of the run in .*, mnist_5k"):
        stability.report(copy, few_digits)
    assert not list(copy.glob("stability*"))


@pytest.mark.slow
def test_folders_of_data_are_asked_for(copy, command):
    outcome = command(command_module, f"--workdir={copy}", "--data_dir=there")
    outcome.assert_failed("data_dir must be left out with mnist_5k")
