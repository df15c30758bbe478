"""The table of laws: complete, and consistent with itself."""

import pickle

import pytest
import sympy

from training.fitting.laws.table import Equation, get, load, symbol


def test_a_hundred_laws_of_different_names():
    assert len(load()) == 100
    assert len({equation.name for equation in load()}) == 100
    assert load() is load()


def test_a_formula_has_its_variables_and_no_others():
    for equation in load():
        assert {s.name for s in equation.expression.free_symbols} == set(equation.variables)
        assert all(s.is_positive for s in equation.expression.free_symbols)
        assert equation.output not in equation.variables
        for low, high in equation.ranges.values():
            assert 0 <= low < high <= 20


def test_known_laws():
    law = get("I.9.18")
    assert (law.output, len(law.variables)) == ("F", 9)
    assert law.ranges["x1"] == (3, 4) and law.ranges["x2"] == (1, 2)
    m, v, u, w = map(symbol, "mvuw")
    assert sympy.expand(get("I.13.4").expression - m * (v**2 + u**2 + w**2) / 2) == 0
    assert get("I.30.5").expression.has(sympy.asin) and get("I.44.4").expression.has(sympy.log)


def test_names_that_sympy_knows_as_something_else():
    """I is the imaginary unit there, E_n, beta and gamma functions or numbers, lambda a keyword."""
    assert symbol("I") in get("II.13.17").expression.free_symbols
    assert not get("II.13.17").expression.has(sympy.I)
    assert get("I.47.23").expression ** 2 == sympy.prod(
        [symbol("gamma"), symbol("pr"), 1 / symbol("rho")]
    )
    for name, law in (("beta", "III.17.37"), ("E_n", "III.8.54"), ("lambd", "I.30.5")):
        assert symbol(name) in get(law).expression.free_symbols


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"name must be one of I\.6\.2a, .*; got 'I\.99\.1'$"):
        get("I.99.1")


def test_pickle():
    law = get("I.10.7")
    twin = pickle.loads(pickle.dumps(law))
    assert twin == law and twin.expression == law.expression
    assert twin != Equation(law.name, law.output, "m_0", law.ranges)
