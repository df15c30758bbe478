"""The page of a network: what it is, how good it is, where it fails, what made it."""

import inspect
import re
import textwrap
from pathlib import Path

import pandas as pd

import weirdonetworks as wn
from training.cards import kept
from training.cards.measure import Measured
from training.experiments import pages as studies
from training.experiments.study import STUDIES
from training.found import records
from training.report.tables import percent, to_markdown
from weirdonetworks import pretrained
from weirdonetworks.pretrained import DEFAULT

_WORST = 3  # pairs of classes that are named


def page(network: str, results: Path = kept.RESULTS) -> str:
    """Markdown, from the docstring and the measurements."""
    cls = wn.nets.NETWORKS[network]
    lines = kept.table()
    lines = lines[lines["network"] == network]
    others = lines[lines["recipe"] != DEFAULT]
    lines = lines[lines["recipe"] == DEFAULT]
    parts = [
        f"# {cls.__name__}",
        describe(cls),
        "## Use",
        _USE.format(network=network, dataset=lines["dataset"].iloc[0]),
        "## Arguments",
        to_markdown(arguments(cls)),
        "## Results",
        to_markdown(results_table(lines)),
        _LEGEND,
    ]
    if len(others):
        parts += ["## Other recipes", _OTHERS, to_markdown(recipes_table(others))]
        parts += [f"```sh\n{commands(others, results)}\n```"]
    for dataset in lines["dataset"]:
        card, measured = kept.read(network, dataset, results)
        parts += [
            f"## Trained on `{dataset}`",
            f"```sh\n{card['command']}\n```",
            f"![What the output of each class looks for]({network}/{dataset}-gradients.png)",
            "*The mean gradient of each logit over 1,000 test images: red pixels add to it, "
            "blue ones take from it.*",
            f"![Accuracy by angle, calibration, mistakes]({network}/{dataset}.png)",
            "Accuracy in % on corrupted test images, of rising strength:",
            to_markdown(corruptions(measured)),
        ]
        if kept.OF_BOUNDED in measured.tables:
            parts += [_CERTIFIED, to_markdown(certified(measured))]
        parts += [weaknesses(measured)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


_USE = """
```python
import weirdonetworks as wn

network = wn.create_network("{network}", pretrained="{dataset}")
found = wn.classify(network, images)  # uint8 pixels, or floats in [0, 1]
```

[What it says of pictures](../guides/predict.md). On [your own](../guides/own_data.md), of any size:

```python
import training

run = training.fit("{network}", training.load("FOLDER/"))  # a folder of pictures for each class
```
"""

_OTHERS = """
By what searches found, the best of at most as many numbers as the name says
([the study](../../training/studies/minimal/report.md); P: sees no layout, D: each pixel once,
W: some more often, S: holds the rotations; +: trained on distorted images), and a
[record](../../training/studies/records/report.md), by `wn.create_network(network, pretrained=...)`:
"""

_CERTIFIED = """
Test images that are proven to be classified right however they are moved, within an L2 distance in
units of white ([how](../guides/certify.md)):
"""

_LEGEND = "[What the columns mean](index.md#how-to-read-a-card)."


def describe(cls: type) -> str:
    """The docstring as Markdown: formulas as such, arguments as a list.

    A formula is what stands by itself, indented, or else the first line.
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    first, _, rest = text.partition("\n")
    paragraphs = rest.strip("\n").split("\n\n")
    shown = [
        _paragraph(paragraph, set(inspect.signature(cls).parameters)) for paragraph in paragraphs
    ]
    is_formula = not any(paragraph.startswith("```") for paragraph in shown)
    return "\n\n".join([f"```text\n{first}\n```" if is_formula else first, *shown])


def _paragraph(text: str, known: set[str]) -> str:
    lines = text.split("\n")
    if all(line.startswith("    ") for line in lines):
        return f"```text\n{textwrap.dedent(text)}\n```"
    shown = []
    for line in lines:
        match = re.match(r"(\w+(?:, \w+)*): ", line)
        if match and set(match[1].split(", ")) <= known:
            names = ", ".join(f"`{name}`" for name in match[1].split(", "))
            line = f"* {names}: {line[match.end() :]}"
        elif line.startswith("    "):  # a line that goes on
            line = line[2:]
        shown.append(line)
    return "\n".join(shown)


def arguments(cls: type) -> pd.DataFrame:
    """Names and defaults."""
    parameters = inspect.signature(cls).parameters.values()
    rows = [{"argument": f"`{p.name}`", "default": f"`{p.default!r}`"} for p in parameters]
    return pd.DataFrame(rows)


def results_table(lines: pd.DataFrame, link: bool = False) -> pd.DataFrame:
    """A row for each network and data set; with links to the cards, if they are asked for."""
    rows = [
        {
            "network": f"[{row.network}]({row.network}.md)" if link else row.network,
            "data set": row.dataset,
            **_scores(row),
            "parameters": f"{row.parameters:,}",
            "FLOPs": f"{row.flops:,}",
            "images/s": f"{row.images_per_second:,.0f}",
            "stored as": f"{row.dtype}, {row.bytes / 1e6:.2f} MB",
        }
        for row in lines.itertuples()
    ]
    return pd.DataFrame(rows)


def recipes_table(lines: pd.DataFrame) -> pd.DataFrame:
    """A row for the weights of each recipe with a name: how they are called, and how good."""
    rows = [
        {
            "network": row.network,
            "pretrained": f"`{pretrained.key(row.dataset, row.recipe)}`",
            "numbers": f"{row.parameters:,}",
            **_scores(row),
            "FLOPs": f"{row.flops:,}",
            "stored as": f"{row.dtype}, {row.bytes:,} bytes",
        }
        for row in lines.itertuples()
    ]
    return pd.DataFrame(rows)


def _scores(row) -> dict[str, str]:
    """How good the weights of a line are."""
    return {
        "test": f"{100 * row.test_accuracy:.2f}",
        "turned": f"{100 * row.turned_accuracy:.2f}",
        "seeds": seeds(row.network, row.dataset, row.recipe),
        "ECE": f"{100 * row.calibration_error:.2f}",
    }


def commands(lines: pd.DataFrame, results: Path = kept.RESULTS) -> str:
    """That made them, a line each."""
    keys = map(pretrained.key, lines["dataset"], lines["recipe"])
    cards = [kept.read(*told, results)[0] for told in zip(lines["network"], keys, strict=True)]
    return "\n".join(card["command"] for card in cards)


def seeds(network: str, dataset: str, recipe: str = DEFAULT) -> str:
    """Mean and spread of the test accuracy in the study of such recipes, if it is there."""
    study, wanted = "minimal", {"row": recipe}
    if recipe == DEFAULT:
        study, wanted = "zoo", {"network": network}
    elif recipe in records.NAMES:
        study, wanted = "records", {"network": network, "recipe": recipe}
    found = studies.read_results(STUDIES / study / studies.RESULTS)["runs"]
    for column, value in (wanted | {"dataset": dataset}).items():
        found = found[found[column] == value]
    found = found[found["status"] == "done"]
    return f"{percent(found['test_accuracy'])} ({len(found)})" if len(found) else ""


def corruptions(measured: Measured) -> pd.DataFrame:
    """A row for each corruption, a column for each of its strengths."""
    rows = []
    for name, group in measured.tables["corruptions"].groupby("corruption", sort=False):
        cells = [f"{100 * row.accuracy:.1f} ({row.strength:g})" for row in group.itertuples()]
        unit = "of white" if name == "noise" else "pixels"
        rows.append(
            {
                "corruption": name,
                **dict(zip(("weak", "middle", "strong"), cells, strict=True)),
                "strength in": unit,
            }
        )
    return pd.DataFrame(rows)


def certified(measured: Measured) -> pd.DataFrame:
    """One row, a column for each distance."""
    rows = measured.tables[kept.OF_BOUNDED].itertuples()
    return pd.DataFrame([{f"{row.radius:g}": f"{100 * row.accuracy:.2f} %" for row in rows}])


def weaknesses(measured: Measured) -> str:
    """Where it fails, in words that are made from the tables."""
    confusion = measured.tables["confusion"]
    counts = confusion.drop(columns="class").stack()
    pairs = [(int(i), int(k), n) for (i, k), n in counts.items() if int(i) != int(k) and n]
    pairs.sort(key=lambda pair: -pair[2])
    totals = confusion.drop(columns="class").sum(axis=1)
    told = [f"{i} for {k} ({n} of {totals[i]})" for i, k, n in pairs[:_WORST]]
    rotation = measured.tables["rotation"]
    worst = rotation.loc[rotation["accuracy"].idxmin()]
    hurt = measured.tables["corruptions"]
    lowest = hurt.loc[hurt["accuracy"].idxmin()]
    return (
        f"Weaknesses: of all classes, it takes most often {', '.join(told)}. Turned by "
        f"{worst['degrees']:.0f} degrees, {100 * worst['accuracy']:.1f} % are right. The "
        f"corruption that hurts most is {lowest['corruption']} of strength {lowest['strength']:g}: "
        f"{100 * lowest['accuracy']:.1f} %."
    )
