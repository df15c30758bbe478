"""Does the table hold every public module, and nothing else?"""

import pytest
import sonnet as snt

import weirdonetworks as wn
from tests.conformance.table import TABLE, class_name, every_module, public_modules


def uncovered(table, modules) -> set[str]:
    return set(modules) - {class_name(key) for key in table}


def stale(table, modules) -> set[str]:
    return {class_name(key) for key in table} - set(modules)


def test_every_public_module_has_an_entry():
    assert not uncovered(TABLE, public_modules())


def test_every_entry_is_of_a_public_module():
    assert not stale(TABLE, public_modules())


def test_a_missing_and_a_stale_entry_are_found():
    modules = public_modules()
    table = {key: entry for key, entry in TABLE.items() if class_name(key) != "MLP"}
    assert uncovered(table, modules) == {"MLP"}
    del modules["Dropout"]
    assert stale(TABLE, modules) == {"Dropout"}


def test_registered_networks_are_public():
    assert set(wn.nets.NETWORKS.values()) <= set(public_modules().values())


@pytest.mark.parametrize("package", [wn.layers, wn.nets])
def test_modules_are_public(package):
    imported = {k for k, v in vars(package).items() if isinstance(v, type)}
    assert {k for k in imported if issubclass(getattr(package, k), snt.Module)} <= set(
        package.__all__
    )


@pytest.mark.slow
@every_module
def test_an_entry_makes_what_it_says(key):
    module = TABLE[key].make()
    assert isinstance(module, snt.Module)
    assert type(module) is public_modules()[class_name(key)]


@pytest.mark.slow
@every_module
def test_two_modules_share_nothing(entry):
    first, second = entry.first(), entry.fresh()
    assert not {id(v) for v in first.variables} & {id(v) for v in second.variables}
