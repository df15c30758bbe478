"""The public names, what is shown of them, and links to them from code on any page."""

import collections
import functools
import importlib
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

MODULES = (
    "weirdonetworks.functional",
    "weirdonetworks.functional.attention",
    "weirdonetworks.groups",
    "weirdonetworks.layers",
    "weirdonetworks.nets",
    "weirdonetworks.stability",
    "weirdonetworks.analysis",
    "weirdonetworks.regression",
    "weirdonetworks.weights",
    "weirdonetworks.formats",
    "weirdonetworks.keras",
    "weirdonetworks.prediction",
    "weirdonetworks.pictures",
    "training",
    "training.experiments",
)


def public(module: str) -> dict[str, Any]:
    """The public names of a module, with what they stand for."""
    found = importlib.import_module(module)
    names = getattr(found, "__all__", None) or [
        name for name, value in vars(found).items() if getattr(value, "__module__", "") == module
    ]
    return {name: getattr(found, name) for name in names if not name.startswith("_")}


@functools.cache
def links() -> dict[str, str]:
    """What may be linked: `package.name`, where it is defined, and names that no argument has."""
    found, alone = {}, []
    for module in MODULES:
        for name, value in public(module).items():
            path = f"{module}.{name}"
            found[f"{module.rpartition('.')[2]}.{name}"] = path
            found[f"{getattr(value, '__module__', module)}.{name}"] = path
            if not name.islower() or "_" in name:
                alone.append((name, path))
    unique = collections.Counter(name for name, _ in alone)
    return found | {name: path for name, path in alone if unique[name] == 1}


def skip(app, what, name, obj, skip, options):
    """Fields of tuples, which their class describes, and what other packages add to a class."""
    document = getattr(obj, "__doc__", None) or ""
    others = ("keras.", "sklearn.", "sonnet.", "tensor")
    foreign = str(getattr(obj, "__module__", "")).startswith(others)
    if foreign or document.startswith("Alias for") or re.fullmatch(r"set_\w+_request", name):
        return True
    return None


def resolve(app, env, node, contents):
    """A class that a signature names by the file in which it is defined."""
    target = links().get(node.get("reftarget"))
    if target and node.get("refdomain") == "py" and target != node["reftarget"]:
        node["reftarget"] = target
        return env.domains.python_domain.resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], target, node, contents
        )
    return None


def link(app, doctree):
    """Names of the API in code, on any page."""
    for node in list(doctree.findall(nodes.literal)):
        target = links().get(re.sub(r"^(wn|weirdonetworks)\.|\(\)$", "", node.astext()))
        if target and not isinstance(node.parent, (nodes.reference, addnodes.pending_xref)):
            reference = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=target, refwarn=True
            )
            node.replace_self(reference)
            reference += node


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-skip-member", skip)
    app.connect("doctree-read", link)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
