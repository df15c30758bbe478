"""A law as an expression of geometric programming."""

from collections.abc import Mapping
from typing import Any

from weirdonetworks import _optional
from weirdonetworks.regression.equation import Equation
from weirdonetworks.regression.export import formulas


def to_cvxpy(law: Equation, variables: Mapping[str, Any] | None = None) -> Any:
    """See `Law.to_cvxpy`."""
    cp = _optional.load("cvxpy", "regression")
    if not law.is_posynomial or law.sign < 0:
        raise ValueError(
            "a geometric program knows sums of positive terms only, so coefficients and sign must "
            f"be > 0, got {formulas.formula(law)}"
        )
    if variables is None:
        variables = {name: cp.Variable(pos=True, name=name) for name in law.names}
    if set(variables) != set(law.names):
        raise ValueError(f"variables must have the keys {law.names}, got {tuple(variables)}")
    features = []
    for name in law.names:
        feature = cp.Expression.cast_to_const(variables[name])
        if not (feature.is_log_log_convex() or feature.is_log_log_concave()):
            raise ValueError(
                f"variables[{name!r}] must be positive, such as cvxpy.Variable(pos=True), "
                f"got {feature!r}"
            )
        features.append(feature)
    terms = []
    for c, row in zip(law.coefficients, law.exponents, strict=True):
        term = cp.Constant(c)
        for feature, a in zip(features, row, strict=True):
            if a != 0:
                term = cp.multiply(term, cp.power(feature, float(a)))
        terms.append(term)
    y = sum(terms[1:], terms[0])
    if law.power != 1:
        y = cp.power(y, float(1 / law.power))
    if not y.is_dgp():
        raise ValueError(
            f"variables must make {formulas.formula(law)} log-log convex or log-log concave, got "
            + ", ".join(f"{name}: {variables[name]}" for name in law.names)
        )
    return y
