"""Signomials to a power: the normal form in which laws and models are classified and compared."""

import functools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import sympy

# The exponents of one product of powers: ((name, exponent), ...), sorted, none of them zero.
Powers = tuple[tuple[str, Fraction], ...]
# {exponents: coefficient}
Terms = dict[Powers, sympy.Expr]

# What is left when equal floats cancel, against the largest coefficient.
_DUST = 1e-12
# Expressions that would expand to more terms than this are given up.
_MOST_TERMS = 2000
# Sums of quotients with more operations than this are given up.
_MOST_OPERATIONS = 60
# A sum is factorised if its exponents have a common denominator up to the first of these, and
# then degrees up to the second.
_LARGEST_DENOMINATOR, _LARGEST_DEGREE = 12, 60


class Form(NamedTuple):
    """y = sign (sum_k c_k prod_i x_i^a_ki)^root for positive x.

    Attributes:
      terms: {exponents a_k: coefficient c_k}; a monomial has one, and the root 1.
      root: a fraction other than 0; 1 if it could be a positive integer.
      sign: 1 or -1; 1 if the root is of odd numerator and denominator, where it goes into c. If the
        numerator is even, the first c is positive.
    """

    terms: Terms
    root: Fraction = Fraction(1)
    sign: int = 1


def form(expression: sympy.Expr, irreducible: bool = False) -> Form | None:
    """The expression as a signomial to a power, or None if it is none.

    Sums are brought to a common denominator and, where several of them meet, factorised over the
    rationals: by unique factorisation, a product of powers of different irreducible sums is a power
    of one signomial if and only if the powers have one sign. With `irreducible`, a single sum is
    factorised, too, so that the root of a square is seen. Symbols are taken as positive; floats as
    the fractions that they are, or as the simple ones that lie within their precision.
    """
    try:
        return _form(exact(expression), irreducible)
    except OverflowError:  # a coefficient beyond all floats
        return None


def _form(expression: sympy.Expr, irreducible: bool) -> Form | None:
    # Over the complex numbers, SymPy factorises for hours.
    if expression.has(sympy.Function, sympy.I) or _expanded_size(expression) > _MOST_TERMS:
        return None
    terms = _terms(expression)
    if terms is not None:
        return Form(terms) if terms else None
    product = _Product()
    if not product.multiply(expression, Fraction(1)):
        return None
    if (irreducible or len(product.sums) > 1) and not product.factorise():
        return None
    return product.form()


def exact(expression: sympy.Expr) -> sympy.Expr:
    """The expression with fractions for floats."""
    return expression.xreplace({f: _fraction(float(f)) for f in expression.atoms(sympy.Float)})


def _fraction(value: float) -> sympy.Expr:
    if not math.isfinite(value):
        return sympy.nan
    simple = Fraction(value).limit_denominator(1000)
    close = abs(simple - Fraction(value)) <= 1e-12 * abs(value)
    return sympy.Rational(simple if close else Fraction(value))


def power(terms: Terms, exponent: int) -> Terms | None:
    """The terms of a signomial to a positive integer, or None if they are too many."""
    if math.comb(len(terms) + exponent - 1, exponent) > _MOST_TERMS:
        return None
    return _without_dust(functools.reduce(_multiply, [terms] * exponent))


def _expanded_size(expression: sympy.Expr) -> int:
    """A bound on the number of terms after expansion."""
    if expression.is_Add:
        return sum(map(_expanded_size, expression.args))
    if expression.is_Mul:
        return math.prod(map(_expanded_size, expression.args))
    if expression.is_Pow:
        size, exponent = _expanded_size(expression.base), expression.exp
        if exponent.is_Integer and exponent > 1 and size > 1:
            return size ** min(int(exponent), 99)
        return size
    return 1


def _terms(expression: sympy.Expr) -> Terms | None:
    """The terms of a signomial, or None for what is none."""
    terms = _expand(expression)
    return None if terms is None else _without_dust(terms)


def _expand(expression: sympy.Expr) -> Terms | None:
    if (split := _monomial(expression)) is not None:
        return {split[1]: split[0]}
    if expression.is_Add or expression.is_Mul:
        parts = [_expand(part) for part in expression.args]
        if None in parts:
            return None
        return functools.reduce(_add if expression.is_Add else _multiply, parts)
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        base = _expand(expression.base)
        return base and functools.reduce(_multiply, [base] * int(expression.exp))
    return None


def _add(first: Terms, second: Terms) -> Terms:
    merged = dict(first)
    for powers, coefficient in second.items():
        merged[powers] = merged.get(powers, sympy.Integer(0)) + coefficient
    return merged


def _multiply(first: Terms, second: Terms) -> Terms:
    product: Terms = {}
    for powers, coefficient in first.items():
        factors = {_times(powers, other): coefficient * c for other, c in second.items()}
        product = _add(product, factors)
    return product


def _times(first: Powers, second: Powers) -> Powers:
    total = dict(first)
    for name, a in second:
        total[name] = total.get(name, 0) + a
    return tuple(sorted((name, a) for name, a in total.items() if a))


def _without_dust(terms: Terms) -> Terms:
    largest = max(abs(float(c)) for c in terms.values())
    return {powers: c for powers, c in terms.items() if abs(float(c)) > _DUST * largest}


def _monomial(expression: sympy.Expr) -> tuple[sympy.Expr, Powers] | None:
    """c prod_i x_i^a_i -> (c, ((x_i, a_i), ...)), or None."""
    coefficient, powers = sympy.Integer(1), {}
    for factor in sympy.Mul.make_args(expression):
        base, exponent = factor.as_base_exp()
        if factor.is_number and factor.is_real and factor.is_finite:
            coefficient *= factor
        elif base.is_Symbol and exponent.is_Rational:
            powers[base.name] = powers.get(base.name, 0) + Fraction(exponent.p, exponent.q)
        else:
            return None
    return coefficient, tuple(sorted((name, a) for name, a in powers.items() if a))


def _to_sum(terms: Terms) -> sympy.Expr:
    return sympy.Add(*(c * _to_product(powers) for powers, c in terms.items()))


def _to_product(powers: Iterable[tuple[str, Fraction]]) -> sympy.Expr:
    factors = (sympy.Symbol(name, positive=True) ** sympy.Rational(a) for name, a in powers)
    return sympy.Mul(*factors)


class _Product:
    """monomial prod_j (sign_j sum_j)^a_j, the sums without their common monomial factor."""

    def __init__(self):
        self.sign = 1
        self.monomial = sympy.Integer(1)  # its coefficient is positive
        self.sums: dict[sympy.Expr, tuple[Fraction, int]] = {}

    def multiply(self, expression: sympy.Expr, exponent: Fraction) -> bool:
        """Multiplies by a real power of the expression; False if that is beyond this form."""
        if (split := _monomial(expression)) is not None:
            return self._multiply_monomial(*split, exponent)
        if expression.is_Mul:
            return self._multiply_factors([(f, 1) for f in expression.args], exponent)
        if expression.is_Pow and expression.exp.is_Rational:
            power = Fraction(expression.exp.p, expression.exp.q)
            return self.multiply(expression.base, exponent * power)
        if not expression.is_Add:
            return False
        terms = _terms(expression)
        if terms is None:
            if expression.count_ops() > _MOST_OPERATIONS:
                return False
            factored = sympy.factor(expression)
            return not factored.is_Add and self.multiply(factored, exponent)
        if len(terms) < 2:
            return bool(terms) and self.multiply(_to_sum(terms), exponent)
        return self._multiply_sum(terms, exponent)

    def _multiply_factors(self, factors: list[tuple[sympy.Expr, int]], exponent: Fraction) -> bool:
        """Multiplies by (prod_j f_j^n_j)^exponent.

        A root of a product is taken of each factor, the sign of a negative number going to a sum.
        """
        if exponent.denominator > 1:
            negative = math.prod(-1 if f.is_negative and n % 2 else 1 for f, n in factors) < 0
            factors = [(-f if f.is_negative else f, n) for f, n in factors]
            if negative:
                odd = [j for j, (f, n) in enumerate(factors) if n % 2 and _negated(f) is not None]
                if not odd:
                    return False
                factors[odd[0]] = (_negated(factors[odd[0]][0]), factors[odd[0]][1])
        return all(self.multiply(f, n * exponent) for f, n in factors)

    def _multiply_monomial(self, coefficient: sympy.Expr, powers: Powers, a: Fraction) -> bool:
        if coefficient == 0 or (coefficient.is_negative and a.denominator > 1):
            return False
        if coefficient.is_negative and a.numerator % 2:
            self.sign = -self.sign
        factors = tuple((name, a * b) for name, b in powers)
        self.monomial *= abs(coefficient) ** sympy.Rational(a) * _to_product(factors)
        return True

    def _multiply_sum(self, terms: Terms, exponent: Fraction) -> bool:
        # The key is the sum divided by its first term, so that multiples of a sum have one key.
        first = min(terms)
        sign = -1 if terms[first].is_negative else 1
        inverse = tuple((name, -a) for name, a in first)
        key = _to_sum({_times(powers, inverse): c / terms[first] for powers, c in terms.items()})
        known, known_sign = self.sums.get(key, (Fraction(0), sign))
        if known_sign != sign:
            if exponent.denominator > 1 and known.denominator > 1:
                return False
            if exponent.denominator == 1:
                self.sign *= -1 if exponent % 2 else 1
                sign = known_sign
            else:
                self.sign *= -1 if known % 2 else 1
        self.sums[key] = (known + exponent, sign)
        if self.sums[key][0] == 0:
            del self.sums[key]
        return self._multiply_monomial(abs(terms[first]), first, exponent)

    def factorise(self) -> bool:
        """Splits the sums into irreducible ones."""
        sums, self.sums = self.sums, {}
        for base, (exponent, sign) in sums.items():
            if not self._multiply_factors([(sympy.Integer(sign), 1), *_factors(base)], exponent):
                return False
        return True

    def form(self) -> Form | None:
        """The product as one signomial to a power."""
        if not self.sums:
            ((powers, c),) = _terms(self.monomial).items()
            return Form({powers: self.sign * c})
        exponents = [exponent for exponent, _ in self.sums.values()]
        if min(exponents) < 0 < max(exponents):
            return None
        root = Fraction(
            math.gcd(*(a.numerator for a in exponents)),
            math.lcm(*(a.denominator for a in exponents)),
        )
        root = root if exponents[0] > 0 else -root
        if root > 0 and root.denominator == 1:
            root = Fraction(1)
        signomial = self.monomial ** (1 / sympy.Rational(root))
        for base, (exponent, sign) in self.sums.items():
            signomial *= (sign * base) ** int(exponent / root)
        if _expanded_size(signomial) > _MOST_TERMS:
            return None
        terms = _terms(signomial)
        sign, flip = self.sign, 1
        if root.numerator % 2 == 0:
            flip = -1 if terms[min(terms)].is_negative else 1
        elif root.denominator % 2:
            sign, flip = 1, self.sign
        return Form({powers: flip * c for powers, c in terms.items()}, root, sign)


def _negated(factor: sympy.Expr) -> sympy.Expr | None:
    """Minus a sum, or minus an odd power of one, with the sign within the sum; None for others."""
    if factor.is_Add:
        return -factor
    if factor.is_Pow and factor.base.is_Add and factor.exp.is_Integer and factor.exp % 2:
        return (-factor.base) ** factor.exp
    return None


def _factors(base: sympy.Expr) -> list[tuple[sympy.Expr, int]]:
    """The factors of a sum of products of powers over the rationals, a monomial among them."""
    terms = _terms(base)
    exponents = [a for powers in terms for _, a in powers]
    scale = math.lcm(*(a.denominator for a in exponents))
    degree = scale * max(map(abs, exponents))
    if scale > _LARGEST_DENOMINATOR or degree > _LARGEST_DEGREE:
        return [(base, 1)]
    roots = {s: s**scale for s in base.free_symbols}
    back = {s: s ** sympy.Rational(1, scale) for s in base.free_symbols}
    numerator, denominator = sympy.fraction(sympy.together(base.xreplace(roots)))
    coefficient, factors = sympy.factor_list(numerator)
    factors = [(coefficient, 1), *factors, (1 / denominator, 1)]
    return [(sympy.sympify(f).xreplace(back), n) for f, n in factors]
