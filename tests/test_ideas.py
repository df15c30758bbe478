"""docs/ideas/ has each page that is cited, and names only what there is."""

import re
from pathlib import Path

import pytest

import weirdonetworks as wn
from weirdonetworks import regression

REPOSITORY = Path(__file__).parents[1]
PAGES = {path.stem: path for path in (REPOSITORY / "docs" / "ideas").glob("*.md")}
INDEX = PAGES.pop("index").read_text(encoding="utf-8")
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
IDEAS = "\n".join(TEXTS.values())
CITED = re.compile(r"docs/ideas/(\w+)\.md")
GENERATED = re.compile(r"<!-- table: .*?<!-- end -->\n", re.DOTALL)
HISTORY = re.compile(
    r"\bthe (?:\w+ )?note\b|\bnote's\b|\bused to\b|\bno longer\b|\bformerly\b|\bthe original code\b"
)
PACKAGES = {"regression": regression} | {
    name: getattr(wn, name)
    for name in ("analysis", "functional", "groups", "layers", "nets", "stability")
}


def test_every_cited_page_exists():
    cited = {}
    for folder in ("weirdonetworks", "training"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert "docs/ideas.md" not in text, path
            for page in CITED.findall(text):
                cited.setdefault(page, []).append(path.name)
    assert len(cited) >= 5
    assert set(cited) <= set(PAGES)


def test_the_index_has_every_page():
    assert sorted(re.findall(r"^- \[.+\]\((\w+)\.md\)", INDEX, re.MULTILINE)) == sorted(PAGES)
    toctree = INDEX[INDEX.index("```{toctree}") :]
    assert sorted(re.findall(r"^(\w+)$", toctree, re.MULTILINE)) == sorted(PAGES)


def test_docstrings_say_what_is():
    """History stands in CHANGELOG.md, and sources are cited by name."""
    found = [
        (path.name, hit.group())
        for path in (REPOSITORY / "weirdonetworks").rglob("*.py")
        for hit in HISTORY.finditer(" ".join(path.read_text(encoding="utf-8").split()))
    ]
    assert not found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short_and_says_what_is_built_and_what_is_open(page):
    text = GENERATED.sub("", TEXTS[page])
    headings = re.findall(r"^#+ (.+)", text, re.MULTILINE)
    assert [heading for heading in headings[1:] if heading != "Found"] == [
        "What is known",
        "Built",
        "Open",
    ]
    assert 15 <= text.count("\n") <= 60
    assert page == "cooking" or "$$" in text


def test_the_tests_that_are_cited_are_there():
    """And each form of attention cites one of what it equals."""
    cited = {page: re.findall(r'\]\((\S+\.py) "(\w+)"\)', text) for page, text in TEXTS.items()}
    assert len(cited["attention"]) >= 20
    for page, tests in cited.items():
        for path, name in tests:
            source = (PAGES[page].parent / path).read_text(encoding="utf-8")
            assert f"def {name}(" in source, (page, name)
    forms = [line.split(" | ") for line in TEXTS["attention"].splitlines() if line.count("|") > 5]
    columns = {len(cells): "test" in cells[3] for cells in forms[2:12]}
    assert columns == {5: True}


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
