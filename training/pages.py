"""Fills the tables of README, docs and reports from the results in the repository.

python -m training.pages

A table of a study stands between <!-- table: STUDY/NAME --> and <!-- end --> there, and comes from
training/studies/STUDY/results/*.csv; `--only=STUDY` (or `--only=benchmark`) prints its tables and
changes nothing.
"""

import functools
import importlib
import os
from pathlib import Path

from absl import flags

from training.experiments.study import STUDIES, Report, Study
from weirdonetworks.commands import app
from weirdonetworks.pretrained import DEFAULT

FLAGS = app.Flags(__doc__)
_ONLY = flags.DEFINE_string(
    "only",
    None,
    "Print the tables of this study, or of the benchmark, and write nothing.",
    flag_values=FLAGS,
)
REPOSITORY = Path(__file__).parents[1]


def names() -> list[str]:
    """Of all studies."""
    return sorted(file.parent.name for file in STUDIES.glob("*/__main__.py"))


def study(name: str) -> Study:
    """The study of this name; raises ValueError if there is none."""
    from weirdonetworks.commands.flags import check_choice

    check_choice("only", name, names())
    return importlib.import_module(f"training.studies.{name}.__main__").STUDY


@functools.cache
def report(name: str) -> Report:
    """What a study, or the benchmark, shows of its results in the repository."""
    from training.experiments import pages, runner

    if name == "benchmark":
        from training.benchmark import kept

        return kept.report()
    return pages.report_of(study(name), STUDIES / name / runner.RESULTS)


def table(path: str, folder: Path = REPOSITORY) -> str:
    """STUDY/NAME -> Markdown; "studies" is the table of all of them, "networks" that of what is
    published, "recipes" that by recipes with names, measured/NAME of the laws.

    Links are those of a page in `folder`.

    Raises:
      ValueError: no such study, or no such table of it.
    """
    from training.experiments import pages
    from training.report.tables import to_markdown

    if path == "studies":
        return to_markdown(_studies(folder))
    if path in ("networks", "recipes"):
        from training.cards import kept, page

        lines = kept.table()
        own = lines["recipe"] == DEFAULT
        if path == "recipes":
            return to_markdown(page.recipes_table(lines[~own]))
        return to_markdown(page.results_table(lines[own], link=True))
    name, _, which = path.partition("/")
    if name == "measured":
        from training.fitting.laws.measured import answers

        return to_markdown(answers.shown(which))
    return pages.shown(report(name), which)


def _studies(folder: Path):
    import pandas as pd

    studies = Path(os.path.relpath(STUDIES, folder)).as_posix()
    rows = [
        {"study": f"[{name}]({studies}/{name}/report.md)", "question": study(name).question}
        for name in names()
    ]
    return pd.DataFrame(rows)


def filled() -> dict[Path, str]:
    """The pages for people outside of the studies, as they should read."""
    from training.report import pages

    found = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    texts = {path: path.read_text(encoding="utf-8") for path in found}
    return {
        path: pages.fill(text, functools.partial(table, folder=path.parent))
        for path, text in texts.items()
        if pages.blocks(text)
    }


def cards() -> dict[Path, str]:
    """The pages of the networks that are published, as they should read."""
    from training.cards import kept, page

    networks = dict.fromkeys(kept.table()["network"])
    return {kept.PAGES / f"{network}.md": page.page(network) for network in networks}


def main() -> None:
    from training.cards import kept, pictures
    from training.experiments import pages
    from training.ideas import attention
    from weirdonetworks.commands.folder import Folder

    if _ONLY.value is not None:
        told = report(_ONLY.value)
        for name in told.tables:
            print(f"{name}:\n\n{pages.shown(told, name)}")
        return
    for name in names():
        written = pages.write(study(name), report(name), STUDIES / name)
        print(f"written to training/studies/{name}/: {', '.join(written)}")
    for path, text in (cards() | filled()).items():
        path.write_text(text, encoding="utf-8")
        print(f"written to {path.relative_to(REPOSITORY)}")
    Folder(kept.PAGES).save_figure(pictures.draw_sizes(kept.table()), "accuracy.png")
    Folder(REPOSITORY / "docs" / "ideas" / "attention").save_figure(attention.draw(), "forms.png")


if __name__ == "__main__":
    app.run(main, FLAGS)
