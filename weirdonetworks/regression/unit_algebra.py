"""Units as powers of Pint's units with exact exponents."""

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from weirdonetworks import _checks, _optional
from weirdonetworks.regression import unit_words
from weirdonetworks.regression.unit_words import DENOMINATOR, Powers

# Float exponents of which units leave a part free add up to the rest of it but for this.
_ROUNDING = 1e-9


def _registry() -> Any:
    return _optional.load("pint", "regression").get_application_registry()


def parse(units: Mapping[str, str], name: str, label: str | None = None) -> Powers:
    """Returns `units[name]`, which errors call `label`; see `units.dimension_matrix` for them."""
    registry = _registry()
    label = label or f"units[{name!r}]"
    if not isinstance(units, Mapping):
        raise ValueError(f"units must map names to units, got {_checks.received(units)}")
    if name not in units:
        raise ValueError(f"units must have one for each column, got none for {name!r}")
    word = units[name]
    if not isinstance(word, str):
        raise ValueError(f"{label} must be a string, got {_checks.received(word)}")
    try:
        unit = unit_words.read(word, registry)
    except ValueError as error:
        raise ValueError(
            f"{label} must be a unit that Pint knows, such as 'kg*m/s**2', got "
            f"{_checks.received(word)}: {error}"
        ) from None
    for part in unit:
        if not _is_proportional(part):
            raise ValueError(
                f"{label} must be a unit whose zero is that of the quantity (kelvin, or delta_degC "
                "for differences, in place of degC), and not logarithmic (dB), got "
                f"{_checks.received(word)}"
            )
    return unit


def _is_proportional(part: str) -> bool:
    """Whether two of a unit are twice as much as one."""
    registry = _registry()
    try:
        one, two = (registry.Quantity(x, part).to_base_units().magnitude for x in (1.0, 2.0))
    except Exception:  # Pint's, for what it refuses to convert
        return False
    return math.isclose(two, 2 * one, rel_tol=1e-9)


def _fractions(items: Iterable[tuple[str, float]]) -> Powers:
    return {key: Fraction(a).limit_denominator(DENOMINATOR) for key, a in items}


def product(factors: Sequence[Powers], powers: Sequence[Fraction]) -> Powers:
    """prod_i factor_i^power_i; a power of less than 1e-9 is what rounding leaves of 0."""
    total = {}
    for factor, power in zip(factors, powers, strict=True):
        for key, a in factor.items():
            total[key] = total.get(key, Fraction(0)) + a * power
    return {key: a for key, a in total.items() if abs(a) > _ROUNDING}


def dimension(unit: Powers) -> Powers:
    """The powers of length, mass, time, ..."""
    registry = _registry()
    parts = [_fractions(registry.Unit(part).dimensionality.items()) for part in unit]
    return {key.strip("[]"): a for key, a in product(parts, list(unit.values())).items()}


def in_base(unit: Powers) -> tuple[float, Powers]:
    """How many base units the unit is, and their product."""
    registry = _registry()
    bases = [registry.Quantity(1.0, part).to_base_units() for part in unit]
    powers = list(unit.values())
    factor = math.prod(base.magnitude ** float(a) for base, a in zip(bases, powers, strict=True))
    return factor, product([_fractions(base.unit_items()) for base in bases], powers)


def matrix(units: Sequence[Powers]) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the base dimensions, sorted, and their exponents [units, dimensions]."""
    rows = [dimension(unit) for unit in units]
    bases = tuple(sorted(set().union(*rows)))
    exponents = np.full((len(rows), len(bases)), Fraction(0), object)
    for i, row in enumerate(rows):
        for base, a in row.items():
            exponents[i, bases.index(base)] = a
    return bases, exponents


def spell(unit: Powers) -> str:
    """A unit in short symbols, such as m**3/(kg*s**2)."""
    return _join({_registry().get_symbol(part): a for part, a in unit.items()})


def describe(unit: Powers) -> str:
    """What was read, in full names: "kilometer, length, 1000 m"; "1, dimensionless"."""
    factor, base = in_base(unit)
    parts = [_join(unit) or "1", _join(dimension(unit)) or "dimensionless"]
    if not (factor == 1 and spell(base) == spell(unit)):
        parts.append(f"{factor:.6g} {spell(base)}".strip())
    return ", ".join(parts)


def _join(powers: Powers) -> str:
    over, under = [], []
    for part, a in powers.items():
        size = str(abs(a)) if a.denominator <= DENOMINATOR else f"{float(abs(a)):.6g}"
        size = f"({size})" if "/" in size else size
        (over if a > 0 else under).append(part if size == "1" else f"{part}**{size}")
    below = "*".join(sorted(under))
    below = f"/({below})" if len(under) > 1 else f"/{below}" if under else ""
    above = "*".join(sorted(over))
    return f"{above or 1}{below}" if above or below else ""
