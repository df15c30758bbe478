"""Flags that several commands share, and what they become: a data set, a recipe, arguments."""

import ast
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from training.cli import choices
from weirdonetworks.commands.flags import (
    define_choice,
    define_path,
    not_among,
)
from weirdonetworks.pretrained import DEFAULT

MOST_SIGNS = 10_000  # of a value of --network_arg

if TYPE_CHECKING:
    from training.data import Dataset


class _ChoicesParser(flags.ListParser):
    def __init__(self, options: Sequence[str] | None):
        super().__init__()
        self.options = options

    def parse(self, argument: str | Sequence[str]) -> list[str]:
        values = super().parse(argument)
        for value in values:
            if self.options is not None and value not in self.options:
                raise ValueError(not_among(value, self.options))
        if not values or len(set(values)) < len(values):
            raise ValueError("must be one at least, and each once")
        return values


def define_choices(
    name: str,
    default: Sequence[str] | None,
    options: Sequence[str],
    text: str,
    flag_values: flags.FlagValues,
) -> flags.FlagHolder:
    """A flag whose value is a list of `options`, separated by commas."""
    return flags.DEFINE(
        _ChoicesParser(list(options)),
        name,
        None if default is None else list(default),
        f"Some of {', '.join(options)}, separated by commas: {text}",
        flag_values,
        flags.CsvListSerializer(","),
    )


def check_dataset(name: str) -> str:
    """Returns `name`; ValueError if it is no data set's, no file, no folder and no tfds:NAME."""
    if problem := _dataset_problem(name):
        raise ValueError(f"dataset={name}: {problem}")
    return name


def _dataset_problem(name: str) -> str:
    if not name.isprintable():
        return "must be printable signs"
    is_path = os.sep in name or name.endswith(".npz") or os.path.exists(name)
    if is_path or name.startswith("tfds:") or name in choices.DATASETS:
        return ""
    return f"{not_among(name, choices.DATASETS)} (or a FILE.npz, a FOLDER/, or tfds:NAME)"


class _DatasetParser(flags.ArgumentParser):
    def parse(self, argument: str) -> str:
        if problem := _dataset_problem(argument):
            raise ValueError(problem)
        return argument


DATASET_HELP = (
    "mnist_5k is embedded, mnist_1d made by a package; mnist and fashion_mnist come through "
    "TensorFlow Datasets, from --data_dir, --manual_dir or the network; mnist_rot and mnist_kspace "
    "(also 2, 4: each second or fourth line) are made from mnist. Or your own: FILE.npz "
    "with the arrays images and labels (or train_images, train_labels, and the same for "
    "validation and test; or x_train, y_train, x_test, y_test); FOLDER/ with a folder of pictures "
    "for each class; tfds:NAME, an image classification set of TensorFlow Datasets."
)


class PathFlags:
    """--data_dir and --manual_dir: where data sets are."""

    def __init__(self, flag_values: flags.FlagValues):
        self._data_dir = define_path(
            "data_dir", "TensorFlow Datasets' folder (its own default if not given).", flag_values
        )
        self._manual_dir = define_path(
            "manual_dir",
            "A folder with the four original .gz files of mnist or fashion_mnist.",
            flag_values,
        )

    @property
    def paths(self) -> dict[str, str | None]:
        """The arguments `data_dir` and `manual_dir` of `data.load`."""
        return {"data_dir": self._data_dir.value, "manual_dir": self._manual_dir.value}

    def load(self, name: str) -> "Dataset":
        """The data set of this name."""
        from training.data import load

        return load(name, **self.paths)


class DatasetFlags(PathFlags):
    """--dataset, --data_dir and --manual_dir."""

    def __init__(self, flag_values: flags.FlagValues, default: str = "mnist_5k"):
        super().__init__(flag_values)
        self.name = flags.DEFINE(
            _DatasetParser(), "dataset", default, DATASET_HELP, flag_values,
            flags.ArgumentSerializer(),
        )  # fmt: skip

    def dataset(self) -> "Dataset":
        """What the flags tell."""
        return self.load(self.name.value)


class RecipeFlags:
    """The network and the fields of a recipe; None leaves a field to the named one."""

    def __init__(self, flag_values: flags.FlagValues):
        def define(kind, *arguments, **keywords):
            return kind(*arguments, flag_values=flag_values, **keywords)

        self.network = define_choice(
            "network", "quadratic_mlp", choices.NETWORKS, "what to train.", flag_values
        )
        self.name = define(
            flags.DEFINE_string,
            "recipe",
            DEFAULT,
            "The name of a recipe of the network for the data set; other flags override it. Those "
            "that there are, besides default, which each network has, an unknown name tells.",
        )
        self._arguments = {
            "network_args": define(
                flags.DEFINE_multi_string,
                "network_arg",
                [],
                "An argument of the network's constructor, NAME=VALUE, such as rank=256 or "
                "hidden_sizes=(64,32); may be given several times.",
            ),
            "step_args": define(
                flags.DEFINE_multi_string,
                "step_arg",
                [],
                "An argument of the step, NAME=VALUE, such as degrees=30 or weight=0.1; may be "
                "given several times.",
            ),
        }
        self._fields = {
            "epochs": define_epochs(flag_values),
            "batch_size": define(
                flags.DEFINE_integer, "batch_size", None, "Images a step.", lower_bound=1
            ),
            "optimizer": define_choice(
                "optimizer", None, choices.OPTIMIZERS, "how gradients are applied.", flag_values
            ),
            "learning_rate": define(
                flags.DEFINE_float, "learning_rate", None, "Its peak; > 0.", lower_bound=0
            ),
            "schedule": define_choice(
                "schedule",
                None,
                choices.SCHEDULES,
                "how the learning rate falls from its peak to the end.",
                flag_values,
            ),
            "warmup_epochs": define(
                flags.DEFINE_float,
                "warmup_epochs",
                None,
                "Epochs over which the learning rate rises to its peak.",
                lower_bound=0,
            ),
            "weight_decay": define(
                flags.DEFINE_float,
                "weight_decay",
                None,
                "Share of the matrices lost per unit of learning rate.",
                lower_bound=0,
            ),
            "label_smoothing": define(
                flags.DEFINE_float,
                "label_smoothing",
                None,
                "Share of the target spread evenly over the classes; below 1.",
                lower_bound=0,
            ),
            "step": define_choice(
                "step",
                None,
                choices.STEPS,
                "what one update does: plain descent; on transformed images (augment); to the "
                "answers of a trained network as well (distill); with a "
                "penalty on how far transformations move the logits; projected off the gradient "
                "of that; or between updates, a dream that lowers it; on the "
                "worst image near by (adversarial, virtual_adversarial); with operator norms "
                "as a penalty (spectral); for margins that prove (lipschitz).",
                flag_values,
            ),
            "invariant_start": define(
                flags.DEFINE_boolean,
                "invariant_start",
                None,
                "Start from a first layer that is averaged over the rotations.",
            ),
            "averaging": define(
                flags.DEFINE_float,
                "averaging",
                None,
                "Use the network with an average of its weights over the steps, of which each "
                "keeps this share, as 0.999; 0: the last weights. Below 1.",
                lower_bound=0,
            ),
            "bits": define(
                flags.DEFINE_integer,
                "bits",
                None,
                "Of each number of a matrix, trained so that it is used with so few.",
                lower_bound=2,
                upper_bound=8,
            ),
            "density": define(
                flags.DEFINE_float,
                "density",
                None,
                "Take out the smallest numbers of matrices and train the others again, until so "
                "small a share is left.",
                lower_bound=0,
                upper_bound=1,
            ),
        }

    def overrides(self) -> dict[str, Any]:
        """Fields of `Recipe`: those that were given."""
        given = {name: flag.value for name, flag in self._fields.items() if flag.present}
        for name, flag in self._arguments.items():
            if flag.present:
                given[name] = parse_arguments(flag.value, flag.name)
        return given


def define_epochs(flag_values: flags.FlagValues) -> flags.FlagHolder:
    """--epochs."""
    text = "Passes over the training split; each network's recipe by default."
    return flags.DEFINE_integer("epochs", None, text, 1, flag_values=flag_values)


def given_run(workdir: flags.FlagHolder) -> str:
    """The folder of a run that was given; within a second, without TensorFlow.

    Raises:
      ValueError: no --workdir, or no configuration there.
    """
    if not workdir.value:
        raise ValueError("workdir must be given: --workdir=FOLDER of a run")
    from weirdonetworks.commands.folder import Sealed

    Sealed(workdir.value).read("config.json")
    return workdir.value


def tell_unfinished(workdir: str, epochs: int, of: int) -> None:
    """Says on stderr, of a run that was interrupted, where it is and how it goes on."""
    if epochs < of:
        again = f"python -m training.train --resume --workdir={workdir}"
        print(f"unfinished: epoch {epochs} of {of} (go on with: {again})", file=sys.stderr)


class MovedFlags(PathFlags):
    """--dataset, --data_dir and --manual_dir: where the data of a run are now."""

    def __init__(self, flag_values: flags.FlagValues):
        super().__init__(flag_values)
        self.moved = define_path(
            "dataset",
            "Where the run's own FILE.npz or FOLDER/ is now, if it is not where it was.",
            flag_values,
        )


def found_again(
    workdir: str, config: Mapping[str, Any], paths: PathFlags, moved: str | None
) -> "Dataset":
    """The data set of the run in `workdir`, by its name then; `moved` is where it is now.

    Raises:
      ValueError: a place for a data set that has none of its own, or other data there.
      OSError: it is not there.
    """
    import dataclasses

    from training.data import load

    name = config["dataset"]
    found = {key: value or config.get(key) for key, value in paths.paths.items()}
    if not paths.paths["manual_dir"] and not os.path.isdir(found["manual_dir"] or ""):
        found["manual_dir"] = None  # it has gone; data that are prepared need it no longer
    own = name not in choices.DATASETS and not name.startswith("tfds:")
    if moved is not None and moved != name:
        other = moved in choices.DATASETS or moved.startswith("tfds:")
        if other or not own:
            raise ValueError(f"--dataset={moved} contradicts the run in {workdir}: {name!r} there")
        dataset = load(moved, **found)
        if dataset.sha256 != config["data_sha256"]:
            raise ValueError(
                f"--dataset={moved} contradicts the run in {workdir}: its contents are not those "
                f"of {name!r} there"
            )
        return dataclasses.replace(dataset, name=name)
    try:
        return load(name, **found)
    except FileNotFoundError as error:
        if not own:
            raise
        raise FileNotFoundError(
            f"{error}: if it has moved, or was given from another folder, give --dataset=PATH"
        ) from None


def loaded_dataset(workdir: flags.FlagHolder, paths: MovedFlags) -> "Dataset":
    """The data set of the run in a command's --workdir.

    Raises:
      ValueError: no --workdir, or no run there, or other data where they should be.
      OSError: the data are not there.
    """
    folder = given_run(workdir)
    from training.engine.workdir import Workdir

    config = Workdir(folder).read_config()
    return found_again(folder, config, paths, paths.moved.value)


def parse_arguments(words: Sequence[str], flag: str = "network_arg") -> dict[str, Any]:
    """["rank=64", "hidden_sizes=(32,16)", "group=cyclic8"], as a flag gave them -> arguments.

    A value is a Python literal; what is none is a string.

    Raises:
      ValueError: a word without "=", or a name given twice.
    """
    arguments: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or not name.isidentifier():
            raise ValueError(f"{flag} must be NAME=VALUE, got {word!r}")
        if name in arguments:
            raise ValueError(f"{flag} must give each name once, got {name!r} twice")
        arguments[name] = literal(text)
    return arguments


def literal(text: str) -> Any:
    """The Python literal that `text` is, or the text."""
    if len(text) > MOST_SIGNS:
        raise ValueError(f"a value must have at most {MOST_SIGNS} signs, got {len(text)}")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def parse_integers(flag: str, words: Sequence[str]) -> list[int]:
    """["0", "1"] -> [0, 1]; ValueError for other words, none, or one twice."""
    if not words or not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise ValueError(f"{flag} must be integers >= 0, each once, got {','.join(words)!r}")
    return [int(word) for word in words]


def command_line(module: str, settings: Mapping[str, Any]) -> str:
    """The command that has these settings, for people to read and repeat."""
    import shlex

    words = [f"--{name}={value}" for name, value in settings.items()]
    return shlex.join(["python", "-m", module, *words])


class _AddressParser(flags.ArgumentParser):
    def parse(self, argument: str) -> str:
        if argument != "auto" and not re.fullmatch(r"[\w.:/\[\]-]+:\d+", argument, re.ASCII):
            raise ValueError(f"must be auto or host:port, got {argument!r}")
        return argument


def define_processes(flag_values: flags.FlagValues) -> tuple[flags.FlagHolder, flags.FlagHolder]:
    """--workers and --cluster: where trials run."""
    workers = flags.DEFINE_integer(
        "workers",
        2,
        "Processes of one thread each; 0: all in this one.",
        0,
        1000,
        flag_values=flag_values,
    )
    cluster = flags.DEFINE(
        _AddressParser(),
        "cluster",
        None,
        "The address of a Ray cluster (host:port, or auto) on whose cores to run, in place of "
        "--workers.",
        serializer=flags.ArgumentSerializer(),
        flag_values=flag_values,
    )
    return workers, cluster
