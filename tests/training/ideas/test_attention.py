"""The picture of attention's forms: a panel for each line of the page's table."""

import re
from pathlib import Path

import numpy as np
import pytest

from training.ideas import attention

PAGE = Path(__file__).parents[3] / "docs" / "ideas" / "attention.md"


@pytest.mark.slow
def test_what_is_drawn_is_what_the_table_lists():
    drawn = attention.weights()
    rows = re.findall(r"^\| ([^|]+?) \| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    forms = [row.split(",")[0] for row in rows if row != "form"]
    assert list(drawn) == forms[: len(drawn)]
    assert [axis.get_title() for axis in attention.draw().axes] == list(drawn)
    for name in ("smoother", "random features", "recurrence", "block-Toeplitz mask", "Hopfield"):
        np.testing.assert_allclose(drawn[name].sum(axis=1), 1)
        assert drawn[name].min() >= 0
    for name in ("recurrence", "delta rule"):
        assert not np.triu(drawn[name], 1).any() and np.tril(drawn[name]).any()
    for name in ("delta rule", "Galerkin", "tensor", "direct sampling"):
        assert drawn[name].min() < 0


def test_the_page_shows_it():
    (picture,) = re.findall(r"!\[.+\]\((attention/\w+\.png)\)", PAGE.read_text(encoding="utf-8"))
    assert (PAGE.parent / picture).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
