"""A study's report for people: its page with the tables of its results, its figures."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from training.engine.workdir import Workdir
from training.experiments.study import Report, Study
from training.report import pages
from training.report.tables import read_csv, to_markdown

TRANSCRIBED = "transcribed.csv"


def read_results(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables in a folder of results, by the names of their files.

    Raises:
      ValueError: there are none, or one is damaged.
    """
    tables = {file.stem: read_csv(file) for file in sorted(folder.glob("*.csv"))}
    if not tables:
        raise ValueError(f"{folder} must hold results (*.csv), got none: run the study first")
    return tables


def report_of(study: Study, folder: Path) -> Report:
    """What the study shows of the results in this folder."""
    return study.function("report")(read_results(folder))


def page(study: Study, report: Report, text: str | None = None) -> str:
    """The page `text` with its tables filled, or a new one that shows all there is.

    Raises:
      ValueError: a mark of a table that the report does not have.
    """
    if text is None:
        marks = [f"<!-- table: {name} -->\n<!-- end -->" for name in report.tables]
        pictures = [f"![{name}](figures/{name}.png)" for name in report.figures]
        text = "\n\n".join([f"# {study.question}", *marks, *pictures]) + "\n"
    return pages.fill(text, lambda name: to_markdown(table(report.tables, name)))


def table(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """The table of this name; raises ValueError if there is none."""
    if name not in tables:
        raise ValueError(f"a table must be one of {', '.join(tables)}, got {name!r}")
    return tables[name]


def write(study: Study, report: Report, folder: Path) -> list[str]:
    """Writes report.md, whose own words stay, and figures/*.png; the names of the files."""
    files = Workdir(folder)
    old = folder / "report.md"
    text = old.read_text(encoding="utf-8") if old.exists() else None
    files.write_text("report.md", page(study, report, text))
    names = ["report.md"]
    for name, figure in report.figures.items():
        Workdir(folder / "figures").save_figure(figure, f"{name}.png")
        names.append(f"figures/{name}.png")
    return names


def publish(study: Study, results: Path) -> list[str]:
    """Puts results in place of those in the study's folder, and makes its page anew.

    transcribed.csv, a table whose rows are lost, stays with the reason that config.json gives: what
    it tells of may not be in the results; delete it when all of it is. Returns the names of the
    page's files.
    """
    target = study.folder / results.name
    kept = {}
    if (target / TRANSCRIBED).exists():
        text = (target / TRANSCRIBED).read_text(encoding="utf-8")
        kept = {"transcribed": True, "reason": Workdir(target).read("config.json").get("reason")}
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(results, target)
    if kept:
        files = Workdir(target)
        files.write_text(TRANSCRIBED, text)
        files.write("config.json", files.read("config.json") | kept)
    return write(study, report_of(study, target), study.folder)
