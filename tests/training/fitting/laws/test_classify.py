"""The classes of the laws, against lists made by another program, and what decides them."""

import time
from fractions import Fraction

import pytest

from training.fitting.laws import classify as module
from training.fitting.laws.classify import CLASSES, Class, classify
from training.fitting.laws.table import Equation, get, load

MEMBERS = {
    "monomial": """I.12.1 I.12.2 I.12.4 I.12.5 I.14.3 I.14.4 I.25.13 I.29.4 I.32.5 I.34.8 I.34.27
        I.38.12 I.39.1 I.39.22 I.43.16 I.43.31 I.47.23 II.3.24 II.4.23 II.8.7 II.8.31 II.11.20
        II.13.17 II.27.16 II.27.18 II.34.2 II.34.2a II.34.11 II.34.29a II.34.29b II.38.3 III.7.38
        III.12.43 III.13.18 III.15.14 III.15.27 III.19.51 III.21.20""",
    "posynomial": "I.11.19 I.13.4 I.24.6 II.36.38 II.37.1",
    "signomial": "I.13.12 II.2.42",
}
POWERS = {
    "2": "I.8.14 II.6.15a II.24.17 III.10.19",
    "-1": """I.9.18 I.27.6 I.34.1 I.39.11 I.43.43 II.10.9 II.11.3 II.11.27 II.21.32 II.38.14""",
    "-2": "I.10.7 I.15.1 I.48.2 II.13.23 II.13.34",
    "-1/2": "I.32.17",
}


@pytest.fixture(scope="module")
def classes():
    return {equation.name: classify(equation) for equation in load()}


def test_the_numbers(classes):
    counts = [sum(own.name == name for own in classes.values()) for name in CLASSES]
    assert dict(zip(CLASSES, counts, strict=True)) == {
        "monomial": 38,
        "posynomial": 5,
        "signomial": 2,
        "power": 20,
        "outside": 35,
    }


@pytest.mark.parametrize("name", MEMBERS)
def test_the_members(classes, name):
    assert {law for law, own in classes.items() if own.name == name} == set(MEMBERS[name].split())


@pytest.mark.parametrize("power", POWERS)
def test_the_powers(classes, power):
    found = {law for law, own in classes.items() if own == ("power", Fraction(power), own.terms)}
    assert found == set(POWERS[power].split())


def test_terms(classes):
    assert [classes[law].terms for law in ("I.12.1", "I.11.19", "I.9.18")] == [1, 3, 9]
    assert classes["I.6.2"] == Class("outside", None, None)


@pytest.mark.slow
def test_it_is_quick():
    classify.cache_clear()
    started = time.perf_counter()
    for equation in load():
        classify(equation)
    assert time.perf_counter() - started < 20


def law(formula: str) -> Equation:
    return Equation(f"test {formula}", "f", formula, dict.fromkeys("xyz", (1.0, 2.0)))


@pytest.mark.parametrize(
    ("formula", "name", "power", "terms"),
    [
        ("-3*x*sqrt(y/z)", "monomial", 1, 1),
        ("1/(x**2*y)", "monomial", 1, 1),
        ("(x*y)**2/x", "monomial", 1, 1),
        ("sqrt(4*x**2)", "monomial", 1, 1),
        ("((x + y)**2 - (x - y)**2)/x", "monomial", 1, 1),
        ("(x**2 - y**2)/((x - y)*(x + y))*z", "monomial", 1, 1),
        ("(x + y)**2", "posynomial", 1, 3),
        ("x*(1 + sqrt(y))*(1 + z)", "posynomial", 1, 4),
        ("(x**3 + y**3)/(x + y)*z", "signomial", 1, 3),
        ("sqrt(x**2 + 2*x*y + y**2)", "posynomial", 1, 2),
        ("sqrt(1 + x)/sqrt(1 + 2*x + x**2)", "power", -2, 2),
        ("(x + y)**3*sqrt(x + y)", "power", Fraction(2, 7), 2),
        ("sqrt(sqrt(x) + y)", "power", 2, 2),
        ("z/(sqrt(x)*(1 + y/x))", "power", -1, 2),
        ("1/(1/x + 1/y)", "power", -1, 2),
        ("-2/sqrt(x + y)", "power", -2, 2),
        ("(x + y)*(1 + z)*sqrt((x + y)*(1 + z))", "power", Fraction(2, 3), 4),
        ("(x + y)*(1 + z)**2", "posynomial", 1, 6),
        ("sqrt(x + y)*(1 + z)", "power", 2, 6),
        ("sqrt(-z/(x - y))", "power", -2, 2),
        ("sqrt(-z*(x - y)**3)", "power", Fraction(2, 3), 2),
        ("sqrt(-sqrt(x - y))", "outside", None, None),
        ("(x + y)/(1 + z)", "outside", None, None),
        ("sqrt(x + y)/(x - y)", "outside", None, None),
        ("x + sqrt(1 + y)", "outside", None, None),
        ("1 + 1/(x + y)", "outside", None, None),
        ("x**y", "outside", None, None),
        ("x*exp(y)", "outside", None, None),
        ("x + ln(y)", "outside", None, None),
    ],
)
def test_constructed_laws(formula, name, power, terms):
    assert classify(law(formula)) == (name, power, terms)


def test_a_class_comes_from_the_formula_alone():
    """Another name, other ranges: the same class."""
    original = get("I.32.17")
    renamed = Equation("I.12.1", "F", original.formula, original.ranges)
    assert classify(renamed) == classify(original) != classify(get("I.12.1"))
    assert not hasattr(module, "MEMBERS")
