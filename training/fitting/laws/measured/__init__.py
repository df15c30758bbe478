"""Tables of real measurements, and what the literature says of each.

The numbers stand as they were published; what is left out is said with the source. A column that
has no unit is of words.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

FOLDER = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Measured:
    """A table of measurements.

    Attributes:
      name: of its file, without ".csv".
      title: what was measured.
      source: who measured or compiled it, when, and where it stands.
      target: the column that the law is for.
      units: of each column of numbers, as pint knows them; "" for pure numbers.
      law: the literature's for the target, an expression of the columns for `pandas.eval`.
      literature: whose law that is, its constants with their errors where these are published.
      lesson: what the table teaches about the regression of laws.
      rows: those for which the law is said to hold, as `DataFrame.query` takes it; "" for all.
      settings: of the regression, other than a user has who gives none.
    """

    name: str
    title: str
    source: str
    target: str
    units: Mapping[str, str] = dataclasses.field(hash=False)
    law: str
    literature: str
    lesson: str
    rows: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers other than the target."""
        return tuple(name for name in self.units if name != self.target)


_TABLES = (
    Measured(
        "planets",
        "Orbits of the planets: semi-major axis and sidereal period",
        "Williams, Planetary Fact Sheets, NASA Goddard Space Flight Center",
        "period",
        {"axis": "Gm", "period": "day"},
        "0.199623 * axis ** 1.5",
        "Kepler 1619; the constant is 2 pi / sqrt(GM) with GM = 1.32712440018e20 m^3/s^2 of the "
        "Sun (IAU)",
        "Eight rows are enough for an exponent that is a fraction. The constant measures the mass "
        "of the Sun.",
    ),
    Measured(
        "nebulae",
        "Distances and radial velocities of 24 extra-galactic nebulae",
        "Hubble 1929, A relation between distance and radial velocity among extra-galactic "
        "nebulae, PNAS 15, table 1",
        "velocity",
        {"distance": "Mpc", "velocity": "km/s"},
        "465 * distance",
        "Hubble 1929: K = 465 ± 50 km/s per Mpc, with the motion of the Sun as three further "
        "unknowns",
        "Velocities of both signs are fitted as they are. Hubble's proportion is within the error "
        "of the exponent; so few and so scattered rows do not tell it from other powers.",
    ),
    Measured(
        "mammals",
        "Body mass and basal metabolic rate (oxygen) of 619 mammals",
        "White and Seymour 2003, Mammalian basal metabolic rate is proportional to body mass^2/3, "
        "PNAS 100; the table as White corrected it, in Kooijman's repository Verh2025",
        "metabolic_rate",
        {"mass": "g", "metabolic_rate": "ml/h"},
        "3.42 * mass ** 0.75",
        "Kleiber 1961: 70 kcal a day and kg^(3/4), at 4.8 kcal a litre of oxygen. White and "
        "Seymour: 2/3, once body temperature is accounted for and some orders are left out",
        "Neither 3/4 nor 2/3: a single power has an exponent between them, and there is structure "
        "in its residuals. The slope grows with mass, as Kolokotrones et al. (2010) found.",
    ),
    Measured(
        "brains",
        "Body and brain mass of 62 land mammals",
        "Allison and Cicchetti 1976, Sleep in mammals, Science 194; `mammals` of R's MASS",
        "brain",
        {"body": "kg", "brain": "g"},
        "8.455 * body ** 0.7517",
        "Weisberg 2005, Applied Linear Regression: exponent 0.7517 ± 0.0285, by least squares of "
        "logarithms",
        "An exponent within its error of 3/4 need not be 3/4: with errors as large as here a "
        "fraction is not taken.",
    ),
    Measured(
        "heat_exchanger",
        "Heat transfer outside of tubes: Nusselt number by Reynolds and Prandtl number and the "
        "ratio of the viscosities in the bulk and at the wall",
        "Williams and Katz 1952, Trans. ASME 74; as in Cutlip and Shacham 1999, Problem Solving "
        "in Chemical Engineering with Numerical Methods",
        "nusselt",
        {"reynolds": "", "prandtl": "", "viscosity_ratio": "", "nusselt": ""},
        "0.36 * reynolds ** 0.55 * prandtl ** (1 / 3) * viscosity_ratio ** 0.14",
        "Kern 1950, in the form of Sieder and Tate 1936: 0.36, 0.55, 1/3 and 0.14. The constant "
        "depends on the baffles",
        "Where the Reynolds number is small, the Prandtl number is large here, and the exponents "
        "depend on the model of the noise. Sixteen rows do not tell which one holds.",
    ),
    Measured(
        "spheres",
        "Drag coefficient of spheres",
        "Roos and Willmarth 1971, Some experimental results on sphere and disk drag, AIAA "
        "Journal 9; Trettel's sheardata, E1971001",
        "drag",
        {"reynolds": "", "drag": ""},
        "24 / reynolds + 3.6 / reynolds ** 0.313",
        "Stokes 1851, 24/Re, with the correction of Schiller and Naumann 1933 up to Re = 800",
        "Stokes's term rules below Re = 1, and these rows begin at 5: what is not measured is not "
        "found. Another sum of two powers fits better than the known one, and is no law either.",
        "reynolds <= 800",
    ),
    Measured(
        "pipe",
        "Friction of water in a brass pipe: wall stress over density and squared mean velocity",
        "Stanton and Pannell 1914, Similarity of motion in relation to the surface friction of "
        "fluids, Phil. Trans. R. Soc. A 214; Trettel's sheardata, D1914001, water in pipe 17, "
        "Re > 4000",
        "friction",
        {"reynolds": "", "friction": ""},
        "0.0009 + 0.0765 / reynolds ** 0.35",
        "Lees 1914, from these and more measurements. Blasius 1913: 0.03955 / Re^(1/4)",
        "Two forms, neither of which scatters by more than 1.6 %, have quite different exponents. "
        "Standard errors hold for the form that is shown; the true law is a logarithm.",
    ),
    Measured(
        "language_models",
        "Loss on the test set of the Pile (nats a token) of seven language models by the "
        "operations of their training",
        "Dey et al. 2023, Cerebras-GPT, arXiv 2304.03208, table 8",
        "loss",
        {"training_flops": "", "loss": ""},
        "(training_flops / 5.984e22) ** -0.0737 + 0.5066",
        "Dey et al. 2023, equation 1",
        "The constant to which the loss tends is not in these seven rows: least squares with the "
        "published form gives 0.50 ± 0.30. One power of the compute is all that they tell.",
    ),
    Measured(
        "chinchilla",
        "Loss of 245 language models by their parameters and the tokens of their training",
        "Hoffmann et al. 2022, Training compute-optimal large language models, figure 4, as "
        "Besiroglu et al. 2024, arXiv 2404.10102, read it; tokens are operations over six times "
        "the parameters; five digits of these, four of the loss",
        "loss",
        {"parameters": "", "tokens": "", "loss": ""},
        "1.8172 + 482.01 / parameters ** 0.3478 + 2085.43 / tokens ** 0.3658",
        "Besiroglu et al. 2024: 1.8172 ± 0.03, 482 ± 125, 0.3478 ± 0.02, 2085 ± 1293, 0.3658 ± "
        "0.02, of the 240 models left without five that saw few tokens",
        "With powers=(1,), three products of powers fit better than the published form, without a "
        "constant: whether the loss tends to one, these rows do not tell. Structure is left in "
        "the residuals.",
        "tokens > 0.45 * parameters",
        {"powers": (1,)},
    ),
    Measured(
        "puromycin",
        "Initial rate of an enzyme's reaction by the concentration of its substrate, cells "
        "treated with puromycin",
        "Treloar 1974; Bates and Watts 1988, Nonlinear Regression Analysis; `Puromycin` of R",
        "rate",
        {"concentration": "ppm", "rate": "count/min^2"},
        "212.7 * concentration / (0.06412 + concentration)",
        "Michaelis and Menten 1913; Bates and Watts: 212.7 ± 6.9 and 0.0641 ± 0.0083, residual "
        "standard error 10.93",
        "V s / (K + s) is a posynomial to the power -1: 1 / (K / (V s) + 1 / V).",
    ),
    Measured(
        "puromycin_untreated",
        "The same without puromycin",
        "As puromycin",
        "rate",
        {"concentration": "ppm", "rate": "count/min^2"},
        "160.3 * concentration / (0.0477 + concentration)",
        "Bates and Watts: 160.3 ± 6.5 and 0.0477 ± 0.0078",
        "The other half of the experiment, of eleven rows.",
    ),
    Measured(
        "stars",
        "Main-sequence stars: mean masses, in Suns, of 509 stars in 35 intervals, and luminosity "
        "over mass",
        "Eker et al. 2018, Interrelated main-sequence mass-luminosity, mass-radius and "
        "mass-effective temperature relations, MNRAS 479, from binaries; as in Ofek's AstroPack",
        "luminosity_per_mass",
        {"mass": "", "luminosity_per_mass": "erg/s/g"},
        "1.925 * mass ** 2.5",
        "The textbooks' L = M^3.5 in Suns. Eker et al.: 2.03, 4.57, 5.74, 4.33, 3.97 and 2.87 in "
        "six ranges of mass",
        "There is no one law: the physics of the stars changes along the sequence, and the status "
        "says that structure is left.",
    ),
    Measured(
        "boyle",
        "Pressure of an enclosed amount of air (inches of mercury) by its volume (marks)",
        "Boyle 1662, A defence of the doctrine touching the spring and weight of the air, "
        "columns A and D, as printed",
        "pressure",
        {"volume": "", "pressure": "inch_Hg"},
        "1398 / volume",
        "Boyle 1662, column E: in reciprocal proportion, from the first row",
        "The exponent is -1, to two parts in a thousand, with a scatter of a third of a per cent.",
    ),
    Measured(
        "filament",
        "Power that a carbon filament radiates, of an area, by temperature",
        "Keeping 1962, Introduction to Statistical Inference; `DanWood` of NIST's Statistical "
        "Reference Datasets",
        "power",
        {"temperature": "kK", "power": ""},
        "0.76886226 * temperature ** 3.8604056",
        "NIST, certified: 0.769 ± 0.018 and 3.860 ± 0.052, least squares. Stefan and Boltzmann: 4",
        "Six rows over a tenth of a decade do not tell 4 from 3.86, and 4 is not claimed.",
    ),
    Measured(
        "trees",
        "Diameter, height and volume of timber of 31 felled black cherry trees",
        "Ryan, Joiner and Ryan 1976, The Minitab Student Handbook; `trees` of R",
        "volume",
        {"girth": "inch", "height": "foot", "volume": "foot^3"},
        "0.001318 * girth ** 1.983 * height ** 1.117",
        "Least squares of logarithms: 1.983 ± 0.075 and 1.117 ± 0.204; a cone has 2 and 1",
        "Diameter and height grow together: a formula in one of them may hide the other.",
    ),
)
TABLES = {table.name: table for table in _TABLES}
NAMES = tuple(TABLES)


def get(name: str) -> Measured:
    """The table of this name; ValueError, which lists them all, for another."""
    if name not in TABLES:
        raise ValueError(f"a table's name must be one of {', '.join(NAMES)}; got {name!r}")
    return TABLES[name]


def load(name: str) -> pd.DataFrame:
    """All rows and columns of a table, as they were published."""
    return pd.read_csv(FOLDER / f"{get(name).name}.csv")
