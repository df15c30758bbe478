"""Law: its values, and the forms in which it is said, each read back."""

import ast
import copy
import keyword
import pickle
import re
import sys
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
import scipy.optimize
import sympy
import tensorflow as tf
from matplotlib import mathtext
from sympy.parsing.sympy_parser import parse_expr

from weirdonetworks.layers import PosynomialDense, SignomialDense
from weirdonetworks.regression.export.formulas import identifiers
from weirdonetworks.regression.export.layer import LawModule
from weirdonetworks.regression.law import Law

HALF = Fraction(1, 2)


def _law(names, exponents, coefficients, power=1, sign=1, target="y"):
    rows = [[Fraction(a) if isinstance(a, int) else a for a in row] for row in exponents]
    return Law(tuple(names.split()), target, rows, coefficients, Fraction(power), sign)


LAWS = {
    "F = 6.674e-11*m1*m2/r**2": _law("m1 m2 r", [[1, 1, -2]], [6.674e-11], target="F"),
    "y = 0.5*m*(u**2 + v**2 + w**2)": _law(
        "m u v w", [[1, 2, 0, 0], [1, 0, 2, 0], [1, 0, 0, 2]], [0.5, 0.5, 0.5]
    ),
    "y = sqrt(u**2 + v**2)": _law("u v", [[2, 0], [0, 2]], [1, 1], 2),
    "y = -sqrt(u**2 - v**2)": _law("u v", [[2, 0], [0, 2]], [1, -1], 2, -1),
    "y = 1/(1/v + 1/u)": _law("u v", [[-1, 0], [0, -1]], [1, 1], -1),
    "y = 2*u*v/sqrt(u + v)": _law("u v", [[-1, -2], [-2, -1]], [0.25, 0.25], -2),
    "y = (2.5*u - 1.25*v)**(1/3)": _law("u v", [[1, 0], [0, 1]], [2.5, -1.25], 3),
    "y = (u + 3)**2": _law("u", [[1], [0]], [1, 3], HALF),
    "y = 16*u**3": _law("u", [[Fraction(3, 2)]], [4], HALF),
    "y = -u**(3/2)/v": _law("u v", [[3, -2]], [1], 2, -1),
    "y = u**0.123457/v**1.5": _law("u v", [[0.123456789, -1.5]], [1]),
    "y = -2*(u + v)": _law("u v", [[1, 0], [0, 1]], [-2, -2]),
    "y = 2.5*E_n*I - lambda_": _law("E_n I lambda", [[1, 1, 0], [0, 0, 1]], [2.5, -1]),
    "y = 3": _law("u v", [[0, 0]], [3]),
    "y = u/v + 1.0e+23*v + 1.0e-30": _law("u v", [[1, -1], [0, 1], [0, 0]], [1, 1e23, 1e-30]),
    "y = 0.1*sqrt(u) + 1.5*u*v**2 - 0.3/u": _law(
        "u v", [[HALF, 0], [1, 2], [-1, 0]], [0.1, 1.5, -0.3]
    ),
}
EACH = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
CONVEX = [law for law in LAWS.values() if law.is_posynomial and law.sign > 0]


def _inputs(law: Law, rows: int = 40, seed: int = 0) -> np.ndarray:
    """Rows whose sum is not nearly cancelled, and > 0 if there is a root."""
    x = np.exp(np.random.default_rng(seed).normal(size=(20 * rows, len(law.names))))
    z = _sum(law, x)
    size = _sum(Law(law.names, "y", law.exponents, np.abs(law.coefficients)), x)
    good = (np.abs(z) > 0.1 * size) & ((law.power == 1) | (z > 0))
    assert good.sum() >= rows
    return x[good][:rows]


def _sum(law: Law, x: np.ndarray) -> np.ndarray:
    """sum_k c_k prod_i x_i^a_ki, as it stands."""
    exponents = np.array(law.exponents, float)
    return np.prod(x[:, None, :] ** exponents, axis=2) @ law.coefficients


def _evaluate(expression: sympy.Expr, law: Law, x: np.ndarray) -> np.ndarray:
    """An expression in the law's symbols, in the names' order, at the rows of x."""
    words = identifiers([*law.names, law.target])[:-1]
    symbols = [sympy.Symbol(word, positive=True) for word in words]
    assert expression.free_symbols <= set(symbols)
    places = sympy.symbols(f"p:{len(symbols)}", positive=True)
    function = sympy.lambdify(places, expression.xreplace(dict(zip(symbols, places, strict=True))))
    return np.broadcast_to(function(*x.T), len(x))


@EACH
def test_predict_is_the_formula(law):
    x = _inputs(law)
    z = _sum(law, x)
    expected = z if law.power == 1 else law.sign * z ** float(1 / law.power)
    np.testing.assert_allclose(law.predict(x), expected, rtol=1e-12)


def test_predict_where_there_is_no_root():
    x = [[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]
    for power, values in ((2, [0, 0, 1]), (-1, [np.nan, np.nan, 1])):
        law = _law("u v", [[1, 0], [0, 1]], [1, -1], power)
        np.testing.assert_allclose(law.predict(x), values, rtol=1e-12)
        np.testing.assert_allclose(law.to_layer()(tf.constant(x, tf.float64))[:, 0], values)
    np.testing.assert_allclose(_law("u v", [[1, 0], [0, 1]], [1, -1]).predict(x), [-1, 0, 1])


def test_predict_without_overflow_on_the_way():
    law = _law("u v", [[3, -3]], [1e-300])
    np.testing.assert_allclose(law.predict([[1e200, 1e105]]), [1e-15], rtol=1e-10)
    with np.errstate(over="ignore"):
        assert np.isinf(_sum(law, np.array([[1e200, 1e-5]])))
    root = _law("u v", [[2, 0], [0, 2]], [1, 1], 2)
    np.testing.assert_allclose(root.predict([[3e200, 4e200], [3e-300, 4e-300]]), [5e200, 5e-300])
    assert np.isinf(law.predict([[1e300, 1e-300]]))
    assert root.predict(np.ones([0, 2])).shape == (0,)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0, 2.0], r"X must be \[rows, 2\], got shape \(2,\)"),
        ([[1.0]], r"X must be \[rows, 2\], got shape \(1, 1\)"),
        ([[1.0, 1.0], [2.0, 0.0]], "X must be finite and > 0, got 0.0 in row 1 of 'v'"),
        ([[-1.0, 1.0]], "got -1.0 in row 0 of 'u'"),
        ([[np.nan, 1.0]], "got nan"),
        ([[np.inf, 1.0]], "got inf"),
    ],
)
def test_predict_refuses(x, message):
    with pytest.raises(ValueError, match=message):
        _law("u v", [[1, 1]], [1]).predict(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ()}, r"names must be different nonempty strings, got \(\)"),
        ({"names": ("u", "u")}, "names must be different"),
        ({"names": ("u", 3)}, "nonempty strings"),
        ({"target": ""}, "target must be a nonempty string, got ''"),
        ({"exponents": ()}, "exponents must be rows of 2 numbers"),
        ({"exponents": ((1,), (1,))}, "exponents must be rows of 2 numbers"),
        ({"exponents": ((1, np.nan), (1, 1))}, "exponents must be Fractions or finite floats"),
        ({"exponents": ((1, "2"), (1, 1))}, "exponents must be Fractions or finite floats"),
        ({"coefficients": [1.0]}, "coefficients must be 2 finite numbers other than 0"),
        ({"coefficients": [1.0, 0.0]}, "other than 0, one a term, got \\[1.0, 0.0\\]"),
        ({"coefficients": [1.0, np.inf]}, "finite numbers"),
        ({"power": Fraction(0)}, "power must be a Fraction other than 0"),
        ({"power": 0.5}, "power must be a Fraction other than 0, got 0.5"),
        ({"sign": 0}, "sign must be 1 or -1"),
        ({"sign": -1}, "1 for power 1"),
        ({"power": Fraction(2), "coefficients": [-1, -1]}, "must have one > 0 for power 2"),
    ],
)
def test_bad_laws(change, message):
    good = {
        "names": ("u", "v"),
        "target": "y",
        "exponents": ((1, 2), (HALF, 0.3)),
        "coefficients": [1.0, 2.0],
    }
    law = Law(**good)
    assert law.exponents[0] == (1, 2) and isinstance(law.exponents[0][0], Fraction)
    with pytest.raises(ValueError, match=message):
        Law(**{**good, **change})
    with pytest.raises(ValueError, match="read-only"):
        law.coefficients[0] = 3


@pytest.mark.parametrize("formula", LAWS)
def test_formula_as_it_reads(formula):
    assert LAWS[formula].formula() == formula


def _read(formula: str, law: Law, x: np.ndarray) -> list[np.ndarray]:
    """The values of a formula as SymPy reads it, and as Python itself does."""
    target, _, right = formula.partition(" = ")
    assert target == law.target
    words = identifiers(law.names)
    symbols = dict(zip(words, sympy.symbols(f"q:{len(words)}"), strict=True))
    parsed = sympy.lambdify(list(symbols.values()), parse_expr(right, local_dict=symbols))
    python = eval(right, {"sqrt": np.sqrt}, dict(zip(words, x.T, strict=True)))
    return [np.broadcast_to(value, len(x)) for value in (parsed(*x.T), python)]


@EACH
def test_formula_is_read_back(law):
    x = _inputs(law)
    for digits, tolerance in ((17, 1e-12), (6, 1e-4)):
        for values in _read(law.formula(digits), law, x):
            np.testing.assert_allclose(values, law.predict(x), rtol=tolerance)


def _random_law(seed: int) -> Law:
    rng = np.random.default_rng(seed)
    shape = terms, _ = rng.integers(1, 4, size=2)
    exponents = rng.integers(-3, 4, shape) / rng.choice([1, 2], shape)
    rows = [[Fraction(a) if rng.random() < 0.8 else a + 0.1 for a in row] for row in exponents]
    c = rng.choice([0.5, 1, 2, rng.lognormal(sigma=2)], terms) * rng.choice([1, 1, -1], terms)
    power = rng.choice([Fraction(1), Fraction(2), Fraction(-1), Fraction(-3, 2)])
    if power != 1 and not np.any(c > 0):
        c = -c
    return Law([f"x{i}" for i in range(shape[1])], "y", rows, c, power, 1)


@pytest.mark.parametrize("seed", range(30))
def test_every_form_of_a_random_law(seed):
    law = _random_law(seed)
    x = np.exp(np.random.default_rng(seed).normal(size=(200, len(law.names))))
    z, size = _sum(law, x), _sum(Law(law.names, "y", law.exponents, abs(law.coefficients)), x)
    x = x[(np.abs(z) > 0.01 * size) & ((law.power == 1) | (z > 0))]
    assert len(x) >= 5
    y = law.predict(x)
    for values in (*_read(law.formula(17), law, x), _evaluate(law.to_sympy(), law, x)):
        np.testing.assert_allclose(values, y, rtol=1e-10)
    np.testing.assert_allclose(law.to_layer()(tf.constant(x))[:, 0], y, rtol=1e-10)


def test_digits_matter():
    law = _law("u", [[1.23456789]], [9.87654321])
    x = _inputs(law)
    assert law.formula(3) == "y = 9.88*u**1.23"
    rounded = 9.88 * x[:, 0] ** 1.23
    assert np.max(np.abs(rounded / law.predict(x) - 1)) > 1e-3
    for digits in (0, 2.5, True):
        for say in (law.formula, law.to_latex):
            with pytest.raises(ValueError, match="digits must be an integer >= 1"):
                say(digits)


def test_names_that_are_no_identifiers():
    names = ["mass (kg)", "mass_kg", "lambda", "m²", "2nd", "λ", "a", "***", "#", "x y", "x_y_"]
    words = identifiers(names)
    assert words[:7] == ["mass_kg_", "mass_kg", "lambda_", "m", "_2nd", "λ", "a"]
    assert words[9:] == ["x_y", "x_y_"]
    assert len(set(words)) == len(words)
    assert all(word.isidentifier() and not keyword.iskeyword(word) for word in words)
    law = Law(("mass (kg)", "y"), "y", ((Fraction(1), Fraction(-1, 2)),), [2.0])
    assert law.formula() == "y_ = 2*mass_kg/sqrt(y)"
    assert str(law.to_sympy()) == "2.0*mass_kg/sqrt(y)"


@pytest.mark.parametrize(
    "name", ["__import__('os').abort()", "x; import os", "a\nb", "\x1b[31m", "1"]
)
def test_no_text_of_a_law_holds_more_than_names(name):
    law = Law((name, "b"), name, ((Fraction(1), Fraction(2)),), [2.0])
    for text in (law.formula().split(" = ")[1], str(law.to_sympy())):
        words = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        assert len(words) == 2 and "b" in words and not re.search(r"[()'\[\n;\x1b]", text)


@EACH
def test_sympy(law):
    x, expression = _inputs(law), law.to_sympy()
    np.testing.assert_allclose(_evaluate(expression, law, x), law.predict(x), rtol=1e-12)
    words = identifiers([*law.names, law.target])
    assert {symbol.name for symbol in expression.free_symbols} <= set(words[:-1])
    assert all(symbol.is_positive for symbol in expression.free_symbols)


def test_sympy_keeps_fractions_and_floats():
    u, v = sympy.symbols("lambda_ E_n", positive=True)
    law = _law("lambda E_n", [[Fraction(1, 3), -2], [0.25, 0]], [2.0, 0.1])
    assert law.to_sympy() == 2.0 * u ** sympy.Rational(1, 3) / v**2 + 0.1 * u**0.25
    assert law.to_sympy().atoms(sympy.Float) == {2.0, 0.1, 0.25}
    root = _law("lambda E_n", [[1, 0], [0, 1]], [1.5, -2.5], 2, -1).to_sympy()
    assert root == -sympy.sqrt(1.5 * u - 2.5 * v)


@pytest.mark.slow
def test_latex_as_it_reads():
    latex = {law.formula(): law.to_latex() for law in LAWS.values()}
    expected = {
        "F = 6.674e-11*m1*m2/r**2": r"F = \frac{6.674 \cdot 10^{-11} m_{1} m_{2}}{r^{2}}",
        "y = sqrt(u**2 + v**2)": r"y = \sqrt{u^{2} + v^{2}}",
        "y = 1/(1/v + 1/u)": r"y = \frac{1}{\frac{1}{v} + \frac{1}{u}}",
        "y = 2.5*E_n*I - lambda_": r"y = 2.5 E_{n} I - \lambda",
    }
    assert {key: latex[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x"),
        ("x12", "x_{12}"),
        ("x_12", "x_{12}"),
        ("T_eff", r"T_{\mathrm{eff}}"),
        ("theta1", r"\theta_{1}"),
        ("Omega_b", r"\Omega_{b}"),
        ("that", r"\mathrm{that}"),
        ("mass (kg)", r"\mathrm{mass\ (kg)}"),
        ("a_b%", r"\mathrm{a\_b\%}"),
        ("$&#{}", r"\mathrm{\$\&\#\{\}}"),
        ("x_", r"\mathrm{x\_}"),
    ],
)
def test_latex_names(name, expected):
    law = Law((name, "b"), name, ((Fraction(1), Fraction(-1)),), [1.0])
    assert law.to_latex() == rf"{expected} = \frac{{{expected}}}{{b}}"


@pytest.mark.parametrize(
    "law", [*LAWS.values(), Law(("a^b~c", "d e"), "f_g h", ((Fraction(1), Fraction(-1)),), [1.0])]
)
def test_latex_is_typeset(law):
    parser = mathtext.MathTextParser("agg")
    assert parser.parse(f"${law.to_latex()}$").width > 0
    with pytest.raises(ValueError, match="(?s)ParseFatalException|ParseException|Expected"):
        parser.parse(f"${law.to_latex()}}}$")


@pytest.mark.parametrize("law", CONVEX, ids=lambda law: law.formula())
def test_cvxpy_expression_is_the_law(law):
    x = _inputs(law, 3)
    variables = {name: cp.Variable(len(x), pos=True) for name in law.names}
    expression = law.to_cvxpy(variables)
    for name, column in zip(law.names, x.T, strict=True):
        variables[name].value = column
    np.testing.assert_allclose(np.broadcast_to(expression.value, 3), law.predict(x), rtol=1e-12)
    convex, concave = expression.is_log_log_convex(), expression.is_log_log_concave()
    single = len(law.coefficients) == 1
    assert expression.is_dgp() and convex == (single or law.power > 0)
    assert concave == (single or law.power < 0)


def test_cvxpy_largest_box():
    """A cube, of all boxes with that much surface."""
    surface = _law("h w d", [[1, 1, 0], [0, 1, 1], [1, 0, 1]], [2, 2, 2], target="A").to_cvxpy()
    variables = {variable.name(): variable for variable in surface.variables()}
    assert list(variables) == ["h", "w", "d"]
    volume = _law("h w d", [[1, 1, 1]], [1], target="V").to_cvxpy(variables)
    problem = cp.Problem(cp.Maximize(volume), [surface <= 24])
    assert problem.solve(gp=True) == pytest.approx(8, rel=1e-6)
    assert [v.value for v in variables.values()] == pytest.approx([2, 2, 2], rel=1e-4)


@pytest.mark.parametrize(
    "law",
    [
        _law("u v", [[1.2345, 0], [-0.777, 1], [0, -2]], [0.3, 1.7, 2.9]),
        _law("u v", [[2, 0.31], [-1, 1], [0, -2]], [0.3, 1.7, 2.9], Fraction(3, 2)),
        _law("u v", [[2, 0.31], [-1, 1], [0, -2]], [0.3, 1.7, 2.9], -2),
    ],
    ids=["sum", "root", "inverse root"],
)
def test_cvxpy_design_agrees_with_scipy(law):
    """The best u and v within bounds: the least y, or the largest for p < 0."""
    expression = law.to_cvxpy()
    bounds = [c for v in expression.variables() for c in (v >= 0.2, v <= 5)]
    maximum = law.power < 0
    problem = cp.Problem((cp.Maximize if maximum else cp.Minimize)(expression), bounds)
    with pytest.raises(cp.error.DCPError):
        problem.solve()
    found = problem.solve(gp=True)

    def objective(log_x):
        return (-1 if maximum else 1) * np.log(law.predict(np.exp(log_x)[None])[0])

    edges = [(np.log(0.2), np.log(5))] * 2
    best = scipy.optimize.minimize(objective, [0, 0], bounds=edges, tol=1e-12)
    assert found == pytest.approx(law.predict(np.exp(best.x)[None])[0], rel=1e-5)
    values = {v.name(): v.value for v in expression.variables()}
    np.testing.assert_allclose([values["u"], values["v"]], np.exp(best.x), rtol=1e-3)


def test_cvxpy_refuses():
    for law in LAWS.values():
        if law not in CONVEX:
            with pytest.raises(ValueError, match="sums of positive terms only.*got y = "):
                law.to_cvxpy()
    law = _law("u v", [[1, 0], [0, -1]], [1, 1])
    u, v = cp.Variable(pos=True), cp.Variable(pos=True)
    assert law.to_cvxpy({"u": u + v, "v": 2.0}).is_dgp()
    with pytest.raises(
        ValueError, match=r"variables must have the keys \('u', 'v'\), got \('u',\)"
    ):
        law.to_cvxpy({"u": u})
    with pytest.raises(ValueError, match="variables must have the keys"):
        law.to_cvxpy({"u": u, "v": v, "w": v})
    for bad in (cp.Variable(), -1.0, cp.Variable(nonneg=True)):
        with pytest.raises(ValueError, match=r"variables\['v'\] must be positive"):
            law.to_cvxpy({"u": u, "v": bad})
    with pytest.raises(ValueError, match="log-log convex or log-log concave"):
        law.to_cvxpy({"u": u, "v": u + v})


def test_without_cvxpy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match="cvxpy.*pip install 'weirdonetworks\\[regression\\]'"):
        _law("u", [[1]], [1]).to_cvxpy()


@pytest.mark.slow
@EACH
def test_layer_is_the_law(law):
    x, layer = tf.constant(_inputs(law)), law.to_layer()
    np.testing.assert_allclose(layer(x)[:, 0], law.predict(x), rtol=1e-12)
    logarithmic = law.to_layer(log_input=True)
    np.testing.assert_allclose(logarithmic(tf.math.log(x))[:, 0], law.predict(x), rtol=1e-12)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), tf.function(layer)):
        np.testing.assert_allclose(other(x), layer(x), rtol=1e-13)
    with tf.GradientTape() as tape:
        y = layer(x)
    gradients = tape.gradient(y, layer.trainable_variables)
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


def test_kinds_of_layers():
    rows = [[1, 0], [0, 1]]
    assert isinstance(_law("u v", rows, [1, 2]).to_layer(), PosynomialDense)
    assert isinstance(_law("u v", rows, [1, -2]).to_layer(), SignomialDense)
    assert isinstance(_law("u v", rows, [1, 2], 2).to_layer(), LawModule)
    assert isinstance(_law("u v", [[1, 2]], [3], 2).to_layer(), PosynomialDense)
    wide = {e: _law("u v", rows, [1, np.exp(e)]) for e in (37.9, 38.1, 600)}
    assert isinstance(wide[37.9].to_layer(), PosynomialDense)
    assert isinstance(wide[38.1].to_layer(), SignomialDense)
    for law in wide.values():
        x = tf.constant(np.exp([[40.0, 1.0], [-40.0, -35.0], [3.0, 0.0]]))
        np.testing.assert_allclose(law.to_layer()(x)[:, 0], law.predict(x), rtol=1e-12)


def test_floor_of_layers():
    law, x = _law("u", [[1]], [1e34]), tf.constant([[6.626e-34]], tf.float64)
    np.testing.assert_allclose(law.to_layer()(x), [[1e4]], rtol=1e-9)
    np.testing.assert_allclose(law.to_layer(log_input=True)(tf.math.log(x)), [[6.626]], rtol=1e-9)


def test_gradient_where_there_is_no_root():
    for power, expected in ((2, 0.0), (-1, np.nan)):
        layer = _law("u v", [[1, 0], [0, 1]], [1, -1], power).to_layer()
        x = tf.constant([[1.0, 2.0]], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        np.testing.assert_array_equal(y, [[expected]])
        np.testing.assert_array_equal(tape.gradient(y, x), [[0, 0]])


def test_bad_law_modules():
    with pytest.raises(
        ValueError, match="layer must be a SignomialDense or a PosynomialDense with"
    ):
        LawModule(PosynomialDense(1, 1), Fraction(2))
    with pytest.raises(ValueError, match="power must not be 0"):
        LawModule(SignomialDense(1, 1), Fraction(0))
    with pytest.raises(ValueError, match="sign must be 1 or -1, got 2"):
        LawModule(SignomialDense(1, 1), Fraction(2), 2)
    with pytest.raises(ValueError, match="log_input must be True or False"):
        _law("u", [[1]], [1]).to_layer("yes")
