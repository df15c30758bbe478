"""What is kept beside results: where they come from, and nothing of this machine's folders."""

import json
import re
import sys
from pathlib import Path

import sonnet as snt
import tensorflow as tf

from training.report.provenance import commit, provenance, versions


def test_versions_are_those_of_the_modules():
    found = versions()
    assert (found["tensorflow"], found["dm-sonnet"]) == (tf.__version__, snt.__version__)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(found) == {"python", "tensorflow", "dm-sonnet", "numpy", "weirdonetworks"}


def test_what_is_told():
    told = provenance("python -m training.studies.zoo")
    assert told["command"] == "python -m training.studies.zoo" and told["transcribed"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", told["date"])
    assert told["machine"].endswith(" cores")
    text = json.dumps(told)
    assert str(Path.home()) not in text and str(Path(__file__).parents[3]) not in text


def test_the_commit_and_whether_code_has_changed_since():
    assert re.fullmatch(r"([0-9a-f]{40}( and changes)?)?", commit())


def test_without_git_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == ""
