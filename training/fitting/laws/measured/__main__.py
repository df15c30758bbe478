"""Fits a law to each table of real measurements, and keeps the answers in the repository.

python -m training.fitting.laws.measured

Writes results/answers.csv beside the tables, from which `python -m training.pages` fills the guide.
"""

from weirdonetworks.commands import app

FLAGS = app.Flags(__doc__)


def main() -> None:
    from training.fitting.laws.measured import answers
    from training.report.tables import to_csv
    from weirdonetworks.commands.folder import Folder

    found = answers.answers()
    Folder(answers.FILE.parent).write_text(answers.FILE.name, to_csv(found))
    print(found.drop(columns="reason").to_string(index=False))


if __name__ == "__main__":
    app.run(main, FLAGS)
