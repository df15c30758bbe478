"""The command line of a study, the same for all of them."""

import sys
from pathlib import Path
from typing import Any

from absl import flags

from training.cli import app
from training.cli.flags import (
    DATASET_HELP,
    PathFlags,
    command_line,
    define_workdir,
    parse_integers,
)
from training.experiments.study import Setting, Study


def main(study: Study) -> None:
    """Runs a study from the command line."""
    module = _module(study)
    command = _Command(study, module)
    app.run(command.main, command.flags)


def _module(study: Study) -> str:
    """What follows python -m."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = spec.name if spec else f"training.studies.{study.name}"
    return name.removesuffix(".__main__")


def _describe(study: Study, module: str) -> str:
    lines = [study.question, "", f"python -m {module}", "", "axes (--only=AXIS=a,b):"]
    for axis, values in study.axes.items():
        more = [str(value) for value in study.options.get(axis, ())]
        told = f"; also {', '.join(more)}" if more else ""
        lines.append(f"  {axis}: {', '.join(map(str, values))}{told}")
    return "\n".join(lines)


class _Command:
    def __init__(self, study: Study, module: str):
        self._study, self._module = study, module
        self.flags = app.Flags(_describe(study, module))
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
        self._workers = flags.DEFINE_integer(
            "workers", 2, "Processes of one thread each; 0: all in this one.", 0, **define
        )
        self._cluster = flags.DEFINE_string(
            "cluster",
            None,
            "The address of a Ray cluster (host:port, or auto) on whose cores to run, in place of "
            "--workers.",
            **define,
        )
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
        from training.experiments import pages, runner

        study = self._study
        folder = Path(self._workdir.value or Path("runs") / study.name)
        if self._report.value:
            place = folder if self._workdir.value else study.folder
            report = pages.report_of(study, place / runner.RESULTS)
            self._show(report, place, pages.write(study, report, place))
            return
        seeds = parse_integers("seeds", self._seeds.value)
        axes = self._chosen()
        settings = {name: flag.value for name, flag in self._settings.items() if flag.present}
        paths = self._paths.paths if self._paths else {}
        if self._resume.value:
            axes, seeds, settings, paths = self._continued(folder, axes, seeds, settings, paths)
        if study.function("trial") is None:
            raise ValueError(f"trial must be a function, got {study.trial!r}")
        print(f"writing to {folder}/", flush=True)
        with app.going_on_with(f"python -m {self._module} --resume --workdir={folder}"):
            runner.run(
                study,
                folder,
                axes=axes,
                seeds=seeds,
                settings=settings,
                paths=paths,
                workers=self._workers.value,
                cluster=self._cluster.value,
                command=self._told(axes, seeds, settings),
            )
        report = pages.report_of(study, folder / runner.RESULTS)
        names = pages.write(study, report, folder)
        self._show(report, folder, [*names, f"{runner.RESULTS}/", "trials/"])
        if self._publish.value:
            pages.publish(study, folder / runner.RESULTS)
            print(f"published in {study.folder}/: {runner.RESULTS}/, report.md, figures/")

    def _continued(self, folder, axes, seeds, settings, paths):
        """What the folder was asked for, but for the flags that are given.

        Raises:
          ValueError: the folder is that of no study, or of another one.
        """
        from training.engine.workdir import Workdir

        held = Workdir(folder).read("config.json")
        if held.get("study") != self._study.name:
            raise ValueError(f"workdir {folder} is none of the study {self._study.name}")
        if not self._only.value and (self._dataset is None or self._dataset.value is None):
            axes = held["axes"]
        if not self._seeds.present:
            seeds = held["seeds"]
        settings = {**held["settings"], **settings}
        return axes, seeds, settings, {k: v or held.get(k) for k, v in paths.items()}

    def _told(self, axes, seeds, settings) -> str:
        """The command as it can be repeated anywhere."""
        only = {axis: values for axis, values in axes.items()
                if values != list(self._study.axes[axis])}  # fmt: skip
        words = {f"only={axis}": ",".join(map(str, values)) for axis, values in only.items()}
        if list(seeds) != list(self._study.seeds):
            words["seeds"] = ",".join(map(str, seeds))
        changed = {name: value for name, value in settings.items()
                   if value != self._study.settings[name].default}  # fmt: skip
        return command_line(self._module, {**words, **changed})

    def _show(self, report, folder: Path, names) -> None:
        from training.report.tables import to_markdown

        for name, table in report.tables.items():
            print(f"{name}:\n\n{to_markdown(table)}")
        print(f"written to {folder}/: {', '.join(names)}")


def _define(name: str, setting: Setting, flag_values: app.Flags) -> flags.FlagHolder:
    kinds = {int: flags.DEFINE_integer, float: flags.DEFINE_float}
    kind = kinds.get(type(setting.default))
    if kind is None:
        return flags.DEFINE_string(name, setting.default, setting.text, flag_values=flag_values)
    return kind(name, setting.default, setting.text, setting.minimum, flag_values=flag_values)


