"""Trials in their folder: a file each, whole or not at all."""

import json
import os

import numpy as np
import pytest

from training.experiments.store import Store, as_tables

KEY = {"activation": "gelu", "width": 64, "seed": 0, "learning_rate": 0.003}
TABLES = {"runs": [{**KEY, "status": "done", "test_accuracy": 0.1 + 0.2}], "curves": []}


def the_file(store: Store):
    (path,) = store.files.path.iterdir()
    return path


def test_what_is_written_is_read(tmp_path):
    store = Store(tmp_path)
    assert not store.has(KEY) and store.all() == []
    store.write(KEY, TABLES)
    assert store.has(KEY) and store.read(KEY) == TABLES
    assert Store(tmp_path).all() == [(KEY, TABLES)]


def test_keys_that_look_alike_are_told_apart(tmp_path):
    store = Store(tmp_path)
    keys = [{"a": "b-c", "seed": 0}, {"a": "b c", "seed": 0}, {"a": "b_c", "seed": 0}]
    keys += [{"a": 1, "seed": 0}, {"a": 1.0, "seed": 0}, {"a": "1", "seed": 0}]
    keys += [{"a": "long" * 100 + end, "seed": 0} for end in "xy"]
    for i, key in enumerate(keys):
        store.write(key, {"runs": [{"i": i}]})
    assert [store.read(key)["runs"][0]["i"] for key in keys] == list(range(len(keys)))
    assert max(len(name) for name in os.listdir(store.files.path)) < 200


def test_a_file_is_named_for_people(tmp_path):
    assert Store(tmp_path).name(KEY).startswith("gelu-64-0-0.003-")


@pytest.mark.parametrize("length", [0, 1, 10, 100, -2, -10])
def test_a_half_written_record_is_not_believed(tmp_path, length):
    store = Store(tmp_path)
    store.write(KEY, TABLES)
    path = the_file(store)
    path.write_bytes(path.read_bytes()[:length])
    for read in (lambda: store.read(KEY), store.all):
        with pytest.raises(ValueError, match="damaged: delete it to have its trial run ag") as told:
            read()
        assert str(path) in str(told.value) and "\n" not in str(told.value)


def test_a_record_of_another_trial_or_shape_is_not_believed(tmp_path):
    store = Store(tmp_path)
    store.write(KEY, TABLES)
    path, record = the_file(store), {"key": KEY, "tables": TABLES}
    text = path.read_text()
    others = [{**record, "key": {**KEY, "seed": 1}}, {"key": KEY}, {"tables": TABLES}, [], {}]
    others += [{**record, "key": None}, {**record, "tables": None}, record]
    others += [{**record, "sha256": 0}, json.loads(text.replace("0.3000", "0.4000"))]
    for other in others:
        path.write_text(json.dumps(other))
        with pytest.raises(ValueError, match="is damaged"):
            store.read(KEY)
    path.write_text(text)
    assert store.read(KEY) == TABLES  # so it was the contents


def test_what_a_killed_process_had_begun_is_no_trial(tmp_path):
    store = Store(tmp_path)
    store.write(KEY, TABLES)
    (store.files.path / f".{store.name({**KEY, 'seed': 1})}.new").write_text('{"key": {"acti')
    assert store.all() == [(KEY, TABLES)] and not store.has({**KEY, "seed": 1})


def test_a_row_several_or_tables():
    key = {"a": 1, "seed": 0}
    done = {**key, "status": "done"}
    assert as_tables({"loss": 0.5}, key) == {"runs": [{**done, "loss": 0.5}]}
    assert as_tables([{"x": 1}, {"x": 2}], key) == {"runs": [{**done, "x": 1}, {**done, "x": 2}]}
    tables = as_tables({"runs": [{"x": 1}], "curves": [{"y": 2}, {"y": 3}]}, key)
    assert tables == {"runs": [{**done, "x": 1}], "curves": [{**key, "y": 2}, {**key, "y": 3}]}
    assert as_tables({"status": "diverged"}, key)["runs"][0]["status"] == "diverged"
    assert list(as_tables({"loss": 0.5}, key)["runs"][0]) == ["a", "seed", "status", "loss"]


def test_numbers_of_other_libraries_are_those_of_python():
    import tensorflow as tf

    row = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": tf.constant(2.0)}
    (found,) = as_tables(row, {})["runs"]
    assert json.loads(json.dumps(found)) == {"status": "done", "a": 0.5, "b": 3, "c": True, "d": 2}


@pytest.mark.parametrize("found", [None, 3, "row", {}, [1], {"runs": [1]}, [[{"x": 1}]]])
def test_what_is_no_row(found):
    with pytest.raises(ValueError, match="^a trial must return a row, rows, or tables of rows, "):
        as_tables(found, {})


def test_an_array_is_no_cell_of_a_table():
    with pytest.raises(ValueError, match=r"^won must be a number or .* array of \(3,\)"):
        as_tables({"won": np.ones(3)}, {"a": 1})
    assert as_tables({"won": np.ones(1)}, {"a": 1})["runs"][0]["won"] == 1.0


def test_a_row_does_not_contradict_the_key_of_its_trial():
    with pytest.raises(ValueError, match="a row of runs must have the seed of its trial, 0, got 7"):
        as_tables({"seed": 7, "value": 1}, {"seed": 0})
    assert as_tables({"seed": 0, "value": 1}, {"seed": 0})["runs"][0]["value"] == 1
