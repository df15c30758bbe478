"""Codes of pixels: what they are, equal numbers, one trial, tables."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.gray_digits.__main__ import ALL, CODES, GREY, STUDY
from training.studies.gray_digits.report import report
from training.studies.gray_digits.trial import CodedMLP, encode


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_all_codes_hold_the_first_bits_of_a_pixel(bits):
    pixels = np.arange(256)
    x = tf.constant(pixels / 255, tf.float32)
    number = np.minimum(np.floor(pixels / 255 * 2**bits), 2**bits - 1).astype(int)
    places = np.arange(bits)[::-1]
    expected = {
        "gray": (number ^ (number >> 1))[:, None] >> places & 1,
        "binary": number[:, None] >> places & 1,
        "rounded": number / (2**bits - 1),
        GREY: pixels / 255,
    }
    for code, values in expected.items():
        np.testing.assert_allclose(encode(x, code, bits), values, atol=1e-6)
    if bits > 1:
        assert not np.array_equal(expected["gray"], expected["binary"])


def test_all_networks_have_as_many_numbers():
    found = []
    for cell in STUDY.all_cells(STUDY.axes):
        network = CodedMLP(cell["code"], cell["bits"])
        network(tf.zeros([1, 28, 28, 1]))
        found.append(wn.nets.count_numbers(network).trained)
    assert len(found) == 1 + 3 * len(CODES) + 1 and max(found) <= 1.02 * min(found)


@pytest.mark.slow
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "bits": [1, 2, ALL], "code": ["binary", GREY]}
    study = dataclasses.replace(STUDY, choose=Ladder((1e-2,), rungs=(1e-2,)))
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0, 1], settings={"epochs": 1}, workers=0)
    runs, choices = tables["runs"], tables["choices"]
    assert set(zip(runs["bits"], runs["code"], strict=True)) == {(2, "binary"), (ALL, GREY)}
    assert set(choices["seed"]) == {CHOICE_SEED} and "test_accuracy" not in choices
    told = report(tables)
    assert len(told.tables["accuracy"]) == len(told.tables["verdicts"]) == 2
    assert set(told.figures) == {"bits"}
