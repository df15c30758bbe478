"""Every public module, with a way to create it and an input. The files beside ask the questions."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from tests.conformance import golden
from weirdonetworks import groups, layers, nets


class Entry(NamedTuple):
    """How to create a module and what to feed it."""

    make: Callable[[], snt.Module]
    shape: tuple[int, ...]  # of one input
    kwargs: dict[str, Any] = {}  # of a call
    any_shape: bool = False  # whether later calls may have other shapes

    def inputs(self, batch: int = 4, dtype: str = "float32") -> tf.Tensor:
        """Positive inputs, which every module takes."""
        rng = np.random.default_rng(0)
        return tf.constant(rng.uniform(0.05, 1, (batch, *self.shape)), dtype)

    def spec(self, dtype: str = "float32") -> tf.TensorSpec:
        """Inputs of unknown batch size."""
        return tf.TensorSpec([None, *self.shape], dtype)

    def fresh(self, dtype: str = "float32") -> snt.Module:
        """The module with its variables, made at each call, and the same at each."""
        tf.random.set_seed(7)
        module = self.make()
        helpers.evaluate(module, self.function(module), self.inputs(1, dtype))
        helpers.randomise_zeros(module)
        return module

    def first(self, dtype: str = "float32") -> snt.Module:
        """The one that all tests share, which none may change."""
        key = self.make, dtype
        if key not in _FIRST:
            _FIRST[key] = self.fresh(dtype)
        return _FIRST[key]

    def built(self, dtype: str = "float32") -> snt.Module:
        """A copy of the first, which is ten times faster than another one (and see test_copies)."""
        return copy.deepcopy(self.first(dtype))

    def traced(self) -> tuple[snt.Module, Callable[[tf.Tensor], tf.Tensor]]:
        """A module and its graph for any batch, which built it; shared as the first is."""
        if self.make not in _TRACED:
            tf.random.set_seed(7)
            module = self.make()
            # AutoGraph takes longer than all else here; test_compilation asks about it.
            function = tf.function(
                self.function(module), input_signature=[self.spec()], autograph=False
            )
            function.get_concrete_function()
            helpers.randomise_zeros(module)
            _TRACED[self.make] = module, function
        return _TRACED[self.make]

    def compiled(self) -> tuple[snt.Module, dict[str, Callable[[tf.Tensor], list[tf.Tensor]]]]:
        """A module and its outputs and gradients, eager, as a graph and by XLA; shared, too."""
        if self.make not in _COMPILED:
            module = self.built()
            eager = functools.partial(outputs_and_gradients, self.function(module), module)
            graph = tf.function(eager)
            xla = tf.function(lambda x: graph(x), jit_compile=True, autograph=False)  # traced once
            _COMPILED[self.make] = module, {"eager": eager, "graph": graph, "XLA": xla}
        return _COMPILED[self.make]

    def function(self, module: snt.Module) -> Callable[[tf.Tensor], tf.Tensor]:
        """inputs -> outputs."""
        return lambda inputs: module(inputs, **self.kwargs)


_FIRST: dict[tuple[Callable, str], snt.Module] = {}
_TRACED: dict[Callable, tuple[snt.Module, Callable]] = {}
_COMPILED: dict[Callable, tuple[snt.Module, dict[str, Callable]]] = {}


def outputs_and_gradients(
    function: Callable[[tf.Tensor], tf.Tensor], module: snt.Module, x: tf.Tensor
) -> list[tf.Tensor]:
    """The outputs, and the gradients of a sum of their sines in the inputs and all variables."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        loss = tf.reduce_sum(tf.sin(3 * y))
    return [y, *tape.gradient(loss, [x, *module.trainable_variables])]


def _posynomial(cls: type[snt.Module], **kwargs) -> Entry:
    return Entry(lambda: cls(3, num_terms=4, **kwargs), (5,))


_SQUARE = (6, 6, 1)
_EXACT, _BILINEAR = groups.dihedral(4, (6, 6)), groups.cyclic(3, (6, 6))

# A variant of a module stands behind its name, in brackets.
TABLE: dict[str, Entry] = {
    **{
        f"AutoactivationDense[{sign}]": Entry(
            lambda sign=sign: layers.AutoactivationDense(3, sign=sign), (5,)
        )
        for sign in ("paired", "soft")
    },
    "AutoactivationDense[normalized]": Entry(
        lambda: layers.AutoactivationDense(3, "softplus", normalize="sum"), (5,)
    ),
    **{
        f"AdditiveMultiplicativeDense[{name}]": Entry(
            lambda kwargs=kwargs: layers.AdditiveMultiplicativeDense(3, **kwargs), (5,)
        )
        for name, kwargs in (
            ("each", {}),
            ("shared", {"shared_alpha": True, "start": "forms"}),
            ("fixed", {"alpha": (0.0, 0.5, 1.0), "trainable_alpha": False}),
        )
    },
    **{
        f"ComodulationDense[{name}]": Entry(
            lambda kwargs=kwargs: layers.ComodulationDense(3, **kwargs), (5,)
        )
        for name, kwargs in (
            ("half", {}),
            ("learned", {"trainable_alpha": True}),
        )
    },
    "ComplexDense": Entry(lambda: layers.ComplexDense(3), (5, 2)),
    "ConvexCombination": Entry(lambda: layers.ConvexCombination(3), (5,)),
    "ConvexCombination[squash]": Entry(lambda: layers.ConvexCombination(3, "tanh", 2.0), (5,)),
    "Dropout": Entry(lambda: layers.Dropout(0.4, seed=3), (5,), {"is_training": True}, True),
    "DynamicDense": Entry(lambda: layers.DynamicDense(3), (5,)),
    "DynamicDense[rank]": Entry(lambda: layers.DynamicDense(3, rank=2), (5,)),
    "DynamicDense[channels]": Entry(
        lambda: layers.DynamicDense(3, normalize="softmax", generator_sizes=()), (5, 2)
    ),
    "DynamicFilter": Entry(lambda: layers.DynamicFilter(3, generator_sizes=(4,)), _SQUARE),
    "DynamicFilter[values]": Entry(
        lambda: layers.DynamicFilter(2, 2, 5, generator_sizes=(), rank=3), (6, 6, 2)
    ),
    **{
        f"GatedDense[{gate}]": Entry(lambda gate=gate: layers.GatedDense(3, gate), (5,))
        for gate in ("softmax", "nested")
    },
    "GalerkinAttention": Entry(lambda: layers.GalerkinAttention(3, 8, 2), (6, 5), {}, True),
    "LinearAttention": Entry(lambda: layers.LinearAttention(3, 4, 2), (6, 5), {}, True),
    "LinearAttention[causal]": Entry(
        lambda: layers.LinearAttention(3, 4, causal=True), (6, 5), {}, True
    ),
    "ToeplitzAttention": Entry(lambda: layers.ToeplitzAttention(3, 4, 2), (6, 5)),
    "GroupDense": Entry(lambda: layers.GroupDense(3, _EXACT), (8, 2)),
    "InvariantPolynomialDense": Entry(
        lambda: layers.InvariantPolynomialDense(3, _EXACT), (6, 6, 2)
    ),
    **{
        f"IterateAttention[{weights}]": Entry(
            lambda weights=weights: layers.IterateAttention(
                3, 4, heads=2, weights=weights, trainable_alpha=True
            ),
            (6, 5),
            any_shape=True,
        )
        for weights in ("normalized", "comodulated")
    },
    "HashedDense": Entry(lambda: layers.HashedDense(3, num_weights=7), (5,)),
    "KroneckerDense": Entry(lambda: layers.KroneckerDense((3, 2), num_terms=2), (4, 5)),
    "OrthogonalDense": Entry(lambda: layers.OrthogonalDense(3), (5,)),
    "OrthogonalDense[wide]": Entry(lambda: layers.OrthogonalDense(7, with_bias=False), (5,)),
    "LiftDense": Entry(lambda: layers.LiftDense(3, _EXACT), (6, 6, 2)),
    **{
        cls.__name__: Entry(lambda cls=cls: cls(3, num_terms=4), (5,))
        for cls in (
            layers.MaxAffineDense,
            layers.SoftmaxAffineDense,
            layers.ImplicitSoftmaxAffineDense,
        )
    },
    "MeshDense": Entry(lambda: layers.MeshDense(), (5, 2)),
    "MeshDense[noise]": Entry(lambda: layers.MeshDense(0.1, seed=3), (4, 2)),
    "NAC": Entry(lambda: layers.NAC(3), (5,)),
    "NAC[products]": Entry(lambda: layers.NAC(3, multiplicative=True), (5,)),
    "NALU": Entry(lambda: layers.NALU(3), (5,)),
    "NAU": Entry(lambda: layers.NAU(3), (5,)),
    "NMU": Entry(lambda: layers.NMU(3), (5,)),
    "NPU": Entry(lambda: layers.NPU(3), (5,)),
    "NPU[naive]": Entry(lambda: layers.NPU(3, False, False), (2,)),
    "NeuralField": Entry(lambda: layers.NeuralField(3, strengths=(2.0, 1.0)), (5,), {}, True),
    "NeuralField[plane]": Entry(
        lambda: layers.NeuralField(2, strengths=(2.0, 1.0)), (3, 4), {}, True
    ),
    "NeuralField[transforms]": Entry(
        lambda: layers.NeuralField(2, strengths=(2.0, 1.0)), (5, 13), {}, True
    ),
    "PatchAttention": Entry(lambda: layers.PatchAttention(3, size=4), _SQUARE),
    "PatchAttention[values]": Entry(lambda: layers.PatchAttention(2, 1, 5, size=3), (6, 4)),
    "PolynomialDense[exact]": Entry(lambda: layers.PolynomialDense(3, degree=3), (5,)),
    "PolynomialDense[low rank]": Entry(lambda: layers.PolynomialDense(3, 2, rank=4), (5,)),
    "PosynomialDense": _posynomial(layers.PosynomialDense),
    "PosynomialDense[nonnegative]": _posynomial(
        layers.PosynomialDense, log_output=True, nonnegative_exponents=True
    ),
    "ProductOfExperts": Entry(lambda: layers.ProductOfExperts(), (4, 3)),
    "RestrictedBoltzmannMachine": Entry(lambda: layers.RestrictedBoltzmannMachine(7), (6,)),
    "SignomialDense": _posynomial(layers.SignomialDense),
    "SparseReadout": Entry(lambda: layers.SparseReadout(3, 2), (5,)),
    "StochasticGELU": Entry(lambda: layers.StochasticGELU(3), (5,), {"is_training": True}, True),
    "Synchronous": Entry(lambda: layers.Synchronous(nets.MLP(3, (4,)), _BILINEAR), _SQUARE),
    **{
        f"Synchronous[{pooling}]": Entry(
            lambda pooling=pooling: layers.Synchronous(nets.MLP(3, (4,)), _EXACT, pooling, True),
            _SQUARE,
        )
        for pooling in ("max", "moments", "sorted", "concat")
    },
    "AutoactivationMLP": Entry(lambda: nets.AutoactivationMLP(3, (4,)), _SQUARE),
    "ComodulationMLP": Entry(lambda: nets.ComodulationMLP(3, (4, 4), dropout=0.2), _SQUARE),
    "ComplexMLP": Entry(lambda: nets.ComplexMLP(3, (4, 4), zero=0.5), (6, 6, 2)),
    **{
        f"DCTMLP[{unit}]": Entry(
            lambda unit=unit: nets.DCTMLP(3, 4, (4, 3), unit, dropout=0.2), _SQUARE
        )
        for unit in ("dense", "autoactivation", "product", "comodulation")
    },
    "DynamicMLP": Entry(lambda: nets.DynamicMLP(3, (4,), rank=2), _SQUARE),
    "GatedMLP": Entry(lambda: nets.GatedMLP(3, (4,)), _SQUARE),
    "HashedMLP": Entry(lambda: nets.HashedMLP(3, (5, 4), 3.0, dropout=0.2), _SQUARE),
    "KroneckerMLP": Entry(lambda: nets.KroneckerMLP(3, ((4, 3), (3, 2))), _SQUARE),
    "LipschitzMLP": Entry(lambda: nets.LipschitzMLP(3, (8, 4), dropout=0.2), _SQUARE),
    "MLP": Entry(lambda: nets.MLP(3, (4, 4), dropout=0.2), _SQUARE),
    "MixerMLP": Entry(lambda: nets.MixerMLP(3, 3, size=4, depth=2, repeats=2), _SQUARE),
    "PatchMLP": Entry(lambda: nets.PatchMLP(3, 3, patch_sizes=(4, 3)), _SQUARE),
    "PatchMLP[overlapping]": Entry(
        lambda: nets.PatchMLP(3, 4, 2, (4,), unit="comodulation", dropout=0.2), _SQUARE
    ),
    "PolynomialMLP": Entry(lambda: nets.PolynomialMLP(3, 3, rank=4, hidden_sizes=(4,)), (5,)),
    "PosynomialMLP": Entry(lambda: nets.PosynomialMLP(3, (4,), num_terms=5), _SQUARE),
    "PosynomialMLP[deep]": Entry(
        lambda: nets.PosynomialMLP(3, (4,), 5, nonnegative_exponents=True, depth=3), _SQUARE
    ),
    "QuadraticMLP": Entry(lambda: nets.QuadraticMLP(3, None, hidden_sizes=(4, 4)), (3, 3)),
    "RowAttention": Entry(
        lambda: nets.RowAttention(3, 4, mlp_size=5, trainable_alpha=True), _SQUARE
    ),
    **{
        f"RowAttention[{name}]": Entry(
            lambda name=name: nets.RowAttention(3, 4, mlp_size=5, attention=name), _SQUARE
        )
        for name in ("linear", "galerkin", "toeplitz")
    },
    "RowRecurrent[low rank]": Entry(lambda: nets.RowRecurrent(3, 4, rows=2, rank=2), _SQUARE),
    "RowRecurrent[columns]": Entry(lambda: nets.RowRecurrent(3, 4, columns=True), _SQUARE),
    "RowRecurrent": Entry(lambda: nets.RowRecurrent(3, 4, rows=2), _SQUARE),
    "SignomialMLP": Entry(lambda: nets.SignomialMLP(3, (4,), num_terms=5), _SQUARE),
    "SynchronousNetwork": Entry(
        lambda: nets.SynchronousNetwork(
            3, "row_recurrent", {"size": 4, "rows": 2}, 4, (3,), "cyclic4", image_shape=(6, 6)
        ),
        _SQUARE,
    ),
    "SynchronousMLP": Entry(
        lambda: nets.SynchronousMLP(3, (4, 4), (3,), (4,), "cyclic4", image_shape=(6, 6)), _SQUARE
    ),
    "SynchronousMLP[averaged logits]": Entry(
        lambda: nets.SynchronousMLP(3, (4,), (), None, _BILINEAR, image_shape=(6, 6)), _SQUARE
    ),
    **{
        f"UniversalRegressor[{features}]": Entry(
            lambda features=features: nets.UniversalRegressor(2, features=features), (5,)
        )
        for features in ("log", "both")
    },
}


def public_modules() -> dict[str, type[snt.Module]]:
    """The modules in the public names of the library, by name."""
    return {
        name: value
        for package in (wn, wn.functional, wn.groups, wn.layers, wn.nets)
        for name, value in ((n, getattr(package, n)) for n in getattr(package, "__all__", ()))
        if isinstance(value, type) and issubclass(value, snt.Module)
    }


def class_name(key: str) -> str:
    """The name of the class that an entry of the table creates."""
    return key.partition("[")[0]


def every(keys: Iterable[str]) -> Callable[[Callable], Callable]:
    """A test of `entry` (or `key`) becomes one of all these, which names all those that fail.

    One test in place of one for each, as to start anew costs TensorFlow more than most of them do.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        parameters = inspect.signature(test).parameters

        @functools.wraps(test)
        def test_all(**fixtures: Any) -> None:
            errors = {}
            for number, key in enumerate(keys):
                given = {"key": key, "entry": TABLE[key]}
                if "tmp_path" in fixtures:
                    given["tmp_path"] = fixtures["tmp_path"] / str(number)
                arguments = fixtures | {k: v for k, v in given.items() if k in parameters}
                try:
                    test(**arguments)
                except (Exception, pytest.fail.Exception) as error:
                    errors[key] = error
            if errors:
                lines = [f"{key}: {type(e).__name__}: {e}" for key, e in errors.items()]
                raise AssertionError("\n".join(lines)) from next(iter(errors.values()))

        fixtures = [p for name, p in parameters.items() if name not in ("key", "entry")]
        test_all.__signature__ = inspect.Signature(fixtures)
        return test_all

    return decorate


every_module = every(list(TABLE))


def richest() -> list[str]:
    """Of each class the variant with the most variables, the first of equal ones."""
    held = golden.read()
    found: dict[str, str] = {}
    for key in sorted(TABLE, key=lambda key: -len(held.get(key, {"variables": ()})["variables"])):
        found.setdefault(class_name(key), key)
    return [key for key in TABLE if key in found.values()]


# For what is asked of the class: how it is copied, placed and wrapped, whatever it computes.
every_class = every(richest())
