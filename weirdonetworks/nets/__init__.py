"""Whole networks, and the registry of those for images -> logits."""

import inspect
import itertools
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from weirdonetworks import _checks
from weirdonetworks._lazy import Registry, load

if TYPE_CHECKING:
    import sonnet as snt

    from weirdonetworks.nets.autoactivation_mlp import AutoactivationMLP
    from weirdonetworks.nets.comodulation_mlp import ComodulationMLP, GatedMLP
    from weirdonetworks.nets.complex_mlp import ComplexMLP
    from weirdonetworks.nets.dct_mlp import DCTMLP
    from weirdonetworks.nets.dynamic_mlp import DynamicMLP
    from weirdonetworks.nets.hashed_mlp import HashedMLP
    from weirdonetworks.nets.kronecker_mlp import KroneckerMLP
    from weirdonetworks.nets.lipschitz_mlp import LipschitzMLP
    from weirdonetworks.nets.mixer_mlp import MixerMLP
    from weirdonetworks.nets.mlp import MLP
    from weirdonetworks.nets.numbers import Numbers, count_numbers
    from weirdonetworks.nets.patch_mlp import PatchMLP
    from weirdonetworks.nets.polynomial_mlp import PolynomialMLP, QuadraticMLP
    from weirdonetworks.nets.posynomial_mlp import PosynomialMLP, SignomialMLP
    from weirdonetworks.nets.row_attention import RowAttention
    from weirdonetworks.nets.row_recurrent import RowRecurrent
    from weirdonetworks.nets.synchronous_mlp import SynchronousMLP
    from weirdonetworks.nets.synchronous_network import SynchronousNetwork
    from weirdonetworks.nets.universal_regressor import UniversalRegressor

# Each is imported when it is read; the names are there without TensorFlow.
NETWORKS: MutableMapping[str, "type[snt.Module]"] = Registry(
    {
        "mlp": "weirdonetworks.nets.mlp:MLP",
        "quadratic_mlp": "weirdonetworks.nets.polynomial_mlp:QuadraticMLP",
        "polynomial_mlp": "weirdonetworks.nets.polynomial_mlp:PolynomialMLP",
        "synchronous_mlp": "weirdonetworks.nets.synchronous_mlp:SynchronousMLP",
        "posynomial_mlp": "weirdonetworks.nets.posynomial_mlp:PosynomialMLP",
        "signomial_mlp": "weirdonetworks.nets.posynomial_mlp:SignomialMLP",
        "autoactivation_mlp": "weirdonetworks.nets.autoactivation_mlp:AutoactivationMLP",
        "comodulation_mlp": "weirdonetworks.nets.comodulation_mlp:ComodulationMLP",
        "gated_mlp": "weirdonetworks.nets.comodulation_mlp:GatedMLP",
        "row_attention": "weirdonetworks.nets.row_attention:RowAttention",
        "dynamic_mlp": "weirdonetworks.nets.dynamic_mlp:DynamicMLP",
        "dct_mlp": "weirdonetworks.nets.dct_mlp:DCTMLP",
        "patch_mlp": "weirdonetworks.nets.patch_mlp:PatchMLP",
        "mixer_mlp": "weirdonetworks.nets.mixer_mlp:MixerMLP",
        "kronecker_mlp": "weirdonetworks.nets.kronecker_mlp:KroneckerMLP",
        "row_recurrent": "weirdonetworks.nets.row_recurrent:RowRecurrent",
        "hashed_mlp": "weirdonetworks.nets.hashed_mlp:HashedMLP",
        "lipschitz_mlp": "weirdonetworks.nets.lipschitz_mlp:LipschitzMLP",
        "synchronous_network": "weirdonetworks.nets.synchronous_network:SynchronousNetwork",
    }
)

_LATER = {
    path.partition(":")[2]: path
    for path in (
        *NETWORKS.data.values(),
        "weirdonetworks.nets.complex_mlp:ComplexMLP",
        "weirdonetworks.nets.universal_regressor:UniversalRegressor",
        "weirdonetworks.nets.numbers:Numbers",
        "weirdonetworks.nets.numbers:count_numbers",
    )
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return load(_LATER[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def list_networks(pretrained: bool | str = False) -> list[str]:
    """The names that `create_network` knows.

    Args:
      pretrained: True for those with weights on any data set, or what weights are called: the name
        of a data set, such as "mnist", for those of networks' own recipes, "mnist-W+-1800" for
        those of a recipe with a name. `weirdonetworks.pretrained.keys(name)` are all of a network.

    Raises:
      ValueError: there are none that are called so.

    >>> "quadratic_mlp" in list_networks()
    True
    """
    if pretrained is False:
        return list(NETWORKS)
    keys = load("weirdonetworks.pretrained:keys")
    there = {name: keys(name) for name in NETWORKS}
    if pretrained is not True:
        known = dict.fromkeys(itertools.chain([True, False], *there.values()))
        _checks.choice("pretrained", pretrained, known)
    return [name for name in NETWORKS if there[name] and pretrained in (True, *there[name])]


def create_network(
    name: str, num_classes: int = 10, pretrained: str | None = None, **kwargs: Any
) -> "snt.Module":
    """A network by name, such as create_network("quadratic_mlp", rank=256).

    Args:
      name: one of `list_networks()`.
      num_classes: of the logits. With `pretrained`, another number than that of the data set
        gives a new last layer, which is not trained.
      pretrained: None, or the data set on which it was trained, such as "mnist"; where there are
        weights of other recipes than the network's own, with its name, as "mnist-W+-1800". Images
        are float32 [batch, height, width, channels] in [0, 1].
      **kwargs: arguments of the network, by default its own or those of the weights. With
        `pretrained`, only those may differ that act in training alone.

    Raises:
      ValueError: an unknown name, argument or data set (the message lists what there is), an
        argument that the network or its weights refuse, or a file of weights that is damaged.

    >>> import weirdonetworks as wn
    >>> wn.create_network("mlp", hidden_sizes=(50,))
    MLP(hidden_sizes=(50,))
    >>> network = wn.create_network("mlp", pretrained="mnist")
    """
    network = NETWORKS[_checks.choice("name", name, NETWORKS)]
    arguments = list(inspect.signature(network.__init__).parameters)[1:]
    known = [argument for argument in arguments if argument not in ("num_classes", "name")]
    for argument in kwargs:
        _checks.choice(f"an argument of {name}", argument, known)
    if pretrained is None:
        return network(num_classes=num_classes, **kwargs)
    create = load("weirdonetworks.pretrained.create:create")
    return create(network, name, pretrained, num_classes, kwargs)


__all__ = [
    "MLP",
    "NETWORKS",
    "AutoactivationMLP",
    "ComodulationMLP",
    "ComplexMLP",
    "DCTMLP",
    "DynamicMLP",
    "GatedMLP",
    "HashedMLP",
    "KroneckerMLP",
    "LipschitzMLP",
    "MixerMLP",
    "Numbers",
    "PatchMLP",
    "PolynomialMLP",
    "PosynomialMLP",
    "QuadraticMLP",
    "RowAttention",
    "RowRecurrent",
    "SignomialMLP",
    "SynchronousMLP",
    "SynchronousNetwork",
    "UniversalRegressor",
    "count_numbers",
    "create_network",
    "list_networks",
]
