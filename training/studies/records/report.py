"""The records, beside the best that is reported, and how they came with the epochs."""

from pathlib import Path

import pandas as pd

from training.experiments import Report
from training.experiments import pages as studies
from training.experiments.study import STUDIES
from training.report.tables import percent, read_csv, summary
from weirdonetworks.commands.figures import new_figure

PUBLISHED = Path(__file__).with_name("published.csv")  # of networks without convolution, on MNIST
CELL = ["dataset", "network", "recipe"]
MOST = 5  # of a committee of different networks
_KINDS = {"record": "as they are", "record+": "distorted"}
_IDEAS = {
    "mlp": "none of them",
    "quadratic_mlp": "polynomials",
    "posynomial_mlp": "posynomials",
    "comodulation_mlp": "products without roles",
    "autoactivation_mlp": "autoactivation",
    "dynamic_mlp": "dynamic weights",
    "synchronous_mlp": "synchronous networks",
}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `records`, `ideas`, `shifts`, `committees` and `published`, of errors on the test set;
    the picture `curves`."""
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    none = pd.DataFrame(columns=[*CELL, "seed"])
    columns = {
        "images": ("recipe", lambda values: _KINDS[values.iloc[0]]),
        "default recipe, error %": (None, _of_default),
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "seeds": ("seed", len),
        "test error %": ("test_accuracy", lambda values: percent(1 - values)),
        "validation error %": ("validation_accuracy", lambda values: percent(1 - values)),
        "epochs": ("epochs", lambda values: f"{values.iloc[0]:.0f}"),
        "minutes": ("seconds", lambda values: f"{values.mean() / 60:.0f}"),
    }
    tables = {
        "records": summary(done, CELL, columns),
        "ideas": _ideas(done),
        "shifts": _over_shifts(done),
        "committees": committees(
            done, *(results.get(name, none) for name in ("doubts", "shifted_doubts"))
        ),
        "published": read_csv(PUBLISHED).fillna("").astype(str),
    }
    return Report(tables, {} if done.empty else {"curves": _draw(results["curves"])})


def _ideas(done: pd.DataFrame) -> pd.DataFrame:
    """What each idea of the project can do, by each of its network's recipes."""

    def error(recipe: str):
        def told(part: pd.DataFrame) -> str:
            own = part[part["recipe"] == recipe]
            return percent(1 - own["test_accuracy"]) if len(own) else ""

        return None, told

    columns = {
        "idea": ("network", lambda values: _IDEAS[values.iloc[0]]),
        "default recipe, error %": (None, _of_default),
        "record, error %": error("record"),
        "record+, error %": error("record+"),
    }
    return summary(done[done["network"].isin(_IDEAS)], ["dataset", "network"], columns)


def _over_shifts(done: pd.DataFrame) -> pd.DataFrame:
    """Networks by themselves and as means over nine shifts, of the seeds that were scored so."""
    if "shifted_accuracy" not in done:
        return pd.DataFrame(columns=CELL)

    def error(column: str):
        return column, lambda values: percent(1 - values)

    columns = {
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "seeds": ("seed", len),
        "test error %": error("test_accuracy"),
        "over shifts %": error("shifted_accuracy"),
        "validation error %": error("validation_accuracy"),
        "validation, over shifts %": error("shifted_validation_accuracy"),
    }
    return summary(done[done["shifted_accuracy"].notna()], CELL, columns)


def _of_default(part: pd.DataFrame) -> str:
    """The test error of the network's default recipe, if the zoo has it."""
    zoo = studies.read_results(STUDIES / "zoo" / studies.RESULTS)["runs"]
    for column in ("dataset", "network"):
        zoo = zoo[zoo[column] == part[column].iloc[0]]
    return percent(1 - zoo["test_accuracy"].dropna()) if len(zoo) else ""


def committees(
    done: pd.DataFrame, doubts: pd.DataFrame, shifted_doubts: pd.DataFrame
) -> pd.DataFrame:
    """The error of the mean of the members' probabilities: of all seeds of a network by a recipe,
    and of the first seeds of the MOST networks with the lowest validation error by it; of the
    networks by themselves, and over shifts, where the doubts of all members are known so.

    A member that has no doubt of an image is sure of its label: the probabilities of the others
    are 0, in place of less than 0.001 together.
    """
    asked = pd.concat([doubts[[*CELL, "seed"]], shifted_doubts[[*CELL, "seed"]]])
    known = done.merge(asked.drop_duplicates())
    rows = []

    def add(members: pd.DataFrame, name: str) -> None:
        rows.append(
            {
                "dataset": members["dataset"].iloc[0],
                "network": name,
                "recipe": members["recipe"].iloc[0],
                "members": str(len(members)),
                "numbers": f"{members['numbers'].sum():,.0f}",
                "test error %": _error(members, doubts),
                "over shifts %": _error(members, shifted_doubts),
            }
        )

    for _, part in known.groupby(CELL, sort=False):
        if len(part) > 1:
            add(part, part["network"].iloc[0])
    for _, part in known.groupby(["dataset", "recipe"], sort=False):
        errors = 1 - part.groupby("network", sort=False)["validation_accuracy"].mean()
        best = list(errors.sort_values(kind="stable").index[:MOST])
        if len(best) > 1:
            first = part.drop_duplicates("network").set_index("network").loc[best].reset_index()
            add(first, ", ".join(best))
    columns = [*CELL, "members", "numbers", "test error %", "over shifts %"]
    return pd.DataFrame(rows, columns=columns)


def _error(members: pd.DataFrame, doubts: pd.DataFrame) -> str:
    """In percent, of a committee with a row of `members` each; nothing if doubts of one lack."""
    own = doubts.merge(members[[*CELL, "seed"]])
    if len(own[[*CELL, "seed"]].drop_duplicates()) < len(members):
        return ""
    images = own.groupby("image")
    summed = images[[column for column in own if column.startswith("p")]].sum()
    labels, heard = images["label"].first(), images["label"].count()
    for image, label in labels.items():
        summed.loc[image, f"p{label}"] += len(members) - heard[image]
    wrong = summed.idxmax(axis=1) != "p" + labels.astype(str)
    return f"{100 * wrong.sum() / members['tested'].iloc[0]:.2f}"


def _draw(curves: pd.DataFrame):
    """Validation error against epochs, the mean over the seeds: what more time would give."""
    figure, axis = new_figure(figsize=(8, 3.6))
    for (dataset, network, recipe), part in curves.groupby(
        ["dataset", "network", "recipe"], sort=False
    ):
        mean = 100 * (1 - part.groupby("epoch")["validation_accuracy"].mean())
        axis.plot(mean.index, mean, label=f"{dataset}, {network}, {recipe}")
    axis.set(xlabel="epoch", ylabel="validation error in %", xscale="log", yscale="log")
    figure.legend(fontsize="small", loc="outside right upper")
    return figure
