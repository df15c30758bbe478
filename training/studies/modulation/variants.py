"""The networks that are compared: by family and variant, (network, its arguments).

Hidden sizes are such that all of a family have the same number of parameters within 1 %: a nested
gate has three matrices in place of two.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Variant = tuple[str, dict[str, Any]]

_ORDERS = {"0": 0.0, "1/4": 0.25, "1/2": 0.5, "3/4": 0.75}
_LEARNED = {"alpha": 0.5, "trainable_alpha": True}


def _mlp(network: str, size: int, **arguments: Any) -> Variant:
    common = {"hidden_sizes": (size,), "input_dropout": 0.0, "dropout": 0.0, "scale": 1.0}
    return network, {**common, **arguments}


def _attention(weights: str, alpha: float, **arguments: Any) -> Variant:
    sizes = {"size": 24, "heads": 1, "depth": 1, "mlp_size": 48, "dropout": 0.0}
    return "row_attention", {**sizes, "weights": weights, "alpha": alpha, **arguments}


FAMILIES: dict[str, dict[str, Variant]] = {
    "mlp": {
        "exp gate": _mlp("gated_mlp", 128, gate="exp"),
        "softmax gate": _mlp("gated_mlp", 128, gate="softmax"),
        "nested gate": _mlp("gated_mlp", 86, gate="nested"),
        **{
            f"comodulation {name}": _mlp("comodulation_mlp", 128, alpha=alpha)
            for name, alpha in _ORDERS.items()
        },
        "comodulation learned": _mlp("comodulation_mlp", 128, **_LEARNED),
    },
    "attention": {
        "softmax": _attention("normalized", 1.0),
        **{
            f"normalized {name}": _attention("normalized", alpha)
            for name, alpha in _ORDERS.items()
            if alpha
        },
        "normalized learned": _attention("normalized", **_LEARNED),
        **{
            f"comodulated {name}": _attention("comodulated", alpha)
            for name, alpha in _ORDERS.items()
        },
        "comodulated learned": _attention("comodulated", **_LEARNED),
    },
}
BASELINES = {"mlp": "exp gate", "attention": "softmax"}  # chosen before any result was seen
EPOCHS = {"mlp": 6, "attention": 4}


def cells(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Each variant in its family.

    Raises:
      ValueError: no variant of these families.
    """
    found = [
        {"dataset": dataset, "family": family, "variant": variant}
        for dataset in axes["dataset"]
        for family in axes["family"]
        for variant in axes["variant"]
        if variant in FAMILIES[family]
    ]
    if not found:
        raise ValueError(
            f"variant must be one of the family, got {', '.join(axes['variant'])} "
            f"of {', '.join(axes['family'])}"
        )
    return found
