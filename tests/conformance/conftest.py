"""Graphs as they were traced, for questions that TensorFlow's rewriting has no part in."""

import pytest
import tensorflow as tf


@pytest.fixture
def plain_graphs():
    """Graphs run as they are. To rewrite them takes longer than all else, and test_compilation
    compares what is rewritten, for every module."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
