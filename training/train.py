"""Trains a network of the zoo and reports its test accuracy.

python -m training.train --network=quadratic_mlp --dataset=mnist_5k

Each network has a recipe (training/engine/recipes.py), and some have others, by names:
--network=row_recurrent --recipe=W+-1800. Flags override them; config.json says which it was. The
last epoch's weights are scored on the test set, once, at the end; what is chosen, is chosen on the
validation split.
"""

from pathlib import Path
from typing import Any

from absl import flags

from training.cli.flags import DatasetFlags, RecipeFlags, found_again
from weirdonetworks.commands import app, folders
from weirdonetworks.commands.flags import define_workdir

FLAGS = app.Flags(__doc__)
_DATA = DatasetFlags(FLAGS)
_RECIPE = RecipeFlags(FLAGS)
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Of the initial weights, the order of images, dropout and transformations.",
    lower_bound=0,
    flag_values=FLAGS,
)
_WORKDIR = define_workdir(FLAGS, "The folder of the results; by default a new one under runs/.")
_RESUME = flags.DEFINE_boolean(
    "resume",
    False,
    "Continue the run in --workdir with its configuration, or begin what other flags tell, if "
    "there is none.",
    flag_values=FLAGS,
)
_TENSORBOARD = flags.DEFINE_boolean(
    "tensorboard", False, "Write TensorBoard events as well.", flag_values=FLAGS
)


def main() -> None:
    if _RESUME.value and not _WORKDIR.value:
        raise ValueError("resume must come with --workdir, the folder of the run to continue")
    overrides = _RECIPE.overrides()
    if _RESUME.value and (Path(_WORKDIR.value) / "config.json").exists():
        network, dataset, recipe, seed, paths = _continued(_WORKDIR.value, overrides)
    else:
        told = (_RECIPE.network, _RECIPE.name, _DATA.name, _SEED)
        if _RESUME.value and not overrides and not any(flag.present for flag in told):
            raise ValueError(
                f"workdir {_WORKDIR.value} holds no run to continue: give the folder of one, or "
                "what to begin there"
            )
        network, seed, paths = _RECIPE.network.value, _SEED.value, _DATA.paths
        dataset = _DATA.dataset()
        from training.engine import recipe_for  # once the flags are right: it takes seconds

        name = _RECIPE.name.value
        recipe = recipe_for(network, dataset.name, len(dataset.train), name, **overrides)
    name = f"{network}-{Path(dataset.name).stem.replace(':', '-')}-seed{seed}"
    from training.engine import train_and_evaluate
    from training.engine.train import SCALED, failure

    with folders.workdir(_WORKDIR.value, name) as workdir:
        print(f"writing to     {workdir}/", flush=True)
        result = train_and_evaluate(
            network,
            dataset,
            recipe,
            workdir,
            seed=seed,
            resume=_RESUME.value,
            tensorboard=_TENSORBOARD.value,
            paths={key: value for key, value in paths.items() if value},
        )
    print(f"test accuracy  {100 * result['test_accuracy']:.2f} %")
    print(f"parameters     {result['parameters']:,}")
    print(f"training time  {result['seconds']:.1f} s")
    files = "config.json, metrics.csv, result.json, curves.png, checkpoints/"
    print(f"written to     {workdir}/: {files}")
    print(f"score again    python -m training.evaluate --workdir={workdir}")
    if told := failure(result, dataset):
        hint = f"Try a smaller --learning_rate, more --epochs, or {SCALED}"
        raise FloatingPointError(f"{told}. {hint}")


def _continued(workdir: str, overrides: dict[str, Any]):
    """Network, data set, recipe, seed and paths of the run in this folder.

    Raises:
      ValueError: a flag that was given contradicts its configuration; names the flag.
    """
    import dataclasses

    from training.engine import Recipe, recipe_for
    from training.engine.run import settings
    from training.engine.workdir import Workdir

    config = Workdir(workdir).read_config()
    given = dict(overrides)
    for flag, key in ((_RECIPE.network, "network"), (_SEED, "seed")):
        if flag.present:
            given[key] = flag.value
    for key, value in given.items():
        held = config.get(key)
        if key in ("network_args", "step_args"):
            for name, argument in value.items():
                if _plain(argument) != (held or {}).get(name):
                    flag = f"{key.removesuffix('s')}={name}={argument}"
                    told = (held or {}).get(name)
                    raise ValueError(f"--{flag} contradicts the run in {workdir}: {told!r} there")
        elif held != value:
            raise ValueError(f"--{key}={value} contradicts the run in {workdir}: {held!r} there")
    dataset = found_again(workdir, config, _DATA, _DATA.name.value if _DATA.name.present else None)
    paths = {key: value or config.get(key) for key, value in _DATA.paths.items()}
    fields = {field.name for field in dataclasses.fields(Recipe)}
    recipe = Recipe(**{key: value for key, value in config.items() if key in fields})
    if _RECIPE.name.present:
        network, name = config["network"], _RECIPE.name.value
        asked = recipe_for(network, dataset.name, len(dataset.train), name, **overrides)
        if settings(network, dataset, asked) != settings(network, dataset, recipe):
            held = config.get("recipe")
            raise ValueError(f"--recipe={name} contradicts the run in {workdir}: {held!r} there")
    return config["network"], dataset, recipe, config["seed"], paths


def _plain(value):
    """As JSON gives it back."""
    return list(map(_plain, value)) if isinstance(value, tuple | list) else value


if __name__ == "__main__":
    app.run(main, FLAGS)
