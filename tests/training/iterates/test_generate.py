"""The coefficients that the library has of the iterates of exp: made anew and compared."""

import re

import mpmath
import pytest
from mpmath import mp, mpf

from training.iterates import __main__ as command_module
from training.iterates import generate
from weirdonetworks.functional import _kneser_coefficients as kept


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(40):
        yield


@pytest.mark.slow
def test_constants_are_those_of_the_library():
    for name, value in generate.constants().items():
        value = tuple(map(float, value)) if isinstance(value, tuple) else float(value)
        assert value == getattr(kept, name), name


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_function_has_its_coefficients(dtype):
    pieces = generate.pieces(dtype)
    assert set(pieces) == set(kept.PIECES[dtype])
    assert float(max(piece.high for piece in pieces.values())) == kept.END[dtype]


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype, name",
    [("float32", "HALF_NEGATIVE"), ("float32", "SUPERLOG"), ("float64", "HALF_SLOPE_LARGE_2")],
)
def test_coefficients_come_out_again(dtype, name):
    piece = generate.pieces(dtype)[name]
    center, scale, powers = generate.fit(piece, generate.ROUNDOFF[dtype])
    assert (float(center), float(scale)) == kept.PIECES[dtype][name][:2]
    # The last bits of the last, tiny ones are the last digits of Kneser's solution.
    assert list(map(float, powers)) == pytest.approx(kept.PIECES[dtype][name][2], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_polynomials_are_as_near_as_promised(dtype):
    roundoff = generate.ROUNDOFF[dtype]
    for name, piece in generate.pieces(dtype).items():
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
    kink = generate.Piece(lambda z: 1 + abs(z), mpf(-1), mpf(1))
    with pytest.raises(ValueError, match="nodes do not show how many terms"):
        generate.fit(kink, generate.ROUNDOFF["float32"])


@pytest.mark.slow
def test_the_command_writes_a_module(command, tmp_path, monkeypatch):
    one = {"SUPERLOG": generate.pieces("float32")["SUPERLOG"]}
    monkeypatch.setattr(generate, "pieces", lambda dtype: one)
    outcome = command(command_module, f"--coefficients={tmp_path / 'made.py'}")
    assert outcome.exit_code == 0 and "made.py" in outcome.stdout
    text = (tmp_path / "made.py").read_text()
    made = {}
    exec(compile(text, "made.py", "exec"), made)
    assert made["PIECES"]["float32"]["SUPERLOG"][:2] == kept.PIECES["float32"]["SUPERLOG"][:2]
    assert made["HALF_AT_ZERO"] == kept.HALF_AT_ZERO
    assert re.match(r'^"""Polynomials of exp\^\[alpha\], made by', text)
