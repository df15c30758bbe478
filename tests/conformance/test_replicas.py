"""Does a training step on two replicas equal one on the whole batch?"""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from tests.conformance.table import every_class

pytestmark = pytest.mark.usefixtures("plain_graphs")


@pytest.fixture(scope="module")
def replicator():
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert len(devices) == 2
    return snt.distribute.Replicator(devices)


def _step(function, module, optimizer, x, targets):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(function(x) - targets))
    variables = module.trainable_variables
    gradients = tape.gradient(loss, variables)
    replicas = tf.distribute.get_replica_context()
    if variables and replicas.num_replicas_in_sync > 1:
        gradients = replicas.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
    if variables:
        optimizer.apply(gradients, variables)


def _optimizer(module):
    optimizer = snt.optimizers.Momentum(0.1, 0.9)
    optimizer._initialize(module.trainable_variables)  # slots cannot be made inside a replica
    return optimizer


@pytest.mark.slow
@every_class
def test_two_replicas_take_the_step_of_one_device(entry, replicator):
    x = entry.inputs(8)
    single = entry.built()
    targets = tf.cos(5 * entry.function(single)(x))
    with replicator.scope():
        double = entry.fresh()
        optimizer = _optimizer(double)
    trainable = list(zip(double.trainable_variables, single.trainable_variables, strict=True))
    for variable, original in trainable:
        variable.assign(original)
    before = [variable.numpy() for variable in single.trainable_variables]

    def halves(tensor):
        return replicator.experimental_distribute_values_from_function(
            lambda context: tf.split(tensor, 2)[context.replica_id_in_sync_group]
        )

    @tf.function(autograph=False)
    def step(x, targets):
        replicator.run(_step, (entry.function(double), double, optimizer, x, targets))

    one = _optimizer(single)
    for _ in range(2):
        step(halves(x), halves(targets))
        _step(entry.function(single), single, one, x, targets)

    for variable in double.variables:
        first, second = replicator.experimental_local_results(variable)
        np.testing.assert_array_equal(first, second, err_msg=variable.name)
    for (variable, original), start in zip(trainable, before, strict=True):
        np.testing.assert_allclose(variable, original, rtol=1e-4, atol=1e-5)
        assert np.any(start != original), f"{original.name} has not moved"
