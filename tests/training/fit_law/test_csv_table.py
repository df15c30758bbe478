"""How a user's table is read, and which rows are held out."""

import numpy as np

from training.fit_law import csv_table


def test_a_table_as_programs_write_it(write):
    """A byte order mark, spaces, quotes, a name with a comma, blank lines at the end."""
    text = '\ufeff"mass, kg", v ,name,E\r\n1.5, 2,x,"3e0"\r\n2,3,NA,-9\r\n\r\n\r\n'
    path = write(text.encode())
    table = csv_table.read(path, "E", ["v", "mass, kg"])
    assert list(table.x.columns) == ["v", "mass, kg"] and table.y.name == "E"
    np.testing.assert_array_equal(table.x, [[2, 1.5], [3, 2]])
    np.testing.assert_array_equal(table.y, [3, -9])
    assert table.dropped == 0


def test_rows_held_out_by_default():
    assert csv_table.held_out(49, None, 0).sum() == 0
    assert csv_table.held_out(50, None, 0).sum() == 10
    assert csv_table.held_out(50, 0, 0).sum() == 0
    first, again, other = (csv_table.held_out(100, 0.3, seed) for seed in (1, 1, 2))
    assert first.sum() == 30
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
