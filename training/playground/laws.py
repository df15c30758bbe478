"""The page of laws: a table is uploaded, and becomes a law."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd
from PIL import Image

from training.playground.errors import told
from weirdonetworks.commands.app import EXPECTED_ERRORS
from weirdonetworks.commands.fit_law.cells import read_cells
from weirdonetworks.commands.fit_law.fit import fit_law
from weirdonetworks.commands.fit_law.text import to_text

_ROWS = 6  # that are shown of a table


class Table(NamedTuple):
    """What can be asked of a table.

    names: of its columns; target: the last that holds numbers; columns: the others that do, if
    not all of them, which needs no saying; head: the first rows as they are written.
    """

    names: list[str]
    target: str
    columns: list[str]
    head: pd.DataFrame


class Law(NamedTuple):
    """A law as a formula of LaTeX, in words, and as a picture."""

    latex: str
    text: str
    picture: Image.Image


def read(path: str) -> Table:
    """Looks into a table: text of any separator, Parquet or Excel.

    Raises:
      OSError, ImportError, ValueError: as `fit_law`.
    """
    with _by_its_name(path):
        cells = read_cells(path, Path(path).read_bytes())
    names = [str(name) for name in cells]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"{Path(path).name} must have a name for each column, got {names}")
    numbers = [name for name in names if _holds_numbers(cells[name])]
    if len(numbers) < 2:
        raise ValueError(
            f"{Path(path).name} must have two columns of numbers or more, got {numbers} of {names}"
        )
    *columns, target = numbers
    return Table(names, target, columns if len(numbers) < len(names) else [], cells.head(_ROWS))


def find(path: str, target: str, columns: Sequence[str], units: str, drop_missing: bool) -> Law:
    """The law in a table, with the settings of the command fit_law.

    Args:
      columns: all but the target if it is empty.
      units: words such as "a=au, T=day"; none if it is empty.

    Raises:
      OSError, ImportError, ValueError: as `fit_law`.
    """
    words = [word.strip() for word in units.split(",")] if units.strip() else None
    with tempfile.TemporaryDirectory() as folder, _by_its_name(path):
        law = fit_law(
            path, target, folder, columns=columns or None, units=words, drop_missing=drop_missing
        )
        with Image.open(Path(folder) / "law.png") as picture:
            picture.load()
    return Law(law["latex"], to_text(law), picture)


@contextlib.contextmanager
def _by_its_name(path: str) -> Iterator[None]:
    """Errors tell the name of a file, not where the server keeps it."""
    try:
        yield
    except EXPECTED_ERRORS as error:
        raise ValueError(str(error).replace(path, Path(path).name)) from error


def _holds_numbers(cells: pd.Series) -> bool:
    """All that is there, decimal commas included."""
    words = cells.dropna().astype(str).str.replace(",", ".", regex=False)
    return bool(len(words)) and bool(pd.to_numeric(words, errors="coerce").notna().all())


def show() -> None:
    """Puts the page where it is called."""
    with gr.Row():
        with gr.Column(scale=1, min_width=340):
            file = gr.File(label="A table: CSV, Parquet or Excel", height=140, elem_id="file")
            target = gr.Dropdown(label="target: what the law gives", elem_id="target")
            columns = gr.Dropdown(
                label="columns: what it depends on, if not on all others",
                multiselect=True,
                elem_id="columns",
            )
            units = gr.Textbox(label="units, such as a=au, T=day", elem_id="units")
            drop_missing = gr.Checkbox(label="drop_missing: leave out rows with missing values")
            button = gr.Button("Find the law", variant="primary", elem_id="find")
        with gr.Column(scale=2, min_width=560):
            head = gr.Dataframe(
                label="its first rows", interactive=False, buttons=[], visible=False
            )
            formula = gr.Markdown(
                min_height=80,
                elem_id="formula",
                elem_classes="formula",
                latex_delimiters=[{"left": "$$", "right": "$$", "display": True}],
            )
            picture = gr.Image(
                show_label=False, interactive=False, buttons=["fullscreen"], visible=False
            )
            text = gr.Code(
                label="in words",
                language=None,
                interactive=False,
                show_line_numbers=False,
                buttons=["copy"],
                visible=False,
                elem_id="law",
            )

    def uploaded(path: str) -> list[Any]:
        table = read(path)
        return [
            gr.Dropdown(choices=table.names, value=table.target),
            gr.Dropdown(choices=table.names, value=table.columns),
            gr.Dataframe(table.head, visible=True),
            "",  # the law of another table
            gr.Image(visible=False),
            gr.Code(visible=False),
        ]

    def found(path: str | None, *settings: Any) -> list[Any]:
        if path is None:
            raise ValueError("a table must be uploaded first")
        law = find(path, *settings)
        return [
            f"$${law.latex}$$",
            gr.Image(law.picture, visible=True),
            gr.Code(law.text, visible=True),
        ]

    law = [formula, picture, text]
    file.upload(told(uploaded), file, [target, columns, head, *law], show_progress="hidden")
    button.click(
        told(found), [file, target, columns, units, drop_missing], law, show_progress_on=formula
    )
