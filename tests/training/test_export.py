"""The network of a run as a file for other programs."""

import re
import shutil

import numpy as np
import pytest

from training import export as command_module
from training.cli import choices
from training.engine import load_run
from weirdonetworks.formats import FORMATS


@pytest.fixture
def copy(small_run, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(small_run.workdir, workdir)
    return workdir


@pytest.mark.slow
@pytest.mark.parametrize("format", choices.FORMATS)
def test_the_network_of_a_run(copy, command, mnist_5k, format):
    outcome = command(command_module, f"--workdir={copy}", f"--format={format}")
    assert (outcome.exit_code, outcome.stderr) == (0, ""), outcome
    differ, written = outcome.stdout.splitlines()
    path = copy / f"mlp.{format}"
    assert written == f"written to  {path}{'/' if path.is_dir() else ''}"
    difference = float(re.fullmatch("logits      differ by (.+) at most", differ)[1])
    assert 0 < difference < 1e-4

    run = load_run(copy, mnist_5k)  # a run as before
    images = (mnist_5k.test.images / 255).astype(np.float32)
    logits = FORMATS[format].read(path)(images)
    assert np.mean(logits.argmax(axis=1) == mnist_5k.test.labels) == run.evaluate("test") > 0.5


@pytest.mark.slow
def test_the_newest_checkpoint_of_a_run_that_was_interrupted(copy, command, forget):
    forget(copy, "checkpoints/ckpt-2", "result.json")
    outcome = command(command_module, f"--workdir={copy}")
    assert outcome.exit_code == 0 and outcome.stderr == (
        "unfinished: epoch 1 of 2 (go on with: "
        f"python -m training.train --resume --workdir={copy})\n"
    )
    image = np.random.default_rng(0).uniform(size=(1, 28, 28, 1)).astype(np.float32)
    logits = FORMATS["savedmodel"].read(copy / "mlp.savedmodel")(image)
    np.testing.assert_allclose(logits, load_run(copy).network(image), atol=1e-5)


@pytest.mark.slow
def test_what_is_in_the_way_is_told(copy, command):
    (copy / "mlp.onnx").mkdir()
    outcome = command(command_module, f"--workdir={copy}", "--format=onnx")
    outcome.assert_failed("path must be new, or a file to replace", "mlp.onnx")
