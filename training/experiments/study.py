"""What an experiment is: a question, axes, one trial, a report."""

import dataclasses
import itertools
import math
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.cli import checks
from training.cli.flags import check_dataset
from training.experiments.rates import CHOICE_SEED, Ladder
from weirdonetworks import _checks
from weirdonetworks.commands.flags import check_choice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Of every study's command line.
FLAGS = (
    *("cluster", "data_dir", "dataset", "help", "helpfull", "helpshort", "manual_dir", "only"),
    *("publish", "report", "resume", "seeds", "v", "verbosity", "workdir", "workers"),
)
LARGEST = 10**9  # integer of a setting: sizes and steps, of which nothing needs more
Axes = dict[str, Any]
Row = dict[str, Any]
STUDIES = Path(__file__).parents[1] / "studies"


@dataclasses.dataclass(frozen=True)
class Setting:
    """A value that all trials of a study share, and that a flag of its name may change.

    Its type is that of `default`: an integer, a float, a string, or True or False. A string is one
    of `options`, if there are some.
    """

    default: Any
    text: str
    minimum: float | None = None
    options: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """What a study shows: tables by name, of which a page's marks are filled, and figures.

    transcribed: why tables are no longer made from rows, by their names.
    """

    tables: Mapping[str, "pd.DataFrame"]
    figures: Mapping[str, "Figure"] = dataclasses.field(default_factory=dict)
    transcribed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """An experiment: every cell of the axes, with every seed, is one trial.

        STUDY = Study(
            name="activations",
            question="Which activation is best, and does it matter?",
            axes={"activation": ["relu", "gelu"], "dataset": ["mnist_5k"]},
            choose=Ladder((1e-3, 1e-2)),
            trial="training.studies.activations.trial:trial",
            report="training.studies.activations.report:report",
        )

    Attributes:
      name: of its folder, training/studies/NAME.
      question: what it asks, in a sentence.
      axes: values by axis. The trial gets that of an axis called `dataset` as a `Dataset`.
      trial: a function, or "module:function", called as

          trial(axes, seed, choice, **settings) -> row

        It returns a row, several, or rows by the name of their table ({"runs": .., "curves": ..});
        axes, seed and choice are added to each. A trial that raises FloatingPointError has
        diverged: its row says so.
      report: a function, or "module:function", of a dict of pandas tables -> `Report`.
      seeds: those of the trials that are reported.
      options: more values of an axis that `--only` may name, beside the default ones.
      choose: how a trial's choice (a learning rate) is found, by trials with a seed of its own.
      settings: numbers that all trials share.
      cells: which cells, if not all: cells(axes) -> list of cells, from the chosen axes. A cell may
        be without some of the axes.
      then: further cells that depend on what came out: then(rows, axes) -> list of cells.
      batched: whether the seeds of a cell are done at once, as one compiled loop of many runs does
        it. The trial gets the list of those that are not there yet in place of a seed, and returns
        a list with what it would return for each of them.
    """

    name: str
    question: str
    axes: Mapping[str, Sequence[Any]]
    trial: Callable[..., Any] | str
    report: Callable[[Mapping[str, Any]], Report] | str
    seeds: Sequence[int] = (0, 1, 2)
    options: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)
    choose: Ladder | None = None
    settings: Mapping[str, Setting] = dataclasses.field(default_factory=dict)
    cells: Callable[[Mapping[str, Sequence[Any]]], list[Axes]] | None = None
    then: Callable[[Sequence[Row], Mapping[str, Sequence[Any]]], list[Axes]] | None = None
    batched: bool = False

    def __post_init__(self):
        if not self.axes:
            raise ValueError("axes must hold at least one axis, got none")
        for name, values in self.axes.items():
            checks.each_once(f"axes[{name!r}]", values)
            for value in [*values, *self.options.get(name, ())]:
                if not isinstance(value, str | int | float):
                    raise ValueError(
                        f"axes[{name!r}] must be strings or numbers, as tables hold, got {value!r}"
                    )
        for axis in self.options:
            check_choice("options", axis, list(self.axes))
        for setting in self.settings:
            if setting in FLAGS:
                raise ValueError(f"settings must have names that no flag has, got {setting!r}")
        names = [*self.axes, "seed", *self.settings, *([self.choose.name] if self.choose else [])]
        checks.each_once("names of axes, settings and what is chosen", names)
        if self.choose:
            self.choose.check(self.axes, self.options)

    @property
    def folder(self) -> Path:
        """Where its results and its report are in the repository."""
        return STUDIES / self.name

    def chosen(self, only: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
        """The axes, cut to the values that `only` names, as words of a command line.

        Raises:
          ValueError: an unknown axis or value, or one given twice.
        """
        for axis in only:
            check_choice("only", axis, list(self.axes))
        chosen = {}
        for axis, default in self.axes.items():
            known = {str(v): v for v in [*default, *self.options.get(axis, ())]}
            words = only.get(axis)
            if words is None:
                chosen[axis] = list(default)
                continue
            if not words or len(set(words)) < len(words):
                raise ValueError(f"{axis} must be values, each once, got {','.join(words)!r}")
            for word in words:
                if axis == "dataset":  # a file, too
                    check_dataset(word)
                else:
                    check_choice(axis, word, list(known))
            chosen[axis] = [known.get(word, word) for word in words]
        return chosen

    def all_cells(self, axes: Mapping[str, Sequence[Any]]) -> list[Axes]:
        """The cells of these axes."""
        if self.cells:
            return self.cells(axes)
        return [
            dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
        ]

    def resolve_settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings, with these in place of the defaults.

        Raises:
          ValueError: an unknown setting, or one of another kind or below its minimum.
        """
        found = {}
        for name in given:
            check_choice("settings", name, list(self.settings))
        for name, setting in self.settings.items():
            value = given.get(name, setting.default)
            low = -math.inf if setting.minimum is None else setting.minimum
            if isinstance(setting.default, bool | str):
                if not isinstance(value, type(setting.default)):
                    kind = type(setting.default).__name__
                    raise ValueError(f"{name} must be a {kind}, got {value!r}")
                if setting.options:
                    check_choice(name, value, setting.options)
            elif isinstance(setting.default, int):
                low = -LARGEST if low == -math.inf else int(low)
                value = _checks.integer(name, value, low, LARGEST)
            else:
                value = _checks.number(name, value, low, math.inf, open_high=True)
            found[name] = value
        return found

    def check_seeds(self, seeds: Sequence[int]) -> list[int]:
        """Returns them; raises ValueError if they are not different integers >= 0, or hold the
        seed of the choice."""
        checks.seeds(seeds)
        if self.choose and CHOICE_SEED in seeds:
            raise ValueError(f"seeds must leave {CHOICE_SEED} to the choice of rates, got {seeds}")
        return list(seeds)

    def function(self, which: str) -> Callable[..., Any]:
        """The function `trial` or `report`."""
        value = getattr(self, which)
        return pkgutil.resolve_name(value) if isinstance(value, str) else value
