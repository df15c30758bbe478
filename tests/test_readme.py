"""What README and docs show runs, and their tables are those of the results."""

import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import weirdonetworks as wn
from training import pages
from training.experiments.command import Command

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHOWN = {
    path: re.findall(r"^python -m (training\.[\w.]+)([^#\n]*)", text, re.MULTILINE)
    for path in [pages.REPOSITORY / "README.md", *pages.REPOSITORY.glob("docs/**/*.md"),
                 *pages.REPOSITORY.glob("training/studies/*/report.md")]
    for text in [path.read_text(encoding="utf-8")]
}  # fmt: skip

EXAMPLE_STUDIES = ("training.studies.dice", "training.studies.NAME", "training.studies.STUDY")


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(example, capsys):
    exec(compile(example, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines


def test_there_are_examples_and_commands():
    assert len(EXAMPLES) == 3
    assert README.count("\n") <= 160
    shown = {module for module, _ in SHOWN[pages.REPOSITORY / "README.md"]}
    assert shown >= {"training.train", "training.evaluate", "training.studies.zoo"}
    assert {f"training.studies.{name}" for name in pages.names()} <= {
        module for commands in SHOWN.values() for module, _ in commands
    }


def flags_of(module: str):
    """The flags of a command or a study."""
    if importlib.util.find_spec(module).submodule_search_locations:
        module += ".__main__"
    found = importlib.import_module(module)
    if hasattr(found, "STUDY"):
        return Command(found.STUDY, ["python", "-m", module]).flags
    return found.FLAGS


def test_commands_know_their_flags():
    """With values that they take."""
    for path, commands in SHOWN.items():
        for module, words in commands:
            if module in EXAMPLE_STUDIES:
                continue
            own = flags_of(module)
            for word in shlex.split(words):
                name, _, value = word.removeprefix("--").partition("=")
                if word != "..." and word.startswith("--") and name != "help":
                    assert name in own, (path.name, module, word)
                    own[name].parser.parse(value or "true")


@pytest.mark.slow
def test_tables_are_those_of_the_results():
    """As `python -m training.pages` writes them; a changed number is noticed."""
    filled = pages.filled()
    assert pages.REPOSITORY / "README.md" in filled
    for path, text in filled.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m training.pages"
    assert "98." in README and README.replace("98.", "99.", 1) != filled[path]


@pytest.mark.slow
def test_cards_are_those_of_the_results():
    made = pages.cards()
    assert made
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m training.pages"


def links(path: Path) -> list[tuple[Path, str]]:
    """(file, heading or "") of each link of a page to a file of the repository."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"(?<!\^)\[[^\]]+\]\(([^)#\s]*)(?:#([^)\s]+))?\)", text)
    return [
        ((path.parent / target).resolve() if target else path, heading)
        for target, heading in found
        if not target.startswith(("http:", "https:"))
    ]


def headings(path: Path) -> set[str]:
    """As links name them."""
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_links_lead_somewhere():
    for path in [pages.REPOSITORY / "README.md", *pages.REPOSITORY.glob("docs/**/*.md"),
                 *pages.REPOSITORY.glob("training/studies/*/report.md")]:  # fmt: skip
        for target, heading in links(path):
            assert target.exists(), (path, target)
            assert not heading or heading in headings(target), (path, target, heading)
    assert headings(pages.REPOSITORY / "README.md") >= {"where-things-are", "two-commands"}


def test_whatever_a_newcomer_needs_is_two_clicks_away():
    """What a network takes, how accurate it is, how it is loaded, asked, trained on pictures."""
    readme = pages.REPOSITORY / "README.md"
    once = {target for target, _ in links(readme) if target.suffix == ".md"}
    twice = {target for page in once for target, _ in links(page)} | once
    guides = {"own_data", "predict", "train", "laws"}
    assert guides <= {path.stem for path in once}
    for network in wn.list_networks(pretrained=True):
        card = pages.REPOSITORY / "docs" / "networks" / f"{network}.md"
        assert card in twice
        text = card.read_text(encoding="utf-8")
        told = ("## Arguments", "## Results", f'create_network("{network}", pretrained=',
                "wn.classify", f'training.fit("{network}", ', "own_data.md")  # fmt: skip
        assert all(part in text for part in told)
    assert pages.REPOSITORY / "docs" / "api" / "nets.md" not in once, "the control"
