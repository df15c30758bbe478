"""The table of small networks: which rows it has, its limits, and that a row is its recipe."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from training.data import load
from training.engine import Recipe
from training.experiments import CHOICE_SEED, runner
from training.found import rows as module
from training.search import __main__ as search
from training.studies.minimal.__main__ import STUDY
from training.studies.minimal.report import ANCHORS, lower_limit, reached, report


def _search(folder, name, families, step, best, dataset="mnist"):
    told = {"search": {"dataset": dataset, "families": families, "step": step}, "best": best}
    (folder / f"{name}.json").write_text(json.dumps(told))


def _best(network, accuracy):
    return {"network": network, "recipe": {"epochs": 1}, "validation_accuracy": accuracy}


def test_rows_are_the_best_of_all_searches(tmp_path):
    _search(tmp_path, "a", ["mlp"], "plain", {"900": _best("mlp", 0.5), "90": _best("mlp", 0.4)})
    _search(tmp_path, "b", ["hashed"], "plain", {"900": _best("hashed_mlp", 0.6)})
    _search(tmp_path, "c", ["mlp", "rows"], "augment", {"900": _best("mlp", 0.9)})
    _search(tmp_path, "d", ["windows"], "plain", {"900": _best("patch_mlp", 0.8)})
    _search(tmp_path, "e", ["rows"], "plain", {"5": _best("mlp", 0.8)}, "fashion_mnist")
    rows = module.rows("mnist", tmp_path)
    assert list(rows) == ["D+-900", "P-90", "P-900", "W-900"]
    assert rows["P-900"].network == "hashed_mlp" and rows["P-900"].validation_accuracy == 0.6
    assert list(module.rows("fashion_mnist", tmp_path)) == ["D-5"]
    long = _best("mlp", 0.7) | {"recipe": {"epochs": 1 + module.EPOCHS}}
    _search(tmp_path, "f", ["mlp"], "plain", {"900": long})
    rows = module.rows("mnist", tmp_path)  # as long as its search, if that was longer
    assert [rows[key].recipe["epochs"] - module.EPOCHS for key in ("P-90", "P-900")] == [0, 1]
    assert module.rows("other", tmp_path) == {}
    assert module.rows_for("other") == module.rows("mnist") != module.rows_for("fashion_mnist")


def test_classes_are_those_of_the_search():
    layouts = set(search.FAMILIES) - module._NO_LAYOUT
    assert set(search.FAMILIES) > module._NO_LAYOUT
    assert {module.kind_of([name], "plain") for name in module._NO_LAYOUT} == {"P"}
    assert module.kind_of(["turned"], "augment") == "S+"
    assert {name: module.kind_of(["mlp", name], "augment") for name in layouts - {"turned"}} == {
        name: "W+" if name in search.SEEN_AGAIN else "D+" for name in layouts - {"turned"}
    }


def test_a_taught_network_is_no_row():
    with pytest.raises(ValueError, match="^step must be plain or augment, .* got 'distill'$"):
        module.kind_of(["rows"], "distill")


def test_every_row_has_a_recipe():
    rows = module.rows("mnist")
    assert rows
    for key, row in rows.items():
        recipe = Recipe(**row.recipe)
        assert recipe.step == ("augment" if "+" in key else "plain")
    assert CHOICE_SEED not in STUDY.seeds


@pytest.mark.slow
def test_trials_and_report(tmp_path, few_digits_file, monkeypatch):
    from training.studies.minimal import trial

    recipe = {"network_args": {"hidden_sizes": [9]}, "epochs": 1, "batch_size": 50}
    row = module.Row("P", 8000, "mlp", recipe, 0.5)
    found = {"P-8000": row, "S-8000": row._replace(kind="S")}
    monkeypatch.setattr(trial, "rows_for", lambda dataset: found)
    axes = {"dataset": [str(few_digits_file)], "row": ["P-8000"]}
    study = dataclasses.replace(STUDY, cells=None)
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0, 1], settings={"epochs": 1}, workers=0)
    runs = tables["runs"]
    assert len(runs) == 2 and set(runs["numbers"]) == {785 * 9 + 100}
    assert runs["test_accuracy"].notna().all() and set(runs["searched"]) == {0.5}
    told = report(tables)
    assert set(told.tables) == {"frontier", "reached"} and set(told.figures) == {"frontier"}
    assert set(told.tables["frontier"]["turned %"]) == {""}


@pytest.mark.slow
def test_networks_that_hold_the_rotations_are_scored_at_every_angle(few_digits_file, monkeypatch):
    from training.studies.minimal import trial

    arguments = {"lift_sizes": [9], "head_sizes": []}
    recipe = {"network_args": arguments, "epochs": 8, "batch_size": 20, "learning_rate": 1e-2}
    rows = {"S-9000": module.Row("S", 9000, "synchronous_mlp", recipe, 0.5)}
    rows["P-9000"] = rows["S-9000"]._replace(kind="P")
    monkeypatch.setattr(trial, "rows_for", lambda dataset: rows)
    dataset = load(str(few_digits_file))
    turned, upright = (
        trial.trial({"dataset": dataset, "row": row}, 0, None, epochs=8) for row in rows
    )
    assert "rotated_accuracy" not in upright
    assert turned["rotated_accuracy"] != turned["test_accuracy"] == upright["test_accuracy"]
    line = report(
        {
            "runs": pd.DataFrame(
                [{"dataset": "d", "row": "S-9000", "seed": 0, "status": "done", **turned}]
            )
        }
    )
    assert line.tables["frontier"]["turned %"][0] == f"{100 * turned['rotated_accuracy']:.2f}"


@pytest.mark.slow
def test_the_limit_covers():
    """Of 95 %: in 1,000 draws of five seeds, the mean is below the lower limit in 2.5 %."""
    draws = np.random.default_rng(0).normal(0.98, 0.001, size=(1000, 5))
    missed = np.mean([lower_limit(values) > 0.98 for values in draws])
    assert 0.015 < missed < 0.036
    assert lower_limit([0.9]) == -math.inf
    assert lower_limit([0.9, 0.9, 0.9]) == pytest.approx(0.9)


def _done(*groups):
    return pd.DataFrame(
        [
            {"dataset": "mnist", "kind": kind, "row": f"{kind}-{numbers}", "numbers": numbers,
             "seed": seed, "test_accuracy": accuracy + shift}
            for kind, numbers, accuracy in groups
            for seed, shift in enumerate((-1e-4, 0, 1e-4))
        ]
    )  # fmt: skip


def test_what_is_reached():
    done = _done(("P", 100, 0.96), ("P", 200, 0.9701), ("P", 300, 0.9855), ("P", 400, 0.98))
    line = reached(done).iloc[0]
    # 97.01 has a lower limit of 96.99.
    assert line.to_dict() == {
        "dataset": "mnist", "class": "P", "97 %": "300", "98 %": "300", "98.5 %": "300",
        "99 %": "", "99.3 %": "",
    }  # fmt: skip
    assert list(reached(_done(("P", 100, 0.98), ("D", 100, 0.9)))["class"]) == ["P"]


def test_anchors_have_sources():
    anchors = pd.read_csv(ANCHORS)
    assert set(anchors["class"]) <= {"P", "D", "W", "convolution"}
    assert anchors.notna().all(axis=None)
    assert set(anchors["dataset"]) <= set(STUDY.options["dataset"])
    low = anchors["dataset"].map({"mnist": 90, "mnist_1d": 30})
    assert anchors["accuracy"].between(low, 100).all() and (anchors["numbers"] > 0).all()


@pytest.mark.slow
def test_each_panel_has_the_anchors_of_its_data_set():
    done = _done(("D", 100, 0.96))
    done = pd.concat([done, done.assign(dataset="mnist_1d"), done.assign(dataset="other")])
    done = done.assign(
        network="mlp", fixed=0, status="done", searched=0.9, epochs=1, seconds=1.0
    )  # what else a row has
    anchors = pd.read_csv(ANCHORS)
    for axis in report({"runs": done}).figures["frontier"].axes:
        own = anchors.loc[anchors["dataset"] == axis.get_title(), "short"]
        assert sorted(text.get_text() for text in axis.texts) == sorted(own)
