"""Units as people write them: read as they are meant, or refused in words of our own."""

import random
import re
from fractions import Fraction

import pint
import pytest

from weirdonetworks.regression.unit_words import read

REGISTRY = pint.get_application_registry()

# Each line is one unit, in base units, and ways to write it.
WRITTEN = {
    "": ["", " ", "1", "-", "−", "—", "dimensionless", "m/m", "m⁰"],
    "meter/second**2": ["m/s^2", "m/s**2", "m s-2", "m s^-2", "m s−2", "m·s⁻²", "m*s**(-2)"]
    + [
        "m/s/s",
        "m/s2",
        "m/s²",
        "m.s-2",
        "m⋅s−2",
        "meter per second squared",
        " m / s ^ 2",
        "m/(s s)",
    ],
    "kilogram*meter**2/second**2": ["kg m^2 s^-2", "kg·m²/s²", "J", "N m", "N·m", "N*m", "W s"],
    "meter**3": [
        "m3",
        "m³",
        "m^3",
        "cubic meter",
        "cubic metres",
        "kL",
        "m*m*m",
        "m2.m",
        "m^2.m",
        "m**2 m",
    ],
    "meter**0.5": ["m^(1/2)", "m**0.5", "m^.5"],
    "meter**-0.5": ["m^-0.5", "m**(-1/2)", "1/m^(1/2)"],
    "1/second": ["1/s", "s-1", "s⁻¹", "Hz", "Bq", "s^-1", "second**-1"],
    "kilogram/(second**3*kelvin)": ["W/(m2 K)", "W/m^2/K", "W m-2 K-1", "W·m⁻²·K⁻¹"],
    "1000*meter": ["km", "kilometre", "kilometers", "㎞"],
    "1e-6*meter": ["um", "µm", "μm", "micron", "µ"],
    "0.001*second": ["ms", "msec", "millisecond"],
    "0.01": ["%", "percent"],
    "1000*pascal": ["kPa", "kilopascal"],
    "0.001*candela": ["mcd"],
    "1e-9*kilogram": ["mcg", "ug", "µg"],
    "ampere": ["A", "amp", "amps", "ampere"],
    "1000*ohm": ["kohm", "kΩ", "kΩ"],
    "60*second": ["min", "mins", "minutes"],
    "degree": ["deg", "°", "degrees", "arcdeg"],
    "delta_degree_Celsius": ["delta_degC", "K"],
    "foot**3/minute": ["ft3/min", "ft^3/min", "cubic feet per minute", "cu ft per min"],
    "foot*pound_force": ["ft.lbf", "ft lbf", "ft*lbf"],
    "fluid_ounce": ["fl oz", "fluid_ounce"],
}
REFUSED = {
    "AU": "Pint reads 'AU' as absorbance_unit: write au, or absorbance_unit if it is meant",
    "cfm": "Pint reads 'cfm' as centifermi: write ft**3/min, or centifermi if it is meant",
    "Nm": "Pint reads 'Nm' as number_meter: write N*m, or number_meter if it is meant",
    "kNm/rad": "Pint reads 'kNm' as kilonumber_meter: write kN*m, or kilonumber_meter",
    "Min": "Pint reads 'Min' as megainch: write minute, or megainch if it is meant",
    "pct": "Pint reads 'pct' as picocarat: write percent",
    "pa": "Pint reads 'pa' as picoyear: write pascal",
    "pH": "Pint reads 'pH' as picohenry: write 1 for a pure number",
    "mass": "Pint reads 'mass' as milliarcsecond",
    "kn": "Pint reads 'kn' as knot: write kN, or knot if it is meant",
    "mils": "Pint reads 'mils' as mil: write thou for the length, mrad for the angle",
    "lambda": "Pint reads 'lambda' as lambda: write µL",
    "k": "Pint reads 'k' as boltzmann_constant",
    "Kelvin": "'Kelvin' is unknown, is kelvin meant?",
    "Kwh": "'Kwh' is unknown, is kilowatt_hour meant?",
    "kmh": "'kmh' is unknown, is km/h meant?",
    "parrots/s": "'parrots' is unknown",
    "2m/s": "the number 2 is no unit",
    "1e9in": "the number 1e9 is no unit",
    "2 m": "the number 2 is no unit: convert the column, or use a prefix",
    "1e3 m": "the number 1000.0 is no unit",
    "m^1/2": "the number 2 is no unit",
    "W/m2 K": "a product behind / is read in two ways: write a/(b*c) or a*c/b",
    "J/mol*K": "a product behind / is read in two ways",
    "N-m": "a hyphen is no product: write N*m",
    "kW - h": "a hyphen is no product: write kW*h",
    "m,s": "',' has no meaning in a unit",
    "[m]": "'[' has no meaning in a unit",
    "m**m": "powers must be numbers up to 100",
    "m**1e400": "powers must be numbers up to 100",
    "m**(1/0)": "powers must be numbers up to 100",
    "(": "it is no product of powers",
    "m +": "it is no product of powers",
    "m//s": "it is no product of powers",
    "m(s)": "it is no product of powers",
    "m**": "it is no product of powers",
    "m" * 201: "it has more than 200 signs",
}
# What a cell for units might hold, or a column be called; none is a prefix before a unit.
SCIENCE = """
    mass flux unit units exact rare ramp act camp damp care dare fare hare mare pare tare fat hat
    mat rat cat pat fin pin tin kin din pins exam mud mug neon petal prod clink cinch pinch finch
    trod fact Re Ra Ma Pr Nu Eu Fr Ca Da he me ne de re ad ah al ab ac aha apt aft alms gift gat
    dad dam dat pct pcs ppm ppb ppi dpi dpt fps cps mph kph rpm bpm cfm cfs gpm lpm slm toe tex
    none null nan NaN n/a N/A NA count log ln ratio index score level rate time date year day id
    length width height depth area volume speed force power energy work heat temp temperature
    pressure density current voltage charge angle phase frequency wavelength distance radius
"""


@pytest.mark.parametrize("meaning", WRITTEN)
def test_what_is_written_is_what_is_meant(meaning):
    expected = (1 * REGISTRY(meaning or "dimensionless")).to_base_units()
    for word in WRITTEN[meaning]:
        quantity = REGISTRY.Quantity(1.0, "")
        for name, power in read(word, REGISTRY).items():
            assert isinstance(power, Fraction) and power != 0
            quantity *= REGISTRY.Quantity(1.0, name) ** float(power)
        quantity = quantity.to_base_units()
        assert quantity.dimensionality == expected.dimensionality, word
        assert quantity.magnitude == pytest.approx(expected.magnitude), word


@pytest.mark.parametrize("word", REFUSED)
def test_what_is_refused(word):
    with pytest.raises(ValueError, match=re.escape(REFUSED[word])):
        read(word, REGISTRY)


def test_no_word_is_a_prefix_before_a_unit_by_chance():
    """Pint alone reads more than a third of them so."""
    by_pint = 0
    symbols = ("Ma", "Da", "dam", "ab")  # megayears, daltons, decameters, attobarns
    for word in SCIENCE.split():
        if "/" not in word and word not in symbols:
            by_pint += any(prefix for prefix, _, _ in REGISTRY.parse_unit_name(word)[:1])
            try:
                (name,) = read(word, REGISTRY)
            except ValueError:
                continue
            assert not REGISTRY.parse_unit_name(name)[0][0], (word, name)
    assert by_pint > len(SCIENCE.split()) / 3


def test_each_unit_of_pint_has_a_name_by_which_it_is_read():
    refused = []
    for name in sorted(set(map(REGISTRY.get_name, filter(str.isascii, dir(REGISTRY.sys.mks))))):
        try:
            assert read(name, REGISTRY) == {name: 1}
        except ValueError:
            refused.append(name)
    assert len(refused) <= 5, refused


@pytest.mark.slow
def test_a_registry_of_ones_own():
    """What a user has defined is what is meant."""
    registry = pint.UnitRegistry()
    registry.define("@alias astronomical_unit = AU")
    registry.define("solar_mass = 1.98841e30 kg = Msun")
    assert read("AU/yr", registry) == {"astronomical_unit": 1, "year": -1}
    assert read("Msun", registry) == {"solar_mass": 1}


@pytest.mark.slow
def test_any_text_is_read_or_refused_in_our_words():
    generator = random.Random(0)
    pieces = ["m", "s", "kg", "AU", "°C", "2", "-1", "1e9", "*", "/", "**", "^", "(", ")", " ", "."]
    pieces += ["-", "²", "⁻", "per", "squared", "'", '"', "\n", "\0", "\\", "{", "=", "lambda", ":"]
    pieces += ["_", "not", "in", "as", "٣", "ß", "½", "+", "%", ",", "#", "True", "None", "m2"]
    ways = r"is unknown|Pint reads|no meaning|no product|is no unit|two ways|powers must be|signs"
    seen = {True: 0, False: 0}
    for _ in range(3000):
        text = "".join(generator.choices(pieces, k=generator.randrange(1, 7)))
        try:
            read(text, REGISTRY)
            seen[True] += 1
        except ValueError as error:
            assert re.search(ways, str(error)), (text, error)
            seen[False] += 1
    assert min(seen.values()) > 100
