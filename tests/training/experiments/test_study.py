"""What a study is: its axes, what may be asked of it, and what it refuses."""

import pytest

from training.experiments import CHOICE_SEED, Ladder, Report, Setting, Study, runner
from training.experiments.study import STUDIES

SETTINGS = {
    "epochs": Setting(5, "Passes.", 1),
    "rate": Setting(0.1, "Of learning.", 0.0),
    "text": Setting("none", "Any."),
    "wide": Setting(False, "Or narrow."),
}


def make(**changes) -> Study:
    fields = {
        "name": "toy",
        "question": "Which is best?",
        "axes": {"activation": ["relu", "gelu"], "width": [8, 16]},
        "options": {"activation": ["swish"]},
        "settings": SETTINGS,
        "trial": lambda axes, seed, choice, **settings: {},
        "report": lambda results: Report({}),
    }
    return Study(**{**fields, **changes})


def test_every_cell_of_the_axes():
    cells = make().all_cells({"activation": ["relu", "gelu"], "width": [8]})
    assert cells == [{"activation": "relu", "width": 8}, {"activation": "gelu", "width": 8}]


def test_cells_of_its_own():
    study = make(cells=lambda axes: [{"activation": a, "width": 8} for a in axes["activation"]])
    assert len(study.all_cells(study.axes)) == 2


def test_only_some_values_in_the_types_of_the_axes():
    study = make()
    assert study.chosen({}) == {"activation": ["relu", "gelu"], "width": [8, 16]}
    found = study.chosen({"activation": ["swish", "relu"], "width": ["16"]})
    assert found == {"activation": ["swish", "relu"], "width": [16]}


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ({"activaton": ["relu"]}, "^only=activaton: .* Did you mean activation"),
        ({"activation": ["gelo"]}, r"^activation=gelo: .*<relu\|gelu\|swish>. Did you mean gelu"),
        ({"activation": ["relu", "relu"]}, "^activation must be values, each once, got 'relu,relu"),
        ({"width": []}, "^width must be values, each once, got ''"),
        ({"width": ["12"]}, r"^width=12: value should be one of <8\|16>"),
    ],
)
def test_wrong_values_are_named_with_what_may_be_meant(only, message):
    with pytest.raises(ValueError, match=message):
        make().chosen(only)


def test_a_dataset_may_be_a_file_and_is_checked_by_name():
    study = make(axes={"dataset": ["mnist_5k"]}, options={})
    assert study.chosen({"dataset": ["mnist", "x.npz"]}) == {"dataset": ["mnist", "x.npz"]}
    with pytest.raises(ValueError, match="^dataset=mnist_5: .* Did you mean mnist"):
        study.chosen({"dataset": ["mnist_5"]})


def test_settings_have_the_type_of_their_default():
    study = make()
    defaults = {"epochs": 5, "rate": 0.1, "text": "none", "wide": False}
    assert study.resolve_settings({}) == defaults
    changed = {"epochs": 2, "rate": 1, "text": "some", "wide": True}
    assert study.resolve_settings(changed) == changed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epoch": 1}, "^settings=epoch: .* Did you mean epochs"),
        ({"epochs": 0}, "^epochs must be an integer >= 1, got 0"),
        ({"epochs": 1.5}, "^epochs must be an integer"),
        ({"epochs": True}, "^epochs must be an integer"),
        ({"rate": -1.0}, "^rate must be a number in "),
        ({"rate": float("nan")}, "^rate must be a number in "),
        ({"rate": float("inf")}, "^rate must be a number in "),
        ({"text": 3}, "^text must be a str, got 3"),
        ({"wide": 1}, "^wide must be a bool, got 1"),
    ],
)
def test_wrong_settings(given, message):
    with pytest.raises(ValueError, match=message):
        make().resolve_settings(given)


def test_the_seed_of_the_choice_is_kept_for_it():
    assert make().check_seeds([CHOICE_SEED]) == [CHOICE_SEED]
    with pytest.raises(ValueError, match=f"^seeds must leave {CHOICE_SEED} to the choice of rates"):
        make(choose=Ladder((1e-3,))).check_seeds([0, CHOICE_SEED])
    with pytest.raises(ValueError, match="^seeds must be integers >= 0"):
        make().check_seeds([0, 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {}, "options": {}}, "^axes must hold at least one axis"),
        ({"axes": {"activation": []}}, "must be at least one, and each once"),
        ({"axes": {"activation": "relu"}}, "must be at least one, and each once"),
        ({"axes": {"activation": ["relu", "relu"]}}, "must be at least one, and each once"),
        ({"axes": {"activation": [(1, 2)]}}, "must be strings or numbers, as tables hold"),
        ({"options": {"activaton": ["swish"]}}, "^options=activaton: .* Did you mean activation"),
        ({"settings": {"width": Setting(1, "")}}, "^names of axes, settings and what is chosen"),
        ({"settings": {"seed": Setting(1, "")}}, "^names of axes, settings and what is chosen"),
        ({"choose": Ladder({"relu": (1e-3,)}, axis="size")}, "^axis=size: value should be one of"),
        ({"choose": Ladder((1e-3,), name="width")}, "^names of axes, settings and what is chosen"),
    ],
)
def test_what_is_no_study(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_functions_by_name_and_where_it_lives():
    study = make(trial="math:sqrt")
    assert study.function("trial")(9) == 3
    assert study.folder == STUDIES / "toy"


def test_cells_without_some_of_the_axes(tmp_path):
    cells = [{"width": 16}, {"activation": "gelu", "width": 8}, {"activation": "relu"}]
    study = make(
        cells=lambda axes: cells, trial=lambda axes, seed, choice, **_: {"cells": len(axes)}
    )
    found = runner.run(study, tmp_path, seeds=[0], workers=0)["runs"]
    assert list(found["activation"].fillna("")) == ["relu", "gelu", ""]
    assert list(found["width"].fillna(0)) == [0, 8, 16] and list(found["cells"]) == [1, 2, 1]


def test_settings_are_no_flags_that_every_study_has():
    from training.experiments.command import Command
    from training.experiments.study import FLAGS

    plain = {"name": "x", "question": "?", "trial": "a:b", "report": "a:b"}
    study = Study(axes={"dataset": ["mnist_5k"]}, **plain)
    assert set(FLAGS) == set(Command(study, study.name).flags) - {"?"}
    for name in FLAGS:
        with pytest.raises(ValueError, match="settings must have names that no flag has, got"):
            Study(axes={"a": [1]}, settings={name: Setting(1, "text")}, **plain)
