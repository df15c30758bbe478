"""A table that is uploaded becomes a law; errors name it, and not where it lies."""

import pytest

from tests.commands.fit_law.tables import PLANETS
from training.playground import laws


@pytest.fixture
def write(tmp_path):
    def write_file(text: str, name: str = "data.csv") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write_file


def test_the_last_column_of_numbers_is_the_target(write):
    table = laws.read(write(PLANETS))
    assert table.names == ["planet", "a", "T"]
    assert (table.target, table.columns) == ("T", ["a"])  # the names are no numbers
    assert table.head.iloc[0].tolist() == ["Mercury", "0.38710", "0.24085"]
    assert len(table.head) == 6
    table = laws.read(write("a;T;n\n1,5;2;x\n2,5;;x\n"))  # decimal commas, one missing
    assert (table.target, table.columns) == ("T", ["a"])
    table = laws.read(write("a,b,c\n1,2,3\n"))
    assert (table.target, table.columns) == ("c", [])  # all others


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "data.csv must hold a header and rows, got none"),
        (
            "no table",
            "data.csv must have two columns of numbers or more, got [] of ['no', 'table']",
        ),
        ("1,2\n3,4\n", "data.csv must begin with a header of names"),
        ("a,a\n1,2\n", "data.csv must have a name for each column"),
        ("a,b\n1,x\n", "data.csv must have two columns of numbers or more, got ['a'] of"),
        ("a,b\n1,2,3\n4,5,6\n7,8,9\n", "data.csv must have"),
        ("\x00\x01", "data.csv must be a table"),
    ],
)
def test_what_is_no_table_is_refused(write, text, told):
    path = write(text)
    with pytest.raises(ValueError) as error:
        laws.read(path)
    assert str(error.value).startswith(told) and path not in str(error.value)


@pytest.mark.slow
def test_a_table_becomes_a_law(write):
    law = laws.find(write(PLANETS), "T", ["a"], "a=au, T=year", False)
    assert "T = " in law.latex and r"a^{\frac{3}{2}}" in law.latex
    assert "a**(3/2)" in law.text and "status      consistent" in law.text
    assert "units" in law.text
    assert law.picture.width > 500 and len(set(law.picture.convert("L").tobytes())) > 50


def test_settings_are_those_of_the_command(write):
    path = write(PLANETS)
    for settings, told in (
        (("M", ["a"], "", False), "target must be a column of data.csv"),
        (("T", ["planet"], "", False), "data.csv must have numbers in column 'planet'"),
        (("T", [], "", False), "data.csv must have numbers in column 'planet'"),
        (("T", ["a"], "a", False), "units must be NAME=UNIT, got 'a'"),
        (("T", ["a"], "a=au", False), "units must be given for each column"),
    ):
        with pytest.raises(ValueError) as error:
            laws.find(path, *settings)
        assert str(error.value).startswith(told) and path not in str(error.value)


@pytest.mark.slow
def test_rows_with_missing_values_are_left_out_if_that_is_asked_for(write):
    path = write(PLANETS + "Pluto,39.5,\n")
    with pytest.raises(ValueError, match="drop_missing"):
        laws.find(path, "T", ["a"], "", False)
    assert "dropped     1 rows" in laws.find(path, "T", ["a"], "", True).text
