"""Asks networks what pictures show."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import sonnet as snt
from tqdm import tqdm

import weirdonetworks as wn
from weirdonetworks import pretrained
from weirdonetworks.commands.figures import new_figure
from weirdonetworks.commands.folder import Folder
from weirdonetworks.pictures import FORMATS, read_picture, to_mnist

ODD = 0.99  # an energy above that of this share of the test digits is said to be of no digit
_MOST_DRAWN = 100  # pictures


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network, and what it says of its own test images.

    energies, probabilities: their quantiles, 0, 1, ..., 100 %.
    """

    name: str
    module: snt.Module
    energies: np.ndarray
    probabilities: np.ndarray


@dataclasses.dataclass(frozen=True)
class Found:
    """What networks say.

    table: a row for each picture and network, or one with an `error` for a picture that cannot be
      read; seen: the pictures as the networks saw them, by their names.
    """

    table: pd.DataFrame
    seen: dict[str, np.ndarray]

    def lines(self) -> Iterator[str]:
        """The table for people."""
        for picture, rows in self.table.groupby("picture", sort=False):
            yield str(picture)
            for row in rows.to_dict("records"):
                if isinstance(row.get("error"), str):
                    yield f"  not read: {row['error']}"
                    continue
                odd = "  unlike the test digits" if row["energy_rank"] > ODD else ""
                yield (
                    f"  {row['network']:20} {row['class']:.0f}  {100 * row['probability']:5.1f} %"
                    f" (surer than {100 * row['probability_rank']:.0f} %), energy "
                    f"{row['energy']:.1f} (higher than {100 * row['energy_rank']:.0f} %){odd}"
                )


def files(words: Sequence[str]) -> list[Path]:
    """The pictures of the command line: files, and those in folders, in the order of their names.

    Raises:
      ValueError: a path that is neither, or a folder without pictures.
    """
    found = []
    for word in words:
        path = Path(word).expanduser()
        if not path.exists():
            raise ValueError(f"pictures must be files or folders, got {word!r}, which is not there")
        inside = (
            [p for p in sorted(path.iterdir()) if p.suffix.lower() in FORMATS]
            if path.is_dir()
            else [path]
        )
        if not inside:
            raise ValueError(f"a folder must hold pictures ({', '.join(FORMATS)}), got {word!r}")
        found += inside
    return found


def networks(name: str, dataset: str) -> list[Network]:
    """The network of this name, or all of them, with their weights of a data set.

    Raises:
      ValueError: there are no such weights.
    """
    names = wn.list_networks(pretrained=dataset) if name == "all" else [name]
    found = []
    for network in names:
        module = wn.create_network(network, pretrained=dataset)
        told = pretrained.metadata(network, dataset)
        quantiles = (np.array(told[f"test_{key}"]) for key in ("energies", "probabilities"))
        found.append(Network(network, module, *quantiles))
    return found


def classify(paths: Sequence[Path], asked: Sequence[Network]) -> Found:
    """What each network says of each picture."""
    rows, seen = [], {}
    for path in tqdm(paths, unit="picture", disable=None if len(paths) > 20 else True):
        try:
            image = to_mnist(read_picture(path))
        except ValueError as error:
            rows.append({"picture": str(path), "error": str(error)})
            continue
        seen[str(path)] = image
        rows += [{"picture": str(path), **ask(network, image)} for network in asked]
    return Found(pd.DataFrame(rows), seen)


def ask(network: Network, image: np.ndarray) -> dict[str, float]:
    """What a network says of a picture in the form of MNIST: a row of `Found.table`."""
    prediction = wn.classify(network.module, image)
    (kind,), (probabilities,), (energy,) = prediction
    probability = float(probabilities[kind])
    return {
        "network": network.name,
        "class": int(kind),
        "probability": probability,
        "probability_rank": rank(probability, network.probabilities),
        "energy": float(energy),
        "energy_rank": rank(float(energy), network.energies),
        **{f"p{k}": float(p) for k, p in enumerate(probabilities)},
    }


def rank(value: float, quantiles: np.ndarray) -> float:
    """The share of a distribution that is below a value, by its evenly spaced quantiles."""
    return float(np.searchsorted(quantiles, value, side="left")) / len(quantiles)


def write(found: Found, workdir: str | Path) -> None:
    """Writes classes.csv, and seen.png: what the networks saw, with what most of them say.

    Raises:
      ValueError: none of the pictures could be read; the table is written nevertheless.
      OSError: it cannot be written.
    """
    folder = Folder(workdir)
    folder.write_text("classes.csv", found.table.to_csv(index=False, lineterminator="\n"))
    if not found.seen:
        errors = found.table["error"]
        raise ValueError(f"none of {len(errors)} pictures could be read: {errors.iloc[0]}")
    folder.save_figure(draw(found), "seen.png")
    if len(found.seen) > _MOST_DRAWN:
        print(f"seen.png shows the first {_MOST_DRAWN} pictures", file=sys.stderr)


def draw(found: Found):
    """The pictures as they were seen, and the class that most networks tell."""
    shown = dict(list(found.seen.items())[:_MOST_DRAWN])
    columns = min(10, len(shown))
    height = -(-len(shown) // columns)
    figure, axes = new_figure(
        height, columns, figsize=(1.3 * columns + 0.4, 1.8 * height), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, (picture, image) in zip(axes.flat, shown.items(), strict=False):
        rows = found.table[found.table["picture"] == picture]
        votes = rows["class"].value_counts()
        axis.imshow(image, cmap="gray", vmin=0, vmax=255)
        name = Path(picture).name
        name = name if len(name) <= 16 else f"...{name[-13:]}"
        axis.set_title(f"{name}\n{votes.index[0]:.0f}: {votes.iloc[0]} of {len(rows)}", fontsize=7)
    return figure
