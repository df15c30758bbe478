"""Tables: numbers keep all their digits as CSV, and are rounded for people."""

import numpy as np
import pandas as pd
import pytest

from training.report.tables import (
    mean_and_spread,
    percent,
    read_csv,
    summary,
    to_csv,
    to_markdown,
)


def test_csv_keeps_all_digits(tmp_path):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(size=1000), 10 ** rng.uniform(-300, 300, 1000)])
    (tmp_path / "a.csv").write_text(to_csv(pd.DataFrame({"a": values})))
    np.testing.assert_array_equal(read_csv(tmp_path / "a.csv")["a"], values)


def test_csv_of_rows(tmp_path):
    rows = [{"name": "none", "seed": 0, "accuracy": 0.1}, {"name": "nan", "seed": 1}]
    text = to_csv(rows)
    assert text == "name,seed,accuracy\nnone,0,0.1\nnan,1,\n"
    (tmp_path / "a.csv").write_text(text)
    read = read_csv(tmp_path / "a.csv")
    assert read["name"].tolist() == ["none", "nan"]  # names, though pandas has a meaning for them
    assert read["accuracy"].isna().tolist() == [False, True]
    assert to_csv(rows, ["accuracy", "name"]) == "accuracy,name\n0.1,none\n,nan\n"


def test_tables_that_cannot_be_read(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a,\xff")
    for name in ("missing", "empty", "binary"):
        with pytest.raises(ValueError, match=f"{name}.csv cannot be read as a table"):
            read_csv(tmp_path / f"{name}.csv")


def test_markdown_shows_cells_as_they_are():
    frame = pd.DataFrame({"a": ["1e5", None], "b": [0.1, np.nan], "c": [3, 4]})
    lines = to_markdown(frame).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert (cells[0], cells[2:]) == (["a", "b", "c"], [["1e5", "0.1", "3"], ["", "", "4"]])
    assert to_markdown(frame).endswith("|\n")


def test_mean_and_spread():
    """The sample standard deviation, with n - 1 in its denominator; none of one value."""
    assert mean_and_spread([91, 92, 96]) == "93.00 ± 2.65"
    assert mean_and_spread([91, 92, 96], 1) == "93.0 ± 2.6"
    assert mean_and_spread([5.0]) == "5.00"
    assert percent([0.91, 0.92, 0.96]) == "93.00 ± 2.65" and percent(np.array([0.25])) == "25.00"


def test_a_summary_has_a_row_for_each_group():
    frame = pd.DataFrame(
        {"net": ["b", "a", "b", "a"], "seed": [0, 0, 1, 1], "accuracy": [0.1, 0.5, 0.3, np.nan]}
    )
    columns = {"mean %": ("accuracy", percent), "runs": (None, len)}
    found = summary(frame, ["net"], columns)
    assert found.to_dict("records") == [
        {"net": "b", "mean %": "20.00 ± 14.14", "runs": 2},
        {"net": "a", "mean %": "50.00", "runs": 2},
    ]
    assert list(summary(frame[:0], ["net"], columns).columns) == ["net", "mean %", "runs"]
