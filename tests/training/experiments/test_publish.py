"""Results in place of those in the repository."""

import json
from pathlib import Path

import pandas as pd
import pytest

from training.engine.workdir import Workdir
from training.experiments import Report, Study, pages, study


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "STUDIES", tmp_path / "studies")
    return tmp_path / "studies" / "small"


def _results(folder, config, **tables):
    for name, text in tables.items():
        Workdir(folder).write_text(f"{name}.csv", text)
    Workdir(folder).write("config.json", config)
    return folder


STUDY = Study(name="small", question="?", axes={"a": [1]}, trial="", report=Report)


def test_results_replace_those_that_were_there(repository, tmp_path):
    _results(repository / "results", {}, runs="a,b\n1,1\n", old="b\n1\n")
    pages.publish(STUDY, _results(tmp_path / "results", {"b": 2}, runs="a,b\n1,2\n"))
    names = {file.name for file in (repository / "results").iterdir()}
    assert names == {"runs.csv", "config.json", "manifest.json"}
    assert json.loads((repository / "results" / "config.json").read_text()) == {"b": 2}
    found = pages.report_of(STUDY, repository / "results").tables["runs"]
    pd.testing.assert_frame_equal(found, pd.DataFrame({"a": [1], "b": [2]}))
    assert "| 1   | 2   |" in (repository / "report.md").read_text()


def test_what_was_killed_while_it_published_loses_nothing(repository, tmp_path, monkeypatch):
    _results(repository / "results", {}, runs="a,b\n1,1\n")
    new = _results(tmp_path / "results", {}, runs="a,b\n1,2\n")

    def killed(self, target):
        if self.name == ".results.new":
            raise SystemExit
        return rename(self, target)

    rename = Path.rename
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Path, "rename", killed)
        pages.publish(STUDY, new)
    assert not (repository / "results").exists()
    with pytest.raises(ValueError, match="cannot be read"):  # and the next one fails, too
        pages.publish(STUDY, _results(tmp_path / "bad", {}, runs=""))
    assert (repository / "results" / "runs.csv").read_text() == "a,b\n1,1\n"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (b"<!-- table: runs -->\n| 1 |", "each <!-- table: NAME --> .* must have its <!-- end"),
        (b"<!-- table: rund -->\n<!-- end -->", "a table must be one of runs, got 'rund'"),
        (b"\xff", "can't decode byte"),
    ],
)
def test_a_damaged_page_is_named(repository, tmp_path, damage, message):
    results = _results(tmp_path / "results", {}, runs="a,b\n1,1\n")
    (tmp_path / "report.md").write_bytes(damage)
    told = rf"{tmp_path}/report.md cannot be filled \(.*{message}.*\): mend it, or delete it"
    with pytest.raises(ValueError, match=told):
        pages.write(STUDY, pages.report_of(STUDY, results), tmp_path)
    assert (tmp_path / "report.md").read_bytes() == damage


def test_results_of_another_study_are_refused(repository, tmp_path):
    _results(repository / "results", {}, runs="a,b\n1,1\n")
    other = _results(tmp_path / "results", {"study": "other"}, runs="a,b\n1,2\n")
    with pytest.raises(ValueError, match="must hold results of the study small, got other's"):
        pages.publish(STUDY, other)
    assert [path.name for path in repository.iterdir()] == ["results"]
    assert (repository / "results" / "runs.csv").read_text() == "a,b\n1,1\n"


def test_what_is_transcribed_stays(repository, tmp_path):
    old = {"transcribed": "a,b\n1,1\n", "runs": "a,b\n1,5\n"}
    _results(repository / "results", {"reason": "rows are lost"}, **old)
    new = {"transcribed": False, "b": 2}
    pages.publish(STUDY, _results(tmp_path / "results", new, runs="a,b\n1,2\n"))
    tables = pages.report_of(STUDY, repository / "results").tables
    assert {name: table["b"].tolist() for name, table in tables.items()} == {
        "transcribed": [1], "runs": [2],
    }  # fmt: skip
    page = (repository / "report.md").read_text()
    reason = "*Transcribed, not made from rows: rows are lost.*"
    for name in tables:  # told below the one, and not below the other
        shown = page.partition(f"<!-- table: {name} -->")[2].partition("<!-- end -->")[0]
        assert (reason in shown) == (name == "transcribed")
    config = json.loads((repository / "results" / "config.json").read_text())
    assert config == {"transcribed": True, "reason": "rows are lost", "b": 2}


@pytest.mark.parametrize(
    ("runs", "lost"),
    [
        ("a,seed,b\n1,0,5\n1,1,5\n", "1 are missing, such as a 2, seed 0"),
        ("a,seed,b\n1,0,5\n2,0,5\n", "1 are missing, such as a 1, seed 1"),
        ("b\n5\n", "3 are missing, such as a 1, seed 0"),
    ],
)
def test_a_part_does_not_replace_the_whole(repository, tmp_path, runs, lost):
    held = "a,seed,b\n1,0,1\n1,1,1\n2,0,1\n"
    _results(repository / "results", {}, runs=held)
    with pytest.raises(ValueError, match=f"runs.csv, which they replace: {lost}"):
        pages.publish(STUDY, _results(tmp_path / "results", {}, runs=runs))
    assert [path.name for path in repository.iterdir()] == ["results"]
    assert (repository / "results" / "runs.csv").read_text() == held
