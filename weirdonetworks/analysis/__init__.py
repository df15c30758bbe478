"""What a trained network looks like: spectra, covariances, alignments, and networks drawn anew."""

from weirdonetworks.analysis.alignment import (
    HiddenAlignment,
    NetworkAlignment,
    WeightAlignment,
    align_networks,
    procrustes,
    random_rotation,
    residual,
)
from weirdonetworks.analysis.attention_sampling import sample_attention
from weirdonetworks.analysis.covariance import (
    covariance_distance,
    effective_rank,
    participation_ratio,
    stable_rank,
    weight_covariance,
)
from weirdonetworks.analysis.fourier import Frequencies, draw_frequencies, fourier_features
from weirdonetworks.analysis.landscape import (
    HessianSpectrum,
    hessian_product,
    hessian_spectrum,
    lanczos,
    loss_along,
)
from weirdonetworks.analysis.leverage import (
    SampledRows,
    effective_dimension,
    leverage_scores,
    sample_rows,
)
from weirdonetworks.analysis.measurements import (
    MeasurementReport,
    Measurements,
    measurement_report,
)
from weirdonetworks.analysis.networks import activations, dense_layers
from weirdonetworks.analysis.operators import (
    Operator,
    norm_product,
    operator,
    radial_cosines,
    scale_response,
)
from weirdonetworks.analysis.path import BezierPath
from weirdonetworks.analysis.sampling import refit_head, sample_network
from weirdonetworks.analysis.spacings import LevelSpacings, level_spacings
from weirdonetworks.analysis.spectra import (
    MarchenkoPastur,
    Spectrum,
    kolmogorov_smirnov,
    spectrum,
)
from weirdonetworks.analysis.subspace import RandomSubspace

__all__ = [
    "BezierPath",
    "Frequencies",
    "HessianSpectrum",
    "HiddenAlignment",
    "LevelSpacings",
    "MarchenkoPastur",
    "MeasurementReport",
    "Measurements",
    "NetworkAlignment",
    "Operator",
    "RandomSubspace",
    "SampledRows",
    "Spectrum",
    "WeightAlignment",
    "activations",
    "align_networks",
    "covariance_distance",
    "dense_layers",
    "draw_frequencies",
    "effective_dimension",
    "effective_rank",
    "fourier_features",
    "hessian_product",
    "hessian_spectrum",
    "kolmogorov_smirnov",
    "lanczos",
    "level_spacings",
    "leverage_scores",
    "loss_along",
    "measurement_report",
    "norm_product",
    "operator",
    "participation_ratio",
    "procrustes",
    "radial_cosines",
    "random_rotation",
    "refit_head",
    "residual",
    "sample_attention",
    "sample_network",
    "sample_rows",
    "scale_response",
    "spectrum",
    "stable_rank",
    "weight_covariance",
]
