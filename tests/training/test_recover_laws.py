"""The table of laws, with a stand-in for the regression: rows, rates, going on, bad input."""

import csv
import math
import os

import pytest

from tests.training.laws import stand_in
from training.studies.feynman import __main__ as recover_laws
from training.engine import workdir as results
from training.studies.feynman.laws import attempt as attempts
from training.studies.feynman.laws import report
from training.studies.feynman.laws.classify import CLASSES, classify
from training.studies.feynman.laws.published import SRBENCH
from training.studies.feynman.laws.table import get, load
from training.studies.feynman.__main__ import read_rows, recover

LAWS, NOISES, SEEDS = ["I.13.4", "I.12.1", "III.21.20"], [0.0, 0.01], [0, 3]


def count(monkeypatch) -> list:
    calls = []

    def counting(*arguments):
        calls.append(arguments)
        return attempts.attempt(*arguments)

    monkeypatch.setattr(recover_laws, "attempt", counting)
    return calls


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laws")
    rows = recover(LAWS, NOISES, SEEDS, folder, 100, 0, stand_in.Monomial)
    return folder, rows


def test_a_row_for_each_law_noise_and_seed(table):
    folder, rows = table
    keys = [(row["law"], row["noise"], row["seed"]) for row in rows]
    assert keys == [(law, noise, seed) for noise in NOISES for seed in SEEDS for law in LAWS]
    for row in rows:
        assert tuple(row) == attempts.COLUMNS
        assert row["class"] == classify(get(row["law"])).name
        assert row["solved"] == (row["law"] != "I.13.4")
    with open(folder / "laws.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["law"] for row in written] == 4 * ["I.12.1", "I.13.4", "III.21.20"]  # as in theirs
    read = list(read_rows(results.Workdir(folder)).values())
    assert sorted(map(repr, read)) == sorted(map(repr, rows))
    assert (folder / "rates.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_is_there_is_not_repeated(table, monkeypatch):
    folder, rows = table
    calls = count(monkeypatch)
    before = (folder / "laws.csv").read_bytes()
    assert recover(LAWS, NOISES, SEEDS, folder, 100, 0, stand_in.Monomial) == rows
    assert calls == [] and (folder / "laws.csv").read_bytes() == before


def test_an_interrupted_table_goes_on(tmp_path, monkeypatch):
    calls = count(monkeypatch)
    interrupted = attempts.attempt

    def breaking(*arguments):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(arguments)
        return interrupted(*arguments)

    monkeypatch.setattr(recover_laws, "attempt", breaking)
    with pytest.raises(KeyboardInterrupt):
        recover(LAWS, [0.0], [0], tmp_path / "run", 100, 0, stand_in.Monomial)
    assert len(read_rows(results.Workdir(tmp_path / "run"))) == 2
    assert not (tmp_path / "run" / "table.md").exists()
    calls = count(monkeypatch)
    rows = recover(LAWS, [0.0], [0], tmp_path / "run", 100, 0, stand_in.Monomial)
    assert [call[0] for call in calls] == LAWS[2:] and len(rows) == 3
    # More of them: only the new ones are fitted.
    calls = count(monkeypatch)
    recover(LAWS[:2], [0.0, 0.1], [0], tmp_path / "run", 100, 0, stand_in.Monomial)
    assert [call[:3] for call in calls] == [(law, 0.1, 0) for law in LAWS[:2]]
    assert len(read_rows(results.Workdir(tmp_path / "run"))) == 5


def test_other_settings_are_refused(table):
    folder, _ = table
    with pytest.raises(ValueError, match=r"another configuration \(points: 100 there, 50 here\)"):
        recover(LAWS, NOISES, SEEDS, folder, 50, 0, stand_in.Monomial)
    with pytest.raises(ValueError, match="estimator: 'Monomial' there, 'Refuses' here"):
        recover(LAWS, NOISES, SEEDS, folder, 100, 0, stand_in.Refuses)


def test_damaged_rows_are_refused(tmp_path):
    run = tmp_path / "run"
    recover(LAWS[:1], [0.0], [0], run, 100, 0, stand_in.Monomial)
    text = (run / "laws.csv").read_text()
    for damaged in (text.replace("I.13.4", "I.13.5"), text.replace("False", "maybe"), text[:-40]):
        (run / "laws.csv").write_text(damaged)
        with pytest.raises(ValueError, match="laws.csv cannot be read"):
            recover(LAWS[:1], [0.0], [0], run, 100, 0, stand_in.Monomial)


def test_refused_fits_are_rows(tmp_path):
    rows = recover(LAWS, [0.0], [0], tmp_path / "run", 20, 0, stand_in.Refuses)
    assert {row["status"] for row in rows} == {"error"}
    assert rows[0]["error"] == "X must be something else, got this"
    text = (tmp_path / "run" / "table.md").read_text()
    assert "| all: refused | 3 | 100.0 |" in text and "| all: solved | 3 | 0.0 |" in text
    assert list(read_rows(results.Workdir(tmp_path / "run")).values())[0]["error"]


def test_the_stand_in_finds_the_monomials_and_no_other_law(tmp_path):
    """Rounding to halves, it knows what it may not; but it tells that the rule discriminates."""
    names = [equation.name for equation in load()]
    rows = recover(names, [0.0], [0], tmp_path / "run", 300, 0, stand_in.Monomial)
    solved = {row["law"] for row in rows if row["solved"]}
    assert solved == {law for law in names if classify(get(law)).name == "monomial"}
    assert {row["law"] for row in rows if row["status"] == "exact"} == solved
    lines = (tmp_path / "run" / "table.md").read_text().splitlines()
    assert "| monomial: solved | 38 | 100.0 |" in lines
    assert "| power: solved | 20 | 0.0 |" in lines
    assert "| in reach: solved | 65 | 58.5 |" in lines
    assert "| outside: exact | 35 | 0.0 |" in lines
    assert "| all: solved | 100 | 38.0 |" in lines


def row(law, noise, seed=0, **entries):
    empty = dict.fromkeys(attempts.COLUMNS, "") | {"seconds": 1.0, "status": "approximate"}
    empty |= {"solved": False, "same_terms": False, "class": classify(get(law)).name}
    return empty | {"law": law, "noise": noise, "seed": seed} | entries


def test_rates():
    rows = [
        row("I.12.1", 0.0, solved=True, same_terms=True, status="exact", seconds=3.0),
        row("I.12.1", 0.0, seed=1),
        row("I.12.5", 0.0, same_terms=True, status="exact", seconds=2.0),
        row("I.12.1", 0.1, solved=True, same_terms=True),
        row("I.6.2", 0.0, status="consistent"),
        row("I.6.2", 0.1, status="exact"),
        row("I.6.2", 0.1, seed=1, status="error", error="no"),
    ]
    assert report.to_markdown(rows).splitlines() == [
        "| % of the fits | laws | noise 0 | noise 0.1 |",
        "|---|---|---|---|",
        "| monomial: solved | 2 | 33.3 | 100.0 |",
        "| posynomial: solved | 0 | - | - |",
        "| signomial: solved | 0 | - | - |",
        "| power: solved | 0 | - | - |",
        "| in reach: solved | 2 | 33.3 | 100.0 |",
        "| in reach: the law's terms | 2 | 66.7 | 100.0 |",
        "| outside: exact | 1 | 0.0 | 50.0 |",
        "| outside: consistent | 1 | 100.0 | 0.0 |",
        "| all: solved | 3 | 25.0 | 33.3 |",
        "| all: exact and not solved | 3 | 25.0 | 33.3 |",
        "| all: refused | 3 | 0.0 | 33.3 |",
        "| median seconds of a fit | 3 | 1.50 | 1.00 |",
    ]
    assert report.rate([], bool) is None


def test_published_rates():
    for published in SRBENCH.values():
        assert all(0 <= value <= 100 for pair in published.values() for value in pair)
    assert SRBENCH["AIFeynman"][0.0] == (55.8, 86.1) and 0.1 not in SRBENCH["gplearn"]
    assert report.IN_REACH == CLASSES[:-1] == ("monomial", "posynomial", "signomial", "power")


@pytest.mark.slow
def test_workers_find_what_one_process_finds(table, tmp_path):
    """Spawned ones, each of which imports TensorFlow anew; none has threads to spare."""
    _, rows = table
    before = dict(os.environ)
    found = recover(LAWS, NOISES[1:], SEEDS[:1], tmp_path / "run", 100, 2, stand_in.Monomial)
    rows = [row for row in rows if row["noise"] == NOISES[1] and row["seed"] == SEEDS[0]]
    assert dict(os.environ) == before

    def without_times(some):
        return [
            {k: v for k, v in one.items() if k not in ("seconds", "relative_error")} for one in some
        ]

    assert without_times(found) == without_times(rows)
    for mine, other in zip(found, rows, strict=True):
        assert math.isclose(
            mine["relative_error"], other["relative_error"], rel_tol=1e-3, abs_tol=1e-9
        )


def test_the_command(command, monkeypatch, table):
    _, rows = table
    calls = []

    def recovered(*arguments):
        calls.append(arguments)
        return rows

    monkeypatch.setattr(recover_laws, "recover", recovered)
    words = ["--laws=I.12.1,I.13.4", "--noise=0,0.01", "--seeds=0,3", "--points=50", "--workers=1"]
    outcome = command(recover_laws, *words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(report.to_markdown(rows))
    assert "written to runs/laws/: laws.csv, table.md, rates.png" in outcome.stdout
    command(recover_laws)
    (laws, *rest), (all_laws, *defaults) = calls
    assert (laws, [*map(str, rest)]) == (
        ["I.12.1", "I.13.4"],
        ["[0.0, 0.01]", "[0, 3]", "runs/laws", "50", "1"],
    )
    assert len(all_laws) == 100
    assert [*map(str, defaults)] == [
        "[0.0, 0.001, 0.01, 0.1]",
        "[0, 1, 2]",
        "runs/laws",
        "10000",
        "2",
    ]


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--laws=I.12.1,I.0"], 1, "a law's name must be one of I.6.2a, "),
        (["--laws="], 1, "laws must be given, each once, got []"),
        (["--laws=I.12.1,I.12.1"], 1, "laws must be given, each once"),
        (["--noise="], 1, "noise must be given, each once"),
        (["--noise=0,low"], 1, "noise must be numbers, got ['0', 'low']"),
        (["--noise=-1"], 1, "noise must be a number in [0, inf), got -1.0"),
        (["--noise=nan"], 1, "noise must be a number in [0, inf), got nan"),
        (["--seeds=-1"], 1, "seeds must be integers >= 0, got ['-1']"),
        (["--seeds=1,1"], 1, "seeds must be given, each once"),
        (["--points=0"], 2, "--points=0"),
        (["--workers=-1"], 2, "--workers=-1"),
        (["--workdir=run[1]"], 1, "workdir must not contain any of"),
        (["stray"], 2, "unexpected argument 'stray'"),
    ],
)
def test_bad_flags(command, monkeypatch, tmp_path, words, exit_code, message):
    monkeypatch.setattr(recover_laws, "attempt", lambda *_: pytest.fail("fitted"))
    command(recover_laws, *words).assert_failed(message, exit_code=exit_code)
    assert not any(tmp_path.iterdir())
