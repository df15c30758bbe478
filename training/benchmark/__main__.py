"""Measures the speed of the training loop and of the layers, against others.

python -m training.benchmark

All contenders of a group run in this one process and take turns, round after round, so that
whatever else the machine does hits all alike: ratios are medians of the ratios within a round.
"""

import csv
import datetime
import functools
import io
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

import weirdonetworks as wn
from training.cli import app
from training.benchmark import frameworks as contenders
from training.engine import workdir as results
from training.engine import steps
from training.cli import flags as shared
from training.benchmark.frameworks import Contender

COLUMNS = ("group", "contender", "round", "rate")


class Group(NamedTuple):
    """Contenders that are compared.

    Attributes:
      title: what is measured.
      contenders: those who take part.
      reference: the one with whom the others are compared.
      ratio: what the last column tells: the reference's rate over the contender's, or, with
        `faster`, the contender's over the reference's.
      memory: whether to measure each contender's peak memory as well, in a process of its own.
      one_core: whether to measure in a process that may use one core only.
      unit: what a rate counts.
    """

    title: str
    contenders: Sequence[Contender]
    reference: str
    ratio: str
    faster: bool = False
    memory: bool = False
    one_core: bool = False
    unit: str = "images/s"


def loops(size: int = 55_000) -> Group:
    """Training loops on one network."""
    sizes = "-".join(map(str, contenders.SIZES))
    return Group(
        f"Training loops: MLP {sizes}, GELU, Adam, batches of {contenders.BATCH_SIZE}",
        contenders.mlp_loops(contenders.random_split(size)),
        reference="weirdonetworks",
        ratio="weirdonetworks is .. times as fast",
    )


class OuterProduct(snt.Module):
    """y = W vec(x x') + b with all n^2 products in memory: what the packed layer replaces."""

    def __init__(self, output_size: int):
        super().__init__()
        self.linear = snt.Linear(output_size)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.linear(tf.reshape(x[:, :, None] * x[:, None, :], [-1, x.shape[1] ** 2]))


class WithHead(snt.Module):
    """images -> layer -> GELU -> logits."""

    def __init__(self, layer: snt.Module, flat: bool = True):
        super().__init__()
        self.layer, self.flat = layer, flat
        self.head = snt.Linear(10)

    def __call__(self, images: tf.Tensor, is_training: bool) -> tf.Tensor:
        x = tf.reshape(images, [-1, 784]) if self.flat else images
        return self.head(wn.functional.gelu(self.layer(x)))


def quadratic(units: int = 100, rank: int = 512) -> Group:
    """Quadratic layers of 784 pixels."""
    dense = wn.layers.PolynomialDense
    rows = [
        ("outer product", 200, lambda: OuterProduct(units)),
        ("packed monomials", 400, lambda: dense(units, degree=2, rank=None)),
        (f"low rank, {rank}", 5_000, lambda: dense(units, degree=2, rank=rank)),
    ]
    return Group(
        f"Quadratic layers: 784 pixels, {units} units, Adam, batches of {contenders.BATCH_SIZE}",
        [_in_our_loop(name, size, lambda make=make: WithHead(make())) for name, size, make in rows],
        reference="outer product",
        ratio="times as fast as the outer product",
        faster=True,
    )


class DenseRotations(snt.Module):
    """f(g x) averaged over g, with the maps g as dense matrices [|G|, H W, H W].

    They multiply the images, or with `on_weights` the weights of the first layer.
    """

    def __init__(self, group: wn.groups.ImageAction, sizes: Sequence[int], on_weights: bool):
        super().__init__()
        matrices = np.zeros([group.size, group.num_pixels, group.num_pixels], np.float32)
        element, target, source, weight = group.taps
        np.add.at(matrices, (element, target, source), weight)
        # A variable: XLA would try to compute with a constant beforehand.
        self.matrices = tf.Variable(matrices, trainable=False)
        self.first, self.on_weights = snt.Linear(sizes[0]), on_weights
        self.rest = snt.nets.MLP(sizes[1:], activation=wn.functional.gelu, activate_final=True)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        size, pixels = self.matrices.shape[:2]
        x = tf.reshape(images, [-1, pixels])
        if self.on_weights:
            self.first._initialize(x)
            w = tf.einsum("gqp,qo->pgo", self.matrices, self.first.w)
            y = tf.tensordot(x, w, axes=1) + self.first.b
        else:
            y = self.first(tf.reshape(tf.einsum("gqp,bp->bgq", self.matrices, x), [-1, pixels]))
        y = self.rest(wn.functional.gelu(tf.reshape(y, [-1, y.shape[-1]])))
        return tf.reduce_mean(tf.reshape(y, [-1, size, y.shape[1]]), axis=1)


def synchronous(group: str = "cyclic16", sizes: tuple[int, ...] = (128, 64)) -> Group:
    """The synchronous network, the one that it shares, and other ways to compute it."""
    action = wn.groups.get_group(group)

    def turning():
        net = snt.nets.MLP(sizes, activation=wn.functional.gelu, activate_final=True)
        return wn.layers.Synchronous(snt.Sequential([snt.Flatten(), net]), action)

    def network():
        return wn.nets.SynchronousMLP(lift_sizes=sizes, head_sizes=(), group=group)

    def dense(on_weights):
        return WithHead(DenseRotations(action, sizes, on_weights), flat=False)

    pixels = action.num_pixels
    shared_name = "the shared net alone"
    rows = [
        (shared_name, 10_000, lambda: wn.nets.MLP(hidden_sizes=sizes)),
        ("SynchronousMLP, turned weights", 2_000, network),
        ("images turned by sparse taps", 200, lambda: WithHead(turning(), flat=False)),
        (f"images times {pixels}^2 matrices", 200, lambda: dense(False)),
        (f"weights times {pixels}^2 matrices", 1_000, lambda: dense(True)),
    ]
    return Group(
        f"Synchronous networks: {group}, {pixels}-{'-'.join(map(str, sizes))}-10, Adam, "
        f"batches of {contenders.BATCH_SIZE}",
        [_in_our_loop(*row) for row in rows],
        reference=shared_name,
        ratio=f"times its cost (|G| = {action.size})",
        memory=True,
    )


def training_steps(size: int = 10_000) -> Group:
    """Each kind of step on the baseline MLP."""
    sizes = "-".join(map(str, contenders.SIZES))
    return Group(
        f"Steps: MLP {sizes}, GELU, Adam, batches of {contenders.BATCH_SIZE}",
        [
            _in_our_loop(
                name,
                size,
                lambda: wn.nets.MLP(hidden_sizes=contenders.SIZES[1:-1]),
                steps.create_step(name),
            )
            for name in steps.STEPS
        ],
        reference="plain",
        ratio="times the cost of plain",
    )


def iterates(size: int = 2**20) -> Group:
    """half_exp and exp_iterate against exp and GELU, values and gradients, compiled."""
    alpha = tf.constant(0.3)
    functions = {
        "tf.exp": tf.exp,
        "exact GELU": functools.partial(tf.nn.gelu, approximate=False),
        "half_exp": wn.functional.half_exp,
        "half_exp, precise": functools.partial(wn.functional.half_exp, precise=True),
        "exp_iterate": functools.partial(wn.functional.exp_iterate, alpha=alpha),
        "exp_iterate, precise": functools.partial(
            wn.functional.exp_iterate, alpha=alpha, precise=True
        ),
    }
    return Group(
        f"Functions of {size:,} float32 ~ N(0, 3), XLA, one core",
        [
            contenders.elementwise(name + ending, function, size, of_gradient)
            for of_gradient, ending in ((False, ""), (True, ": gradient"))
            for name, function in functions.items()
        ],
        reference="tf.exp",
        ratio="times the cost of tf.exp",
        one_core=True,
        unit="numbers/s",
    )


GROUPS: dict[str, Callable[[], Group]] = {
    "loops": loops,
    "quadratic": quadratic,
    "synchronous": synchronous,
    "steps": training_steps,
    "iterates": iterates,
}


def _in_our_loop(
    name: str, size: int, build: Callable[[], snt.Module], step: steps.Step = steps.plain
) -> Contender:
    split = contenders.random_split(size)
    return Contender(name, size, contenders.compiled_loop(split, build, step))


def measure(
    rivals: Sequence[Contender],
    repeats: int,
    seconds: float,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """The rates, images (or operations) a second, of every contender in every round.

    Each is prepared, runs one epoch to warm up and one to be timed, and then in each round as many
    epochs as fit into so many seconds, at least one.
    """
    running = []
    for rival in rivals:
        progress(rival.name)
        run = rival.prepare()
        run(1)
        start = time.perf_counter()
        run(1)
        epochs = max(1, round(seconds / (time.perf_counter() - start)))
        running.append((rival, run, epochs))
    rates = {rival.name: [] for rival in rivals}
    for _ in range(repeats):
        for rival, run, epochs in running:
            progress(rival.name)
            start = time.perf_counter()
            run(epochs)
            rates[rival.name].append(rival.amount * epochs / (time.perf_counter() - start))
    return rates


def peak_memory(group: str, contender: str) -> float:
    """Megabytes by which a contender raises the memory of a process, while it runs one epoch.

    A new process for each, since a process's peak never falls; what importing took is left out.
    """
    return _in_a_process("_peak", f"the memory of {contender}", group, contender)


def _peak(group: str, contender: str) -> float:
    (rival,) = [rival for rival in GROUPS[group]().contenders if rival.name == contender]
    before = _peak_so_far()
    rival.prepare()(1)
    return _peak_so_far() - before


def measure_on_one_core(group: str, repeats: int, seconds: float) -> dict[str, list[float]]:
    """`measure` of a group, all of it in one process that may use one core only."""
    words = (group, repeats, seconds)
    return _in_a_process("_measure_group", f"the group {group}", *words, one_core=True)


def _measure_group(group: str, repeats: int, seconds: float) -> dict[str, list[float]]:
    return measure(GROUPS[group]().contenders, repeats, seconds)


def _in_a_process(function: str, what: str, *arguments: Any, one_core: bool = False) -> Any:
    """A function of this module, called in a new process."""
    code = "import json, os, sys\nfunction, arguments = json.loads(sys.argv[1])\n"
    if one_core and hasattr(os, "sched_setaffinity"):  # before TensorFlow starts its threads
        code += "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from training import benchmark\n"
    code += "print(json.dumps(getattr(benchmark, function)(*arguments)))"
    words = [sys.executable, "-c", code, json.dumps([function, arguments])]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{what} could not be measured: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _peak_so_far() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where ru_maxrss begins with that of the parent process
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def build_seconds(repeats: int) -> float:
    """The median time to build the sixteen rotations, from nothing to turned weights."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        wn.groups.cyclic(16).transport(tf.zeros([784, 1]))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def summarise(group: Group, rates: dict[str, list[float]]) -> list[dict[str, Any]]:
    """A row for each contender: median rate, spread, and median ratio within a round."""
    rows = []
    for name, own in rates.items():
        pairs = zip(rates[group.reference], own, strict=True)
        ratios = [b / a if group.faster else a / b for a, b in pairs]
        rows.append(
            {
                "contender": name,
                "rate": statistics.median(own),
                "lowest": min(own),
                "highest": max(own),
                "ratio": statistics.median(ratios),
            }
        )
    return rows


def to_text(group: Group, rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table."""
    head = f"{'':34}{group.unit:>12}{'lowest':>12}{'highest':>12}"
    lines = [group.title, f"{head}{'peak MB':>10}  {group.ratio}"]
    for row in rows:
        numbers = "".join(f"{row[key]:12,.0f}" for key in ("rate", "lowest", "highest"))
        memory = f"{row['peak_mb']:10,.0f}" if "peak_mb" in row else f"{'':10}"
        lines.append(f"{row['contender']:34}{numbers}{memory}  {row['ratio']:.2f}")
    return "\n".join(lines)


def benchmark(
    names: Sequence[str], repeats: int, seconds: float, workdir: str | os.PathLike
) -> dict[str, list[dict[str, Any]]]:
    """Measures groups of contenders; prints tables, and writes benchmark.json, .csv and .png.

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
    run = results.Workdir(workdir)
    if (run.path / "benchmark.json").exists():
        raise ValueError(f"workdir {workdir} holds a benchmark already: give another --workdir")
    run.write("benchmark.json", {"machine": machine()})  # before the long work: can it be written?
    tables, raw = {}, []
    for name in names:
        group = GROUPS[name]()
        rivals = [rival for rival in group.contenders if not rival.missing()]
        for rival in group.contenders:
            if rival.missing():
                packages = " ".join(rival.missing())
                print(f"{rival.name}: not installed (pip install {packages})")
        extra = [contenders.sgemm()] if name == "loops" else []
        with tqdm(desc=name, total=len([*rivals, *extra]) * (repeats + 1), disable=None) as bar:

            def progress(contender: str, bar: tqdm = bar) -> None:
                bar.set_postfix_str(contender)
                bar.update()

            if group.one_core:
                rates = measure_on_one_core(name, repeats, seconds)
                bar.update(bar.total)
            else:
                rates = measure([*rivals, *extra], repeats, seconds, progress)
        raw += [(name, c, i, rate) for c, own in rates.items() for i, rate in enumerate(own)]
        peak = rates.pop(extra[0].name) if extra else None
        tables[name] = summarise(group, rates)
        if group.memory:
            for row in tqdm(tables[name], desc=f"{name}, memory", disable=None):
                row["peak_mb"] = peak_memory(name, row["contender"])
        print(f"\n{to_text(group, tables[name])}")
        if peak:
            ours = zip(rates[group.reference], peak, strict=True)
            share = statistics.median(contenders.flops_per_image() * a / b for a, b in ours)
            print(
                f"measured sgemm peak {statistics.median(peak) / 1e9:.0f} GFLOP/s; "
                f"{group.reference} uses {100 * share:.0f} % of it in its matrix products alone"
            )
            tables["sgemm"] = [{"flops": statistics.median(peak), "share": share}]
        if name == "iterates":
            for ending in ("", ": gradient"):
                against = group._replace(reference=f"exact GELU{ending}")
                for row in summarise(against, rates):
                    if row["contender"] == f"half_exp{ending}":
                        print(f"half_exp{ending} costs {row['ratio']:.2f} times exact GELU's")
        if name == "synchronous":
            seconds = build_seconds(max(3, repeats))
            print(f"cyclic(16) is built in {1000 * seconds:.0f} ms")
            tables["construction"] = [{"group": "cyclic16", "seconds": seconds}]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *raw])
    run.write_text("benchmark.csv", text.getvalue())
    run.write("benchmark.json", {"machine": machine(), **tables})
    _draw(run, names, tables)
    return tables


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": _cores(),
        "processor": platform.processor() or platform.machine(),
        **results.versions(),
    }


def _draw(run: results.Workdir, names: Sequence[str], tables: dict[str, Any]) -> None:
    """A panel of bars for each group, with the spread over the rounds."""
    figure, axes = results.new_figure(1, len(names), figsize=(5.5 * len(names), 3), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = tables[name][::-1]
        rate = [row["rate"] for row in rows]
        spread = [
            [row["rate"] - row["lowest"] for row in rows],
            [row["highest"] - row["rate"] for row in rows],
        ]
        axis.barh([row["contender"] for row in rows], rate, xerr=spread)
        axis.set(xlabel="numbers / s" if name == "iterates" else "images / s", title=name)
    run.save_figure(figure, "benchmark.png")


_ONLY = flags.DEFINE_list("only", list(GROUPS), "Which groups, separated by commas.")
_REPEATS = flags.DEFINE_integer("repeats", 5, "Rounds in which all take turns.", lower_bound=1)
_SECONDS = flags.DEFINE_float(
    "seconds", 2.0, "About how long each runs in a round; > 0.", lower_bound=0
)
flags.declare_key_flag("workdir")


def main() -> None:
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"benchmark-{now}")
    benchmark(_ONLY.value, _REPEATS.value, _SECONDS.value, workdir)
    print(f"\nwritten to {workdir}/: benchmark.json, benchmark.csv, benchmark.png")


if __name__ == "__main__":
    app.run(main)
