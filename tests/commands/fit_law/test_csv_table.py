"""How a user's table is read, in the forms in which programs write it, and what is held out."""

import io
import random
import re
import sys

import numpy as np
import pandas as pd
import pytest

from weirdonetworks.commands.fit_law import csv_table

TABLE = pd.DataFrame({"a": [1.5, 2, 3e-7], "T": [2, 3.25, 4]})


def test_a_table_as_programs_write_it(write):
    """A byte order mark, spaces, quotes, a name with a comma, blank lines at the end."""
    text = '\ufeff"mass, kg", v ,name,E\r\n1.5, 2,x,"3e0"\r\n2,3,NA,-9\r\n\r\n\r\n'
    path = write(text.encode())
    table = csv_table.read(path, "E", ["v", "mass, kg"])
    assert list(table.x.columns) == ["v", "mass, kg"] and table.y.name == "E"
    np.testing.assert_array_equal(table.x, [[2, 1.5], [3, 2]])
    np.testing.assert_array_equal(table.y, [3, -9])
    assert (table.dropped, table.index) == (0, False)


TEXTS = {
    "commas": "a,T\n1.5,2\n2,3.25\n3e-7,4\n",
    "semicolons": "a;T\n1.5;2\n2;3.25\n3e-7;4\n",
    "tabs": "a\tT\n1.5\t2\n2\t3.25\n3e-7\t4\n",
    "bars": "a | T\n1.5 | 2\n2 | 3.25\n3e-7 | 4\n",
    "spaces": " a     T\n 1.5   2\n 2     3.25\n 3e-7  4\n",
    "decimal commas": "a;T\n1,5;2\n2;3,25\n3e-7;4,000\n",
    "decimal commas and tabs": "a\tT\n1,5\t2\n2\t3,25\n3e-7\t4\n",
    "quoted decimal commas": 'a,T\n"1,5","2"\n"2","3,25"\n"3e-7","4"\n',
    "three decimals after a comma": "a;T\n1,500;2,000\n2,000;3,250\n0,0000003;4,000\n",
    "comments": "# by me; 1, 2\n#\na,T\n1.5,2\n# in between\n2,3.25\n3e-7,4\n#,\n",
    "a header that is a comment": "# by me\n# a T\n1.5 2\n2 3.25\n3e-7 4\n",
    "blank lines around": "\n\na,T\n1.5,2\n2,3.25\n3e-7,4\n\n",
    "an index without a name": ",a,T\n0,1.5,2\n1,2,3.25\n2,3e-7,4\n",
    "an index from 1": "Index;a;T\n1;1,5;2\n2;2;3,25\n3;3e-7;4\n",
    "old Macintosh lines": "a,T\r1.5,2\r2,3.25\r3e-7,4\r",
}


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_commas_comments_and_encodings(write, form, encoding):
    path = write(re.sub(r"\ba\b", "größe", TEXTS[form]).encode(encoding))
    table = csv_table.read(path, "T")
    pd.testing.assert_frame_equal(table.x.set_axis(["a"], axis=1), TABLE[["a"]], check_exact=True)
    np.testing.assert_array_equal(table.y, TABLE["T"])
    assert table.index == ("index" in form)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a;T\n2;1\n1,234;2\n",
            "thousands in column 'a', got '1,234' in row 2: if it is a decimal",
        ),
        (
            "a;T\n1,234.5;2\n",
            "without separators of thousands in column 'a', got '1,234.5' in row 1",
        ),
        (
            "a;T\n2;1.234,5\n",
            "without separators of thousands in column 'T', got '1.234,5' in row 1",
        ),
        ("a;T\n2,5;1,234,567\n", "of thousands in column 'T', got '1,234,567' in row 1"),
        ("a;T\n2,5;x\n", "must have numbers in column 'T', got 'x' in row 1"),
        ("a;T\n1 234;2\n", "without separators of thousands in column 'a', got '1 234' in row 1"),
        ("a;T\n1'234;2\n", "without separators of thousands in column 'a', got \"1'234\" in row 1"),
        ("a;T\n1_234;2\n", "without separators of thousands in column 'a', got '1_234' in row 1"),
        ("a;T\n1,5;2.5\n", "decimal commas or decimal points, not both, in column 'a', got '1,5'"),
        (
            "a,T\n1,5,2,5\n",
            "2 values in each row, as in its header, got 4 in row 1 .*decimal commas",
        ),
        ("a;T\n1,5;\n", "a value in each row of 'T', got none in row 1 .1 such rows"),
        ("a;T\n1,5\n", "a value in each row of 'T', got none in row 1 .1 such rows"),
        (",a,T\n5,1,2\n7,3,4\n", "a header of different, printable names, got .'', 'a', 'T'."),
        ("n,a,T\n0,1,2\n1,3,4\n", "got 0 in row 1 .1 such rows; it counts the rows: leave it out"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(write, text, message):
    with pytest.raises(ValueError, match=message):
        csv_table.read(write(text), "T")


def test_an_index_that_is_asked_for_is_a_column(write):
    path = write("index,T\n1,2\n2,5\n3,8\n")
    assert list(csv_table.read(path, "T", ["index"]).x["index"]) == [1, 2, 3]
    with pytest.raises(ValueError, match="columns must hold one at least beside the target"):
        csv_table.read(path, "T")


def _parquet(table, **kwargs) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, **kwargs)
    return buffer.getvalue()


def _excel(*sheets, index=False) -> bytes:
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer) as writer:
        for i, sheet in enumerate(sheets):
            sheet.to_excel(writer, sheet_name=f"S{i}", index=index)
    return buffer.getvalue()


@pytest.mark.slow
def test_parquet_and_excel(write):
    """Known by their content, whatever the file is called."""
    comma = pd.DataFrame({"a": ["1,5", "2", "3e-7"], "T": TABLE["T"]})
    files = [_parquet(TABLE), _parquet(TABLE.set_index("a")), _parquet(comma), _excel(TABLE)]
    files += [_excel(TABLE, index=True), _excel(comma), _excel(TABLE, pd.DataFrame())]
    for i, content in enumerate(files):
        table = csv_table.read(write(content), "T")
        pd.testing.assert_frame_equal(table.x, TABLE[["a"]], check_exact=True)
        np.testing.assert_array_equal(table.y, TABLE["T"])
        assert table.index == (i == 4)


@pytest.mark.parametrize("form", [_parquet, _excel])
def test_what_such_files_hold_beside_numbers(write, form):
    columns = {
        "must have numbers in column 'b', got True in row 1": [True, False, True],
        "must have numbers in column 'b', got 2020-01-01.* in row 1": pd.date_range(
            "2020", periods=3
        ),
        "must have numbers in column 'b', got 'x' in row 2": ["1", "x", "2"],
        "must have a value in each row of 'b', got none in row 2": [1, None, 2],
        "must have finite numbers in column 'b', got inf in row 3": ["1", "2", "inf"],
    }
    for message, column in columns.items():
        with pytest.raises(ValueError, match=message):
            csv_table.read(write(form(TABLE.assign(b=column))), "T")
    with pytest.raises(ValueError, match=r"one sheet that is not empty, got \['S0', 'S1'\]"):
        csv_table.read(write(_excel(TABLE, TABLE)), "T")


@pytest.mark.parametrize("package", ["pyarrow", "openpyxl"])
def test_a_package_that_is_missing_is_named(write, monkeypatch, package):
    path = write(_parquet(TABLE) if package == "pyarrow" else _excel(TABLE))
    monkeypatch.setitem(sys.modules, package, None)
    message = f"{path} needs {package} to be read: pip install {package}"
    with pytest.raises(ImportError, match=re.escape(message)):
        csv_table.read(path, "T")


@pytest.mark.slow
def test_any_file_is_read_or_refused_in_a_line_that_names_it(write):
    generator = random.Random(0)
    pieces = ["a", "T", "1", "2,5", "3.5", ",", ";", "\t", "|", " ", "\n", "\r", "#", '"', "1,234"]
    pieces += ["nan", "-", "inf", "\0", "é", "_", "\u2028", "\f", "index", "0", "٣", "½", "x" * 300]
    workbook = _excel(TABLE)
    refused = 0
    for i in range(100):
        text = "a;T\n" + "".join(generator.choices(pieces, k=generator.randrange(25)))
        damaged = bytearray(workbook)
        damaged[generator.randrange(4, len(damaged))] ^= generator.randrange(1, 256)
        for content in [text.encode(), text.encode("utf-16")] + [bytes(damaged)] * (i < 4):
            path = write(content)
            try:
                csv_table.read(path, "T")
            except ValueError as error:
                refused += 1
                assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 50


def test_rows_held_out_by_default():
    assert csv_table.held_out(49, None, 0).sum() == 0
    assert csv_table.held_out(50, None, 0).sum() == 10
    assert csv_table.held_out(50, 0, 0).sum() == 0
    first, again, other = (csv_table.held_out(100, 0.3, seed) for seed in (1, 1, 2))
    assert first.sum() == 30
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_rows_held_out_leave_enough_for_the_fit():
    assert [csv_table.held_out(n, None, 0, 52).sum() for n in (51, 52, 55, 70)] == [0, 0, 3, 14]
    with pytest.raises(ValueError, match="holdout must leave at least 52 of 60 rows .* got 0.2"):
        csv_table.held_out(60, 0.2, 0, 52)
