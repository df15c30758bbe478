"""Distillation: the loss against its formula, what a teacher must be, and that it teaches."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.data import Split
from training.data.transformations import Draw, Transformations
from training.engine import steps
from training.engine.loop import Loop
from training.engine.recipes import Recipe
from training.engine.run import resolve

LABELS = np.array([0, 3, 1, 1, 2], np.int32)
DRAW = Draw(0, tf.constant(0))


def _softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def images(digits) -> tf.Tensor:
    return tf.constant(digits[:5], tf.float32)


def _student(images: tf.Tensor):
    tf.random.set_seed(0)
    network = wn.create_network("mlp", hidden_sizes=(8,))
    network(images)
    return network


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "temperature"), [(0.5, 4.0), (1.0, 1.0), (0.25, 10.0)])
def test_formula(weight, temperature, images):
    network = _student(images)
    step = steps.create_step("distill", teacher="mlp", weight=weight, temperature=temperature)
    outcome = step(network, steps.cross_entropy(), images, LABELS, DRAW)
    teacher = wn.create_network("mlp", pretrained="mnist")
    p, q = (_softmax(net(images).numpy().astype(float) / temperature) for net in (teacher, network))
    hard = _softmax(network(images).numpy().astype(float))
    cross_entropy = -np.mean(np.log(hard[np.arange(5), LABELS]))
    divergence = np.mean(np.sum(p * np.log(p / q), axis=1))
    expected = (1 - weight) * cross_entropy + weight * temperature**2 * divergence
    np.testing.assert_allclose(outcome.loss, expected, rtol=1e-4)
    # By the bias of the head: the sum over the batch of both differences of probabilities.
    bias = next(
        g
        for g, v in zip(outcome.gradients, network.trainable_variables, strict=True)
        if v is network.layers[-1].b
    )
    both = (1 - weight) * (hard - np.eye(10)[LABELS]) + weight * temperature * (q - p)
    np.testing.assert_allclose(bias, both.mean(axis=0), rtol=1e-3, atol=1e-6)


def test_without_weight_it_is_plain_and_the_teacher_is_left_alone(images):
    network, objective = _student(images), steps.cross_entropy()
    step = steps.create_step("distill", teacher="mlp", weight=0.0)
    plain = steps.plain(network, objective, images, LABELS)
    told = step(network, objective, images, LABELS, DRAW)
    assert len(told.gradients) == len(network.trainable_variables)
    for one, other in zip(plain.gradients, told.gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_both_see_the_transformed_images(images):
    step = steps.create_step("distill", teacher="mlp", degrees=30.0, shift=2.0)
    network, objective = _student(images), steps.cross_entropy()
    moved = Transformations(degrees=30.0, shift=2.0).apply(images, DRAW)
    alone = steps.create_step("distill", teacher="mlp")
    expected = alone(network, objective, moved, LABELS, DRAW).loss
    np.testing.assert_allclose(step(network, objective, images, LABELS, DRAW).loss, expected)
    assert abs(expected - alone(network, objective, images, LABELS, DRAW).loss) > 1e-3


@pytest.mark.slow
def test_a_teacher_of_another_recipe(images):
    network, objective = _student(images), steps.cross_entropy()
    losses = []
    for recipe, key in (("default", "mnist"), ("D+-1000", "mnist-D+-1000")):
        step = steps.create_step(
            "distill", teacher="row_recurrent", recipe=recipe, weight=1.0, temperature=1.0
        )
        losses.append(float(step(network, objective, images, LABELS, DRAW).loss))
        teacher = wn.create_network("row_recurrent", pretrained=key)
        p, q = (_softmax(net(images).numpy().astype(float)) for net in (teacher, network))
        expected = np.mean(np.sum(p * np.log(p / q), axis=1))
        np.testing.assert_allclose(losses[-1], expected, rtol=1e-4)
    assert abs(losses[0] - losses[1]) > 1e-3


def test_arguments():
    step = steps.create_step("distill")
    assert steps.default_arguments("distill") == dataclasses.asdict(step)
    for name, value, message in (
        ("teacher", "mixer", "teacher must be one of "),
        ("teacher", None, "teacher must be one of "),
        ("dataset", "mnist_5k", "dataset must be one of "),
        ("recipe", "D+-1000", r"recipe must be one of \['default'\], got 'D\+-1000'"),
        ("weight", 1.5, r"weight must be a number in \[0, 1\], got 1.5"),
        ("temperature", 0, "temperature must be a finite number > 0, got 0"),
        ("degrees", 200, r"degrees must be a number in \[0, 180\], got 200"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            steps.create_step("distill", **{name: value})


def test_a_teacher_of_other_images_or_classes():
    for images, classes, message in (
        (np.zeros([4, 6, 6, 1]), 10, "^teacher must take the images of the data, got mlp: "),
        (np.zeros([4, 28, 28, 1]), 7, "^teacher must know the 7 classes .*, which has 10$"),
    ):
        network = wn.create_network("mlp", classes)
        network(images.astype(np.float32))
        step = steps.create_step("distill", teacher="mlp")
        with pytest.raises(ValueError, match=message) as error:
            step(network, steps.cross_entropy(), tf.constant(images, tf.float32), [0] * 4, DRAW)
        assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_student_learns_from_the_teacher_alone(digits):
    """With labels that are all wrong, and weight 1: what it learns can only be the teacher's."""
    images = np.round(255 * digits).astype(np.uint8)
    labels = np.repeat(np.arange(10, dtype=np.int32), 2)
    split = Split(images, (labels + 1) % 10)
    accuracies = []
    for weight in (1.0, 0.0):
        tf.random.set_seed(0)
        network = wn.create_network("mlp", hidden_sizes=(20,))
        arguments = {"teacher": "mlp", "weight": weight, "temperature": 1.0}
        recipe = Recipe(
            epochs=60, batch_size=20, learning_rate=1e-2, step="distill", step_args=arguments
        )
        loop = Loop(network, split, recipe)
        for _ in range(60):
            loop.run_epoch()
        found = np.argmax(network(images.astype(np.float32) / 255), axis=1)
        accuracies.append(np.mean(found == labels))
    assert accuracies[0] > 0.9 and accuracies[1] < 0.1


@pytest.mark.slow
def test_a_teacher_of_other_data_of_the_same_form_is_refused(few_digits):
    """Of clothes, the answers of a teacher of digits: silent nonsense."""
    clothes = dataclasses.replace(few_digits, name="fashion_mnist")
    message = "^dataset of step_args must be fashion_mnist, the data to be learnt, .* got mnist$"
    for dataset in (clothes, dataclasses.replace(few_digits, name="mnist_rot")):
        recipe = Recipe(step="distill", step_args={"teacher": "synchronous_mlp"})
        with pytest.raises(ValueError, match=message.replace("fashion_mnist", dataset.name)):
            resolve("mlp", dataset, recipe)
    right = Recipe(step="distill", step_args={"dataset": "fashion_mnist"})
    assert resolve("mlp", clothes, right)[0]["step_args"]["dataset"] == "fashion_mnist"
    for name in ("mnist", "mnist_5k", "own digits"):  # of which there are no other teachers
        resolve("mlp", dataclasses.replace(few_digits, name=name), Recipe(step="distill"))
