"""docs/ideas.md has each section that is cited, and names only what there is."""

import re
from pathlib import Path

import pytest

import weirdonetworks as wn
from weirdonetworks import regression

REPOSITORY = Path(__file__).parents[1]
IDEAS = (REPOSITORY / "docs" / "ideas.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n\n((?:(?!## ).*\n)+)", IDEAS, re.MULTILINE))
CITED = re.compile(r"docs/ideas\.md,\s+'([^']+)'")
HISTORY = re.compile(
    r"\bthe (?:\w+ )?note\b|\bnote's\b|\bused to\b|\bno longer\b|\bformerly\b|\bthe original code\b"
)
PACKAGES = {"regression": regression} | {
    name: getattr(wn, name)
    for name in ("analysis", "functional", "groups", "layers", "nets", "stability")
}


def citations(text: str) -> set[str]:
    return {" ".join(section.split()) for section in CITED.findall(text)}


def test_citations_are_found():
    text = "Source: docs/ideas.md, 'waves'; docs/ideas.md, 'gates\n    and more'."
    assert citations(text) == {"waves", "gates and more"}


def test_every_cited_section_exists():
    cited = {}
    for folder in ("weirdonetworks", "training"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for section in citations(path.read_text(encoding="utf-8")):
                cited.setdefault(section, []).append(path.name)
    assert len(cited) >= 5
    assert set(cited) <= set(SECTIONS)


def test_docstrings_say_what_is():
    """History stands in CHANGELOG.md, and sources are cited by name."""
    found = [
        (path.name, hit.group())
        for path in (REPOSITORY / "weirdonetworks").rglob("*.py")
        for hit in HISTORY.finditer(" ".join(path.read_text(encoding="utf-8").split()))
    ]
    assert not found


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_short_and_says_what_is_built_and_what_is_open(section):
    text = SECTIONS[section]
    assert text.count("\n- Built: ") == 1 and text.count("\n- Open: ") == 1
    assert 7 <= text.count("\n") <= 22


def test_what_is_named_is_there():
    names = re.findall(r"`(\w+)\.(\w+)`", IDEAS)
    assert len(names) > 40
    for package, name in names:
        assert hasattr(PACKAGES[package], name), f"{package}.{name}"
    modules = re.findall(r"python -m\s+(training(?:\.\w+)+)", IDEAS)
    paths = re.findall(r"`(training/[\w/.]+)`", IDEAS)
    assert len(modules) >= 3 and len(paths) >= 8
    for module in modules:
        path = REPOSITORY / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    for path in paths:
        assert (REPOSITORY / path).exists(), path
