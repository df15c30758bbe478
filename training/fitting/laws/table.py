"""The 100 equations of the Feynman Symbolic Regression Database.

Source: Udrescu and Tegmark 2020, "AI Feynman: a physics-inspired method for symbolic regression",
Table 4 and the database's file FeynmanEquations.csv, which numbers them after the Feynman Lectures
on Physics. feynman.csv has the names, formulas, variables and ranges as they stand there; the
numbering, which goes by no order, the counts of variables and the empty rows are left out. Tests
compare the symbols of each formula with its variables: the source needed no correction.
"""

import csv
import dataclasses
import functools

import sympy

from training.fitting.laws.names import TABLE

_FUNCTIONS = {
    "pi": sympy.pi,
    **{name: getattr(sympy, name) for name in ("exp", "sqrt", "sin", "cos", "tanh")},
    "arcsin": sympy.asin,
    "ln": sympy.log,
}


def symbol(name: str) -> sympy.Symbol:
    """The positive symbol of a variable, whatever else SymPy knows by its name (I, E_n, beta)."""
    return sympy.Symbol(name, positive=True)


@dataclasses.dataclass(frozen=True)
class Equation:
    """A law of the table.

    Attributes:
      name: volume, chapter and number, such as "I.12.1".
      output: the name of what it gives.
      formula: the right-hand side, as it is written in the table.
      ranges: the interval (low, high) of each variable, in the table's order.
    """

    name: str
    output: str
    formula: str
    ranges: dict[str, tuple[float, float]] = dataclasses.field(hash=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(self.ranges)

    @functools.cached_property
    def expression(self) -> sympy.Expr:
        """The formula in positive symbols, its numbers exact."""
        names = {name: symbol(name) for name in self.ranges}
        return sympy.parse_expr(self.formula, {**_FUNCTIONS, **names})


@functools.cache
def load() -> tuple[Equation, ...]:
    """All laws, in the table's order."""
    with open(TABLE, newline="", encoding="utf-8") as file:
        return tuple(
            Equation(row["name"], row["output"], row["formula"], _ranges(row["variables"]))
            for row in csv.DictReader(file)
        )


def _ranges(text: str) -> dict[str, tuple[float, float]]:
    """ "m:1:5 v:1:2" -> {"m": (1.0, 5.0), "v": (1.0, 2.0)}."""
    words = (word.split(":") for word in text.split())
    return {name: (float(low), float(high)) for name, low, high in words}


def get(name: str) -> Equation:
    """The law of this name; ValueError, which lists them all, for another."""
    for equation in load():
        if equation.name == name:
            return equation
    known = ", ".join(equation.name for equation in load())
    raise ValueError(f"a law's name must be one of {known}; got {name!r}")
