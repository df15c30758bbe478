"""Writes the network of a run for other programs: as a SavedModel, TFLite or ONNX file.

python -m training.export --workdir=runs/... --format=savedmodel|tflite|onnx

Images are float32 [batch, height, width, channels] in [0, 1], of any batch. The runtime of the
format reads the file before it takes its place, and must give the same logits: to 1e-5 of the
largest, for random images. TFLite and ONNX need pip install 'weirdonetworks[export]'.
"""

from pathlib import Path

from training.cli import choices
from training.cli.flags import given_run, tell_unfinished
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_choice, define_workdir

FLAGS = app.Flags(__doc__)
_WORKDIR = define_workdir(FLAGS, "The folder of a run.")
_FORMAT = define_choice(
    "format",
    "savedmodel",
    choices.FORMATS,
    "what is written, NETWORK.FORMAT in the folder of the run; one that is there is replaced.",
    FLAGS,
)


def main() -> None:
    workdir = given_run(_WORKDIR)
    import weirdonetworks as wn
    from training.engine import load_run

    run = load_run(workdir)
    tell_unfinished(workdir, len(run.history), run.config["epochs"])
    path = Path(workdir, f"{run.name}.{_FORMAT.value}")
    difference = wn.export(run.network, path, _FORMAT.value, run.config["image_shape"])
    print(f"logits      differ by {difference:.1e} at most")
    print(f"written to  {path}{'/' if path.is_dir() else ''}")


if __name__ == "__main__":
    app.run(main, FLAGS)
