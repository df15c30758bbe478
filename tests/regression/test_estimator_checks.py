"""The conventions of scikit-learn, by its own checks: on positive data all of them hold."""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from weirdonetworks.regression import PosynomialRegressor, SignomialRegressor

# Of one term, as the data hold no law, in which to look for twelve takes a hundred times as long.
ESTIMATORS = [PosynomialRegressor(max_terms=1), SignomialRegressor(max_terms=1)]

# scikit-learn makes data positive by X - min(X), which leaves a zero, and zeros are refused.
ZEROS = {
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_1feature",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
    "check_regressor_data_not_an_array",
    "check_regressors_int",
    "check_regressors_no_decision_function",
    "check_regressors_train",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_sample_weights_pandas_series",
    "check_supervised_y_2d",
}


# A weight is an inverse variance: a row of weight 2 is one measurement, and not two.
WEIGHTS = {"check_sample_weight_equivalence_on_dense_data": "weights are inverse variances"}


def _name(check) -> str:
    return getattr(check, "func", check).__name__


@pytest.fixture
def positive(monkeypatch):
    """Data of positive estimators are X - min(X) + 1 in place of X - min(X)."""
    enforce = estimator_checks._enforce_estimator_tags_X

    def shifted(estimator, X, X_test=None, **kwargs):  # noqa: N803
        result = enforce(estimator, X, X_test, **kwargs)
        return result + 1 if X_test is None else tuple(x + 1 for x in result)

    monkeypatch.setattr(estimator_checks, "_enforce_estimator_tags_X", shifted)


@pytest.mark.slow
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda _: WEIGHTS)
def test_every_check_passes_on_positive_data(estimator, check, positive):
    if _name(check) == "check_regressors_train":  # asks for a fit that one term does not have
        estimator.set_params(max_terms=2)
    check(estimator)


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda _: dict.fromkeys(ZEROS, "there is a zero") | WEIGHTS,
)
def test_checks_as_they_are(estimator, check):
    """Those that are expected to fail must: xfail is strict."""
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_exempt_checks_fail_because_of_the_zero(estimator):
    seen = set()
    for instance, check in estimator_checks_generator(estimator):
        if _name(check) in ZEROS:
            # Checks of weights do not say why the fit raised, but only that it did.
            said = r"got 0 in row \d+ of column|raises error if 'sample_weight'"
            with pytest.raises((ValueError, AssertionError), match=said):
                check(instance)
            seen.add(_name(check))
    assert seen == ZEROS
