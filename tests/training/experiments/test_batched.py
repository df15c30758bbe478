"""Studies whose trial does all seeds of a cell at once."""

import pytest

from training.experiments import CHOICE_SEED, Ladder, Report, Study, runner


def make(trial, **settings) -> Study:
    return Study(
        name="batched",
        question="What?",
        axes={"kind": ["a", "b"]},
        seeds=[0, 1, 2],
        trial=trial,
        report=lambda tables: Report(tables),
        batched=True,
        **settings,
    )


@pytest.mark.slow
def test_all_seeds_of_a_cell_are_one_call_and_each_has_a_row(tmp_path):
    calls = []

    def trial(axes, seeds, choice):
        calls.append((axes["kind"], seeds))
        return [{"runs": [{"square": seed**2}], "curves": [{"step": 0}] * 2} for seed in seeds]

    found = runner.run(make(trial), tmp_path, workers=0)
    assert calls == [("a", [0, 1, 2]), ("b", [0, 1, 2])]
    assert found["runs"].to_dict("list") == {
        "kind": ["a"] * 3 + ["b"] * 3,
        "seed": [0, 1, 2] * 2,
        "status": ["done"] * 6,
        "square": [0, 1, 4] * 2,
    }
    assert len(found["curves"]) == 12
    # Further seeds: only those that are not there.
    calls.clear()
    found = runner.run(make(trial), tmp_path, seeds=[1, 3, 2, 4], workers=0)
    assert calls == [("a", [3, 4]), ("b", [3, 4])]
    assert list(found["runs"]["seed"]) == [0, 1, 2, 3, 4] * 2


def test_a_batch_that_diverges_and_the_choice_of_a_rate(tmp_path):
    calls = []

    def trial(axes, seeds, rate):
        calls.append((axes["kind"], seeds, rate))
        if axes["kind"] == "b" and seeds != [CHOICE_SEED]:
            raise FloatingPointError("too far")
        return [{"validation_accuracy": -abs(rate - 0.1)} for _ in seeds]

    study = make(trial, choose=Ladder((0.03, 0.1, 0.3)))
    found = runner.run(study, tmp_path, workers=0)
    assert calls[:3] == [("a", [CHOICE_SEED], rate) for rate in (0.03, 0.1, 0.3)]
    assert calls[-2:] == [("a", [0, 1, 2], 0.1), ("b", [0, 1, 2], 0.1)]
    assert list(found["runs"]["status"]) == ["done"] * 3 + ["diverged"] * 3


@pytest.mark.parametrize("found", [[{"x": 1}], {"x": 1}, None])
def test_a_batch_of_another_number(tmp_path, found):
    message = r"^trial kind a, seed \[0, 1, 2\]: a batched trial must return a list of 3, got "
    with pytest.raises(ValueError, match=message):
        runner.run(make(lambda *_: found), tmp_path, workers=0)
