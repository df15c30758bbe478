"""Regression by laws: scikit-learn estimators that find posynomials and signomials in data.

Needs scikit-learn, SciPy and SymPy, which the library does not need otherwise:
pip install 'weirdonetworks[regression]'.
"""

try:
    import scipy
    import sklearn
    import sympy
except ImportError as error:
    raise ImportError(
        f"weirdonetworks.regression needs {error.name}: pip install 'weirdonetworks[regression]'"
    ) from error

from weirdonetworks.regression.extrapolation import Extrapolation, extrapolation
from weirdonetworks.regression.law import Law
from weirdonetworks.regression.regressor import PosynomialRegressor, SignomialRegressor
from weirdonetworks.regression.units import LawUnits, consistent_exponents, law_units

__all__ = [
    "Extrapolation",
    "Law",
    "LawUnits",
    "PosynomialRegressor",
    "SignomialRegressor",
    "consistent_exponents",
    "extrapolation",
    "law_units",
]

del scipy, sklearn, sympy
