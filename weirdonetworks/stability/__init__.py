"""How far a function moves when its input is transformed: measures and certificates."""

from weirdonetworks.stability.action_certificates import certify
from weirdonetworks.stability.certificate import Certificate
from weirdonetworks.stability.chords import rotation_grid
from weirdonetworks.stability.families import (
    FAMILIES,
    Family,
    rotation,
    scale,
    shear,
    shift_x,
    shift_y,
)
from weirdonetworks.stability.lipschitz import lipschitz_constant
from weirdonetworks.stability.measures import (
    Measure,
    WorstCase,
    accuracy_curve,
    always_right,
    displacement,
    instability,
    mean_by_class,
    transformation_difference,
    transformation_variance,
    worst_case,
)
from weirdonetworks.stability.radius import certified_accuracy, certified_radius
from weirdonetworks.stability.report import Report, measure
from weirdonetworks.stability.responses import respond
from weirdonetworks.stability.rotation_certificates import certify_rotations

__all__ = [
    "FAMILIES",
    "Certificate",
    "Family",
    "Measure",
    "Report",
    "WorstCase",
    "accuracy_curve",
    "always_right",
    "certified_accuracy",
    "certified_radius",
    "certify",
    "certify_rotations",
    "displacement",
    "instability",
    "lipschitz_constant",
    "mean_by_class",
    "measure",
    "respond",
    "rotation",
    "rotation_grid",
    "scale",
    "shear",
    "shift_x",
    "shift_y",
    "transformation_difference",
    "transformation_variance",
    "worst_case",
]
