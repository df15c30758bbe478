"""Codes of pixels: what they are, equal numbers, one trial, tables."""

import dataclasses

import numpy as np
import pytest

from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.gray_digits.__main__ import ALL, CODES, GREY, STUDY
from training.studies.gray_digits.report import report
from training.studies.gray_digits.trial import coded_dataset, encode, units

NUMBERS_OF = {1: 50_095, 2: 50_538}  # by channels


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_all_codes_hold_the_first_bits_of_a_pixel(bits):
    pixels = np.arange(256)
    number = np.minimum(pixels * 2**bits // 255, 2**bits - 1)
    places = np.arange(bits)[::-1]
    expected = {
        "gray": 255 * ((number ^ (number >> 1))[:, None] >> places & 1),
        "binary": 255 * (number[:, None] >> places & 1),
        "rounded": np.rint(255 * number / (2**bits - 1))[:, None],
        GREY: pixels[:, None],
    }
    for code, values in expected.items():
        np.testing.assert_array_equal(encode(code, bits), values)
    if bits > 1:
        assert not np.array_equal(expected["gray"], expected["binary"])


def test_the_channels_of_a_pixel_are_its_code(few_digits):
    coded = coded_dataset(few_digits, "gray", 3)
    assert coded.image_shape == (28, 28, 3)
    pixels = few_digits.test.images[..., 0]
    np.testing.assert_array_equal(coded.test.images, encode("gray", 3)[pixels])
    assert not np.array_equal(coded.test.images, encode("binary", 3)[pixels])


def test_all_networks_have_as_many_numbers():
    found = []
    for cell in STUDY.all_cells(STUDY.axes):
        inputs = 784 * encode(cell["code"], cell["bits"]).shape[1]
        found.append(units(inputs, 10) * (inputs + 1 + 10) + 10)
    assert len(found) == 1 + 3 * len(CODES) + 1 and max(found) <= 1.02 * min(found)


@pytest.mark.slow
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "bits": [1, 2, ALL], "code": ["binary", GREY]}
    study = dataclasses.replace(STUDY, choose=Ladder((1e-2,), rungs=(1e-2,)))
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0, 1], settings={"epochs": 1}, workers=0)
    runs, choices = tables["runs"], tables["choices"]
    assert set(zip(runs["bits"], runs["code"], strict=True)) == {(2, "binary"), (ALL, GREY)}
    assert set(choices["seed"]) == {CHOICE_SEED} and "test_accuracy" not in choices
    assert set(runs["numbers"]) == {NUMBERS_OF[n] for n in (1, 2)}
    told = report(tables)
    assert len(told.tables["accuracy"]) == len(told.tables["verdicts"]) == 2
    assert set(told.figures) == {"bits"}
