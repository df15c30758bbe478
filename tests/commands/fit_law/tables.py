"""Tables with a known law, and what several tests of fit_law read and write."""

import json

import numpy as np
import pandas as pd

PLANETS = """planet,a,T
Mercury,0.38710,0.24085
Venus,0.72334,0.61520
Earth,1.00000,1.00002
Mars,1.52379,1.88085
Jupiter,5.20382,11.86198
Saturn,9.57261,29.45714
Uranus,19.16500,84.01205
Neptune,30.18060,164.78850
"""
PENDULUM_UNITS = ["l=m", "g=m/s^2", "m=kg", "T=s"]


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def read_law(workdir) -> dict:
    return json.loads((workdir / "law.json").read_text(), parse_constant=refuse_constant)


def make_pendulum(rows=80, noise=0.01) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ranges = {"l": (0.1, 2), "g": (1.6, 25), "m": (0.01, 0.5)}
    table = pd.DataFrame({name: rng.uniform(*ends, rows) for name, ends in ranges.items()})
    errors = 1 + noise * rng.normal(size=rows)
    return table.assign(T=2 * np.pi * np.sqrt(table.l / table.g) * errors)
