"""Which model of the noise is taken, and what a search says beside its law."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from weirdonetworks.regression import discovery, noise_choice, rounding, search, selection
from weirdonetworks.regression.diagnostics import Finding
from weirdonetworks.regression.discovery import Discovery, Settings
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.rows import Measurements
from weirdonetworks.regression.selection import Candidate


def _settings(noise="auto", terms=(1, 2), columns=1) -> Settings:
    space = Space(np.zeros(columns), np.eye(columns))
    return Settings(terms, "auto", (1,), noise, space, 0.25, True, True)


def _table(seed=0, rows=200, second=0.0):
    g = np.random.default_rng(seed)
    x = np.exp(g.uniform(-1, 1, (rows, 1)))
    y = 3 * x[:, 0] ** 1.5 + second / x[:, 0] ** 2
    y = y * np.exp(0.02 * g.normal(size=rows))
    return Measurements(x, y, None, False, np.arange(rows)), g


@pytest.mark.slow
@pytest.mark.parametrize("error", [ValueError("no"), np.linalg.LinAlgError("no")])
def test_a_model_that_cannot_be_fitted_leaves_the_others(monkeypatch, error):
    def fitted(table, sign, relative, *rest):
        if relative in broken:
            raise error
        return Discovery(table, sign, relative, *rest)

    monkeypatch.setattr(noise_choice, "Discovery", fitted)
    table, g = _table()
    broken = {True}
    name, found = noise_choice.discover(table, _settings(), g)
    assert name in ("absolute", "mixed") and found.model.num_terms >= 1
    broken = {False}
    assert noise_choice.discover(table, _settings(), g)[0] == "relative"
    broken = {False, True}
    with pytest.raises(type(error), match="^no$"):
        noise_choice.discover(table, _settings(), g)


@pytest.mark.slow
def test_held_out_rows_are_compared_with_those_of_the_fit():
    """The p-value is one: even for a true law, and small where they have larger errors."""
    p_values, larger = [], []
    for seed in range(60):
        table, g = _table(seed, rows=80)
        found = Discovery(table, 1, True, _settings(terms=(1,)), g)
        p_values.append(found.validation_p_value)
        left = found._validation
        worse = left.y * np.exp(0.06 * g.normal(size=len(left.y)))
        found._validation = dataclasses.replace(left, y=worse)
        larger.append(found._against_training(Candidate(found.model, found.data.y)))
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    assert np.mean(np.array(larger) < 1e-4) > 0.8


@pytest.mark.slow
def test_what_a_further_term_explains_is_told():
    """Of a second term that is too weak to be taken at once, and not of one that is not there."""
    gains, taken = {}, {}
    for second in (0.0, 0.004):
        found = []
        for seed in range(30):
            table, g = _table(seed, second=second)
            found.append(Discovery(table, 1, True, _settings(), g))
        gains[second] = np.array([each.gain for each in found if each.model.num_terms == 1])
        taken[second] = 30 - len(gains[second])
    assert taken[0.0] <= 1 and not np.any(gains[0.0] < 1e-3)
    assert taken[0.004] + np.sum(gains[0.004] < 1e-3) >= 15
    assert len(gains[0.004]) >= 12 and np.mean(gains[0.004] < 1e-2) > 0.25


@pytest.mark.slow
def test_many_rows_are_searched_by_some_and_fitted_by_all(monkeypatch):
    """The law's errors are those of all rows; a table that is sorted is not cut."""
    table, g = _table(rows=2000)
    order = np.argsort(table.x[:, 0])
    table = dataclasses.replace(table.rows(order), index=np.arange(2000))
    whole = Discovery(table, 1, True, _settings(terms=(1,)), np.random.default_rng(0))
    seen = []
    searched = search.candidates
    monkeypatch.setattr(
        search, "candidates", lambda data, *rest: seen.append(data) or searched(data, *rest)
    )
    monkeypatch.setattr(discovery, "_MANY", 200)
    found = Discovery(table, 1, True, _settings(terms=(1,)), np.random.default_rng(0))
    (data,) = seen
    assert len(data.y) == 150 and np.ptp(data.u) > 0.9 * np.ptp(found.data.u)
    np.testing.assert_allclose(found.freed.errors, whole.freed.errors, rtol=1e-6)
    np.testing.assert_allclose(found.model.c, whole.model.c, rtol=1e-6)


def test_models_without_constants_in_these_units_are_no_candidates():
    """Of exponents of thousands, which reach one row alone."""
    table, g = _table()
    found = Discovery(table, 1, True, _settings(terms=(1,)), g)
    wild = dataclasses.replace(found.model, a=np.array([[2000.0]]))
    assert found._is_writable(found.model)
    moved = dataclasses.replace(table, x=1e3 * table.x)
    assert not Discovery(moved, 1, True, _settings(terms=(1,)), g)._is_writable(wild)


def _staged(monkeypatch, *told):
    """`discover` with searches that say these (is_enough, bits, limit), a stage each."""
    said = [SimpleNamespace(is_enough=e, bits=b, limit=n) for e, b, n in told]
    stages = iter(said)
    monkeypatch.setattr(noise_choice, "_likeliest", lambda *args: ("absolute", next(stages)))
    table, g = _table()
    _, found = noise_choice.discover(table, _settings(terms=range(1, 13)), g)
    return said.index(found), found.limit


def test_the_first_stage_that_is_enough_is_taken_else_the_one_of_the_fewest_bits(monkeypatch):
    """The limit that is said is that of the last stage."""
    assert _staged(monkeypatch, (True, 9, 2)) == (0, None)
    assert _staged(monkeypatch, (False, 1, 2), (True, 9, 4)) == (1, None)
    assert _staged(monkeypatch, (False, 1, 2), (False, 9, 4), (True, 9, 8)) == (2, 8)
    assert _staged(monkeypatch, (False, 5, 2), (False, 3, 4), (False, 4, 8)) == (1, 8)
    assert _staged(monkeypatch, (False, 5, 2), (False, 3, 4), (False, 2, None)) == (2, None)


@pytest.mark.parametrize(
    "against",
    [
        {"gain": 1e-4},
        {"chi_p_value": 1e-4},
        {"validation_p_value": 1e-4},
        {"examination": Finding(1e-3, "y")},
    ],
)
def test_what_speaks_against_a_law_is_not_enough(against):
    table, g = _table()
    found = Discovery(table, 1, True, _settings(terms=(1,)), g)
    found.gain = 1.0
    assert found.is_enough
    vars(found).update(against)
    assert not found.is_enough


def test_a_law_that_is_exact_in_the_largest_rows_alone_is_not_enough():
    x = np.geomspace(1, 1e8, 12)[:, None]
    for noise, enough in ((0, True), (0.01, False)):
        y = 3 / x[:, 0] ** 2.5 * (1 + noise * (x[:, 0] > 1e5))
        table = Measurements(x, y, None, False, np.arange(12))
        found = Discovery(table, 1, False, _settings(terms=(1,)), np.random.default_rng(0))
        assert found.is_enough is enough


def test_candidates_without_constants_in_these_units_are_left_out(monkeypatch):
    table, g = _table(rows=200)
    table = dataclasses.replace(table, x=1e3 * table.x)

    def candidates(data, space, *args):
        one = search.first_term(data, space)
        worse = dataclasses.replace(one, a=one.a + 0.3)
        yield worse
        yield dataclasses.replace(
            one, c=np.append(one.c, 0.0), a=np.vstack([one.a, [[2000.0]]]),
            bases=one.bases * 2, known=one.known * 2,
        )  # fmt: skip

    seen = []
    monkeypatch.setattr(search, "candidates", candidates)
    variants = selection.variants
    monkeypatch.setattr(
        selection, "variants", lambda model, *args: seen.append(model) or variants(model, *args)
    )
    found = Discovery(table, 1, True, _settings(terms=(1, 2)), g)
    assert [model.num_terms for model in seen] == [1] and found._is_writable(found.model)


def test_all_rows_round_what_those_of_training_do_not(monkeypatch):
    seen = []
    rounded = rounding.round_exponents
    monkeypatch.setattr(
        rounding,
        "round_exponents",
        lambda model, data, most: seen.append(len(data.y)) or rounded(model, data, most),
    )
    table, g = _table()
    Discovery(table, 1, True, _settings(terms=(1,)), g)
    assert seen[-1] == 200 and min(seen) < 200


@pytest.mark.parametrize(("terms", "asked"), [((1, 2), False), ((2,), True), ((1,), True)])
def test_a_further_term_is_looked_for_at_the_limit_and_of_sums(monkeypatch, terms, asked):
    seen = []
    monkeypatch.setattr(search, "further_term", lambda *args: seen.append(args))
    table, g = _table(second=0.1 if terms == (2,) else 0.0)
    found = Discovery(table, 1, True, _settings(terms=terms), g)
    assert found.model.num_terms == terms[0] and bool(seen) is asked


def test_a_further_term_that_makes_a_law_exact_is_told():
    g = np.random.default_rng(0)
    x = np.exp(g.uniform(-1, 1, (200, 2)))
    table = Measurements(x, x[:, 0] + 2 / x[:, 1], None, False, np.arange(200))
    found = Discovery(table, 1, False, _settings(terms=(1,), columns=2), g)
    assert found.gain < 1e-100
