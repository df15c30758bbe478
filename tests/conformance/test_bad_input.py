"""Are inputs of wrong shapes and types refused, with an error that names sizes?"""

import pytest
import tensorflow as tf

import weirdonetworks as wn
from tests.conformance.table import TABLE, every, every_module

every_module_of_fixed_shape = every([k for k, e in TABLE.items() if not e.any_shape])


def _names(message: str, shape: tuple[int, ...]) -> bool:
    """Whether a message names a shape: its sizes, or their product."""
    sizes = [str(size) for size in shape]
    return ", ".join(sizes[:2]) in message or str(tf.TensorShape(shape).num_elements()) in message


@pytest.mark.slow
@every_module_of_fixed_shape
@pytest.mark.parametrize("axis", [0, -1], ids=["first", "last"])
def test_another_size_at_a_later_call(entry, axis):
    module = entry.built()
    other = list(entry.shape)
    other[axis] += 1
    with pytest.raises(ValueError) as error:
        entry.function(module)(tf.ones([2, *other]))
    message = str(error.value)
    assert "\n" not in message
    grew = [entry.shape[axis], other[axis]]
    assert (_names(message, entry.shape) and _names(message, tuple(other))) or all(
        f"{size} channels" in message or f"got {size}" in message for size in grew
    ), message
    # The module is as good as before.
    assert entry.function(module)(entry.inputs()).shape[0] == 4


@pytest.mark.slow
@every_module_of_fixed_shape
def test_an_unknown_size(entry):
    unknown = tf.TensorSpec([None] * (1 + len(entry.shape)), tf.float32)
    with pytest.raises(ValueError, match=r"static|must be images .* got shape"):
        call = tf.function(entry.function(entry.make()), autograph=False)
        call.get_concrete_function(unknown)


@pytest.mark.slow
@every_module_of_fixed_shape
def test_a_single_input_without_a_batch(entry):
    with pytest.raises(ValueError, match=r"must be .*batch.*got shape"):
        entry.function(entry.make())(tf.ones([5]))


@pytest.mark.slow
@every_module_of_fixed_shape
def test_inputs_without_features(entry):
    with pytest.raises(ValueError, match="got shape|got 0"):
        entry.function(entry.make())(tf.zeros([2, *entry.shape[:-1], 0]))


@pytest.mark.slow
@every_module
@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
def test_inputs_that_are_not_floating(entry, dtype):
    module = entry.make()
    with pytest.raises(ValueError, match=f"must be of a floating type .* got {dtype}"):
        entry.function(module)(tf.cast(tf.ones([2, *entry.shape]), dtype))
    assert not [v for v in tf.Module.variables.fget(module) if v.trainable]


@pytest.mark.parametrize("name", ["mlp", "synchronous_mlp", "quadratic_mlp", "posynomial_mlp"])
def test_another_type_at_a_later_call(name):
    network = wn.create_network(name)
    network(tf.zeros([1, 28, 28, 1]))
    with pytest.raises(ValueError, match="must be float32 as at the first call, got float64"):
        network(tf.zeros([1, 28, 28, 1], tf.float64))
