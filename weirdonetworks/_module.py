"""The base of all our modules: `snt.Module`, whose arguments can be seen."""

import inspect
from collections.abc import Callable
from typing import Any

import sonnet as snt


class _Visible(type(snt.Module)):
    """Sonnet's metaclass hides signatures and docstrings behind `(*args, **kwargs)`: not ours."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any):
        methods = {key: value for key, value in namespace.items() if inspect.isfunction(value)}
        made = super().__new__(cls, name, bases, namespace, **kwargs)
        for key, method in methods.items():
            wrapper = made.__dict__[key]
            if wrapper is not method:
                wrapper.__name__, wrapper.__qualname__ = method.__name__, method.__qualname__
                wrapper.__doc__, wrapper.__module__ = method.__doc__, method.__module__
                wrapper.__signature__ = inspect.signature(method)
        return made

    @property
    def __signature__(cls) -> inspect.Signature:
        signature = inspect.signature(cls.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        module = super().__call__(*args, **kwargs)
        arguments = inspect.signature(cls).bind(*args, **kwargs).arguments
        object.__setattr__(module, "_arguments", dict(arguments))  # TensorFlow would track it
        return module


class Module(snt.Module, metaclass=_Visible):
    """`snt.Module` that tells `inspect` its arguments, and keeps those that it was given."""

    # TensorFlow looks for variables in all others, in the order of their names.
    _TF_MODULE_IGNORED_PROPERTIES = snt.Module._TF_MODULE_IGNORED_PROPERTIES | {"_arguments"}

    _arguments: dict[str, Any]


def takes_is_training(function: Callable[..., Any]) -> bool:
    """Whether a module or function wants is_training, by its signature.

    Or by its attribute `takes_is_training`, as Sonnet's own modules hide their signatures.
    """
    known = getattr(function, "takes_is_training", None)
    return "is_training" in inspect.signature(function).parameters if known is None else known
