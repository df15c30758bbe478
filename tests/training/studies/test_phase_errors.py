"""Networks of light: their formula, their devices, training with errors, one trial."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from training.data.transformations import Draw
from training.engine.plain import cross_entropy, plain
from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.phase_errors.__main__ import STUDY
from training.studies.phase_errors.network import Bench, LightNetwork, lowest, with_errors
from training.studies.phase_errors.report import report

SHAPE = (8, 8, 1)


def _images(count: int = 6) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).uniform(size=(count, *SHAPE)), tf.float32)


def _network(noise: float = 0.0, device: int = 0) -> LightNetwork:
    tf.random.set_seed(1)
    network = LightNetwork(3, 4, noise, device)
    network(_images(1))
    network.bias.assign(tf.linspace(-0.5, 0.1, 16))
    network.gain.assign(0.7)
    network.offset.assign([0.1, -0.2, 0.3])
    return network


def _weights(network) -> list[np.ndarray]:
    return [v.numpy() for v in network.trainable_variables]


@pytest.mark.slow
def test_light_by_hand():
    network, images = _network(), _images()
    k = np.fft.fftshift(np.fft.fft2(images[..., 0], norm="ortho"), axes=(1, 2))
    z = k[:, 2:6, 2:6].reshape(-1, 16)  # frequencies -2 .. 1
    seen = lowest(images, 4).numpy()
    np.testing.assert_allclose(seen[..., 0] + 1j * seen[..., 1], z, atol=1e-5)
    first, second = (np.array(mesh.matrix) for mesh in network.meshes)
    z = z @ (first[..., 0] + 1j * first[..., 1]).T
    z *= np.maximum(np.abs(z) + network.bias.numpy(), 0) / np.abs(z)
    z = z @ (second[..., 0] + 1j * second[..., 1]).T
    expected = 0.7 * np.abs(z[:, :3]) ** 2 + [0.1, -0.2, 0.3]
    np.testing.assert_allclose(network(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_bench_is_the_device():
    images, bench = _images(), Bench(3, 4, SHAPE)
    trained, other = _network(), _network(0.3, device=7)
    before = _weights(trained)
    for noise, device, expected in ((0.0, 0, trained), (0.3, 7, other)):
        found = bench.put(trained, noise, device)(images)
        np.testing.assert_allclose(found, expected(images), rtol=1e-4, atol=1e-4)
    elsewhere = bench.put(trained, 0.3, 8)(images)
    assert np.abs(elsewhere - other(images)).max() > 0.01
    for kept, value in zip(before, _weights(trained), strict=True):
        np.testing.assert_array_equal(kept, value)


@pytest.mark.slow
def test_a_step_with_errors_leaves_the_phases_where_they_are():
    network, images, labels = _network(), _images(), tf.constant([0, 1, 2, 0, 1, 2])
    before, objective = _weights(network), cross_entropy()

    def gradients(noise: float, number: int) -> np.ndarray:
        draw = Draw(0, tf.constant(number))
        outcome = with_errors(noise)(network, objective, images, labels, draw)
        return np.concatenate([np.ravel(gradient) for gradient in outcome.gradients])

    exact = plain(network, objective, images, labels).gradients
    exact = np.concatenate([np.ravel(gradient) for gradient in exact])
    np.testing.assert_array_equal(gradients(0.0, 0), exact)
    small, large, again, other = (
        gradients(*at) - exact for at in ((0.01, 0), (0.02, 0), (0.02, 0), (0.02, 1))
    )
    assert np.linalg.norm(large) == pytest.approx(2 * np.linalg.norm(small), rel=0.3)
    np.testing.assert_array_equal(large, again)
    assert np.linalg.norm(large - other) > 0.5 * np.linalg.norm(large)
    for kept, value in zip(before, _weights(network), strict=True):
        np.testing.assert_array_equal(kept, value)


def test_only_trainings_with_errors_have_some():
    cells = STUDY.all_cells(STUDY.axes)
    assert [(cell["training"], cell["noise"]) for cell in cells] == [
        ("without", 0.0), ("anew", 0.05), ("anew", 0.1), ("device", 0.1),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_trial(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "training": ["device"], "noise": [0.1]}
    study = dataclasses.replace(STUDY, choose=Ladder((3e-2,), rungs=(3e-2,)))
    settings = {"epochs": 2, "side": 4, "devices": 2}
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    runs, devices, choices = (tables[name] for name in ("runs", "devices", "choices"))
    assert list(choices["seed"]) == [CHOICE_SEED] and "test_accuracy" not in choices
    assert list(runs["numbers"]) == [2 * 16**2 + 16 + 1 + 10]
    assert list(devices["tested"]) == [0, 0.01, 0.01, 0.02, 0.02, 0.05, 0.05, 0.1, 0.1, 0.2, 0.2]
    assert set(devices["device"]) == {1, 2}  # its own is 0
    assert devices["test_accuracy"].between(0, 1).all() and runs["test_accuracy"].notna().all()
    assert devices["test_accuracy"].nunique() > 1  # it is scored on devices, which differ


def test_the_tables_tell_what_is_in_the_rows():
    keys = [("without", 0.0, 0.0), ("anew", 0.1, 0.05)]
    cells = [
        ({"dataset": "d", "training": training, "noise": noise, "seed": seed}, shift + seed / 100)
        for training, noise, shift in keys
        for seed in range(3)
    ]
    runs = [
        {**cell, "status": "done", "numbers": 9, "learning_rate": 0.1, "seconds": 1.0,
         "test_accuracy": 0.9}
        for cell, _ in cells
    ]  # fmt: skip
    devices = [
        {**cell, "tested": tested, "device": device, "test_accuracy": 0.5 + better * bool(tested)
         + (0.1 if device else -0.1)}
        for cell, better in cells
        for tested in (0.0, 0.2)
        for device in range(2)
    ]  # fmt: skip
    told = report({"runs": pd.DataFrame(runs), "devices": pd.DataFrame(devices)})
    assert list(told.tables["devices"]["0"]) == ["50.00 ± 0.00"] * 2
    assert list(told.tables["devices"]["0.2"]) == ["51.00 ± 1.00", "56.00 ± 1.00"]
    assert list(told.tables["verdicts"]["verdict"]) == ["baseline", "better"]
    assert len(told.tables["accuracy"]) == 2 and set(told.figures) == {"errors"}
