"""Results of the benchmark in the repository, and a table that a run would keep."""

import pandas as pd
import pytest

from training.benchmark import kept
from training.benchmark.__main__ import GROUPS


def test_every_group_has_its_results_and_says_what_its_ratio_is():
    assert kept.RATIOS.keys() == set(GROUPS) == kept.tables().keys()


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [{"contender": "a", "rate": 1234567.8, "lowest": 1.0, "highest": 2.0, "ratio": 1.0}]
    rows += [{**rows[0], "contender": "b", "ratio": 12.345}]
    (tmp_path / "loops.csv").write_text(kept.to_csv_of(rows))
    table = kept.tables(tmp_path)["loops"]
    expected = {"": ["a", "b"], "images/s": ["1,234,568"] * 2, kept.RATIOS["loops"]: ["1", "12.3"]}
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected))


def test_a_folder_without_results(tmp_path):
    with pytest.raises(ValueError, match="must hold results of the benchmark, got none"):
        kept.tables(tmp_path)
