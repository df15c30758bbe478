"""The page tells errors that are expected, as text, and hides no fault of the program."""

import gradio as gr
import pytest

from training.playground.errors import told


def refuse(text):
    raise ValueError(text)


def refuse_later(text):
    yield 1
    raise OSError(text)


def test_expected_errors_become_one_line_without_markup():
    with pytest.raises(gr.Error) as error:
        told(refuse)("name must be\nx, got <img src=x>\x1b")
    assert error.value.message == "name must be x, got &lt;img src=x&gt;\\x1b"
    with pytest.raises(gr.Error) as error:
        told(refuse)("")
    assert error.value.message == "ValueError"


def test_generators_are_told_of_too():
    parts = told(refuse_later)("late")
    assert next(parts) == 1
    with pytest.raises(gr.Error, match="late"):
        next(parts)


def test_values_and_faults_come_through():
    assert told(max)(1, 2) == 2
    assert list(told(lambda n: range(n))(2)) == [0, 1]
    with pytest.raises(ZeroDivisionError):
        told(lambda: 1 / 0)()
