"""Who imports whom in the library: no circles, and no room knows those above it."""

import ast
from pathlib import Path

import pytest

import training
import weirdonetworks as wn


def modules(package) -> dict[str, Path]:
    """Those of a package, by name."""
    folder = Path(package.__file__).parent
    found = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules(wn)


def imported(source: str, known) -> set[str]:
    """The modules among the known ones that a program imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return found & set(known)


IMPORTS = {name: imported(path.read_text(), MODULES) for name, path in MODULES.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A path that comes back to where it began, or []."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_imports_and_circles_are_found():
    source = "import a.b\ndef f():\n    from a import c\n    from a.d import e\nfrom os import path"
    assert imported(source, ["a", "a.b", "a.c", "a.d"]) == {"a.b", "a.c", "a.d"}
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_module_imports_itself_through_others():
    assert circle(IMPORTS) == []


# What each room may know besides itself and what all rooms share (modules that begin with _).
ROOMS = {
    "functional": set(),
    "groups": {"functional"},
    "layers": {"functional", "groups"},
    "nets": {"functional", "groups", "layers"},
    "stability": {"functional", "groups", "layers"},
    "analysis": {"functional", "groups", "layers", "stability"},
    "regression": {"layers"},
    "formats": set(),
    "keras": {"functional", "groups", "layers", "nets"},
    "prediction": set(),
    "weights": {"layers"},
    "pretrained": {"weights"},
    "pictures": set(),
    # What people type knows all that they may ask for; nothing knows it.
    "commands": {*["nets", "prediction", "pretrained", "pictures", "regression", "weights"]},
}


def room(name: str) -> str:
    return (name.split(".") + [""])[1]


def test_every_room_is_listed():
    assert {room(name) for name in MODULES if not room(name).startswith("_")} == {*ROOMS, ""}


def test_no_room_knows_those_above_it():
    """Above all: what looks into networks knows what they offer, and no class of theirs."""
    for name, others in IMPORTS.items():
        allowed = ROOMS.get(room(name))
        if allowed is not None:
            known = {room(other) for other in others if not room(other).startswith("_")} - {""}
            assert known <= {room(name), *allowed}, name


@pytest.mark.slow
def test_studies_know_neither_one_another_nor_the_cards():
    """What two of them need stands below: in data, engine, fitting, experiments or report."""
    paths = modules(training)
    studies = {name: path for name, path in paths.items() if name.startswith("training.studies.")}
    assert len(studies) > 50
    for name, path in studies.items():
        own = ".".join(name.split(".")[:3])
        others = imported(path.read_text(), paths)
        assert not {
            other
            for other in others
            if other.startswith(("training.studies.", "training.cards"))
            and not f"{other}.".startswith(f"{own}.")
        }, name
