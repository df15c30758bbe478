"""Find its copy: what is on the canvases, networks of equal numbers, one trial, the tables."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from training.data import Dataset, Split
from training.engine.workdir import num_parameters
from training.experiments import CHOICE_SEED, runner
from training.studies.find_copy import canvases, networks
from training.studies.find_copy import trial as finding
from training.studies.find_copy.__main__ import EQUAL, STUDY
from training.studies.find_copy.report import report
from training.studies.find_copy.trial import LOOKS, nearest


def _split(per_class: int = 3, classes: int = 10) -> Split:
    """Images that tell what they are: all pixels are 20 * class + number in the class."""
    labels = np.repeat(np.arange(classes, dtype=np.int32), per_class)
    values = 20 * labels + np.tile(np.arange(per_class), classes)
    return Split(np.broadcast_to(values[:, None, None, None], (len(labels), 28, 28, 1))
                 .astype(np.uint8), labels)  # fmt: skip


@pytest.mark.parametrize("distractors", [1, 3])
def test_a_canvas_holds_another_image_of_the_class_and_others_of_other_classes(distractors):
    found = canvases.draw(_split(), 60, distractors, [0])
    for canvas, cue, centres in zip(*found, strict=True):
        cue = round(255 * float(cue[0, 0]))
        digits = [canvas[int(r - 3.5) : int(r + 4.5), int(c - 3.5) : int(c + 4.5)]
                  for r, c in centres]  # fmt: skip
        values = [round(255 * float(digit[0, 0])) for digit in digits]
        assert all(np.ptp(digit) == 0 for digit in digits)  # nothing lies on them
        classes = [value // 20 for value in values]
        assert classes[0] == cue // 20 and values[0] != cue
        assert len(set(classes)) == 1 + distractors
        # A digit of 0 is one of class 0 and number 0, as is the ground.
        assert np.sum(canvas > 0) == 64 * np.count_nonzero(values)


@pytest.mark.slow
def test_places_are_anywhere_on_the_grid_and_apart():
    corners = canvases.layouts(2000, 4, np.random.default_rng(0))
    assert set(np.unique(corners)) == set(range(0, 21, 2))
    distance = np.abs(corners[:, :, None] - corners[:, None]).max(axis=3)
    assert distance[:, ~np.eye(4, dtype=bool)].min() == 8


def test_draws_are_those_of_their_seed():
    first, again, other = (canvases.draw(_split(), 5, 1, [seed]) for seed in (0, 0, 1))
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert np.any(one != three)


def test_digits_are_means_of_the_inner_pixels():
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)).astype(np.uint8)
    expected = images[1, 5:8, 8:11, 0].mean() / 255
    assert canvases.small(images)[1, 1, 2] == pytest.approx(expected, rel=1e-6)


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="^distractors must be an integer <= 9, got 10$"):
        canvases.draw(_split(), 1, 10, [0])
    with pytest.raises(ValueError, match="^split must hold two images of each class at least"):
        canvases.draw(_split(1), 1, 1, [0])
    with pytest.raises(ValueError, match="^images must be 28 x 28 x 1, got"):
        canvases.small(np.zeros((2, 28, 14, 1), np.uint8))


@pytest.mark.slow
def test_the_networks_that_are_compared_have_equal_numbers():
    numbers = {}
    for network in STUDY.axes["network"]:
        finder = networks.Finder(network)
        assert finder(tf.zeros([3, 28, 28]), tf.zeros([3, 8, 8])).shape == [3, 2]
        numbers[network] = num_parameters(finder)
    equal = [numbers[network] for network in EQUAL]
    assert max(equal) <= 1.02 * min(equal)
    for network, kind in (("dynamic filter", "/ 4"), ("attention", "/ 4"), ("dense", "x 16")):
        assert numbers[f"{network} {kind}"] / numbers[network] == pytest.approx(
            0.25 if kind == "/ 4" else 16, rel=0.05
        )
    assert set(numbers) == set(networks.NETWORKS)


def test_a_search_whose_template_is_the_cue_finds_what_is_there():
    """The reach and the middle: what the layer says in pixels is where the digit is."""
    finder = networks.Finder("attention")
    canvas, cue = np.zeros((2, 28, 28), np.float32), np.zeros((2, 8, 8), np.float32)
    cue[:, 2:5, 3] = cue[:, 4, 3:6] = 1
    canvas[0, :8, :8], canvas[1, 20:, 6:14] = cue
    finder(canvas, cue)
    finder.layer.query.w.assign(100 * np.eye(64, 52))
    finder.layer.k.assign(np.eye(64, 52))
    np.testing.assert_allclose(finder(canvas, cue), [[-1, -1], [1, -0.4]], atol=1e-5)


def test_the_nearest_digit():
    centres = np.array([[[5, 5], [20, 20]], [[5, 5], [20, 20]]], np.float32)
    assert list(nearest(np.array([[12, 12], [13, 13]]), centres)) == [0, 1]


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_trial(tmp_path):
    """It learns: after 300 steps, more than chance on canvases that it has not seen."""
    axes = {"dataset": ["mnist_5k"], "distractors": [1], "canvases": [2000]}
    axes |= {"network": ["dynamic filter"]}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings={"steps": 300}, workers=0)
    (row,) = tables["runs"].to_dict("records")
    choices = tables["choices"]
    assert set(choices["seed"]) == {CHOICE_SEED} and "test_accuracy" not in choices
    best = choices.loc[choices["validation_accuracy"].idxmax(), "learning_rate"]
    assert row["learning_rate"] == best and row["parameters"] == 6772
    assert row["best_step"] in range(30, 301, 30)
    for name in ("train_accuracy", "validation_accuracy", "test_accuracy"):
        assert 0.56 < row[name] < 1, name  # 0.5 ± 0.011 of 2,000
    found = report(tables).tables
    assert found["found"]["2,000 canvases"].item() == f"{100 * row['test_accuracy']:.1f}"


@pytest.mark.slow
def test_the_validation_canvases_choose_the_weights(monkeypatch):
    """The best of ten looks at them, and nothing of the test canvases, moves what is kept."""
    rng, steps = np.random.default_rng(0), 100
    labels = np.repeat(np.arange(4, dtype=np.int32), 10)
    splits = [Split(rng.integers(0, 256, (40, 28, 28, 1)).astype(np.uint8), labels)
              for _ in range(3)]  # fmt: skip
    other = Split(splits[2].images, rng.permutation(labels))
    axes = {"distractors": 1, "canvases": 100, "network": "dense"}
    training = finding._training("dense", steps)
    seen, success = [], training.success

    def record(data):
        seen.append((len(data.cues), success(data), training.network.layer.variables[0].numpy()))
        return seen[-1][1]

    monkeypatch.setattr(training, "success", record)
    rows = []
    for test in (splits[2], other):
        dataset = Dataset("made", 4, *splits[:2], test)
        seen.clear()
        rows.append(finding.trial({**axes, "dataset": dataset}, 0, 0.03, steps=steps))
        looks = [(found, weights) for size, found, weights in seen if size == finding.SCORED]
        found = [value for value, _ in looks]
        best = int(np.argmax(found))
        assert len(looks) == LOOKS and [size for size, *_ in seen].count(2 * finding.SCORED) == 1
        assert best < LOOKS - 1 and max(found) > found[-1]  # else keeping the last were as good
        assert rows[-1]["best_step"] == 10 * (best + 1)
        kept = training.network.layer.variables[0].numpy()
        np.testing.assert_array_equal(kept, looks[best][1])
        assert np.any(kept != looks[-1][1])
        validation = finding.scored(dataset, "validation", 1)
        assert success(validation) == rows[-1]["validation_accuracy"] == max(found)
        assert success(finding.scored(dataset, "test", 1)) == rows[-1]["test_accuracy"]
    first, second = ({**row, "seconds": 0, "test_accuracy": 0} for row in rows)
    assert first == second and rows[0]["test_accuracy"] != rows[1]["test_accuracy"]


def _runs() -> pd.DataFrame:
    rows = []
    for network, numbers, success in (
        ("dynamic filter", 6772, {500: 0.62, 2000: 0.91}),
        ("attention", 6708, {500: 0.61, 2000: 0.71}),
        ("dense x 16", 108930, {2000: 0.5}),
    ):
        for size, mean in success.items():
            for seed in range(3):
                row = {"dataset": "mnist_5k", "distractors": 1, "canvases": size}
                row |= {"network": network, "seed": seed, "status": "done", "best_step": 10}
                row |= {"parameters": numbers, "learning_rate": 0.01, "seconds": 1.0}
                row |= {f"{split}_accuracy": mean + 0.01 * (seed - 1)
                        for split in ("train", "validation", "test")}  # fmt: skip
                rows.append(row)
    return pd.DataFrame([*rows, rows[0] | {"seed": 3, "status": "diverged", "test_accuracy": None}])


def test_the_tables_and_the_picture():
    made = report({"runs": _runs()})
    found = made.tables["found"].set_index("network")
    assert found.loc["dynamic filter"].tolist() == [
        "mnist_5k", 1, "6,772", "50", "62.0 ± 1.0", "91.0 ± 1.0",
    ]  # fmt: skip
    assert found.loc["dense x 16", "500 canvases"] == ""
    reached = made.tables["reached"].set_index("network")
    assert reached.loc["dynamic filter", ["60 %", "80 %", "90 %"]].tolist() == [
        "500",
        "2,000",
        "2,000",
    ]
    assert reached.loc["attention", ["60 %", "70 %", "80 %"]].tolist() == ["500", "2,000", ""]
    assert reached.loc["dense x 16", "60 %"] == ""
    told = made.tables["verdicts"].set_index(["canvases", "network"])["verdict"]
    assert told[2000, "dynamic filter"] == "better" and told[2000, "dense x 16"] == "worse"
    assert told[500, "dynamic filter"] == "not told apart"
    (axis,) = made.figures["found"].axes
    assert axis.get_title() == "mnist_5k, 1 other digit"
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.lines}
    np.testing.assert_allclose(lines["attention"], [61, 71])
    np.testing.assert_allclose(lines["dense x 16"], [50])


def test_other_sizes_are_asked_with_the_most_canvases_alone():
    cells = STUDY.all_cells(STUDY.axes)
    assert len(cells) == 2 * (3 * 3 + 3)
    assert {cell["canvases"] for cell in cells if cell["network"] not in EQUAL} == {32000}
