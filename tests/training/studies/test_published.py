"""All studies in the repository: their pages are what their results say."""

import importlib

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
