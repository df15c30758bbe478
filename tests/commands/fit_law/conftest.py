"""Tables as files, and laws without their pictures."""

import pandas as pd
import pytest

from weirdonetworks.commands.figures import new_figure
from weirdonetworks.commands.fit_law import picture


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
    monkeypatch.setattr(picture, "draw", lambda *_: new_figure()[0])
