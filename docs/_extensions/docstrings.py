"""Docstrings, which are plain text with formulas, as reStructuredText.

Prose is escaped, with x_i and x^2 as subscript and superscript; what is indented (a formula, a
table, code) is shown as it stands; `name: what it is` in a paragraph of its own is an argument.
Sections such as "Raises:" are left to napoleon.
"""

import re

from sphinx.application import Sphinx

SECTION = re.compile(r"(Args|Arguments|Attributes|Raises|Returns|Yields):$")
ITEM = re.compile(r"( *)(\*{0,2}[A-Za-z_]\w*(?:, \*{0,2}[A-Za-z_]\w*)*)(: )")
LIST = re.compile(r"( *)(\* |\d+\. )")
CODE = re.compile(r"`([^`]+)`")
PAGE = re.compile(r"docs/([\w/]+)\.md")
# A subscript of one letter, or a power of anything; a name such as num_terms is neither.
SCRIPT = re.compile(
    r"(?<![\w.])(?P<base>[A-Za-z]|Σ|Π|max|min|pool|logsumexp)_(?P<sub>\{[^}]+\}|[A-Za-z0-9]{1,3})(?!\w)"
    r"|(?<=[\w)\]}|'])\^(?P<sup>\{[^}]*\}|\([^()]*\)|\[[^\]]*\]|-?\w+(?:/\d+(?!\w))?)"
)
SIGNS = {"->": "→", ">=": "≥", "<=": "≤", "!=": "≠", "+-": "±", "sum_": "Σ_", "prod_": "Π_"}
# What is to be escaped, or an emphasis, which is not.
SPECIAL = re.compile(r"(?<!\w)\*(?=\w)[^*]+(?<=\w)\*(?!\w)|[*|_\\`]")


def _escaped(text: str) -> str:
    return SPECIAL.sub(lambda hit: hit[0] if hit[0][1:] else "\\" + hit[0], text)


def _prose(text: str) -> str:
    out, end = [], 0
    for match in SCRIPT.finditer(text):
        out.append(_escaped(text[end : match.start()]))
        if match["sub"]:
            out.append(rf"{match['base']}\ :sub:`{match['sub'].strip('{}')}`\ ")
        else:
            out.append(rf"\ :sup:`{match['sup'].strip('{}()')}`\ ")
        end = match.end()
    return "".join(out) + _escaped(text[end:])


def _inline(text: str) -> str:
    """One paragraph."""
    out = []
    for i, part in enumerate(CODE.split(text)):
        if i % 2 == 0:
            for sign, better in SIGNS.items():
                part = part.replace(sign, better)
            pages = PAGE.split(part)
            pages[::2] = map(_prose, pages[::2])
            pages[1::2] = [f":doc:`/docs/{page}`" for page in pages[1::2]]
            out.append("".join(pages))
        else:
            out.append(f"``{part}``")
    return "".join(out)


def _paragraph(lines: list[str], items: bool) -> list[str]:
    """Converted, but for the marks of lists and, in a section, the names of its items."""
    heads = [
        (ITEM.match(line) if items else None) or LIST.match(line) or re.match(" *", line)
        for line in lines
    ]
    text = "\n".join(line[head.end() :] for head, line in zip(heads, lines, strict=True))
    text = _inline(text).split("\n")
    return [head.group() + line for head, line in zip(heads, text, strict=True)]


def convert(docstring: str) -> list[str]:
    out, section, listed = [], False, False
    for block in re.split(r"\n\s*\n", docstring.rstrip()):
        lines = block.strip("\n").split("\n")
        indent = len(lines[0]) - len(lines[0].lstrip())
        section = section and indent > 0
        if lines[0].lstrip().startswith(">>> "):  # an example, as it stands
            out += [*lines, ""]
            continue
        if SECTION.match(lines[0]):
            out.append(lines.pop(0))
            section = True
        elif not indent and all(line[0] == " " or ITEM.match(line) for line in lines) and (
            lines[0][0].islower()
        ):  # fmt: skip
            out.append("Args:")
            lines, section = ["  " + line for line in lines], True
        if section:
            out += [*_paragraph(lines, items=True), ""]
        elif indent >= (4 if listed else 2):
            out += [f"{' ' * (2 if listed else 0)}.. code-block:: text", ""]
            out += [f"   {line}" for line in lines] + [""]
        elif not listed and any(line[0] == " " for line in lines) and not LIST.match(lines[0]):
            text = _paragraph(lines, items=False)  # with hanging indents: what there is
            out += [("  " if line[0] == " " else "* ") + line.strip() for line in text] + [""]
        else:
            listed = bool(LIST.match(lines[0])) or (listed and indent > 0)
            out += [*_paragraph(lines, items=False), ""]
    return out


def process(app, what, name, obj, options, lines):
    if lines == ["Call self as a function.", ""]:  # of a type, where a method has none
        lines.clear()
    if lines:
        lines[:] = convert("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process, priority=100)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
