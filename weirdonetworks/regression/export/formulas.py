"""A law as a formula: for Python, SymPy and LaTeX."""

import keyword
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

import sympy
from sympy.core.parameters import distribute

from weirdonetworks import _checks
from weirdonetworks.regression.equation import Equation

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"),
    *("omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi"),
    "Omega",
)
_LETTER = re.compile(rf"({'|'.join(_GREEK)}|[A-Za-z])(?:_?(\d+)|_([A-Za-z0-9_]*[A-Za-z0-9]))?")
_ESCAPES = {
    "\\": r"\backslash{}",
    "^": r"\wedge{}",
    "~": r"\sim{}",
    " ": r"\ ",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def formula(law: Equation, digits: int = 6) -> str:
    """See `Law.formula`."""
    *names, target = identifiers([*law.names, law.target])
    return f"{target} = {_print(_rounded(law, names, digits))}"


def to_sympy(law: Equation) -> sympy.Expr:
    """See `Law.to_sympy`."""
    law = law.explicit()
    symbols = _symbols(identifiers([*law.names, law.target])[:-1])
    terms = [
        sympy.Float(float(c)) * _monomial(symbols, map(_exact, row))
        for c, row in zip(law.coefficients, law.exponents, strict=True)
    ]
    return law.sign * sympy.Add(*terms) ** _exact(1 / law.power)


def to_latex(law: Equation, digits: int = 6) -> str:
    """See `Law.to_latex`."""
    names = {symbol: latex_name(symbol.name) for symbol in _symbols(law.names)}
    expression = sympy.latex(_rounded(law, law.names, digits), symbol_names=names, full_prec=False)
    return f"{latex_name(law.target)} = {expression}"


def identifiers(names: Sequence[str]) -> list[str]:
    """The names as different words that Python takes for variables."""
    words = []
    for name in names:
        word = "".join(c if f"_{c}".isidentifier() else " " for c in name)
        word = "_".join(word.split())
        if not word.isidentifier() or keyword.iskeyword(word):
            word = f"{word}_" if keyword.iskeyword(word) else f"_{word}"
        while word in words or (word != name and word in names):
            word += "_"
        words.append(word)
    return words


def latex_name(name: str) -> str:
    """m1 as m_{1}, E_n as E_{n}, lambda as \\lambda, and other names upright."""
    match = _LETTER.fullmatch(name)
    if not match:
        return _upright(name)
    letter, digits, word = match.groups()
    letter = f"\\{letter}" if letter in _GREEK else letter
    if digits or (word and len(word) == 1):
        return f"{letter}_{{{digits or word}}}"
    return f"{letter}_{{{_upright(word)}}}" if word else letter


def _upright(name: str) -> str:
    return rf"\mathrm{{{''.join(_ESCAPES.get(character, character) for character in name)}}}"


def _print(expression: sympy.Expr) -> str:
    return sympy.sstr(expression, full_prec=False)


def _symbols(names: Sequence[str]) -> list[sympy.Symbol]:
    return [sympy.Symbol(name, positive=True) for name in names]


def _exact(value: Fraction | float) -> sympy.Number:
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.Float(value)


def _monomial(symbols: Sequence[sympy.Symbol], exponents: Iterable[sympy.Number]) -> sympy.Expr:
    return sympy.Mul(*(x**a for x, a in zip(symbols, exponents, strict=True)))


def _rounded(law: Equation, names: Sequence[str], digits: int) -> sympy.Expr:
    """The law with numbers of `digits` digits, a common factor taken out where it is shorter."""
    digits = _checks.integer("digits", digits)
    law = law.explicit()
    symbols = _symbols(names)

    def number(value: Fraction | float) -> sympy.Number:
        if isinstance(value, Fraction):
            return _exact(value)
        word = f"{value:.{digits}g}"
        short = "e" not in word and float(word).is_integer()
        return sympy.Integer(int(float(word))) if short else sympy.Float(word, digits)

    def factored(common: Sequence[Fraction | float]) -> sympy.Expr:
        root = 1 / law.power
        c = list(law.coefficients)
        outside = float(law.sign)
        if len({number(abs(value)) for value in c}) == 1:
            size = abs(c[0])
            c = [value / size for value in c]
            if all(value < 0 for value in c):
                c, outside = [-value for value in c], -outside
            outside *= size ** float(root)
        inside = sympy.Add(
            *(
                number(value) * _monomial(symbols, (number(a - b) for a, b in _pairs(row, common)))
                for value, row in zip(c, law.exponents, strict=True)
            )
        )
        factor = _monomial(symbols, (number(b * root) for b in common))
        with distribute(False):
            return sympy.Mul(number(outside), factor, inside ** number(root))

    columns = list(zip(*law.exponents, strict=True))
    none = [Fraction(0)] * len(columns)
    shared = [column[0] if len(set(column)) == 1 else Fraction(0) for column in columns]
    nearest = [min(c) if min(c) > 0 else max(c) if max(c) < 0 else Fraction(0) for c in columns]
    lowest = [min(c) if min(c) > 0 or max(c) < 0 else Fraction(0) for c in columns]
    return min((factored(c) for c in (none, shared, nearest, lowest)), key=lambda e: len(_print(e)))


def _pairs(first: Sequence, second: Sequence) -> zip:
    return zip(first, second, strict=True)
