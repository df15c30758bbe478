"""A law: what a regressor finds, and the forms in which it is said."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weirdonetworks.regression.equation import Equation

if TYPE_CHECKING:
    import sonnet as snt
    import sympy


@dataclasses.dataclass(frozen=True, eq=False)
class Law(Equation):
    """y = sign (sum_k c_k prod_i x_i^a_ki)^(1/p) for x > 0: an `Equation` with its exporters.

    What a form needs (SymPy, CVXPY, TensorFlow) is imported where the form is asked for.
    """

    def __str__(self) -> str:
        """The formula."""
        return self.formula()

    def formula(self, digits: int = 6) -> str:
        """Returns a line such as "F = 6.674e-11*m1*m2/r**2", which Python and SymPy can read.

        Numbers that are no Fractions are rounded to `digits` digits; 17 keep them. A common factor
        is taken out where that is shorter, and a square root is sqrt(.). Names that Python would
        not take for a variable are spelled with underscores: "mass (kg)" mass_kg, "lambda" lambda_.

        Raises ValueError for digits that are not an integer >= 1.
        """
        from weirdonetworks.regression.export import formulas

        return formulas.formula(self, digits)

    def to_sympy(self) -> "sympy.Expr":
        """Returns y as an expression in positive symbols, named as in `formula`.

        So its text, too, holds no more of a name than Python takes for a variable.

        Fractions are exact, all other numbers Floats. It has a complex value where the root is
        not real.
        """
        from weirdonetworks.regression.export import formulas

        return formulas.to_sympy(self)

    def to_latex(self, digits: int = 6) -> str:
        r"""Returns a line such as F = \frac{6.674 \cdot 10^{-11} m_{1} m_{2}}{r^{2}}.

        A letter, or the name of a Greek one, with digits or an underscore behind it has a
        subscript; other names are upright, their special characters escaped.

        Raises ValueError for digits that are not an integer >= 1.
        """
        from weirdonetworks.regression.export import formulas

        return formulas.to_latex(self, digits)

    def to_cvxpy(self, variables: Mapping[str, Any] | None = None) -> Any:
        """Returns y as an expression of disciplined geometric programming, for `solve(gp=True)`.

        `variables` maps the features' names to positive variables, parameters, constants or
        expressions of CVXPY; without it each feature in use is a `cvxpy.Variable(pos=True)` of its
        name, to be found in the expression's `variables()`.

        A posynomial and its roots with p > 0 are log-log convex: minimise them or bound them from
        above. With p < 0 they are log-log concave: maximise, or bound from below. A single term
        is both.

        Raises:
          ValueError: a negative coefficient or sign, other names than the law's, a variable that is
            not positive, or expressions with which y is neither log-log convex nor concave.
          ImportError: without CVXPY.
        """
        from weirdonetworks.regression.export import geometric_program

        return geometric_program.to_cvxpy(self, variables)

    def to_layer(self, log_input: bool = False) -> "snt.Module":
        """Returns the law as a built float64 layer, [batch, features] -> [batch, 1].

        For p = 1 it is a `PosynomialDense`, or a `SignomialDense` if a coefficient is negative or
        if they spread over more than e^38, which a `PosynomialDense` bounds. Otherwise a
        `LawModule`, which takes the root of one.

        A layer's floor is 1e-30 here: below it, features count as 1e-30. With `log_input` the
        layer takes log x, and no floor applies.
        """
        from weirdonetworks.regression.export import layer

        return layer.to_layer(self, log_input)
