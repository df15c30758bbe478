"""The documentation has every public name, shows what runs, and says docstrings as they are."""

import importlib.util
import re
from pathlib import Path

import docutils.core
import pytest

import weirdonetworks as wn
from training.engine.train import SCALED

DOCS = Path(__file__).parents[1] / "docs"
ENTRY = re.compile(
    r"^\.\. (?:currentmodule:: (\S+)|(?:autoclass|autofunction|py:data):: (\w+))", re.M
)
GUIDES = (
    "train",
    "own_data",
    "predict",
    "certify",
    "extend",
    "analyse",
    "export",
    "iterates",
    "keras",
    "laws",
)
PRINTED = ("keras", "laws", "own_data", "predict")


def extension(name: str):
    """One of Sphinx's that the site has."""
    path = DOCS / "_extensions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


names, docstrings = extension("names"), extension("docstrings")


def entries(text: str) -> set[tuple[str, str]]:
    """(module, name) of what a page of the API documents."""
    module, found = "", set()
    for here, name in ENTRY.findall(text):
        module = here or module
        found |= {(module, name)} if name else set()
    return found


def test_the_api_has_every_public_name_and_no_other():
    shown = [entries(path.read_text(encoding="utf-8")) for path in (DOCS / "api").glob("*.md")]
    public = {(module, name) for module in names.MODULES for name in names.public(module)}
    assert len(public) > 150
    assert set().union(*shown) == public
    assert sum(map(len, shown)) == len(public), "a name stands on two pages"


def test_the_library_itself_has_nothing_else():
    for name in wn.__all__:
        value = getattr(wn, name)
        module = getattr(value, "__module__", "")
        assert f"weirdonetworks.{name}" in names.MODULES or module in names.MODULES


def test_entries_are_found():
    page = ".. currentmodule:: a\n\n.. autoclass:: B\n.. py:data:: C\n   :type: int\n"
    assert entries(page) == {("a", "B"), ("a", "C")}


DOCSTRING = """y_o = sum_i w_oi x_i^2 + e^-20 for |x| >= 0, *not* num_terms or 2 * 3.

    y = W x,    a *literal*

* `size`: how many_;
* what goes on
  in a second line.

rate: in [0, 1), as `rate`
    says.

Raises:
  ValueError: not a number_.

>>> an_example(x_1)
a_result
"""


def test_docstrings_become_text_formulas_and_sections():
    told = "\n".join(docstrings.convert(DOCSTRING))
    for part in (
        r"y\ :sub:`o`\  = Σ\ :sub:`i`\  w\ :sub:`oi`\  x\ :sub:`i`\ \ :sup:`2`\ ",
        r"e\ :sup:`-20`\ ",
        r"\|x\| ≥ 0, *not* num\_terms or 2 \* 3",
        ".. code-block:: text\n\n       y = W x,    a *literal*",
        "* ``size``: how many\\_;",
        "Args:\n  rate: in [0, 1), as ``rate``\n      says.",
        "Raises:\n  ValueError: not a number\\_.",
        "\n\n>>> an_example(x_1)\na_result\n",
    ):
        assert part in told


def test_docstrings_are_valid():
    """Without sections, which napoleon takes; as they are written, they are not."""
    prose = DOCSTRING[: DOCSTRING.index("\nrate:")].replace("many_", "many_ and |c")
    strict = {"halt_level": 2, "report_level": 5}
    docutils.core.publish_doctree("\n".join(docstrings.convert(prose)), settings_overrides=strict)
    with pytest.raises(docutils.utils.SystemMessage):
        docutils.core.publish_doctree(prose, settings_overrides=strict)


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES)
def test_guides_run(guide, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wn.nets.NETWORKS, "data", dict(wn.nets.NETWORKS.data))
    text = (DOCS / "guides" / f"{guide}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    shared = {"__name__": guide}
    for block in blocks:
        exec(compile(block, f"{guide}.md", "exec"), shared)
        lines = capsys.readouterr().out.splitlines()
        for comment in re.findall(r"^print\(.*\)  # (.*)", block, re.MULTILINE):
            if guide in PRINTED:  # comments are what is printed, but for ...
                parts = [part.strip() for part in comment.split("...")]
                while lines and not all(part in lines[0] for part in parts):
                    lines.pop(0)
                assert lines, comment
                lines.pop(0)


def test_the_guide_to_tables_says_what_the_commands_say_of_scales():
    text = (DOCS / "guides" / "own_data.md").read_text(encoding="utf-8")
    tables = text[text.index("## Tables") : text.index("## Sequences")]
    assert SCALED.removeprefix("inputs scaled to ") in tables
