"""What is published is what it says it is: a test for each line of the library's table."""

import pytest

from tests import helpers
from training.cards import kept


@pytest.mark.parametrize(
    "text, found",
    [
        ("/srv/mnist", ["/srv"]),
        ('{"manual_dir": "/srv/mnist"}', ["/srv"]),
        ("python -m training.train --data_dir=~/data", ["~/data"]),
        (r"C:\data", [r"C:\data"]),
        ("uint8 pixels / 255, [n, H/2] of runs/first and https://example.org/a", []),
    ],
)
def test_absolute_paths_are_found(text, found):
    assert helpers.absolute_paths(text) == found


def test_no_card_holds_a_path_of_a_machine():
    files = [path for path in kept.RESULTS.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {kept.CARD, "logits.csv"}
    for path in files:
        assert not helpers.absolute_paths(path.read_text(encoding="utf-8")), path
