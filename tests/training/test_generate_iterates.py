"""Kneser's solution, and the coefficients that the library has of it: made anew and compared."""

import re

import mpmath
import pytest
from mpmath import mp, mpf

from training.iterates import __main__ as generate_iterates
from training.iterates import kneser
from weirdonetworks.functional import _kneser_coefficients as kept


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(40):
        yield


@pytest.mark.parametrize(
    "computed, digits",
    [
        (lambda: kneser.superlog_slope(mpf(0)), "0.915946056499533393949672638910324562425109969"),
        (lambda: kneser.superlog(mpf(1) / 2), "-0.4984983751311689971273212151103788569715"),
        (lambda: kneser.superlog(mpf(2)), "0.7015456018318703657518903980808909493854"),
        (lambda: kneser.exp_iterate(mpf(0), mpf(1) / 4), "0.257388979678387349602355111653879965"),
        (lambda: kneser.exp_iterate(mpf(2), mpf(1) / 2), "3.43129811745375817618045849399876952"),
        (lambda: kneser.exp_iterate(mpf(10), mpf(-1) / 2), "4.11881234250405296876771056584652270"),
    ],
)
def test_two_dozen_digits(computed, digits):
    assert abs(computed() - mpf(digits)) < mpf("2e-23")


def test_a_larger_system_has_more_digits():
    small, large = kneser.solve(30, 16, 40), kneser.solve(44, 22, 50)
    exact = mpf("0.915946056499533393949672638910324562425109969")
    errors = [abs(abel(mpf(0), derivative=1) - exact) for abel in (small, large)]
    assert mpf("1e-15") < errors[0] < mpf("1e-9") and errors[1] < errors[0] / 1000


def test_an_odd_degree_leaves_an_equation_over():
    with pytest.raises(ValueError, match="^degree must be even, got 31$"):
        kneser.solve(31, 16, 40)


def test_slopes_are_derivatives():
    for x in ("-2.5", "0.3", "1.7", "40"):
        x = mpf(x)
        numerical = mpmath.diff(kneser.superlog, x)
        assert abs(kneser.superlog_slope(x) / numerical - 1) < mpf("1e-15")
        numerical = mpmath.diff(lambda z: kneser.exp_iterate(z, mpf("0.3")), x)
        assert abs(kneser.exp_iterate_slope(x, mpf("0.3")) / numerical - 1) < mpf("1e-15")


def test_constants_are_those_of_the_library():
    for name, value in generate_iterates.constants().items():
        value = tuple(map(float, value)) if isinstance(value, tuple) else float(value)
        assert value == getattr(kept, name), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_function_has_its_coefficients(dtype):
    pieces = generate_iterates.pieces(dtype)
    assert set(pieces) == set(kept.PIECES[dtype])
    assert float(max(piece.high for piece in pieces.values())) == kept.END[dtype]


@pytest.mark.parametrize(
    "dtype, name",
    [("float32", "HALF_NEGATIVE"), ("float32", "SUPERLOG"), ("float64", "HALF_SLOPE_LARGE_2")],
)
def test_coefficients_come_out_again(dtype, name):
    piece = generate_iterates.pieces(dtype)[name]
    center, scale, powers = generate_iterates.fit(piece, generate_iterates.ROUNDOFF[dtype])
    assert (float(center), float(scale)) == kept.PIECES[dtype][name][:2]
    # The last bits of the last, tiny ones are the last digits of Kneser's solution.
    assert list(map(float, powers)) == pytest.approx(kept.PIECES[dtype][name][2], rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_polynomials_are_as_near_as_promised(dtype):
    roundoff = generate_iterates.ROUNDOFF[dtype]
    for name, piece in generate_iterates.pieces(dtype).items():
        center, scale, powers = kept.PIECES[dtype][name]
        for share in ("0.003", "0.31", "0.77", "0.998"):
            z = piece.low + (piece.high - piece.low) * mpf(share)
            value = mpmath.polyval([mpf(a) for a in powers[::-1]], mpf(scale) * (z - mpf(center)))
            exact = piece.function(z)
            size = abs(exact) if piece.size is None else piece.size
            # Coefficients are rounded to float64, the values of the largest are near 700.
            rounding = 2 * max(map(abs, powers)) * mpf(2) ** -53
            assert abs(value - exact) < size * roundoff / 4 + rounding, (name, share)


def test_too_few_nodes_are_noticed():
    kink = generate_iterates.Piece(lambda z: 1 + abs(z), mpf(-1), mpf(1))
    with pytest.raises(ValueError, match="nodes do not show how many terms"):
        generate_iterates.fit(kink, generate_iterates.ROUNDOFF["float32"])


def test_the_command_writes_a_module(command, tmp_path, monkeypatch):
    one = {"SUPERLOG": generate_iterates.pieces("float32")["SUPERLOG"]}
    monkeypatch.setattr(generate_iterates, "pieces", lambda dtype: one)
    outcome = command(generate_iterates, f"--coefficients={tmp_path / 'made.py'}")
    assert outcome.exit_code == 0 and "made.py" in outcome.stdout
    text = (tmp_path / "made.py").read_text()
    made = {}
    exec(compile(text, "made.py", "exec"), made)
    assert made["PIECES"]["float32"]["SUPERLOG"][:2] == kept.PIECES["float32"]["SUPERLOG"][:2]
    assert made["HALF_AT_ZERO"] == kept.HALF_AT_ZERO
    assert re.match(r'^"""Polynomials of exp\^\[alpha\], made by', text)
