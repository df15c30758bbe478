"""Images that are no pictures are not moved: beyond their edge is no 0."""

import dataclasses

import pytest

import training
import weirdonetworks as wn
from training.data import mnist_kspace, sources
from training.engine import Recipe
from training.engine.evaluation import by_angle
from training.engine.run import resolve
from training.engine.stability import measure_run
from training.engine.steps import STEPS

MOVE = {"augment", "penalty", "projected", "dream"}  # whatever their arguments are


@pytest.mark.slow
@pytest.mark.parametrize("pictures", [True, False])
def test_steps_that_move_images(few_digits, pictures):
    dataset = dataclasses.replace(few_digits, pictures=pictures)
    refused = set()
    for step in STEPS:
        for arguments in ({}, {"degrees": 10.0}) if step != "plain" else ({},):
            try:
                resolve("mlp", dataset, Recipe(step=step, step_args=arguments))
            except ValueError as error:
                assert str(error) == (
                    "step must leave images as they are on few_digits, whose images are no "
                    f"pictures, got {step!r}"
                )
                refused.add((step, bool(arguments)))
    moved = {(step, True) for step in STEPS if step != "plain"} | {(step, False) for step in MOVE}
    assert refused == (set() if pictures else moved)


@pytest.mark.slow
@pytest.mark.parametrize("pictures", [True, False])
def test_networks_that_move_images(few_digits, pictures):
    dataset = dataclasses.replace(few_digits, pictures=pictures)
    refused = set()
    for network in wn.list_networks():
        try:
            resolve(network, dataset, Recipe())
        except ValueError as error:
            assert str(error) == (
                "network must leave images as they are on few_digits, whose images are no "
                f"pictures, got {network!r}"
            )
            refused.add(network)
    assert refused == (set() if pictures else {"synchronous_mlp", "synchronous_network"})


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_turned_digits_and_stability(few_digits):
    run = training.fit("mlp", few_digits, epochs=1, progress=False)
    assert len(by_angle(run, (90.0,))) == 1
    measure_run(run, images=2, steps=4)
    run.dataset = dataclasses.replace(few_digits, pictures=False)
    rule = "must leave images as they are on few_digits, whose images are no pictures, got"
    with pytest.raises(ValueError, match=f"^angles {rule} \\(90.0,\\)$"):
        by_angle(run, (90.0,))
    with pytest.raises(ValueError, match=f"^shifts {rule} 1$"):
        run.over_shifts()
    with pytest.raises(ValueError, match=f"^action {rule} 'rotation'$"):
        measure_run(run, images=2, steps=4)


def test_scans_are_no_pictures(monkeypatch, few_digits):
    monkeypatch.setattr(sources.tfds, "load_made", lambda *_: (few_digits.train, few_digits.test))
    monkeypatch.setattr(sources, "hold_out", lambda split, _: (split, split))
    told = {name: training.load(name).pictures for name in ("mnist_rot", *mnist_kspace.STEPS)}
    assert told == {"mnist_rot": True} | dict.fromkeys(mnist_kspace.STEPS, False)
