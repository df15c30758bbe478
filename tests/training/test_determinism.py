"""The same command twice gives the same bits, whatever the number of threads and processors."""

import json
import os

import pytest

PROGRAM = """
import hashlib, json, os, sys
threads, processors = map(int, sys.argv[1:])
if processors:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
os.environ.pop("XLA_FLAGS", None)
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
import training

digits = training.load("mnist_5k")
def bits(seed):
    small = {"rank": 32, "hidden_sizes": (32,), "dropout": 0.2}
    settings = dict(epochs=1, seed=seed, network_args=small, progress=False)
    run = training.fit("quadratic_mlp", digits, **settings)
    logits = run.probabilities(digits.test.images)
    arrays = [*(v.numpy() for v in run.network.trainable_variables), logits]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
print(json.dumps([bits(seed) for seed in (0, 0, 1)[: 2 + (threads == 1)]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors are set by Linux only")
def test_the_same_bits_twice_with_any_threads_and_processors(start, tmp_path):
    for threads, processors in [(1, 0), (2, 0), (2, 1)]:  # processors, 0: all that there are
        process = start("-c", PROGRAM, str(threads), str(processors), cwd=tmp_path)
        first, again, *other = json.loads(process.communicate(timeout=300)[0].splitlines()[-1])
        assert first == again and first not in other
