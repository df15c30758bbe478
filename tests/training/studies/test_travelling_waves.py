"""Readers of rows: equal numbers, what a wave computes, one trial, tables."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.travelling_waves.__main__ import READERS, STUDY
from training.studies.travelling_waves.reader import WaveReader
from training.studies.travelling_waves.report import BASELINE, report
from training.studies.travelling_waves.trial import create


@pytest.mark.slow
def test_all_readers_have_as_many_numbers():
    numbers = {}
    for name in READERS:
        network = create(name, 10)
        network(tf.zeros([1, 28, 28, 1]))
        numbers[name] = wn.nets.count_numbers(network).trained
    assert numbers[BASELINE] == numbers["wave"] == 2316
    assert max(numbers.values()) <= 1.02 * min(numbers.values())


@pytest.mark.parametrize("drift", [0, 1])
def test_a_wave_is_its_formula(drift):
    images = tf.random.stateless_uniform([3, 6, 5, 1], [0, 1])
    network = WaveReader(4, places=9, drift=drift)
    found = network(images)
    kernel, keep = network.field.kernel((9,)).numpy(), math.exp(-0.1)
    w = np.stack([np.roll(kernel, i) for i in range(9)])
    u = np.zeros([3, 9])
    for t in range(6):
        u = np.roll(u, drift, axis=1)
        rate = 1 / (1 + np.exp(-10 * (u - 0.25)))
        drive = images[:, t, :, 0].numpy() @ network.read.w.numpy() + network.read.b.numpy()
        u = keep * u + (1 - keep) * (rate @ w + drive)
    np.testing.assert_allclose(found, u @ network.head.w.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_without_a_field_the_logits_are_linear_in_the_pixels():
    x, y = tf.unstack(tf.random.stateless_uniform([2, 3, 8, 8, 1], [0, 1]))

    def bent(**arguments) -> float:
        network = WaveReader(10, places=12, **arguments)
        logits = [network(each).numpy() for each in (x, y, x + y, 0 * x)]
        return float(np.abs(logits[0] + logits[1] - logits[2] - logits[3]).max())

    assert bent(still=True) < 1e-6 > bent(still=True, drift=1)
    assert bent() > 1e-4 < bent(drift=1)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "reader": ["recurrent", "drifting wave"]}
    study = dataclasses.replace(STUDY, choose=Ladder((1e-2,), rungs=(1e-2,)))
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0, 1], settings={"epochs": 1}, workers=0)
    runs, choices = tables["runs"], tables["choices"]
    assert len(runs) == 4 and set(choices["seed"]) == {CHOICE_SEED}
    assert "test_accuracy" not in choices and runs["test_accuracy"].notna().all()
    assert runs["up"].notna().tolist() == [name != "recurrent" for name in runs["reader"]]
    told = report(tables)
    assert len(told.tables["accuracy"]) == len(told.tables["verdicts"]) == 2
    assert told.tables["fields"]["reader"].tolist() == ["drifting wave"]
    assert set(told.figures) == {"readers"}
