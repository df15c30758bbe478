"""The page "Add a study" shows a study that runs."""

import re
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "add_a_study.md"


@pytest.mark.slow
def test_the_study_of_the_page_runs(start, tmp_path):
    (code,) = re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    body = [line for line in code.splitlines() if line and not line.startswith('"""')]
    assert len(body) <= 14
    (tmp_path / "dice.py").write_text(code)
    words = ["--seeds=0,1", "--throws=600", "--workers=0", "--workdir=x"]
    process = start("dice.py", *words, cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert "|      20 |" in stdout.replace("| 20      |", "|      20 |")
    rows = (tmp_path / "x" / "results" / "runs.csv").read_text().splitlines()
    assert rows[0] == "sides,seed,status,won" and len(rows) == 7
    assert (
        "python dice.py --seeds=0,1 --throws=600"
        in (tmp_path / "x" / "results" / "config.json").read_text()
    )
    again = start("-X", "importtime", "dice.py", "--report", "--workdir=x", cwd=tmp_path)
    told, imported = again.communicate(timeout=60)
    assert again.returncode == 0 and "tensorflow" not in imported
    assert told.split("written to")[0] == stdout.split("\n", 1)[1].split("written to")[0]
    assert "tensorflow" in sys.modules  # so it could have been imported
