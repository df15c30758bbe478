"""A law from a user's table: what is found, said and written."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from tests.commands.fit_law.tables import PENDULUM_UNITS, make_pendulum, read_law
from weirdonetworks.commands.fit_law import csv_table
from weirdonetworks.commands.fit_law.fit import fit_law
from weirdonetworks.commands.fit_law.text import to_text


@pytest.fixture(scope="module")
def pendulum(tmp_path_factory):
    """The workdir and the data of a fitted pendulum, with 16 of 80 rows held out."""
    folder = tmp_path_factory.mktemp("pendulum")
    make_pendulum().to_csv(folder / "data.csv", index=False)
    fit_law(folder / "data.csv", "T", folder / "run", units=PENDULUM_UNITS)
    return folder / "run", folder / "data.csv"


@pytest.mark.slow
def test_the_law_of_a_pendulum(pendulum):
    law = read_law(pendulum[0])
    (term,) = law["terms"]
    assert term["exponents"] == {"l": "1/2", "g": "-1/2", "m": "0"}
    assert term["coefficient"] == pytest.approx(2 * math.pi, abs=4 * term["coefficient_error"])
    assert 0 < max(term["exponent_errors"].values()) < 0.01
    assert (law["power"], law["sign"], law["status"]) == ("1", 1, "consistent")
    assert law["units"]["consistent"] is True
    assert law["units"]["readings"]["g"] == "meter/second**2, length/time**2"
    assert "units       T is read as second, time\n" in to_text(law)
    assert law["rows"] == {"fitted": 64, "held_out": 16, "dropped": 0}
    assert law["formula"].endswith("*sqrt(l)/sqrt(g)") and law["latex"].startswith("T = ")
    assert (pendulum[0] / "law.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    config = json.loads((pendulum[0] / "config.json").read_text())
    assert law["config"] == config
    assert config["regressor"]["units"] == {"l": "m", "g": "m/s^2", "m": "kg", "T": "s"}
    assert {"scikit-learn", "weirdonetworks"} <= set(config["versions"])


@pytest.mark.slow
def test_the_box_and_the_error_are_those_of_the_rows(pendulum):
    """Held-out rows are outside the fit, and scored with the law as it is written."""
    law, table = read_law(pendulum[0]), pd.read_csv(pendulum[1])
    held = csv_table.held_out(len(table), None, seed=0)
    fitted = table[~held]
    assert law["box"] == {n: [fitted[n].min(), fitted[n].max()] for n in ("l", "g", "m")}
    predicted = law["terms"][0]["coefficient"] * np.sqrt(table.l / table.g)
    for where, error in ((held, law["held_out_error"]), (~held, law["evidence"]["relative_error"])):
        left = (table["T"] - predicted)[where]
        expected = np.sqrt(np.mean(left**2) / np.mean(table["T"][where] ** 2))
        assert error == pytest.approx(expected, rel=1e-9)
    assert 0.005 < law["held_out_error"] < 0.02


@pytest.mark.slow
def test_errors_of_measurement_and_outliers(write, tmp_path):
    """A column says how good each row is; what is wrong all the same is named as in the file."""
    g = np.random.default_rng(0)
    table = pd.DataFrame({"a": g.uniform(1, 5, 45), "b": g.uniform(1, 5, 45)})
    clean = 3 * table.a**1.5 / table.b
    table["dy"] = 0.03 * clean
    table["y"] = clean + table.dy * g.normal(size=45)
    table.loc[[4, 20], "y"] *= 10
    table.loc[10, "a"] = np.nan
    data = write(table)
    law = fit_law(data, "y", tmp_path / "run", errors="dy", loss="robust", drop_missing=True)
    assert list(law["box"]) == ["a", "b"] and law["noise"] == "measured"
    # The row without a value counts, as it does in the file.
    assert law["outliers"] == [5, 21] and law["status"] == "consistent"
    (term,) = law["terms"]
    assert term["free_exponents"]["b"] == pytest.approx(-1, abs=0.05)
    text = to_text(law)
    assert "outliers    rows 5, 21\n" in text and "taken as they are given" in text
    assert "chi square" in text and "-1 = -" in text
    with pytest.raises(ValueError, match="errors must be a column of .* got 'q'"):
        fit_law(data, "y", tmp_path / "other", errors="q")
    table.loc[7, "dy"] = 0.0
    with pytest.raises(ValueError, match="errors > 0 in column 'dy', got 0 in row 8"):
        fit_law(write(table), "y", tmp_path / "other", errors="dy", drop_missing=True)
    table.loc[7, "dy"] = 1e-150
    with pytest.raises(ValueError, match="errors within a factor of 1e100 .*, got 1e-150 in row 8"):
        fit_law(write(table), "y", tmp_path / "other", errors="dy", drop_missing=True)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_held_out_rows_have_no_part_in_the_fit(pendulum, write, tmp_path):
    table = pd.read_csv(pendulum[1])
    held = np.flatnonzero(csv_table.held_out(len(table), None, seed=0))
    others = np.flatnonzero(~csv_table.held_out(len(table), None, seed=0))
    laws = []
    for i, row in enumerate((held[0], others[0])):
        changed = table.copy()
        changed.loc[row, "T"] *= 1.03
        path = write(changed)
        laws.append(fit_law(path, "T", tmp_path / f"run{i}", units=PENDULUM_UNITS))
    unchanged = read_law(pendulum[0])
    assert laws[0]["terms"] == unchanged["terms"] != laws[1]["terms"]
    assert laws[0]["held_out_error"] > unchanged["held_out_error"]


@pytest.mark.slow
def test_a_power_of_two_terms(write, tmp_path):
    """Of a thin lens, 1/f = 1/u + 1/v; the text says of which power of the target the terms are."""
    rng = np.random.default_rng(0)
    u, v = rng.uniform(1, 5, [2, 60])
    table = pd.DataFrame({"u": u, "v ($)": v, "f": 1 / (1 / u + 1 / v)})
    law = fit_law(write(table), "f", tmp_path / "run", holdout=0)
    assert (law["power"], law["status"], len(law["terms"])) == ("-1", "exact", 2)
    assert {tuple(term["exponents"].values()) for term in law["terms"]} == {
        ("-1", "0"),
        ("0", "-1"),
    }
    assert "\nterms of f^(-1)\n" in to_text(law)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_law_outside_the_family_is_called_approximate(write, tmp_path):
    t = np.linspace(0.1, 3, 80)
    law = fit_law(write(pd.DataFrame({"t": t, "y": np.exp(-t)})), "y", tmp_path / "run")
    assert law["status"] == "approximate"
    assert "status      approximate: the limit of terms, 8, was reached, and " in to_text(law)


@pytest.mark.slow
def test_rows_where_a_law_has_no_value(write, tmp_path, monkeypatch):
    """Held-out rows beyond the pole of y = -1/(6.5 - a^2): no error is made up for them."""
    a = np.append(np.linspace(1, 2, 40), [2.9, 3.0])
    table = pd.DataFrame({"a": a, "y": np.append(-1 / (6.5 - a[:40] ** 2), [-5, -5])})
    monkeypatch.setattr(csv_table, "held_out", lambda rows, *_: np.arange(rows) >= 40)
    law = fit_law(write(table), "y", tmp_path / "run")
    assert (law["status"], law["power"], law["sign"]) == ("exact", "-1", -1)
    assert read_law(tmp_path / "run")["held_out_error"] is None
    assert "where fitted, no finite share on 2 rows held out" in to_text(law)
    assert (tmp_path / "run" / "law.png").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_least_rows_are_counted_in_the_file(write, tmp_path):
    """Before any are held out; where 59 rows are enough, 60 are."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(1, 5, (60, 50))).rename(columns="x{}".format)
    table["y"] = table["x3"] ** 2
    for rows, held in ((59, 7), (60, 8)):
        law = fit_law(write(table[:rows]), "y", tmp_path / f"{rows}", max_terms=1)
        assert law["formula"] == "y = x3**2"
        assert law["rows"] == {"fitted": 52, "held_out": held, "dropped": 0}
    with pytest.raises(ValueError, match="at least 52 rows to fit one term in 50 columns .*got 40"):
        fit_law(write(table[:40]), "y", tmp_path / "few")
    with pytest.raises(ValueError, match="holdout must leave at least 52 of 60 rows"):
        fit_law(write(table), "y", tmp_path / "few", holdout=0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_units_need_fewer_rows_and_an_index_is_told(write, tmp_path):
    """Where units leave no exponent free, two rows are enough."""
    table = make_pendulum(4)
    table.to_csv(tmp_path / "data.csv")
    with pytest.raises(ValueError, match="at least 5 rows"):
        fit_law(tmp_path / "data.csv", "T", tmp_path / "run", units=PENDULUM_UNITS)
    settings = {"units": PENDULUM_UNITS, "dimensions": "constrain"}
    law = fit_law(tmp_path / "data.csv", "T", tmp_path / "run", **settings)
    assert law["terms"][0]["exponents"] == {"l": "1/2", "g": "-1/2", "m": "0"}
    assert law["index_left_out"] is True
    assert "\nleft out    the first column, which counts the rows\n" in to_text(law)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_again_in_the_same_folder(pendulum):
    """The same comes out; other settings or other data are refused."""
    workdir, data = pendulum
    before = (workdir / "law.json").read_bytes()
    fit_law(data, "T", workdir, units=PENDULUM_UNITS)
    assert (workdir / "law.json").read_bytes() == before
    with pytest.raises(ValueError, match="holds a run of another configuration .*regressor: .*"):
        fit_law(data, "T", workdir, units=PENDULUM_UNITS, random_state=1)
    assert (workdir / "law.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.0, 1e-165, 1e160])
def test_held_out_rows_of_any_size(size, tmp_path):
    rng = np.random.default_rng(0)
    a = rng.uniform(1, 5, 60)
    y = 3 * a**2 * (1 + 0.01 * rng.normal(size=60)) * (size or 1)
    table = pd.DataFrame({"a": a, "y": y})
    if not size:
        table.loc[csv_table.held_out(60, 0.02, 0, 3), "y"] = 0.0
    table.to_csv(tmp_path / "data.csv", index=False)
    law = fit_law(tmp_path / "data.csv", "y", tmp_path / "run", holdout=0.02, random_state=0)
    assert law["rows"]["held_out"] == 1
    if size:
        assert law["held_out_error"] < 0.05
    else:
        assert law["held_out_error"] is None
        assert "no finite share on 1 rows held out" in to_text(law)
