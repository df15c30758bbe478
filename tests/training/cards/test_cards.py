"""A run is published: its weights, its line, its card; and what may not be published is not."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import training
import weirdonetworks as wn
from tests import helpers
from training.cards import kept, page, pictures, publish
from training.cards.measure import confusion, flops
from training.data import Dataset
from training.engine import recipes
from training.engine.run import load_run
from training.engine.workdir import Workdir
from weirdonetworks import pretrained, weights


def _dataset(name: str = "arrays") -> Dataset:
    """Three classes of pictures: a bright row each."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = rng.integers(0, 60, (120, 28, 28, 1), dtype=np.uint8)
    images[np.arange(120), 9 * labels + 4] += 150
    return Dataset.from_arrays(images, labels, name=name)


def _published(folder, network="mlp", seed=0, name="arrays", workdir="run", **overrides):
    dataset = _dataset(name)
    run = training.fit(network, dataset, seed=seed, progress=False, **overrides)
    run.save(folder / workdir)
    # As the command line does, for --manual_dir.
    Workdir(folder / workdir).write("config.json", {**run.config, "manual_dir": str(folder)})
    places = [folder / part for part in ("library", "results", "pages")]
    return publish.publish(folder / workdir, dataset, *places)


@pytest.fixture(scope="module")
def library(tmp_path_factory, as_graphs):
    """A folder in which a small network is published, in the place of the library's own."""
    folder = tmp_path_factory.mktemp("published")
    with as_graphs():
        line = _published(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "FOLDER", folder / "library")
        yield folder, line


def _copied(library, workdir, **entries) -> Workdir:
    """The run that is published, which says of itself that it is something else."""
    shutil.copytree(library[0] / "run", workdir)
    files = Workdir(workdir)
    files.write("config.json", {**files.read("config.json"), **entries})
    return files


@pytest.mark.slow
def test_what_is_published_can_be_created(library):
    folder, line = library
    network = wn.create_network("mlp", 3, pretrained="arrays")
    test = _dataset().test
    found = wn.classify(network, test.images)
    assert np.mean(found.classes == test.labels) == line["test_accuracy"] == 1.0
    assert line["dtype"] == "float16" and line["parameters"] > 0
    assert wn.list_networks(pretrained=True) == ["mlp"] == wn.list_networks(pretrained="arrays")


@pytest.mark.slow
def test_the_file_tells_where_it_comes_from(library):
    folder, line = library
    _, metadata = weights.read(folder / "library" / "mlp-arrays.safetensors")
    assert metadata["network"] == "mlp" and metadata["dataset"] == "arrays"
    assert metadata["arguments"]["dropout"] == 0.1
    assert metadata["test_accuracy"] == line["test_accuracy"]
    assert metadata["command"].startswith("python -m training.train --network=mlp --dataset=arrays")
    assert metadata["image_shape"] == [28, 28, 1] and "255" in metadata["input"]


@pytest.mark.slow
def test_other_arguments_are_refused(library):
    message = r"^hidden_sizes must be \[100, 100\], as of the weights of mlp on arrays, got \(5,\)$"
    with pytest.raises(ValueError, match=message):
        wn.create_network("mlp", 3, pretrained="arrays", hidden_sizes=(5,))
    with pytest.raises(ValueError, match=r"^activation must be 'gelu', as of .*, got 'relu'$"):
        wn.create_network("mlp", 3, pretrained="arrays", activation="relu")
    network = wn.create_network("mlp", 3, pretrained="arrays", hidden_sizes=(100, 100), dropout=0.5)
    assert network.dropouts[0].rate == 0.5


@pytest.mark.slow
def test_another_number_of_classes_gives_a_new_head(library):
    old = wn.create_network("mlp", 3, pretrained="arrays")
    new = wn.create_network("mlp", 7, pretrained="arrays")
    for layer in (0, 1):
        np.testing.assert_array_equal(old.layers[layer].w, new.layers[layer].w)
    assert new.layers[2].w.shape == [100, 7]
    other = wn.create_network("mlp", 7, pretrained="arrays")
    assert np.any(new.layers[2].w != other.layers[2].w)


@pytest.mark.slow
def test_unknown_weights_are_refused(library):
    with pytest.raises(
        ValueError, match=r"^pretrained must for mlp be one of \['arrays'\], got 'm"
    ):
        wn.create_network("mlp", pretrained="mnist")
    with pytest.raises(ValueError, match="^pretrained must for row_attention be None, as there"):
        wn.create_network("row_attention", pretrained="arrays")
    with pytest.raises(ValueError, match=r"^pretrained must be one of .*, got 'svhn'$"):
        wn.list_networks(pretrained="svhn")


@pytest.mark.slow
def test_a_damaged_or_missing_file_is_refused(library):
    path = library[0] / "library" / "mlp-arrays.safetensors"
    whole = path.read_bytes()
    try:
        for content, word in ((whole[:-1] + b"x", "damaged"), (None, "missing")):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(ValueError, match=f"mlp-arrays.safetensors is {word}: install"):
                wn.create_network("mlp", 3, pretrained="arrays")
            path.touch()
    finally:
        path.write_bytes(whole)
    wn.create_network("mlp", 3, pretrained="arrays")


@pytest.mark.slow
def test_the_card_is_made_of_what_is_kept(library):
    folder, line = library
    card, measured = kept.read("mlp", "arrays", folder / "results")
    assert measured.numbers["test_accuracy"] == line["test_accuracy"]
    assert not helpers.absolute_paths(json.dumps(card))
    assert helpers.absolute_paths((folder / "run" / "config.json").read_text())
    assert card["config"]["epochs"] == 20 and card["config"]["network_args"]["dropout"] == 0.1
    assert list(measured.tables["logits"].columns) == ["logit_0", "logit_1", "logit_2"]
    text = page.page("mlp", folder / "results")
    assert "| 100.00 " in text and "`hidden_sizes`" in text and "--network=mlp" in text
    names = {path.name for path in (folder / "pages" / "mlp").iterdir()}
    assert {name for name in names if f"(mlp/{name})" in text} == names
    path = folder / "results" / "mlp-arrays" / "rotation.csv"
    before = path.read_text()
    path.write_text(before.replace("0", "1"))
    with pytest.raises(ValueError, match="rotation.csv is damaged"):
        page.page("mlp", folder / "results")
    path.write_text(before)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_recipe_with_a_name_is_published_beside_the_networks_own(tmp_path, monkeypatch):
    """Its own weights, line and card's line; those of the network's own recipe stay."""
    wanted = {"network": "hashed_mlp", "name": "arrays"}
    own = _published(tmp_path, **wanted)
    line = _published(tmp_path, workdir="named", recipe="P-12000", **wanted)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "library")
    assert pretrained.keys("hashed_mlp") == ["arrays", "arrays-P-12000"]
    assert wn.list_networks(pretrained="arrays-P-12000") == ["hashed_mlp"]
    network = wn.create_network("hashed_mlp", 3, pretrained="arrays-P-12000")
    told = pretrained.metadata("hashed_mlp", "arrays-P-12000")
    assert list(network.hidden_sizes) == told["arguments"]["hidden_sizes"] == [200]
    assert told["recipe"] == "P-12000" and "--recipe=P-12000" in told["command"]
    assert pretrained.metadata("hashed_mlp", "arrays")["recipe"] == "default"
    table = kept.table(tmp_path / "library")
    assert list(table["sha256"]) == [own["sha256"], line["sha256"]]
    assert {path.name for path in (tmp_path / "pages" / "hashed_mlp").iterdir()} == {
        "arrays.png", "arrays-gradients.png",
    }  # fmt: skip
    text = page.page("hashed_mlp", tmp_path / "results")
    assert f"| `arrays-P-12000` | {line['parameters']:,} " in text
    assert told["command"] in text and text.count("## Trained on") == 1
    axis = pictures.draw_sizes(table).axes[0]
    assert [one.get_text() for one in axis.get_legend().texts] == ["hashed_mlp, other recipes"]
    assert [one.get_text() for one in axis.texts] == ["hashed_mlp"]
    with pytest.raises(ValueError, match="^hidden_sizes must be .* hashed_mlp on arrays-P-12000,"):
        wn.create_network("hashed_mlp", 3, pretrained="arrays-P-12000", hidden_sizes=(9,))
    with pytest.raises(
        ValueError, match=r"be one of \['arrays', 'arrays-P-12000'\], got 'P-12000'"
    ):
        wn.create_network("hashed_mlp", 3, pretrained="P-12000")


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_network_with_a_bound_tells_what_is_proven(tmp_path, library, monkeypatch):
    recipe = training.Recipe({"hidden_sizes": (16,), "iterations": 3}, 4, 20, learning_rate=1e-2)
    monkeypatch.setitem(recipes.RECIPES, "lipschitz_mlp", recipe)
    _published(tmp_path, "lipschitz_mlp")
    _, measured = kept.read("lipschitz_mlp", "arrays", tmp_path / "results")
    table = measured.tables[kept.OF_BOUNDED]
    run = load_run(tmp_path / "run", _dataset())
    test = run.dataset.test
    radii = wn.stability.certified_radius(run.network, test.images / np.float32(255))
    right = wn.classify(run.network, test.images).classes == test.labels
    expected = [np.mean(right & (radii >= radius)) for radius in table["radius"]]
    np.testing.assert_allclose(table["accuracy"], expected, atol=1.5 / len(test))
    assert 0 < table["accuracy"].iloc[-1] <= table["accuracy"].iloc[0] <= 1
    assert page.certified(measured).columns.tolist() == ["0.5", "1", "1.58"]
    _, without = kept.read("mlp", "arrays", library[0] / "results")
    assert kept.OF_BOUNDED not in without.tables


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_only_what_the_recipe_and_the_seed_give_is_published(tmp_path, library):
    files = _copied(library, tmp_path / "a" / "run", seed=1)
    with pytest.raises(ValueError, match="^run must be of seed 0, got 1$"):
        publish.publish(
            files.path, _dataset(), *[tmp_path / "a" / x for x in ("library", "b", "c")]
        )
    with pytest.raises(
        ValueError,
        match=r"^run must be of the recipe default of mlp on arrays, or of .* name, got epochs=2$",
    ):
        _published(tmp_path / "b", epochs=2)
    with pytest.raises(ValueError, match=r"^run must be of data that have a name, got '/"):
        _published(tmp_path / "c", epochs=1, name=str(tmp_path / "mine.npz"))
    assert not (tmp_path / "a" / "library").exists()


@pytest.mark.slow
def test_an_unfinished_run_is_not_published(tmp_path, library):
    files = _copied(library, tmp_path / "run", epochs=30)
    sums = files.sums()
    sums.pop("result.json")
    files.write_sums(sums)
    with pytest.raises(ValueError, match=r"^run must be finished, got epoch 20 of 30: go on with"):
        publish.publish(tmp_path / "run", _dataset(), *[tmp_path / x for x in "abc"])


def test_confusion_has_classes_in_rows():
    table = confusion(np.eye(3)[[0, 1, 1, 2]], np.array([0, 0, 1, 2]))
    expected = {"class": [0, 1, 2], "0": [1, 0, 0], "1": [1, 1, 0], "2": [0, 0, 1]}
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected))


@pytest.mark.slow
def test_flops_are_those_of_the_matrices():
    network = wn.nets.MLP(10, (100,))
    products = 2 * (784 * 100 + 100 * 10)
    assert products < flops(network, [28, 28, 1]) < 1.01 * products
