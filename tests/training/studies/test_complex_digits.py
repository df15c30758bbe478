"""Complex networks by the phase of data: equal numbers, what each sees, scans, one trial."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from training.data import mnist_kspace
from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.complex_digits import networks
from training.studies.complex_digits.__main__ import KINDS, PHASES, STUDY
from training.studies.complex_digits.report import report
from training.studies.complex_digits.trial import scanned, undersampled
from weirdonetworks.nets import count_numbers

UNITS = STUDY.settings["units"].default


def _k(split) -> np.ndarray:
    return mnist_kspace.complex_numbers(split.images)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "units"), [(10, UNITS), (26, 40)])
def test_as_many_numbers_to_two_percent(classes, units):
    found = {}
    for kind in KINDS:
        network = networks.create(kind, classes, 784, units)
        network(tf.zeros([1, 28, 28, 2]))
        found[kind] = count_numbers(network).trained
    assert max(found.values()) < 1.02 * min(found.values()), found


@pytest.mark.slow
def test_who_sees_a_global_phase():
    zero = mnist_kspace.ZERO / 255
    z = 0.3 * np.random.default_rng(0).normal(size=(5, 4, 4, 2))
    turned = np.stack([-z[..., 1], z[..., 0]], axis=-1)
    for kind in KINDS:
        network = networks.create(kind, 10, 16, 8, scale=0.3)
        before, after = (network(tf.constant(x + zero)).numpy() for x in (z, turned))
        assert (np.abs(after - before).max() < 1e-12) == (kind != "real")
    # None is blind to where numbers are.
    assert np.abs(network(tf.constant(z[:, ::-1] + zero)).numpy() - before).max() > 1e-3


@pytest.mark.slow
def test_scans_differ_by_their_phase_alone(few_digits):
    plain, turned, coil = (_k(scanned(few_digits, phase).train) for phase in PHASES)
    step = 1 / 12  # of a pixel
    assert np.abs(np.abs(plain) - np.abs(turned)).max() < 1.5 * step
    assert np.abs(plain - turned).max() > 5
    assert np.abs(np.abs(plain) - np.abs(coil)).max() > 1
    phases = np.angle((plain.conj() * turned).sum(axis=(1, 2)))
    counts, _ = np.histogram(phases, bins=4, range=(-np.pi, np.pi))
    assert counts.min() > 70  # 100 - 3.5 standard deviations
    labels = [scanned(few_digits, phase).test.labels for phase in PHASES]
    assert all(np.array_equal(few_digits.test.labels, found) for found in labels)
    fourth = undersampled(scanned(few_digits, "coil"), 4)
    measured = np.any(fourth.train.images != mnist_kspace.ZERO, axis=(0, 2, 3))
    np.testing.assert_array_equal(np.flatnonzero(measured), np.arange(2, 28, 4))


def test_a_global_phase_alone_is_of_whole_scans():
    cells = STUDY.all_cells(STUDY.axes)
    steps = {phase: {c["step"] for c in cells if c["phase"] == phase} for phase in PHASES}
    assert steps == {"none": {1, 2, 4}, "global": {1}, "coil": {1, 2, 4}} and len(cells) == 21


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {
        "dataset": [str(few_digits_file)],
        "phase": ["none"],
        "step": [2],
        "kind": ["real", "complex"],
    }
    study = dataclasses.replace(STUDY, choose=Ladder((1e-2,), rungs=(1e-2,)))
    settings = {"epochs": 2, "units": 8}
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    runs, choices = tables["runs"], tables["choices"]
    assert len(runs) == 2 and set(choices["seed"]) == {CHOICE_SEED}
    assert "test_accuracy" not in choices and runs["test_accuracy"].notna().all()
    told = report(tables)
    assert list(told.tables["accuracy"]["kind"]) == ["real", "complex"]
    assert list(told.tables["verdicts"]["verdict"]) == ["baseline", "not told apart"]
    assert set(told.figures) == {"phases"}
