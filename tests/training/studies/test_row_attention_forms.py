"""The forms of attention over rows: equal numbers, one trial, tables."""

import dataclasses

import numpy as np
import pytest

import weirdonetworks as wn
from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.row_attention_forms.__main__ import FORMS, STUDY
from training.studies.row_attention_forms.report import BASELINE, report


@pytest.mark.slow
def test_all_forms_have_as_many_numbers():
    numbers = {}
    for name, arguments in FORMS.items():
        net = wn.create_network("row_attention", **arguments)
        net(np.zeros([1, 28, 28, 1], np.float32))
        numbers[name] = wn.nets.count_numbers(net).trained
    assert numbers.pop("toeplitz") == 3194 + 55
    assert set(numbers.values()) == {3194} and BASELINE in numbers


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "form": ["softmax", "galerkin"]}
    study = dataclasses.replace(STUDY, choose=Ladder((1e-2,), rungs=(1e-2,)))
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0, 1], settings={"epochs": 1}, workers=0)
    runs, choices = tables["runs"], tables["choices"]
    assert len(runs) == 4 and set(choices["seed"]) == {CHOICE_SEED}
    assert "test_accuracy" not in choices and runs["test_accuracy"].notna().all()
    told = report(tables)
    assert len(told.tables["accuracy"]) == 2 and len(told.tables["verdicts"]) == 2
    assert set(told.figures) == {"forms"}
