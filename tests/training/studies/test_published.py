"""All studies in the repository: their pages are what their results say."""

import importlib
import json
import re

import pytest

from training.__main__ import HERE, STUDIES, modules
from training.experiments import pages

NAMES = [name.rpartition(".")[2] for name in modules(*STUDIES)]
NAMES = [name for name in NAMES if (HERE / "studies" / name / "results").exists()]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_what_the_results_say(name):
    study = importlib.import_module(f"training.studies.{name}.__main__").STUDY
    assert study.name == name
    results = study.folder / pages.RESULTS
    assert (results / "config.json").exists(), "publish its results"
    report = pages.report_of(study, results)
    text = (study.folder / "report.md").read_text(encoding="utf-8")
    made = pages.page(study, report, study.folder)
    assert made == text, f"python -m training.studies.{name} --report"
    for table in report.tables:
        assert f"<!-- table: {table} -->" in text
    figures = {path.stem for path in (study.folder / "figures").glob("*.png")}
    assert set(report.figures) <= figures
    assert all(f"figures/{figure}.png" in text for figure in report.figures)
    told = (results / "config.json").read_text(encoding="utf-8")
    assert not any(folder in told for folder in ("/home/", "/tmp/", "/work/", "/root/"))


def seeds_of(name: str, text: str, default: tuple[int, ...]) -> set[int]:
    """Those of the commands that a page shows."""
    found: set[int] = set()
    for flags in re.findall(rf"^python -m training\.studies\.{name}\b(.*)", text, re.MULTILINE):
        given = re.search(r"--seeds=(?:\$\(seq -s, (\d+) (\d+)\)|(\S+))", flags)
        if not given:
            found |= set(default)
        elif given[3]:
            found |= {int(seed) for seed in given[3].split(",")}
        else:
            found |= set(range(int(given[1]), int(given[2]) + 1))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_the_command_of_its_seeds(name):
    study = importlib.import_module(f"training.studies.{name}.__main__").STUDY
    text = (study.folder / "report.md").read_text(encoding="utf-8")
    config = json.loads((study.folder / pages.RESULTS / "config.json").read_text(encoding="utf-8"))
    assert seeds_of(name, text, study.seeds) == set(config["seeds"])


def test_seeds_of_commands():
    text = """
python -m training.studies.zoo --dataset=mnist
python -m training.studies.zoo --seeds=7,8   # two more
python -m training.studies.zoo --seeds=$(seq -s, 20 22)
python -m training.studies.zoology --seeds=9
"""
    assert seeds_of("zoo", text, (0, 1)) == {0, 1, 7, 8, 20, 21, 22}
