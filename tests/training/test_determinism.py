"""The same command twice gives the same bits, whatever the number of threads and processors."""

import json
import os

import pytest

# TensorFlow is imported once; its threads begin where it first computes, in each child.
PROGRAM = """
import hashlib, json, os, sys
os.environ.pop("XLA_FLAGS", None)
import tensorflow as tf
import training

def bits(seed):
    small = {"hidden_sizes": (32,), "dropout": 0.2}
    settings = dict(epochs=1, seed=seed, network_args=small, progress=False)
    run = training.fit("mlp", digits, **settings)
    logits = run.probabilities(digits.test.images)
    arrays = [*(v.numpy() for v in run.network.trainable_variables), logits]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()

digits = training.load("mnist_5k")
for threads, processors in json.loads(sys.argv[1]):
    if os.fork():
        assert os.wait()[1] == 0
        continue
    if processors:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    print(json.dumps([bits(seed) for seed in (0, 0, 1)[: 2 + (threads == 1)]]), flush=True)
    os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors are set by Linux only")
def test_the_same_bits_twice_with_any_threads_and_processors(start, tmp_path):
    settings = [(1, 0), (2, 0), (2, 1)]  # threads and processors, 0: all that there are
    process = start("-c", PROGRAM, json.dumps(settings), cwd=tmp_path)
    lines = process.communicate(timeout=600)[0].splitlines()
    assert process.returncode == 0 and len(lines) == len(settings)
    for first, again, *other in map(json.loads, lines):
        assert first == again and first not in other
    assert len(json.loads(lines[0])) == 3
