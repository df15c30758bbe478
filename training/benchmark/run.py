"""The whole benchmark: groups one after another, tables on the screen, numbers in files."""

import os
import statistics
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from training.benchmark import frameworks, kept, measure
from training.benchmark.frameworks import Contender
from training.benchmark.groups import GROUPS, Group
from training.benchmark.growth import COLUMNS as GROWTH_COLUMNS
from training.benchmark.growth import growth
from training.benchmark.report import draw, summarise, to_text
from training.report.tables import to_csv
from weirdonetworks.commands.folder import Folder

COLUMNS = ("group", "contender", "round", "rate")

Rates = dict[str, list[float]]
Table = list[dict[str, Any]]


def benchmark(
    names: Sequence[str], repeats: int, seconds: float, workdir: str | os.PathLike
) -> dict[str, Table]:
    """Measures groups of contenders; prints tables, and writes benchmark.json, .csv and .png,
    and the table of each group, GROUP.csv.

    Raises:
      ValueError: no names, unknown ones, fewer than one repeat, seconds that are not > 0, or a
        workdir that holds a benchmark.
      OSError: the workdir cannot be written.
    """
    for name in names:
        if name not in GROUPS:
            raise ValueError(f"only must hold names among {list(GROUPS)}, got {name!r}")
    if not names or repeats < 1 or not seconds > 0:
        raise ValueError(
            "only must not be empty, repeats be >= 1 and seconds > 0, "
            f"got {names!r}, {repeats!r} and {seconds!r}"
        )
    folder = Folder(workdir)
    if (folder.path / "benchmark.json").exists():
        raise ValueError(f"workdir {workdir} holds a benchmark already: give another --workdir")
    machine = {"machine": measure.machine()}
    folder.write("benchmark.json", machine)  # before the long work: can it be written?
    tables, further, units, raw = {}, {}, {}, []
    for name in names:
        group = GROUPS[name]()
        extra = [frameworks.sgemm()] if name == "loops" else []
        rates = _rates(name, group, extra, repeats, seconds)
        raw += [(name, c, i, rate) for c, own in rates.items() for i, rate in enumerate(own)]
        peak = rates.pop(extra[0].name) if extra else None
        table = tables[name] = summarise(group, rates)
        units[name] = group.unit
        if group.memory:
            for row in tqdm(table, desc=f"{name}, memory", disable=None):
                row["peak_mb"] = measure.peak_memory(name, row["contender"])
        print(f"\n{to_text(group, table)}")
        if peak:
            further["sgemm"] = _share_of_peak(group, rates, peak)
        if name == "iterates":
            _tell_cost_of_half_exp(group, rates)
        if name == "attention":
            further["growth"] = growth(table)
            for row in further["growth"]:
                print(
                    "{form}, {from} to {to} tokens: seconds grow as n^{seconds:.2f}".format(**row)
                )
        if name == "synchronous":
            built = measure.build_seconds(max(3, repeats))
            print(f"cyclic(16) is built in {1000 * built:.0f} ms")
            further["construction"] = [{"group": "cyclic16", "seconds": built}]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in raw]
    folder.write_text("benchmark.csv", to_csv(rows, COLUMNS))
    for name, table in tables.items():
        folder.write_text(f"{name}.csv", kept.to_csv_of(table))
    if "growth" in further:
        folder.write_text(kept.GROWTH, to_csv(further["growth"], GROWTH_COLUMNS))
    folder.write("benchmark.json", {**machine, **tables, **further})
    folder.save_figure(draw(tables, units), "benchmark.png")
    return {**tables, **further}


def _rates(
    name: str, group: Group, extra: Sequence[Contender], repeats: int, seconds: float
) -> Rates:
    """Of the contenders that are installed, and of `extra` ones that take part in the rounds."""
    rivals = [rival for rival in group.contenders if not rival.missing()]
    for rival in group.contenders:
        if rival.missing():
            print(f"{rival.name}: not installed (pip install {' '.join(rival.missing())})")
    rivals += extra
    with tqdm(desc=name, total=len(rivals) * (repeats + 1), disable=None) as bar:

        def progress(contender: str) -> None:
            bar.set_postfix_str(contender)
            bar.update()

        if group.one_core:
            rates = measure.measure_on_one_core(name, repeats, seconds)
            bar.update(bar.total)
            return rates
        return measure.measure(rivals, repeats, seconds, progress)


def _share_of_peak(group: Group, rates: Rates, peak: list[float]) -> Table:
    """What the machine's products of matrices can do, and how much of it the reference uses."""
    ours = zip(rates[group.reference], peak, strict=True)
    share = statistics.median(frameworks.flops_per_image() * a / b for a, b in ours)
    print(
        f"measured sgemm peak {statistics.median(peak) / 1e9:.0f} GFLOP/s; "
        f"{group.reference} uses {100 * share:.0f} % of it in its matrix products alone"
    )
    return [{"flops": statistics.median(peak), "share": share}]


def _tell_cost_of_half_exp(group: Group, rates: Rates) -> None:
    for ending in ("", ": gradient"):
        against = group._replace(reference=f"exact GELU{ending}")
        for row in summarise(against, rates):
            if row["contender"] == f"half_exp{ending}":
                print(f"half_exp{ending} costs {row['ratio']:.2f} times exact GELU's")
