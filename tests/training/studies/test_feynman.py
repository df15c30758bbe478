"""The laws by the regression: one trial, with a stand-in for it, and what the rates say."""

import pandas as pd
import pytest

from tests.training.fitting.laws import stand_in
from training.experiments import runner
from training.fitting.laws import attempt as attempts
from training.fitting.laws.classify import CLASSES, classify
from training.fitting.laws.table import get, load
from training.studies.feynman import report
from training.studies.feynman.__main__ import STUDY
from training.studies.feynman.published import SRBENCH


def test_the_laws_are_those_of_the_table():
    assert list(STUDY.axes["law"]) == [equation.name for equation in load()]


@pytest.mark.slow
def test_a_trial(tmp_path):
    axes = {"law": ["I.12.1"], "noise": [0.01]}
    settings = {"points": 100}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[3], settings=settings, workers=0)
    (row,) = found["runs"].to_dict("records")
    alone = attempts.attempt("I.12.1", 0.01, 3, 100)
    assert row.pop("status") == "done" and row.pop("seconds") > 0
    assert row == {name: alone[name] for name in attempts.COLUMNS if name != "seconds"}
    assert row["solved"] and row["class"] == "monomial" and row["claim"] == "consistent"


@pytest.mark.slow
def test_the_stand_in_finds_the_monomials_and_no_other_law():
    """Rounding to halves, it knows what it may not; but it tells that the rule discriminates."""
    names = [equation.name for equation in load()]
    runs = [attempts.attempt(name, 0.0, 0, 300, stand_in.Monomial) for name in names]
    solved = {row["law"] for row in runs if row["solved"]}
    assert solved == {law for law in names if classify(get(law)).name == "monomial"}
    assert {row["law"] for row in runs if row["claim"] == "exact"} == solved
    found = report.rates(pd.DataFrame(runs)).set_index("% of the fits")
    assert {title: tuple(row) for title, row in found.iterrows() if "seconds" not in title} == {
        "monomial: solved": (38, "100.0"),
        "posynomial: solved": (5, "0.0"),
        "signomial: solved": (2, "0.0"),
        "power: solved": (20, "0.0"),
        "in reach: solved": (65, "58.5"),
        "in reach: the law's terms": (65, "58.5"),
        "outside: exact": (35, "0.0"),
        "outside: consistent": (35, "0.0"),
        "all: solved": (100, "38.0"),
        "all: exact and not solved": (100, "0.0"),
        "all: refused": (100, "0.0"),
    }


def row(law, noise, seed=0, **entries):
    empty = {"seconds": 1.0, "claim": "approximate", "solved": False, "same_terms": False}
    empty |= {"law": law, "noise": noise, "seed": seed, "class": classify(get(law)).name}
    return empty | entries


def test_rates():
    rows = [
        row("I.12.1", 0.0, solved=True, same_terms=True, claim="exact", seconds=3.0),
        row("I.12.1", 0.0, seed=1),
        row("I.12.5", 0.0, same_terms=True, claim="exact", seconds=2.0),
        row("I.12.1", 0.1, solved=True, same_terms=True),
        row("I.6.2", 0.0, claim="consistent"),
        row("I.6.2", 0.1, claim="exact"),
        row("I.6.2", 0.1, seed=1, claim="error", error="no"),
    ]
    found = report.report({"runs": pd.DataFrame(rows)})
    rates = found.tables["rates"]
    assert list(rates) == ["% of the fits", "laws", "noise 0", "noise 0.1"]
    assert rates.to_numpy().tolist() == [
        ["monomial: solved", 2, "33.3", "100.0"],
        ["posynomial: solved", 0, "", ""],
        ["signomial: solved", 0, "", ""],
        ["power: solved", 0, "", ""],
        ["in reach: solved", 2, "33.3", "100.0"],
        ["in reach: the law's terms", 2, "66.7", "100.0"],
        ["outside: exact", 1, "0.0", "50.0"],
        ["outside: consistent", 1, "100.0", "0.0"],
        ["all: solved", 3, "25.0", "33.3"],
        ["all: exact and not solved", 3, "25.0", "33.3"],
        ["all: refused", 3, "0.0", "33.3"],
        ["median seconds of a fit", 3, "1.50", "1.00"],
    ]
    beside = found.tables["published"].set_index(["% solved of", "method"])
    assert list(beside.loc["monomials", "ours"]) == ["33.3", "100.0"]
    assert list(beside.loc["all", "ours"]) == ["25.0", "33.3"]
    assert list(beside.loc["monomials", "AIFeynman"]) == ["86.1", ""]
    left, _, right = found.figures["rates"].axes
    lines = {line.get_label(): list(line.get_ydata()) for line in left.lines}
    assert lines["monomial: solved"] == [33.3, 100] and lines["outside: called exact"] == [0, 50]
    assert {line.get_label() for line in right.lines} == {
        "ours", *(f"{method} (SRBench)" for method in SRBENCH)
    }  # fmt: skip


def test_a_transcribed_table_is_shown_and_drawn_as_it_stands():
    titles = [*(f"{name}: solved" for name in report.IN_REACH), "all: solved"]
    titles += ["outside: exact", "outside: consistent"]
    table = pd.DataFrame({"% of the fits": titles, "laws": 9, "noise 0": 0.0, "noise 0.1": 12.5})
    found = report.report({"transcribed": table})
    assert found.tables["rates"] is table
    lines = {line.get_label(): line for line in found.figures["rates"].axes[0].lines}
    assert list(lines["outside: called exact"].get_ydata()) == [0, 12.5]
    assert list(lines["power: solved"].get_ydata()) == [0, 12.5]
    beside = found.tables["published"].set_index(["% solved of", "method"])
    assert list(beside.loc["all", "ours"]) == ["0.0", "12.5"]


def test_published_rates():
    for published in SRBENCH.values():
        assert all(0 <= value <= 100 for pair in published.values() for value in pair)
    assert SRBENCH["AIFeynman"][0.0] == (55.8, 86.1) and 0.1 not in SRBENCH["gplearn"]
    assert report.IN_REACH == CLASSES[:-1] == ("monomial", "posynomial", "signomial", "power")


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--only=law=I.12.1,I.0"], 1, "law=I.0: value should be one of <I.6.2a|"),
        (["--only=noise=0.5"], 1, "noise=0.5: value should be one of <0|0.001|0.01|0.1>"),
        (["--points=0"], 2, "--points=0"),
    ],
)
def test_bad_input(command, tmp_path, words, exit_code, message):
    from training.studies.feynman import __main__ as module

    command(module, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
