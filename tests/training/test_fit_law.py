"""A law from a user's table: what is found, printed and written, and which tables are refused."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from training.fit_law.__main__ import __main__ as fit_law
from training.fit_law import picture as law_picture
from training.fit_law import csv_table as measurements

PLANETS = """planet,a,T
Mercury,0.38710,0.24085
Venus,0.72334,0.61520
Earth,1.00000,1.00002
Mars,1.52379,1.88085
Jupiter,5.20382,11.86198
Saturn,9.57261,29.45714
Uranus,19.16500,84.01205
Neptune,30.18060,164.78850
"""
PENDULUM_UNITS = ["l=m", "g=m/s^2", "m=kg", "T=s"]


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def read_law(workdir) -> dict:
    return json.loads((workdir / "law.json").read_text(), parse_constant=refuse_constant)


def make_pendulum(rows=80, noise=0.01) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ranges = {"l": (0.1, 2), "g": (1.6, 25), "m": (0.01, 0.5)}
    table = pd.DataFrame({name: rng.uniform(*ends, rows) for name, ends in ranges.items()})
    errors = 1 + noise * rng.normal(size=rows)
    return table.assign(T=2 * np.pi * np.sqrt(table.l / table.g) * errors)


@pytest.fixture
def write(tmp_path):
    """Writes a table or text to data.csv and returns its path."""

    def write_file(table, name="data.csv"):
        path = tmp_path / name
        if isinstance(table, pd.DataFrame):
            table.to_csv(path, index=False)
        elif isinstance(table, bytes):
            path.write_bytes(table)
        else:
            path.write_text(table, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def undrawn(monkeypatch):
    """Drawing takes longer than fitting; some tests are not about it."""
    monkeypatch.setattr(law_picture, "draw", lambda *_: None)


@pytest.fixture(scope="module")
def pendulum(tmp_path_factory):
    """The workdir and the data of a fitted pendulum, with 16 of 80 rows held out."""
    folder = tmp_path_factory.mktemp("pendulum")
    make_pendulum().to_csv(folder / "data.csv", index=False)
    fit_law.fit_law(folder / "data.csv", "T", folder / "run", units=PENDULUM_UNITS)
    return folder / "run", folder / "data.csv"


def test_the_law_of_a_pendulum(pendulum):
    law = read_law(pendulum[0])
    (term,) = law["terms"]
    assert term["exponents"] == {"l": "1/2", "g": "-1/2", "m": "0"}
    assert term["coefficient"] == pytest.approx(2 * math.pi, abs=4 * term["coefficient_error"])
    assert 0 < max(term["exponent_errors"].values()) < 0.01
    assert (law["power"], law["sign"], law["status"]) == ("1", 1, "consistent")
    assert law["units"]["consistent"] is True
    assert law["rows"] == {"fitted": 64, "held_out": 16, "dropped": 0}
    assert law["formula"].endswith("*sqrt(l)/sqrt(g)") and law["latex"].startswith("T = ")
    assert (pendulum[0] / "law.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    config = json.loads((pendulum[0] / "config.json").read_text())
    assert law["config"] == config
    assert config["regressor"]["units"] == {"l": "m", "g": "m/s^2", "m": "kg", "T": "s"}
    assert {"scikit-learn", "weirdonetworks"} <= set(config["versions"])


def test_the_box_and_the_error_are_those_of_the_rows(pendulum):
    """Held-out rows are outside the fit, and scored with the law as it is written."""
    law, table = read_law(pendulum[0]), pd.read_csv(pendulum[1])
    held = measurements.held_out(len(table), None, seed=0)
    fitted = table[~held]
    assert law["box"] == {n: [fitted[n].min(), fitted[n].max()] for n in ("l", "g", "m")}
    predicted = law["terms"][0]["coefficient"] * np.sqrt(table.l / table.g)
    for where, error in ((held, law["held_out_error"]), (~held, law["evidence"]["relative_error"])):
        left = (table["T"] - predicted)[where]
        expected = np.sqrt(np.mean(left**2) / np.mean(table["T"][where] ** 2))
        assert error == pytest.approx(expected, rel=1e-9)
    assert 0.005 < law["held_out_error"] < 0.02


@pytest.mark.usefixtures("undrawn")
def test_held_out_rows_have_no_part_in_the_fit(pendulum, write, tmp_path):
    table = pd.read_csv(pendulum[1])
    held = np.flatnonzero(measurements.held_out(len(table), None, seed=0))
    others = np.flatnonzero(~measurements.held_out(len(table), None, seed=0))
    laws = []
    for i, row in enumerate((held[0], others[0])):
        changed = table.copy()
        changed.loc[row, "T"] *= 1.03
        path = write(changed)
        laws.append(fit_law.fit_law(path, "T", tmp_path / f"run{i}", units=PENDULUM_UNITS))
    unchanged = read_law(pendulum[0])
    assert laws[0]["terms"] == unchanged["terms"] != laws[1]["terms"]
    assert laws[0]["held_out_error"] > unchanged["held_out_error"]


def test_kepler_through_the_command(command, write):
    path = write(PLANETS, "planets.csv")
    words = [str(path), "--target=T", "--columns=a", "--units=a=au,T=year"]
    outcome = command(fit_law, *words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    (workdir,) = (path.parent / "runs").iterdir()
    assert workdir.name.startswith("law-planets-2")
    law = read_law(workdir)
    (term,) = law["terms"]
    assert term["exponents"] == {"a": "3/2"}
    assert term["coefficient"] == pytest.approx(1, abs=0.005)
    assert lines[0] == law["formula"] == f"T = {term['coefficient']:.6g}*a**(3/2)"
    error, exponent_error = term["coefficient_error"], term["exponent_errors"]["a"]
    assert lines[3].split() == [
        *("term", "1", f"{term['coefficient']:.6g}", "±", f"{error:.2g}"),
        *("3/2", "±", f"{exponent_error:.2g}"),
    ]
    assert f"status      {law['status']}: {law['evidence']['reason']}" in lines
    assert "units       not consistent with dimensionless constants" in lines
    assert any("must carry" in line and "au**(3/2)" in line for line in lines)
    assert "known for   a from 0.3871 to 30.1806" in lines
    where = f"runs/{workdir.name}/: config.json, law.json, law.png"
    assert lines[-1] == f"written to  {where}"
    assert not any("held out" in line for line in lines)


@pytest.mark.usefixtures("undrawn")
def test_flags_reach_the_regressor(command, write, tmp_path):
    path = write(make_pendulum(60))
    words = ["--units=l=m,g=m/s^2,m=kg,T=s", "--dimensions=constrain", "--noise_model=relative"]
    words += ["--num_terms=1", "--max_terms=3", "--rounding=2", "--powers=1,-1/2"]
    words += ["--random_state=5", "--columns=l,g,m", "--holdout=0.25"]
    words += [f"--workdir={tmp_path / 'run'}"]
    assert command(fit_law, str(path), "--target=T", *words).exit_code == 0
    law = read_law(tmp_path / "run")
    given = {"noise": "relative", "num_terms": 1, "max_terms": 3, "rounding": 2}
    given |= {"powers": [1, -0.5], "dimensions": "constrain", "random_state": 5}
    assert given.items() <= law["config"]["regressor"].items()
    assert law["rows"]["held_out"] == 15 and law["noise"] == "relative"
    # With these units, no data are needed for the exponents.
    assert law["terms"][0]["exponents"] == {"l": "1/2", "g": "-1/2", "m": "0"}
    assert max(law["terms"][0]["exponent_errors"].values()) < 1e-12


def test_a_power_of_two_terms(write, tmp_path):
    """Of a thin lens, 1/f = 1/u + 1/v; the text says of which power of the target the terms are."""
    rng = np.random.default_rng(0)
    u, v = rng.uniform(1, 5, [2, 60])
    table = pd.DataFrame({"u": u, "v ($)": v, "f": 1 / (1 / u + 1 / v)})
    law = fit_law.fit_law(write(table), "f", tmp_path / "run", holdout=0)
    assert (law["power"], law["status"], len(law["terms"])) == ("-1", "exact", 2)
    assert {tuple(term["exponents"].values()) for term in law["terms"]} == {
        ("-1", "0"),
        ("0", "-1"),
    }
    assert "\nterms of f^(-1)\n" in fit_law.to_text(law)


@pytest.mark.usefixtures("undrawn")
def test_a_law_outside_the_family_is_called_approximate(write, tmp_path):
    t = np.linspace(0.1, 3, 80)
    law = fit_law.fit_law(write(pd.DataFrame({"t": t, "y": np.exp(-t)})), "y", tmp_path / "run")
    assert law["status"] == "approximate"
    assert "status      approximate: the residuals depend on X" in fit_law.to_text(law)


def test_rows_where_a_law_has_no_value(write, tmp_path, monkeypatch):
    """Held-out rows beyond the pole of y = -1/(6.5 - a^2): no error is made up for them."""
    a = np.append(np.linspace(1, 2, 40), [2.9, 3.0])
    table = pd.DataFrame({"a": a, "y": np.append(-1 / (6.5 - a[:40] ** 2), [-5, -5])})
    monkeypatch.setattr(measurements, "held_out", lambda rows, *_: np.arange(rows) >= 40)
    law = fit_law.fit_law(write(table), "y", tmp_path / "run")
    assert (law["status"], law["power"], law["sign"]) == ("exact", "-1", -1)
    assert read_law(tmp_path / "run")["held_out_error"] is None
    assert "where fitted, no finite share on 2 rows held out" in fit_law.to_text(law)
    assert (tmp_path / "run" / "law.png").exists()


@pytest.mark.usefixtures("undrawn")
def test_missing_values_are_dropped_if_asked(command, write, tmp_path):
    table = make_pendulum(60)
    table.loc[[6, 30], "g"] = np.nan
    table.loc[6, "T"] = np.nan
    path = write(table)
    outcome = command(fit_law, str(path), "--target=T")
    outcome.assert_failed("a value in each row of 'g', got none in row 7 (2 such rows", "--drop_")
    workdir = tmp_path / "run"
    outcome = command(fit_law, str(path), "--target=T", "--drop_missing", f"--workdir={workdir}")
    assert "dropped     2 rows with missing values\n" in outcome.stdout
    law = read_law(workdir)
    assert law["rows"]["dropped"] == 2
    assert law["rows"]["fitted"] + law["rows"]["held_out"] == 58


@pytest.mark.usefixtures("undrawn")
def test_again_in_the_same_folder(pendulum):
    """The same comes out; other settings or other data are refused."""
    workdir, data = pendulum
    before = (workdir / "law.json").read_bytes()
    fit_law.fit_law(data, "T", workdir, units=PENDULUM_UNITS)
    assert (workdir / "law.json").read_bytes() == before
    with pytest.raises(ValueError, match="holds a run of another configuration .*regressor: .*"):
        fit_law.fit_law(data, "T", workdir, units=PENDULUM_UNITS, random_state=1)
    assert (workdir / "law.json").read_bytes() == before


def test_a_table_as_programs_write_it(write):
    """A byte order mark, spaces, quotes, a name with a comma, blank lines at the end."""
    text = '\ufeff"mass, kg", v ,name,E\r\n1.5, 2,x,"3e0"\r\n2,3,NA,-9\r\n\r\n\r\n'
    path = write(text.encode())
    table = measurements.read(path, "E", ["v", "mass, kg"])
    assert list(table.x.columns) == ["v", "mass, kg"] and table.y.name == "E"
    np.testing.assert_array_equal(table.x, [[2, 1.5], [3, 2]])
    np.testing.assert_array_equal(table.y, [3, -9])
    assert table.dropped == 0


def test_rows_held_out_by_default():
    assert measurements.held_out(49, None, 0).sum() == 0
    assert measurements.held_out(50, None, 0).sum() == 10
    assert measurements.held_out(50, 0, 0).sum() == 0
    first, again, other = (measurements.held_out(100, 0.3, seed) for seed in (1, 1, 2))
    assert first.sum() == 30
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["cannot be read as CSV"]),
        ("\n\n", ["cannot be read as CSV"]),
        (",\n,\n", ["must hold a header and rows, got none"]),
        ("a,T\n", ["must hold rows below its header, got none"]),
        ("a,a,T\n1,2,3\n", ["a header of different names", "['a', 'a', 'T']"]),
        ("a,,T\n1,2,3\n", ["a header of different names", "['a', '', 'T']"]),
        ("a,T\n1,2\n1,2,3\n", ["cannot be read as CSV", "Expected 2 fields in line 3, saw 3"]),
        ("a;T\n1;2\n", ["target must be a column of", "one of ['a;T'], got 'T'"]),
        ("T\n1\n", ["columns must hold one at least beside the target, got ['T']"]),
        (PLANETS, ["numbers in column 'planet', got 'Mercury' in row 1: give the", "--columns"]),
        ("a,T\n1,2\n2,3 km\n", ["numbers in column 'T', got '3 km' in row 2"]),
        ("a,T\n1,2\n\n3,4\n", ["a value in each row of 'a', got none in row 2 (1 such rows"]),
        ("a,T\n1,2\nnan,4\n", ["a value in each row of 'a', got none in row 2"]),
        ("a,T\n1,2\n3,inf\n", ["finite numbers in column 'T', got inf in row 2 (1 such rows)"]),
        ("a,T\n1,2\n0,4\n-1,3\n", ["numbers > 0", "column 'a', got 0 in row 2 (2 such rows)"]),
        ("a,T\n2,-1\n-3,0\n", ["numbers > 0", "in column 'a', got -3 in row 2"]),
        ("a,T\n1,2\n2,3\n", ["X must have at least 3 rows", "got 2"]),
        ("a,T\n1,2\n2,2\n3,2\n", ["y must not be constant"]),
        ("a,b,T\n1,5,1\n2,5,2\n3,5,3\n4,5,4\n", ["constant columns", "got b"]),
        ("a,b,T\n1,1,1\n2,4,2\n3,9,3\n4,16,4\n", ["products of powers of others", "got a, b"]),
        (b"\x89PNG\r\n\x1a\n\x00\xff,T\n", ["must be text in UTF-8, got another encoding"]),
        ("größe,T\n1,2\n".encode("latin-1"), ["must be text in UTF-8, got another encoding"]),
    ],
)
def test_tables_that_are_refused(command, write, tmp_path, text, parts):
    path = write(text)
    command(fit_law, str(path), "--target=T").assert_failed(*parts)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        ([], 2, "missing argument 'data': give it as a word without --"),
        (["a.csv", "b.csv"], 2, "unexpected argument 'b.csv'"),
        (["nowhere.csv", "--target=T"], 1, "No such file or directory: 'nowhere.csv'"),
        ([".", "--target=T"], 1, "Is a directory"),
        (["data.csv"], 1, "target must be given: --target=COLUMN"),
        (["data.csv", "--target=X"], 1, "one of ['l', 'g', 'm', 'T'], got 'X'"),
        (["data.csv", "--target=T", "--columns=l,x"], 1, "columns must be different columns of"),
        (["data.csv", "--target=T", "--columns=l,l"], 1, "of ['l', 'g', 'm', 'T'], got 'l'"),
        (["data.csv", "--target=T", "--columns=l,T"], 1, "other than the target"),
        (["data.csv", "--target=T", "--columns="], 1, "columns must hold one at least"),
        (["data.csv", "--target=T", "--units=l=m"], 1, "got none for g, m, T"),
        (["data.csv", "--target=T", "--units=l"], 1, "units must be NAME=UNIT, got 'l'"),
        (["data.csv", "--target=T", "--units=x=m"], 1, "each once, got 'x'"),
        (["data.csv", "--target=T", "--units=l=m,l=m"], 1, "each once, got 'l'"),
        (["data.csv", "--target=T", "--units=l=m,g=m/s^2,m=kg,T=sek"], 1, "'sek'"),
        (["data.csv", "--target=T", "--units=l=m,g=m/s^2,m=kg,T=degC"], 1, "degC"),
        (
            ["data.csv", "--target=T", "--units=l=m,g=m/s^2,m=kg,T=K", "--dimensions=constrain"],
            1,
            "no column has temperature in it",
        ),
        (["data.csv", "--target=T", "--dimensions=constrain"], 1, "units must be given with"),
        (["data.csv", "--target=T", "--holdout=0.6"], 1, "holdout must be a fraction in [0, 0.5]"),
        (["data.csv", "--target=T", "--holdout=nan"], 1, "holdout must be a fraction in [0, 0.5]"),
        (["data.csv", "--target=T", "--rounding=half"], 1, "rounding must be auto, none or an"),
        (["data.csv", "--target=T", "--rounding=0"], 1, "rounding must be an integer >= 1, got 0"),
        (["data.csv", "--target=T", "--powers=1/0"], 1, "powers must be numbers such as -1 or 1/2"),
        (["data.csv", "--target=T", "--powers=0"], 1, "powers must be different fractions other"),
        (["data.csv", "--target=T", "--num_terms=0"], 2, "flag --num_terms=0: "),
        (
            ["data.csv", "--target=T", "--noise_model=loud"],
            2,
            "flag --noise_model=loud: value should be one",
        ),
        (["data.csv", "--target=T", "--workdir=a*"], 1, "workdir must not contain any of"),
    ],
)
def test_bad_flags(command, write, tmp_path, words, exit_code, message):
    path = write(make_pendulum(20))
    command(fit_law, *words).assert_failed(message, exit_code=exit_code)
    assert list(tmp_path.iterdir()) == [path]
