"""Finds the law in a table of measurements: constants, exponents as fractions, units, reach.

weirdonetworks fit_law data.csv --target=T --units=l=m,g=m/s^2,T=s

The table has a header: text of any separator, also with decimal commas, Parquet or Excel. The law
says the target by the other columns, or by those of --columns, which must be > 0. See
`weirdonetworks.regression.PosynomialRegressor` for what is found and how.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from absl import flags

from weirdonetworks.commands import app, folders
from weirdonetworks.commands.flags import define_choice, define_workdir

# As the regressor has them: it is imported when the flags have been read.
NOISE = ("absolute", "relative", "auto")
LOSSES = ("squared_error", "robust")
DIMENSIONS = ("check", "constrain")
POWERS = ("1", "-1", "2", "-2", "1/2", "-1/2")

FLAGS = app.Flags(__doc__)
_TARGET = flags.DEFINE_string("target", None, "The column that the law gives.", flag_values=FLAGS)
_COLUMNS = flags.DEFINE_list(
    "columns",
    None,
    "The columns it depends on, separated by commas; by default all others.",
    flag_values=FLAGS,
)
_UNITS = flags.DEFINE_list(
    "units",
    None,
    "Units as NAME=UNIT, separated by commas, for each column and the target: a=au,g=m/s^2. Names "
    "are Pint's; NAME= for a pure number. The result says how they were read.",
    flag_values=FLAGS,
)
_NOISE_MODEL = define_choice(
    "noise_model",
    "auto",
    NOISE,
    "errors of the target: of one size, in proportion to it, or whichever is likelier.",
    FLAGS,
)
_ERRORS = flags.DEFINE_string(
    "errors",
    None,
    "The column of the target's standard deviations, in its units, in place of a noise model.",
    flag_values=FLAGS,
)
_LOSS = define_choice(
    "loss",
    "squared_error",
    LOSSES,
    "least squares of all rows, or of those that are no outliers, which are named.",
    FLAGS,
)
_NUM_TERMS = flags.DEFINE_integer(
    "num_terms", None, "The number of terms, if not to be found.", 1, flag_values=FLAGS
)
_MAX_TERMS = flags.DEFINE_integer(
    "max_terms", 12, "The largest number of terms to be found.", 1, flag_values=FLAGS
)
_ROUNDING = flags.DEFINE_string(
    "rounding",
    "auto",
    "Exponents: auto for fractions where the data support them, an integer d for multiples of 1/d, "
    "none for none.",
    flag_values=FLAGS,
)
_POWERS = flags.DEFINE_list(
    "powers",
    list(POWERS),
    "Which powers of the target to try, separated by commas.",
    flag_values=FLAGS,
)
_DIMENSIONS = define_choice(
    "dimensions",
    "check",
    DIMENSIONS,
    "report on the units of the law's constants, or admit only laws whose constants have none.",
    FLAGS,
)
_HOLDOUT = flags.DEFINE_float(
    "holdout",
    None,
    "The share of rows to score the law on, not to fit; by default 0.2 if there are 50 or more.",
    flag_values=FLAGS,
)
_DROP_MISSING = flags.DEFINE_boolean(
    "drop_missing",
    False,
    "Leave out rows with missing values instead of refusing them.",
    flag_values=FLAGS,
)
_RANDOM_STATE = flags.DEFINE_integer(
    "random_state", 0, "The seed of splits and starting points.", 0, 2**31 - 1, flag_values=FLAGS
)
_WORKDIR = define_workdir(FLAGS, "The folder of the results; by default a new one under runs/.")


def main(data: str) -> None:
    if not _TARGET.value:
        raise ValueError("target must be given: --target=COLUMN")
    if _ERRORS.value is not None and _NOISE_MODEL.value != "auto":
        raise ValueError(
            "noise_model must be auto with errors, which say what it is, "
            f"got {_NOISE_MODEL.value!r}"
        )
    rounding, powers = _parse_rounding(_ROUNDING.value), _parse_powers(_POWERS.value)
    from weirdonetworks.commands.fit_law.fit import fit_law
    from weirdonetworks.commands.fit_law.text import to_text

    with folders.workdir(_WORKDIR.value, f"law-{Path(data).stem}") as workdir:
        law = fit_law(
            data,
            _TARGET.value,
            workdir,
            columns=_COLUMNS.value,
            units=_UNITS.value,
            holdout=_HOLDOUT.value,
            drop_missing=_DROP_MISSING.value,
            random_state=_RANDOM_STATE.value,
            noise=_NOISE_MODEL.value,
            errors=_ERRORS.value,
            loss=_LOSS.value,
            num_terms=_NUM_TERMS.value,
            max_terms=_MAX_TERMS.value,
            rounding=rounding,
            powers=powers,
            dimensions=_DIMENSIONS.value,
        )
    print(to_text(law), end="")
    print(f"written to  {workdir}/: config.json, law.json, law.png")


def _parse_rounding(word: str) -> str | int | None:
    """ "auto", "none" or an integer; ValueError for other words."""
    if word == "auto":
        return word
    if word == "none":
        return None
    if not word.isdecimal():
        raise ValueError(f"rounding must be auto, none or an integer >= 1, got {word!r}")
    return int(word)


def _parse_powers(words: Sequence[str]) -> tuple[float, ...]:
    """["1", "1/2"] -> (1.0, 0.5); ValueError for words that are no numbers."""
    try:
        # A float first: the exponent of a Fraction may be of any size.
        for word in words:
            if "/" not in word and not math.isfinite(float(word)):
                raise ValueError
        return tuple(float(Fraction(word)) for word in words)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"powers must be numbers such as -1 or 1/2, got {words!r}") from None


if __name__ == "__main__":
    app.run(main, FLAGS)
