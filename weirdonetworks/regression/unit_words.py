"""Units as people write them: read as powers of Pint's units, or refused in words.

Pint's own parser reads any prefix before any name and any plural: cfm is a centifermi, mass several
milliarcseconds, amps attometers a second. Here a short prefix stands before units that are used
with it, names that are more often meant otherwise are refused, and powers are exact.
"""

import ast
import re
import unicodedata
from fractions import Fraction
from typing import Any

# A unit, or a dimension: powers of Pint's units, or of base dimensions; none is 0.
Powers = dict[str, Fraction]

# Roots are fractions with a denominator up to this, if they are written as 0.333.
DENOMINATOR = 1000

_LONGEST = 200
_LARGEST_POWER = 100
_PURE = ("", "1", "-", "--", "dimensionless")
_NAME = r"[^\W\d]\w*"
_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\xb7\u22c5\xd7\u2219\u2022", "*")
    | {"\u2044": "/", "\u2215": "/", "^": "**", "°": "deg", "%": " percent", "‰": " permille"}
)
_SUPERSCRIPTS = r"[⁺⁻⁰¹²³⁴-⁹]+"
_WORDS = (
    (r"\s+per\s+", "/"),
    (r"\bdeg(?:rees?)?[\s_]([CFKR])\b", r"deg\1"),
    (r"\bfl\s*oz\b", "fluid_ounce"),
    (rf"\b(?:square|sq)\s+({_NAME})", r"\1**2"),
    (rf"\b(?:cubic|cu)\s+({_NAME})", r"\1**3"),
    (rf"({_NAME})\s+squared\b", r"\1**2"),
    (rf"({_NAME})\s+cubed\b", r"\1**3"),
)

# Which short prefixes (k, not kilo) are used with which units: those that the Unified Code for
# Units of Measure calls metric, and a few more, some of them in one direction only.
_SMALL = ["milli", "micro", "nano", "pico", "femto", "atto", "zepto", "yocto"]
_LARGE = ["kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta"]
_STEPS = ["centi", "deci", "hecto", "deca"]
_BINARY = ["kibi", "mebi", "gibi", "tebi", "pebi", "exbi", "zebi", "yobi"]
_USES = (
    (
        [*_SMALL, *_LARGE],
        "meter second ampere gram mole kelvin hertz newton joule watt pascal coulomb volt ohm "
        "siemens becquerel gray sievert electron_volt",
    ),
    (
        [*_SMALL, *_LARGE[:3]],
        "candela radian steradian weber lumen lux katal bar dalton unified_atomic_mass_unit "
        "calorie watt_hour ampere_hour volt_ampere gauss oersted dyne erg curie force_gram rydberg "
        "hartree counts_per_second revolutions_per_minute meter_H2O meter_Hg poise",
    ),
    (
        _SMALL,
        "farad henry tesla molar barn torr standard_atmosphere arcsecond darcy debye galileo "
        "stokes maxwell rem enzyme_unit tex",
    ),
    ([*_SMALL[:5], *_LARGE[:3]], "liter"),
    (_LARGE[:3], "year metric_ton ton ton_TNT tonne_of_oil_equivalent parsec bit byte"),
    (_LARGE[:3], "baud pound_force_per_square_inch count"),
    (["tera", "peta", *_BINARY], "bit byte"),
    (_STEPS, "meter gram liter newton pascal"),
    (["centi"], "poise stokes gray sievert meter_H2O meter_Hg"),
    (["deci"], "siemens bar tex"),
)
_USED = {
    (prefix, unit) for prefixes, units in _USES for prefix in prefixes for unit in units.split()
}

# Symbols that people write in the plural; "mass" is none.
_PLURALS = ["amp", "cal", "deg", "gal", "hr", "lb", "min", "mol", "sec", "yr"]

# Names that Pint reads as this, though something else is as likely meant.
_DOUBTFUL = {
    "AU": "absorbance_unit",
    "At": "ampere_turn",
    "Ba": "barye",
    "Cl": "clausius",
    "Fr": "franklin",
    "Gb": "gilbert",
    "Gs": "gigasecond",
    "Ly": "langley",
    "Ne": "number_english",
    "Nm": "number_meter",
    "R": "molar_gas_constant",
    "Rd": "rutherford",
    "Ta": "aberdeen",
    "Tj": "jute",
    "Tt": "tex",
    "alpha": "fine_structure_constant",
    "at": "technical_atmosphere",
    "bp": "point",
    "c": "speed_of_light",
    "centigrade": "centigrade",
    "cp": "cup",
    "dpi": "dry_pint",
    "e": "elementary_charge",
    "fl": "femtoliter",
    "gamma": "gamma",
    "gr": "grain",
    "k": "boltzmann_constant",
    "kn": "knot",
    "kt": "knot",
    "lambda": "lambda",
    "li": "link",
    "mb": "millibarn",
    "mil": "mil",
    "pH": "picohenry",
    "pp": "point",
    "rads": "rads",
    "rd": "rod",
    "sigma": "stefan_boltzmann_constant",
    "sv": "sverdrup",
    "th": "thou",
}

# What is likely meant by names that are doubtful, or unknown to Pint.
_MEANT = {
    "AU": "au",
    "Nm": "N*m",
    "kNm": "kN*m",
    "mNm": "mN*m",
    "Nmm": "N*mm",
    "Gs": "gauss",
    "R": "degR",
    "centigrade": "kelvin or delta_degC",
    "cfm": "ft**3/min",
    "cfs": "ft**3/s",
    "cp": "cP",
    "dpi": "pixels_per_inch",
    "fl": "fluid_ounce",
    "gm": "gram",
    "gms": "gram",
    "gpm": "gal/min",
    "gr": "gram",
    "k": "kelvin or kilo as in km",
    "kgs": "kg",
    "kilos": "kg",
    "kmh": "km/h",
    "kmph": "km/h",
    "kn": "kN",
    "kt": "kilometric_ton",
    "lpm": "L/min",
    "mb": "mbar",
    "mil": "thou for the length, mrad for the angle",
    "gamma": "nT for Pint's gamma",
    "lambda": "µL for Pint's lambda",
    "pH": "1 for a pure number",
    "ph": "1 for a pure number",
    "pct": "percent",
    "pp": "percent",
    "ppb": "1 for a pure number",
    "ppt": "1 for a pure number",
    "rads": "rad",
    "rd": "rad",
    "sqft": "ft**2",
    "sqm": "m**2",
    "sv": "Sv",
    "y": "year",
}


def read(word: str, registry: Any) -> Powers:
    """Returns the unit as powers of Pint's units, by their full names.

    Products are *, ·, . or a space, quotients / or per, powers ^, **, a superscript or a number
    behind the name (m s-2, kg·m², m^(1/2)). "", "1" and "-" are pure numbers.

    Raises ValueError that says what is wrong, in words that follow "got ...: ".
    """
    text = re.sub(_SUPERSCRIPTS, r"**(\g<0>) ", word)
    text = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip()
    if text in _PURE:
        return {}
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} signs")
    wrong = re.search(r"[^\w\s.*/()+-]", text)
    if wrong:
        raise ValueError(f"{wrong[0]!r} has no meaning in a unit")
    for pattern, replacement in _WORDS:
        text = re.sub(pattern, replacement, text)
    hyphen = re.search(rf"{_NAME}\s*-\s*{_NAME}", text)
    if hyphen:
        product = "*".join(part.strip() for part in hyphen[0].split("-"))
        raise ValueError(f"a hyphen is no product: write {product}")
    text = re.sub(rf"(?<=[\w)])(?:\s*\.\s*|\s+)(?={_NAME}|\()", "*", text)
    number = re.search(r"(?<![\w.])(\.?\d[\d.]*+(?:[eE][+-]?\d++)?+)(?=[^\W\d])", text)
    if number:
        raise ValueError(_no_unit(number[1]))
    text = re.sub(rf"(?<!\w)({_NAME})([+-]\d+\b)?", lambda m: _power(*m.groups(), registry), text)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        raise ValueError("it is no product of powers") from None
    unit: Powers = {}
    _collect(tree, Fraction(1), unit)
    return {name: power for name, power in unit.items() if power}


def _no_unit(number: object) -> str:
    return f"the number {number} is no unit: convert the column, or use a prefix"


def _power(name: str, power: str | None, registry: Any) -> str:
    """A name, perhaps with a number right behind it, as Python writes a power."""
    split = re.fullmatch(r"(.*?\D)(\d+)", name)
    if split and power is None and not registry.parse_unit_name(name):
        name, power = split.groups()
    full = _resolve(name, registry)
    return full if power is None else f"({full}**({int(power)}))"


def _resolve(name: str, registry: Any) -> str:
    """The full name of the unit that is meant."""
    readings = registry.parse_unit_name(name)
    variants = [name, name.removesuffix("s"), name.lower()]
    doubtful = [_DOUBTFUL.get(word) for word in variants[:2]]
    for prefix, unit, _ in readings:
        if _usual(name, prefix, unit, registry) and prefix + unit not in doubtful:
            return prefix + unit
    meant = next((_MEANT[word] for word in variants if word in _MEANT), "")
    meant = meant or " or ".join(_in_other_case(name, registry))
    if not readings:
        raise ValueError(f"{name!r} is unknown" + (f", is {meant} meant?" if meant else ""))
    full = "".join(readings[0])
    ways = [meant] if meant else []
    if full != name and full not in _DOUBTFUL:
        ways.append(f"{full} if it is meant")
    raise ValueError(f"Pint reads {name!r} as {full}: write {', or '.join(ways)}")


def _usual(word: str, prefix: str, unit: str, registry: Any) -> bool:
    """Whether the word is a usual way to write the unit with the prefix."""
    plural = word[-1] == "s" and (prefix, unit, "") in registry.parse_unit_name(word[:-1])
    singular = word[:-1] if plural else word
    rest = singular
    if prefix:
        # As units are found in what is left, so is the length of the prefix.
        starts = range(1, len(singular))
        rest = next(
            (w for w in (singular[i:] for i in starts) if _is_unit(w, unit, registry)), singular
        )
    if plural and rest != unit and len(rest) <= 3 and rest not in _PLURALS:
        return False
    if not prefix:
        return True
    if singular.startswith(prefix):
        return len(rest) >= 3
    symbol = registry.get_symbol(unit)
    mixed = rest == unit != symbol and symbol.isascii()
    return (prefix, unit) in _USED and not mixed and not singular.startswith("mu")  # mug


def _is_unit(word: str, unit: str, registry: Any) -> bool:
    return ("", unit, "") in registry.parse_unit_name(word)


def _in_other_case(name: str, registry: Any) -> list[str]:
    """Full names of the units that the name would be in other letters, capital or small."""
    known = registry.parse_unit_name(name)
    readings = [
        reading
        for word in (name, name[0].lower() + name[1:])
        for reading in registry.parse_unit_name(word, case_sensitive=False)
        if reading not in known
    ]
    usual = [
        prefix + unit
        for prefix, unit, _ in readings
        if (not prefix or (prefix, unit) in _USED) and prefix + unit not in _DOUBTFUL.values()
    ]
    return sorted(set(usual), key=lambda full: (len(full), full))[:3]


def _collect(node: ast.expr, power: Fraction, unit: Powers) -> None:
    """Adds the powers in an expression to those of the unit."""
    match node:
        case ast.Name(id=name):
            unit[name] = unit.get(name, Fraction(0)) + power
        case ast.Constant(value=1):
            pass
        case ast.Constant(value=number):
            raise ValueError(_no_unit(number))
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            unbraced = left.col_offset == node.col_offset and isinstance(op, ast.Mult)
            if unbraced and isinstance(left, ast.BinOp) and isinstance(left.op, ast.Div):
                raise ValueError("a product behind / is read in two ways: write a/(b*c) or a*c/b")
            _collect(left, power, unit)
            _collect(right, power if isinstance(op, ast.Mult) else -power, unit)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            _collect(left, power * _exponent(right), unit)
        case _:
            raise ValueError("it is no product of powers")


def _exponent(node: ast.expr) -> Fraction:
    try:
        match node:
            case ast.Constant(value=int() | float() as value):
                exponent = Fraction(value).limit_denominator(DENOMINATOR)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                exponent = -_exponent(operand)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                exponent = _exponent(left) / _exponent(right)
            case _:
                raise ValueError
        if abs(exponent) > _LARGEST_POWER:
            raise ValueError
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"powers must be numbers up to {_LARGEST_POWER}, as 2 or 1/2") from None
    return exponent
