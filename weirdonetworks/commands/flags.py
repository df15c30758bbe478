"""Flags that several commands share."""

import difflib
import os
from collections.abc import Sequence

from absl import flags


class _ChoiceParser(flags.EnumParser):
    """As absl's, with what may be meant."""

    def parse(self, argument: str) -> str:
        if argument in self.enum_values:
            return argument
        raise ValueError(not_among(argument, self.enum_values))


def check_choice(name: str, value: str, options: Sequence[str]) -> str:
    """Returns `value`, which must be one of `options`; the error says which may be meant."""
    if value not in options:
        raise ValueError(f"{name}={value}: {not_among(str(value), [str(o) for o in options])}")
    return value


def not_among(value: str, options: Sequence[str]) -> str:
    """What is wrong with a value, and what may be meant."""
    near = difflib.get_close_matches(value, options, 1)
    meant = f". Did you mean {near[0]}?" if near else ""
    return f"value should be one of <{'|'.join(options)}>{meant}"


def define_choice(
    name: str,
    default: str | None,
    options: Sequence[str],
    text: str,
    flag_values: flags.FlagValues,
) -> flags.FlagHolder:
    """A flag whose value is one of `options`."""
    return flags.DEFINE(
        _ChoiceParser(options),
        name,
        default,
        f"<{'|'.join(options)}>: {text}",
        flag_values,
        flags.ArgumentSerializer(),
    )


class _PathParser(flags.ArgumentParser):
    """Of a path, whose ~ behind a = no shell expands; "" would be taken for none."""

    def parse(self, argument: str) -> str:
        if not argument:
            raise ValueError("must be a path, got an empty one (leave the flag out for none)")
        if not argument.isprintable():  # it would be printed
            raise ValueError("must be a path of printable signs")
        return os.path.expanduser(argument)


def define_path(name: str, text: str, flag_values: flags.FlagValues) -> flags.FlagHolder:
    """A flag whose value is the path of a file or folder; None if it is not given."""
    parser, serializer = _PathParser(), flags.ArgumentSerializer()
    return flags.DEFINE(parser, name, None, text, flag_values, serializer)


def define_workdir(flag_values: flags.FlagValues, text: str) -> flags.FlagHolder:
    """--workdir."""
    return define_path("workdir", text, flag_values)
