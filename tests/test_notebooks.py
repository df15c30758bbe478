"""The notebooks run from top to bottom, in small, and hold the outputs of a run in full."""

import ast
import os
import re
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook, new_output
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 1_500_000

OTHER_SIZES = "it ran at other sizes than its own"

# Where somebody's files lie; not a fraction or a part of an address.
FOLDERS = re.compile(r"(?<![\w.])/(?:home|root|tmp|usr|work|Users)\b")

# Sizes at which each cell runs and little is learned, in place of those of the notebook's cell of
# parameters. `make notebooks` runs them in full.
SMALL = {
    "01_tour": {"EPOCHS": 1},
    "02_symmetry_and_stability": {"EPOCHS": 1, "STEP": 0.5},
    "03_physical_laws": {"REPEATS": 1, "TABLES": 4},
    "04_fractional_exponentials": {
        "EPOCHS": 1,
        "SEEDS": [0, 1],
        "STEPS": {"x1+x2": 60, "x1*x2": 60, "x1+x2*x3": 60},
    },
    "05_autoactivation": {
        "METHODS": ["plain", "exp"],
        "SEEDS": [0, 1],
        "FACTORS": [1],
        "RATES": [0.001, 0.01],
        "EPOCHS": 1,
        "STEPS": 60,
        "LONG": 60,
    },
    "06_activations_and_spectra": {
        "EPOCHS": 1,
        "SEEDS": [0, 1],
        "LONG": 1,
        "WIDTHS": [16, 256],
        "DRAWS": 1,
    },
    "07_minimal_networks": {"EPOCHS": 1, "FEWER": 1, "STARTS": 4, "STEPS": 60},
    "08_attention_in_one_place": {"EPOCHS": 1},
    "09_stability_as_training": {"EPOCHS": 1, "ATTACK": 3},
    "10_complex_and_waves": {"EPOCHS": 1},
}

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def run(notebook: nbformat.NotebookNode) -> None:
    """Executes a notebook as if opened in notebooks/, in a fresh kernel of this interpreter.

    Raises CellExecutionError at the first cell that fails.
    """
    # Without folders of its own, the manager offers ipykernel's `python3` alone; a user's kernel
    # of the same name might be of another environment.
    kernel = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    # Tests run on every core: threads of a matrix product would wait for each other by spinning,
    # and take ten times as long.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    for name in ("TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS"):  # set for the tests, not by a reader
        environment.pop(name, None)
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=600,
        startup_timeout=300,
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    try:
        client.execute(env=environment)
    finally:  # of a kernel that it is given, the client does not dispose
        run_sync(kernel.shutdown_kernel)(now=True)


def names(source: str, use: type[ast.expr_context]) -> set[str]:
    """The names that the code reads, `ast.Load`, or assigns, `ast.Store`."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))
    return {node.id for node in found if isinstance(node.ctx, use)}


def sizes_and_others(notebook: nbformat.NotebookNode) -> tuple[set[str], str]:
    """What the cell of parameters sets in capitals, and the code of the other cells."""
    tagged = ["parameters" in cell.metadata.get("tags", ()) for cell in notebook.cells]
    (own,) = [c.source for c, tag in zip(notebook.cells, tagged, strict=True) if tag]
    others = [
        cell.source
        for cell, tag in zip(notebook.cells, tagged, strict=True)
        if cell.cell_type == "code" and not tag
    ]
    return {name for name in names(own, ast.Store) if name.isupper()}, "\n".join(others)


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """What a committed notebook should not have, and what it lacks."""
    found = []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("the cells were not all executed in order")
    outputs = [output for cell in cells for output in cell.outputs]
    if any(output.output_type == "error" for output in outputs):
        found.append("a cell failed")
    if any(output.get("name") == "stderr" for output in outputs):
        found.append("a cell wrote to stderr")
    if any("injected-parameters" in cell.metadata.get("tags", ()) for cell in cells):
        found.append(OTHER_SIZES)
    if not any("image/png" in output.get("data", {}) for output in outputs):
        found.append("there is no picture")
    texts = [cell.source for cell in notebook.cells]
    for output in outputs:
        texts.append(output.get("text", ""))
        texts += [str(v) for k, v in output.get("data", {}).items() if not k.startswith("image/")]
    for text in texts:
        found += [f"an absolute path: {folder}" for folder in FOLDERS.findall(text)]
    return found


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.slow
@notebooks
def test_runs_from_top_to_bottom(path):
    notebook = load_notebook_node(str(path))
    own, others = sizes_and_others(notebook)
    assert own == set(SMALL[path.stem]) & names(others, ast.Load)
    assert not own & names(others, ast.Store)  # after which the test's would be without effect
    notebook = parameterize_notebook(notebook, SMALL[path.stem])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    run(notebook)
    # Warnings are left to the committed run: a fresh machine has some of its own to make, such as
    # matplotlib's on its first look at the fonts.
    assert [fault for fault in faults(notebook) if "stderr" not in fault] == [OTHER_SIZES]


@notebooks
def test_is_committed_as_it_ran(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert faults(notebook) == []
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.slow
def test_a_failing_cell_fails_the_run():
    notebook = new_notebook(cells=[new_code_cell("1 + 1"), new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run(notebook)


PICTURE = new_output("display_data", {"image/png": "aGk/tmp/="})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([("1", 1, [PICTURE])], []),
        ([("1", 1, [PICTURE]), ("2", 3, [])], ["the cells were not all executed in order"]),
        ([("1", None, [PICTURE])], ["the cells were not all executed in order"]),
        ([("1", 1, [])], ["there is no picture"]),
        ([("1", 1, [PICTURE, new_output("error", ename="E")])], ["a cell failed"]),
        (
            [("1", 1, [PICTURE, new_output("stream", name="stderr", text="warning")])],
            ["a cell wrote to stderr"],
        ),
        ([("open('/tmp/x')", 1, [PICTURE])], ["an absolute path: /tmp"]),
        (
            [("1", 1, [PICTURE, new_output("stream", name="stdout", text="in /home/me")])],
            ["an absolute path: /home"],
        ),
        (
            [("1", 1, [PICTURE, new_output("execute_result", {"text/plain": "/root/a"})])],
            ["an absolute path: /root"],
        ),
    ],
)
def test_faults_are_found(cells, expected):
    notebook = new_notebook(
        cells=[
            new_code_cell(source, execution_count=count, outputs=outputs)
            for source, count, outputs in cells
        ]
    )
    assert faults(notebook) == expected
