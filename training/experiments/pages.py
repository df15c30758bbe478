"""A study's report for people: its page with the tables of its results, its figures."""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from training.experiments.study import Report, Study
from training.report import pages
from training.report.tables import read_csv, to_markdown
from weirdonetworks.commands.folder import Folder, Sealed

RESULTS = "results"
TRANSCRIBED = "transcribed.csv"


def read_results(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables in a folder of results, by the names of their files.

    Raises:
      ValueError: there are none, or one is damaged, or lost.
    """
    files = Sealed(folder)
    names = {path.name for path in folder.glob("*.csv")}
    names |= {name for name in files.sums() if name.endswith(".csv")}
    if not names:
        raise ValueError(f"{folder} must hold results (*.csv), got none: run the study first")
    for name in names:
        try:
            files.read_bytes(name)
        except FileNotFoundError:
            raise ValueError(f"{folder / name} is lost: run the study again") from None
    return {Path(name).stem: read_csv(folder / name) for name in sorted(names)}


def report_of(study: Study, folder: Path) -> Report:
    """What the study shows of the results in this folder; the rows, if all of them diverged.

    Raises:
      ValueError: there are none, or they are another study's.
    """
    config = Sealed(folder).read("config.json") if (folder / "config.json").exists() else {}
    name = config.get("study", study.name)
    if name != study.name:
        raise ValueError(f"{folder} must hold results of the study {study.name}, got {name}'s")
    tables = read_results(folder)
    runs = tables.get("runs")
    if runs is not None and "status" in runs and not (runs["status"] == "done").any():
        return Report({"runs": runs})
    make = study.function("report")
    try:
        found = make(tables)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} does not hold what the study {study.name} reports now ({error!r}): run it "
            "again in another --workdir"
        ) from error
    rows = {key: value for key, value in tables.items() if not key.startswith("transcribed")}
    if len(rows) == len(tables):
        return found
    made = set(make(rows).tables) if rows else set()
    why = {name: config.get("reason", "no reason is given") for name in set(found.tables) - made}
    return dataclasses.replace(found, transcribed=why)


def shown(report: Report, name: str) -> str:
    """A table as Markdown, with the reason if it is not made from rows.

    Raises:
      ValueError: the report has no table of this name.
    """
    return to_markdown(table(report.tables, name)) + reason(report.transcribed.get(name))


def reason(why: str | None) -> str:
    """What stands below a table that is not made from rows."""
    return f"\n*Transcribed, not made from rows: {why.rstrip('.')}.*\n" if why else ""


def page(study: Study, report: Report, folder: Path) -> str:
    """The report.md of a folder with its tables filled, or a new one that shows all there is.

    Raises:
      ValueError: a mark of a table that the report does not have, or without its end; no text.
    """
    marks = [f"<!-- table: {name} -->\n<!-- end -->" for name in report.tables]
    pictures = [f"![{name}](figures/{name}.png)" for name in report.figures]
    new = "\n\n".join([f"# {study.question}", *marks, *pictures]) + "\n"
    file = folder / "report.md"
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else new
        return pages.fill(text, lambda name: shown(report, name))
    except ValueError as error:
        raise ValueError(f"{file} cannot be filled ({error}): mend it, or delete it") from None


def table(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """The table of this name; raises ValueError if there is none."""
    if name not in tables:
        raise ValueError(f"a table must be one of {', '.join(tables)}, got {name!r}")
    return tables[name]


def write(study: Study, report: Report, folder: Path) -> list[str]:
    """Writes report.md, whose own words stay, and figures/*.png; the names of the files."""
    files = Folder(folder)
    files.write_text("report.md", page(study, report, folder))
    names = ["report.md"]
    for name, figure in report.figures.items():
        Folder(folder / "figures").save_figure(figure, f"{name}.png")
        names.append(f"figures/{name}.png")
    return names


def publish(study: Study, results: Path) -> list[str]:
    """Puts results in place of those in the study's folder, and makes its page anew.

    transcribed.csv, a table whose rows are lost, stays with the reason that config.json gives: what
    it tells of may not be in the results; delete it when all of it is. Returns the names of the
    page's files.

    Raises:
      ValueError: results of which the report or the page cannot be made, or that lack trials of
        those that were there; these are left as they are.
    """
    target = study.folder / RESULTS
    new, old = (target.with_name(f".{RESULTS}.{end}") for end in ("new", "old"))
    if old.exists() and not target.exists():
        old.rename(target)  # what was killed between the two renamings below
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(results, new)
    if (target / TRANSCRIBED).exists():
        old_files, files = Sealed(target), Sealed(new)
        files.write_text(TRANSCRIBED, old_files.read_bytes(TRANSCRIBED).decode())
        kept = {"transcribed": True, "reason": old_files.read("config.json").get("reason")}
        files.write("config.json", files.read("config.json") | kept)
    try:
        _nothing_is_lost(study, target, new)
        report = report_of(study, new)
        page(study, report, study.folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return write(study, report, study.folder)


def _nothing_is_lost(study: Study, old: Path, new: Path) -> None:
    """Raises ValueError if a table of `new` lacks values of the axes, or seeds, of one of `old`."""
    for file in sorted(old.glob("*.csv")):
        before, after = read_csv(file), new / file.name
        keys = [key for key in (*study.axes, "seed") if key in before]
        if not keys:
            continue
        held = read_csv(after) if after.exists() else before[:0]
        places = [
            set(table.reindex(columns=keys).itertuples(index=False)) for table in (before, held)
        ]
        lost = sorted(places[0] - places[1], key=str)
        if lost:
            one = ", ".join(f"{key} {value}" for key, value in zip(keys, lost[0], strict=True))
            raise ValueError(
                f"results must hold all trials of {file}, which they replace: {len(lost)} are "
                f"missing, such as {one}"
            )
