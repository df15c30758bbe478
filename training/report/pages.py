"""Generated parts of pages for people: what stands between two marks comes from results."""

import re
from collections.abc import Callable

_BLOCK = re.compile(r"(<!-- table: (?P<name>[^\n]+?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def blocks(text: str) -> list[str]:
    """The names of the generated parts of a page, in their order."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def fill(text: str, table: Callable[[str], str]) -> str:
    """The page with each part between

        <!-- table: NAME -->
        <!-- end -->

    replaced by table(NAME), which is Markdown.

    Raises:
      ValueError: a mark without its end.
    """
    if text.count("<!-- table: ") != len(blocks(text)):
        raise ValueError("each <!-- table: NAME --> of a page must have its <!-- end -->")
    return _BLOCK.sub(
        lambda match: f"{match[1]}\n{table(match['name']).strip()}\n\n{match[4]}", text
    )
