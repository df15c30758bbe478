"""Generated parts of pages: what stands around them stays, and filling twice changes nothing."""

import pytest

from training.report.pages import blocks, fill

PAGE = """# A page

<!-- table: one -->
<!-- end -->

Words between | tables.

<!-- table: two and more -->

| old |

<!-- end -->
"""


def test_parts_are_replaced_and_the_rest_stays():
    filled = fill(PAGE, lambda name: f"| {name} |\n")
    assert filled == PAGE.replace(
        "<!-- table: one -->\n", "<!-- table: one -->\n\n| one |\n\n"
    ).replace("| old |", "| two and more |")
    assert fill(filled, lambda name: f"| {name} |\n") == filled
    assert blocks(PAGE) == blocks(filled) == ["one", "two and more"]
    assert fill("no marks\n", lambda name: pytest.fail(name)) == "no marks\n"


def test_text_is_no_pattern():
    assert r"\1 \g<0>" in fill(PAGE, lambda name: r"\1 \g<0>")


def test_each_mark_needs_its_end():
    for broken in (PAGE.replace("<!-- end -->", "", 1), PAGE.rsplit("<!-- end -->", 1)[0]):
        with pytest.raises(ValueError, match="^each <!-- table: NAME --> of a page must have its"):
            fill(broken, lambda name: "")
