"""Terms of posynomials and signomials, one more or fewer, with the function kept."""

import contextlib

import numpy as np
import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks.layers import PosynomialDense, SignomialDense

Terms = PosynomialDense | SignomialDense

# PosynomialDense holds log c within 20 of the middle of an output's; the root of tanh needs a rest.
_SPREAD, _LARGEST = 20.0, 19.9


def get_layer(network: snt.Module, path: str) -> Terms:
    """The layer at an attribute path such as "layers.0"; "" is the network.

    Raises:
      ValueError: nothing is there, or what has no terms.
    """
    found = network
    for part in path.split(".") if path else []:
        try:
            found = found[int(part)] if part.isdecimal() else getattr(found, part)
        except (AttributeError, IndexError, TypeError):
            raise ValueError(
                f"layer must be an attribute path of {type(network).__name__}, got {path!r}"
            ) from None
    return _check_layer(found)


def set_layer(network: snt.Module, path: str, layer: Terms) -> snt.Module:
    """The network with this layer at the path: another network for "", else the same one."""
    if not path:
        return layer
    *parents, last = path.split(".")
    owner = network
    for part in parents:
        owner = owner[int(part)] if part.isdecimal() else getattr(owner, part)
    if last.isdecimal():
        owner[int(last)] = layer
    else:
        setattr(owner, last, layer)
    return network


def inputs_of(network: snt.Module, path: str, inputs: np.ndarray) -> np.ndarray:
    """What the layer at the path is called with when the network is called with `inputs`."""
    if not path:
        return np.asarray(inputs)
    layer, seen = get_layer(network, path), []

    def recorder(x, *args, **kwargs):
        seen.append(x)
        return layer(x, *args, **kwargs)

    set_layer(network, path, recorder)
    try:
        network(tf.constant(inputs))
    finally:
        set_layer(network, path, layer)
    return np.concatenate(seen)


def resized(layer: Terms, num_terms: int) -> Terms:
    """A layer like this one with other, random terms, its variables made."""
    _check_layer(layer)
    options = {"log_output": layer.log_output} if isinstance(layer, PosynomialDense) else {}
    parent = layer.name_scope.name.rstrip("/").rpartition("/")[0]
    # With the slash, the scope is entered again as it is: variables keep their names.
    with tf.name_scope(f"{parent}/") if parent else contextlib.nullcontext():
        new = type(layer)(
            layer.output_size,
            num_terms,
            floor=layer.floor,
            log_input=layer.log_input,
            nonnegative_exponents=layer.nonnegative_exponents,
            name=layer.name,
            **options,
        )
    new(tf.ones([1, layer.input_size], layer.input_dtype))
    return new


def set_terms(
    layer: Terms, raw_exponents: np.ndarray, log_c: np.ndarray, sign: np.ndarray | float = 1.0
) -> None:
    """Sets raw exponents [in, terms] and coefficients sign exp(log_c), [terms, output_size].

    In a posynomial, a coefficient more than e^19.9 from the (geometric) middle of the largest and
    the smallest of its output is set to that bound.
    """
    layer.raw_exponents.assign(raw_exponents)
    if isinstance(layer, SignomialDense):
        layer.c.assign(sign * np.exp(log_c))
        return
    b = (log_c.max(axis=0) + log_c.min(axis=0)) / 2
    spread = np.clip(log_c - b, -_LARGEST, _LARGEST)
    layer.b.assign(b)
    layer.theta.assign(_SPREAD * np.arctanh(spread / _SPREAD))


def coefficients(layer: Terms) -> np.ndarray:
    """c, [terms, output_size]."""
    return np.asarray(layer.c if isinstance(layer, SignomialDense) else layer.coefficients)


def log_inputs(layer: Terms, inputs: np.ndarray) -> np.ndarray:
    """log x, as the layer takes it."""
    return inputs if layer.log_input else np.log(np.maximum(inputs, layer.floor))


def shares(layer: Terms, inputs: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
    """|c_ok m_k| / sum_j |c_oj m_j|, the largest of the rows and outputs: [terms].

    With other coefficients than the layer's if `c` is given.
    """
    c = coefficients(layer) if c is None else c
    log_m = log_inputs(layer, inputs) @ np.asarray(layer.exponents)
    with np.errstate(divide="ignore"):  # a coefficient of 0 has the share 0
        log_terms = log_m[:, :, None] + np.log(np.abs(c))
    terms = np.exp(log_terms - log_terms.max(axis=1, keepdims=True))
    return (terms / terms.sum(axis=1, keepdims=True)).max(axis=(0, 2))


def add_term(
    layer: Terms,
    inputs: np.ndarray,
    how: str = "duplicate",
    share: float = 1e-3,
    spread: float = 0.0,
    seed: int | list[int] = 0,
) -> tuple[Terms, np.ndarray]:
    """A new layer with one term more, the last, that is the same function; and for each of its
    terms the index of the old one whose exponents it has, -1 for other exponents.

    duplicate: the term with the largest share on `inputs` is divided into two halves, whose (raw)
    exponents are moved by +v and -v, v ~ N(0, spread^2), about the mean of log x. The function is
    kept to O(spread^2); to rounding for spread 0, but then no gradient tells the halves apart.
    tiny: a term with random exponents and, in each output, the largest coefficient with which it is
    at most `share` of the sum of the other terms' sizes on `inputs`.

    Raises:
      ValueError: no layer with terms, or one that was not called yet, or an unknown `how`.
    """
    _check_layer(layer)
    _checks.choice("how", how, ("duplicate", "tiny"))
    generator = np.random.default_rng(seed)
    raw, c = layer.raw_exponents.numpy(), coefficients(layer)
    new, kept = resized(layer, layer.num_terms + 1), np.arange(layer.num_terms + 1)
    kept[-1] = -1
    if how == "duplicate":
        k = int(np.argmax(shares(layer, inputs)))
        v = spread * generator.normal(size=len(raw))
        moved = raw[:, [k]] + np.stack([v, -v], axis=1)
        change = _exponents(layer, moved) - _exponents(layer, raw[:, [k]])
        halves = c[k] / 2 * np.exp(-log_inputs(layer, inputs).mean(axis=0) @ change)[:, None]
        raw = np.concatenate([raw, moved[:, 1:]], axis=1)
        c = np.concatenate([c, halves[1:]])
        raw[:, k], c[k] = moved[:, 0], halves[0]
        kept[[k, -1]] = k if spread == 0 else -1
    else:
        column = generator.normal(size=(len(raw), 1)) / np.sqrt(len(raw))
        raw = np.concatenate([raw, column], axis=1)
        log_x = log_inputs(layer, inputs)
        log_m = log_x @ _exponents(layer, column)
        sizes = np.exp(log_x @ np.asarray(layer.exponents) - log_m) @ np.abs(c)
        c = np.concatenate([c, share * sizes.min(axis=0, keepdims=True)])
    with np.errstate(divide="ignore"):
        set_terms(new, raw, np.log(np.abs(c)), np.sign(c))
    return new, kept


def prune_terms(layer: Terms, inputs: np.ndarray, share: float) -> tuple[Terms, np.ndarray]:
    """A new layer in which terms of the very same exponents are one, without those whose share
    (`shares`) on `inputs` is then below `share`; and the old indices of the terms that it has.

    The largest stays in any case. What goes is at most its number times `share` of the sum of the
    sizes of the terms.

    Raises:
      ValueError: no layer with terms, or one that was not called yet.
    """
    _check_layer(layer)
    raw, c = layer.raw_exponents.numpy() + 0.0, coefficients(layer)  # -0 is 0
    _, first, which = np.unique(raw, axis=1, return_index=True, return_inverse=True)
    joined = np.zeros_like(c)
    np.add.at(joined, first[np.ravel(which)], c)
    sizes = shares(layer, inputs, joined)
    kept = np.flatnonzero((sizes >= share) | (np.arange(len(sizes)) == np.argmax(sizes)))
    new = resized(layer, len(kept))
    with np.errstate(divide="ignore"):
        set_terms(new, raw[:, kept], np.log(np.abs(joined[kept])), np.sign(joined[kept]))
    return new, kept


def _exponents(layer: Terms, raw: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, raw) if layer.nonnegative_exponents else raw


def _check_layer(layer: Terms) -> Terms:
    if not isinstance(layer, Terms):
        raise ValueError(
            f"layer must be a PosynomialDense or SignomialDense, got {type(layer).__name__}"
        )
    if getattr(layer, "raw_exponents", None) is None:
        raise ValueError(f"layer must have been called, so that it has variables, got {layer!r}")
    return layer
