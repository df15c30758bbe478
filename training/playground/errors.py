"""Errors of what is drawn, typed or uploaded, on the page."""

import contextlib
import functools
import html
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from weirdonetworks.commands.app import EXPECTED_ERRORS, one_line


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function or generator whose expected errors the page tells, each in one line.

    The page takes a message for HTML, and names of files and columns are a user's: it is escaped.
    """

    @functools.wraps(function)
    def once(*arguments: Any) -> Any:
        with _telling():
            return function(*arguments)

    @functools.wraps(function)
    def one_by_one(*arguments: Any) -> Iterator[Any]:
        with _telling():
            yield from function(*arguments)

    return one_by_one if inspect.isgeneratorfunction(function) else once


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except EXPECTED_ERRORS as error:
        message = one_line(str(error) or type(error).__name__)
        raise gr.Error(html.escape(message), print_exception=False) from error
