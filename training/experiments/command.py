"""The command line of a study, the same for all of them."""

import dataclasses
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from training.cli.flags import DATASET_HELP, PathFlags, define_processes, parse_integers
from training.experiments.study import LARGEST, Setting, Study
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_choice, define_workdir


def main(study: Study) -> None:
    """Runs a study from the command line."""
    command = Command(study, _started(study))
    app.run(command.main, command.flags)


def _started(study: Study) -> list[str]:
    """The words that start it: python -m MODULE, or python FILE."""
    started = sys.modules["__main__"]
    module = f"training.studies.{study.name}"
    if getattr(started, "STUDY", None) is study:
        if started.__spec__ is None:
            return ["python", sys.argv[0]]
        module = started.__spec__.name.removesuffix(".__main__")
    return ["python", "-m", module]


def _describe(study: Study, started: Sequence[str]) -> str:
    lines = [study.question, "", shlex.join(started), "", "axes (--only=AXIS=a,b):"]
    for axis, values in study.axes.items():
        more = [str(value) for value in study.options.get(axis, ())]
        told = f"; also {', '.join(more)}" if more else ""
        lines.append(f"  {axis}: {', '.join(map(str, values))}{told}")
    return "\n".join(lines)


class Command:
    """Its flags, and what they make of it."""

    def __init__(self, study: Study, started: Sequence[str]):
        self._study, self._started = study, started
        self.flags = app.Flags(_describe(study, started))
        define = {"flag_values": self.flags}
        self._seeds = flags.DEFINE_list(
            "seeds", [str(s) for s in study.seeds], "Which seeds, separated by commas.", **define
        )
        self._only = flags.DEFINE_multi_string(
            "only",
            [],
            "AXIS=a,b: these values of an axis in place of all; may be given for several axes.",
            **define,
        )
        self._workers, self._cluster = define_processes(self.flags)
        self._workdir = define_workdir(
            self.flags,
            f"The folder of the trials, where an interrupted study goes on (runs/{study.name} by "
            "default).",
        )
        self._resume = flags.DEFINE_boolean(
            "resume", False, "Go on with what --workdir was last asked for.", **define
        )
        self._report = flags.DEFINE_boolean(
            "report",
            False,
            "Run nothing: print the tables and make report.md and the figures anew, of the results "
            "in --workdir or, without it, of those in the repository.",
            **define,
        )
        self._publish = flags.DEFINE_boolean(
            "publish",
            False,
            "Afterwards, put the results of --workdir in place of those in the repository (what is "
            "transcribed there from elsewhere stays).",
            **define,
        )
        self._paths = self._dataset = None
        if "dataset" in study.axes:
            self._paths = PathFlags(self.flags)
            self._dataset = flags.DEFINE_list(
                "dataset", None, f"--only=dataset=..., in short. {DATASET_HELP}", **define
            )
        self._settings = {
            name: _define(name, setting, self.flags) for name, setting in study.settings.items()
        }

    def _chosen(self) -> dict[str, list[Any]]:
        only: dict[str, list[str]] = {}
        for text in self._only.value:
            axis, separator, values = text.partition("=")
            if not separator or axis in only:
                raise ValueError(f"only must be AXIS=a,b, once for each axis, got {text!r}")
            only[axis] = [value for value in values.split(",") if value]
        if self._dataset is not None and self._dataset.value is not None:
            if "dataset" in only:
                raise ValueError("dataset must be given once, got it by --only, too")
            only["dataset"] = self._dataset.value
        return self._study.chosen(only)

    def main(self) -> None:
        folder = Path(self._workdir.value or Path("runs") / self._study.name)
        if self._report.value:
            if self._publish.value and not self._workdir.value:
                raise ValueError("publish must come with --workdir, or without --report")
            self._show(folder if self._workdir.value else self._study.folder)
        else:
            self._run(folder)
        if self._publish.value:
            from training.experiments import pages

            pages.publish(self._study, folder / pages.RESULTS)
            print(f"published in {self._study.folder}/: {pages.RESULTS}/, report.md, figures/")

    def _run(self, folder: Path) -> None:
        if self._resume.value:
            asked = self._continued(folder)
        else:
            seeds, axes = parse_integers("seeds", self._seeds.value), self._chosen()
            settings = {name: flag.value for name, flag in self._settings.items()}
            paths = self._paths.paths if self._paths else {}
            asked = _Asked(axes, self._study.check_seeds(seeds), settings, paths)
        print(f"writing to {folder}/", flush=True)
        where = {"workers": self._workers, "cluster": self._cluster}
        given = {name: flag.value for name, flag in where.items() if flag.present}
        again = [f"--{name}={value}" for name, value in {"workdir": folder, **given}.items()]
        with app.going_on_with(shlex.join([*self._started, *again, "--resume"])):
            from training.experiments import runner

            runner.run(
                self._study,
                folder,
                **dataclasses.asdict(asked),
                workers=self._workers.value,
                cluster=self._cluster.value,
                command=self._told(asked),
            )
        self._show(folder)

    def _continued(self, folder: Path) -> "_Asked":
        """What the folder was last asked for.

        Raises:
          ValueError: the folder is that of no study, or of another one; a flag that was given
            contradicts what it holds.
        """
        from weirdonetworks.commands.folder import Sealed

        held = Sealed(folder).read("config.json")
        if held.get("study") != self._study.name:
            raise ValueError(f"workdir {folder} is none of the study {self._study.name}")
        try:
            asked = _Asked(held["axes"], held["seeds"], held["settings"], {})
        except KeyError as error:
            raise ValueError(f"{folder / 'config.json'} is damaged: it lacks {error}") from None
        given: dict[str, tuple[Any, Any]] = {}
        if self._seeds.present:
            given["seeds"] = (parse_integers("seeds", self._seeds.value), asked.seeds)
        for axis, values in self._chosen().items():
            if axis in self._named():
                given[axis] = (values, asked.axes.get(axis))
        for name, flag in self._settings.items():
            if flag.present:
                given[name] = (flag.value, asked.settings.get(name))
        for name, (value, there) in given.items():
            if value != there:
                raise ValueError(
                    f"{name}={_word(value)} contradicts the study in {folder}: {_word(there)} there"
                    " (without --resume, further values and seeds may be asked for)"
                )
        paths = self._paths.paths if self._paths else {}
        return dataclasses.replace(
            asked, paths={key: value or held.get(key) for key, value in paths.items()}
        )

    def _named(self) -> set[str]:
        """The axes that flags name."""
        dataset = {"dataset"} if self._dataset is not None and self._dataset.present else set()
        return {text.partition("=")[0] for text in self._only.value} | dataset

    def _told(self, asked: "_Asked") -> str:
        """The command as it can be repeated anywhere."""
        study = self._study
        words = [
            f"--only={axis}={_word(values)}"
            for axis, values in asked.axes.items()
            if values != list(study.axes[axis])
        ]
        if asked.seeds != list(study.seeds):
            words.append(f"--seeds={_word(asked.seeds)}")
        words += [
            f"--{name}={value}"
            for name, value in asked.settings.items()
            if value != study.settings[name].default
        ]
        return shlex.join([*self._started, *words])

    def _show(self, folder: Path) -> None:
        """Prints the tables of the results in `folder`, and writes page and figures there."""
        from training.experiments import pages

        report = pages.report_of(self._study, folder / pages.RESULTS)
        names = pages.write(self._study, report, folder)
        for name in report.tables:
            print(f"{name}:\n\n{pages.shown(report, name)}")
        held = f"{pages.RESULTS}/, trials/; " if (folder / "trials").exists() else ""
        print(f"written to {folder}/: {held}{', '.join(names)}")


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What a run of the study shall hold."""

    axes: Mapping[str, Sequence[Any]]
    seeds: Sequence[int]
    settings: Mapping[str, Any]
    paths: Mapping[str, str | None]


def _word(value: Any) -> str:
    """As it is given behind a flag."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _define(name: str, setting: Setting, flag_values: app.Flags) -> flags.FlagHolder:
    if setting.options:
        return define_choice(name, setting.default, setting.options, setting.text, flag_values)
    if isinstance(setting.default, bool | str):
        kind = flags.DEFINE_boolean if isinstance(setting.default, bool) else flags.DEFINE_string
        return kind(name, setting.default, setting.text, flag_values=flag_values)
    low, define = setting.minimum, {"flag_values": flag_values}
    if isinstance(setting.default, int):
        return flags.DEFINE_integer(name, setting.default, setting.text, low, LARGEST, **define)
    return flags.DEFINE_float(name, setting.default, setting.text, low, **define)
