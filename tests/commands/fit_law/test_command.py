"""The command: its flags and lines, that it is light, and which tables and flags are refused."""

import datetime
import re
import shlex
import subprocess
import sys
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.commands.fit_law.tables import PLANETS, make_pendulum, read_law
from weirdonetworks.commands import folders
from weirdonetworks.commands.fit_law import __main__ as fit_law
from weirdonetworks.regression import regressor


def test_names_are_those_of_the_regressor():
    assert fit_law.NOISE == regressor.NOISE and fit_law.DIMENSIONS == regressor.DIMENSIONS
    assert fit_law.LOSSES == regressor.LOSSES
    assert [float(Fraction(word)) for word in fit_law.POWERS] == list(regressor.POWERS)


WITHOUT_TENSORFLOW = """
import sys
from weirdonetworks.commands import app
from weirdonetworks.commands.fit_law import __main__ as fit_law
assert not {"pandas", "sklearn", "tensorflow"} & sys.modules.keys()
try:
    app.run(fit_law.main, fit_law.FLAGS)
except SystemExit as ended:
    assert not ended.code
assert "sklearn" in sys.modules and "tensorflow" not in sys.modules
"""


@pytest.mark.slow
def test_no_tensorflow_is_needed(write):
    path = write(PLANETS)
    words = [str(path), "--target=T", "--columns=a", f"--workdir={path.parent / 'run'}"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "a**(3/2)" in done.stdout


@pytest.mark.slow
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
        *("3/2", "=", f"{term['free_exponents']['a']:.4g}", "±", f"{exponent_error:.2g}"),
    ]
    assert f"status      {law['status']}: {law['evidence']['reason']}" in lines
    assert "units       not consistent with dimensionless constants" in lines
    assert any("must carry" in line and "au**(3/2)" in line for line in lines)
    assert "known for   a from 0.3871 to 30.1806" in lines
    where = f"runs/{workdir.name}/: config.json, law.json, law.png"
    assert lines[-1] == f"written to  {where}"
    assert not any("held out" in line for line in lines)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_readme_shows_what_is_printed(command, write):
    """All but the line of the files, which has the time in it."""
    page = Path(__file__).parents[3] / "docs" / "guides" / "laws.md"
    readme = page.read_text(encoding="utf-8")
    (table,) = re.findall(r"```\n(a,T\n.*?)```", readme, re.DOTALL)
    (words,) = re.findall(r"^python -m training.fit_law (planets.csv .*)", readme, re.MULTILINE)
    (expected,) = re.findall(r"```\n(T = .*?)^written to", readme, re.DOTALL | re.MULTILINE)
    write(table, "planets.csv")
    outcome = command(fit_law, *shlex.split(words))
    assert outcome.exit_code == 0 and outcome.stdout.partition("written to")[0] == expected


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["must hold a header and rows, got none"]),
        ("\n\n", ["must hold a header and rows, got none"]),
        (",\n,\n", ["must hold a header and rows, got none"]),
        ("a,T\n", ["must hold rows below its header, got none"]),
        ("a,a,T\n1,2,3\n", ["a header of different, printable names", "['a', 'a', 'T']"]),
        ("a,,T\n1,2,3\n", ["a header of different, printable names", "['a', '', 'T']"]),
        ("a,T\n1,2\n1,2,3\n", ["must have 2 values in each row", "got 3 in row 2"]),
        ("\u202ea,T\n1,2\n", ["a header of different, printable names"]),
        ("\x1b[2J,T\n1,2\n", ["must be a table as text (CSV), Parquet or Excel"]),
        (",".join(f"c{i}" for i in range(10**6)) + "\n", ["at most 10000 columns, got 1000000"]),
        ("a;b\n1;2\n", ["target must be a column of", "one of ['a', 'b'], got 'T'"]),
        ("1,2\n3,4\n", ["must begin with a header of names, got numbers only: ['1', '2']"]),
        ('a,T\n"1,2\n3,4\n', ["cannot be read as CSV: are quotes closed?"]),
        ("T\n1\n", ["columns must hold one at least beside the target, got ['T']"]),
        (PLANETS, ["numbers in column 'planet', got 'Mercury' in row 1: give the", "--columns"]),
        ("a,T\n1,2\n2,3 km\n", ["numbers in column 'T', got '3 km' in row 2"]),
        ("a,T\n1,2\n\n3,4\n", ["a value in each row of 'a', got none in row 2 (1 such rows"]),
        ("a,T\n1,2\nnan,4\n", ["a value in each row of 'a', got none in row 2"]),
        ("a,T\n1,2\n3,inf\n", ["finite numbers in column 'T', got inf in row 2 (1 such rows)"]),
        ("a,T\n1,2\n0,4\n-1,3\n", ["numbers > 0", "column 'a', got 0 in row 2 (2 such rows)"]),
        ("a,T\n2,-1\n-3,0\n", ["numbers > 0", "in column 'a', got -3 in row 2"]),
        ("a,T\n1,2\n2,3\n", ["must have at least 3 rows to fit one term in 1 columns", "got 2"]),
        ("a,T\n1,2\n", ["must have at least 3 rows to fit one term in 1 columns", "got 1"]),
        ("a,T\n1,2\n2,2\n3,2\n", ["y must not be constant"]),
        ("a,b,T\n1,5,1\n2,5,2\n3,5,3\n4,5,4\n", ["constant columns", "got b"]),
        ("a,b,T\n1,1,1\n2,4,2\n3,9,3\n4,16,4\n", ["products of powers of others", "got a, b"]),
        (b"\x89PNG\r\n\x1a\n\x00\xff,T\n", ["must be a table as text (CSV), Parquet or Excel"]),
        (b"PAR1" + bytes(40), ["cannot be read with pyarrow: it is damaged, or holds no table"]),
        (b"PK\3\4" + bytes(40), ["cannot be read with openpyxl: it is damaged, or holds no table"]),
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
        (["data.csv", "--target=T", "--columns=l,l"], 1, "of ['l', 'g', 'm'], got 'l'"),
        (["data.csv", "--target=T", "--columns=l,T"], 1, "other than the target"),
        (
            ["data.csv", "--target=T", "--errors=m", "--noise_model=relative"],
            1,
            "noise_model must be auto with errors, which say what it is, got 'relative'",
        ),
        (["data.csv", "--target=T", "--errors=x"], 1, "errors must be a column of"),
        (["data.csv", "--target=T", "--columns="], 1, "columns must hold one at least"),
        (["data.csv", "--target=T", "--units=l=m"], 1, "got none for g, m, T"),
        (["data.csv", "--target=T", "--units=l"], 1, "units must be NAME=UNIT, got 'l'"),
        (["data.csv", "--target=T", "--units=x=m"], 1, "each once, got 'x'"),
        (["data.csv", "--target=T", "--units=l=m,l=m"], 1, "each once, got 'l'"),
        (["data.csv", "--target=T", "--units=l=m,g=m/s^2,m=kg,T=sek"], 1, "'sek'"),
        (["data.csv", "--target=T", "--units=l=m,g=m/s^2,m=kg,T=degC"], 1, "degC"),
        (
            ["data.csv", "--target=T", "--units=l=AU,g=m/s^2,m=kg,T=s"],
            1,
            "units['l'] must be a unit",
        ),
        (["data.csv", "--target=T", "--units=l=m,g=cfm,m=kg,T=s"], 1, "write ft**3/min, or"),
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
        (["data.csv", "--target=T", "--powers=1e400"], 1, "powers must be numbers such as -1 or"),
        (["data.csv", "--target=T", "--powers=1e1000000000"], 1, "powers must be numbers such as"),
        (["data.csv", "--target=T", "--max_terms=1000000000"], 1, "max_terms must be an integer"),
        (["data.csv", "--target=T", "--powers=0"], 1, "powers must be different fractions other"),
        (["data.csv", "--target=T", "--num_terms=0"], 2, "flag --num_terms=0: "),
        (
            ["data.csv", "--target=T", "--noise_model=loud"],
            2,
            "flag --noise_model=loud: value should be one",
        ),
        (["data.csv", "--target=T", "--rouding=2"], 2, "Did you mean: rounding ?"),
        (["data.csv", "--target=T", "--workdir=data.csv"], 1, "data.csv exists and holds no run"),
    ],
)
def test_bad_flags(command, write, tmp_path, words, exit_code, message):
    path = write(make_pendulum(20))
    command(fit_law, *words).assert_failed(message, exit_code=exit_code)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_fits_that_begin_together_have_folders_of_their_own(command, monkeypatch):
    moment = datetime.datetime(2026, 1, 1)
    fixed = types.SimpleNamespace(datetime=types.SimpleNamespace(now=lambda: moment))
    monkeypatch.setattr(folders, "datetime", fixed)
    name = "runs/law-table-20260101-000000"
    for power, folder in ((2, name), (3, f"{name}-2")):
        rows = "".join(f"{a},{a**power}\n" for a in range(1, 9))
        Path("table.csv").write_text(f"a,y\n{rows}")
        outcome = command(fit_law, "table.csv", "--target=y", "--num_terms=1", "--powers=1")
        assert outcome.exit_code == 0, outcome
        assert f"written to  {folder}/" in outcome.stdout
    assert command(fit_law, "none.csv", "--target=y").exit_code == 1
    assert len(list(Path("runs").iterdir())) == 2
