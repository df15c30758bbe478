"""What one trained network, or two of them, look like: files with tables and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from training.analyse import alignment, picture, sampled, spectra
from training.analyse.text import to_text
from training.data import Dataset
from training.engine.run import Run, initial_network, load_run
from training.engine.workdir import Workdir
from training.report.tables import to_csv
from weirdonetworks import _checks
from weirdonetworks.analysis import activations, dense_layers
from weirdonetworks.commands.versions import versions

STATES = ("initial", "trained")
_KEYS = ("run", "state")
_COLUMNS = {
    "spectra": (*_KEYS, *spectra.COLUMNS),
    "eigenvalues": (*_KEYS, *spectra.EIGENVALUES),
    "alignment": alignment.COLUMNS,
    "samples": ("run", *sampled.COLUMNS),
}


def analyse(
    workdirs: Sequence[str | Path],
    dataset: Dataset,
    folder: str | Path,
    *,
    draws: int = 3,
    images: int = 10_000,
) -> dict[str, Any]:
    """Analyses one finished run, or two of one network on one data set; returns the report.

    Args:
      dataset: that of the runs.
      folder: a new or empty one, or that of the same analysis, for config.json, report.json,
        spectra.csv, eigenvalues.csv, samples.csv, spectra.png, eigenvalues.png, samples.png,
        table.txt, and for two runs alignment.csv and alignment.png. No samples of networks without
        a hidden layer, or without a bias in the last one: there is nothing to draw or to fit anew.
      draws: how many networks of each kind are drawn from each run; those of two runs share random
        numbers if the runs have one seed, see `sampled.draw_seed`.
      images: how many training images networks are aligned on. What is left of an alignment is
        measured on the validation images; accuracies are those of validation and test.

    Raises:
      ValueError: no run, an unfinished or damaged one, more than two, one twice, runs of different
        networks or data sets, a network that `wn.analysis` cannot take apart, or a folder of
        something else.
      OSError: a folder that cannot be written.
    """
    draws = _checks.integer("draws", draws, minimum=1)
    images = _checks.integer("images", images, minimum=1)
    runs = _load([Path(workdir) for workdir in workdirs], dataset)
    files = Workdir(folder)
    names = {"workdirs": [str(workdir) for workdir in workdirs]}
    files.claim({**names, "draws": draws, "images": images}, resume=True)
    networks = {
        "initial": [initial_network(run.config) for run in runs],
        "trained": [run.network for run in runs],
    }
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}

    def write(name: str) -> pd.DataFrame:
        frame = pd.DataFrame(tables[name], columns=list(_COLUMNS[name]))
        files.write_text(f"{name}.csv", to_csv(frame))
        return frame

    for state, pair in networks.items():
        for label, network in zip("AB", pair, strict=False):
            for name, rows in zip(
                ("spectra", "eigenvalues"), spectra.describe(network), strict=True
            ):
                tables[name] += [{"run": label, "state": state, **row} for row in rows]
    described, eigenvalues = write("spectra"), write("eigenvalues")
    files.save_figure(picture.draw_spectra(described, eigenvalues), "spectra.png")
    files.save_figure(picture.draw_eigenvalues(eigenvalues), "eigenvalues.png")
    if len(runs) == 2:
        inputs = sampled.some_images(dataset.train, images)
        held_out = sampled.some_images(dataset.validation, images)
        for state, pair in networks.items():
            rows = alignment.align(*pair, inputs, held_out)
            tables["alignment"] += [{"state": state, **row} for row in rows]
        files.save_figure(picture.draw_alignment(write("alignment")), "alignment.png")
    *hidden, head = dense_layers(runs[0].network)
    if hidden and head.with_bias:
        total = len(runs) * (1 + draws * len(sampled.DRAWS))
        with tqdm(total=total, desc="networks drawn and scored", unit="", disable=None) as bar:
            for label, run in zip("AB", runs, strict=False):
                rows = sampled.score_samples(
                    run.network, dataset, run.config["seed"], draws, images, bar.update
                )
                tables["samples"] += [{"run": label, **row} for row in rows]
        files.save_figure(picture.draw_samples(write("samples")), "samples.png")
    report = {
        **names,
        "network": runs[0].name,
        "dataset": dataset.name,
        **{name: tables[name] for name in ("spectra", "alignment", "samples")},
        "versions": versions(),
    }
    files.write_text("table.txt", to_text(report))
    files.write("report.json", report)
    return report


def _load(workdirs: Sequence[Path], dataset: Dataset) -> list[Run]:
    """The runs, if they can be analysed, and together."""
    if not 1 <= len(workdirs) <= 2:
        raise ValueError(f"workdir must be given once or twice, got {len(workdirs)} folders")
    if len({workdir.resolve() for workdir in workdirs}) < len(workdirs):
        raise ValueError(f"workdir must name two different runs, got {workdirs[0]} twice")
    configs = []
    for workdir in workdirs:
        files = Workdir(workdir)
        configs.append(files.read_config())
        files.read("result.json")  # of a finished run only
        _check_seed(workdir, configs[-1].get("seed"))
    differing = [
        f"{key}: {configs[0][key]!r} in {workdirs[0]}, {configs[-1][key]!r} in {workdirs[-1]}"
        for key, told in (("network",) * 2, ("network_args",) * 2, ("dataset", "data_sha256"))
        if configs[0][told] != configs[-1][told]
    ]
    if differing:
        raise ValueError(
            "workdir must name two trainings of one network on one data set, got "
            + "; ".join(differing)
        )
    runs = [load_run(workdir, dataset) for workdir in workdirs]
    for run in runs:
        activations(run.network, tf.random.stateless_uniform([2, *dataset.image_shape], [0, 0]))
    return runs


def _check_seed(workdir: Path, seed: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(
            f"{workdir / 'config.json'} is damaged: it lacks the seed of a run, an integer in "
            f"[0, 2^31), got {seed!r}"
        )
