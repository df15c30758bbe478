"""What is drawn is shown to every network, shifted and turned."""

import numpy as np
import pytest

import weirdonetworks as wn
from training.playground import digits
from weirdonetworks.commands.classify.classify import networks

PAPER = np.full([280, 280], 255, np.uint8)


def stroke() -> np.ndarray:
    """A one."""
    drawn = PAPER.copy()
    drawn[40:240, 130:150] = 0
    return drawn


@pytest.fixture(scope="module")
def asked():
    return networks("all", "mnist")


@pytest.fixture(scope="module")
def looked(asked):
    return digits.look(asked, digits.shifted(stroke(), 0, 0))


@pytest.mark.slow
def test_every_published_network_answers(asked, looked):
    assert [n.name for n in asked] == list(looked.reports) == wn.list_networks(pretrained="mnist")
    seen, table = digits.answers(asked, looked, 0)
    assert list(table) == digits.COLUMNS
    assert list(table["network"]) == list(looked.reports)
    said = wn.classify(asked[0].module, seen)
    assert table["answer"][0] == said.classes[0] == 1
    assert table["probability"][0] == f"{100 * said.probabilities.max():.1f} %"


@pytest.mark.slow
def test_a_picture_is_turned_counterclockwise(asked, looked):
    upright, _ = digits.answers(asked, looked, 0)
    turned, table = digits.answers(asked, looked, 90)
    np.testing.assert_array_equal(turned, np.rot90(upright))
    assert upright.dtype == np.uint8 and upright.max() == 255
    assert table["answer"][0] != 1  # a dash
    again, _ = digits.answers(asked, looked, 360)
    np.testing.assert_array_equal(again, upright)


@pytest.mark.slow
def test_a_picture_is_shifted_to_the_right_and_up(looked):
    image = digits.shifted(stroke(), 3, 2)
    np.testing.assert_array_equal(image[:-2, 3:], looked.image[2:, :-3])
    assert not image[-2:].any() and not image[:, :3].any()


@pytest.mark.slow
def test_curves_are_probabilities_of_the_first_answer(asked, looked):
    table = digits.curves(looked)
    first = table[table["network"] == asked[0].name].reset_index(drop=True)
    assert list(first["degrees"]) == [*range(0, 365, 5)]
    assert first["probability"].iloc[0] == first["probability"].iloc[-1] > 0.9
    seen, _ = digits.answers(asked, looked, 45)
    share = wn.classify(asked[0].module, seen).probabilities[0, 1]
    assert first["probability"][9] == pytest.approx(share, abs=0.02)  # seen is rounded to 255
    assert first["probability"].min() < 0.1  # a one that lies is no one


@pytest.mark.slow
def test_an_answer_stays_where_it_is_the_likeliest(asked, looked):
    _, table = digits.answers(asked, looked, 0)
    report = looked.reports[asked[0].name]
    shares = np.mean(np.argmax(report.responses[0], axis=1) == 1)
    assert table["stays"][0] == f"{100 * shares:.0f} % of 360°" and 0 < shares < 1


@pytest.mark.slow
def test_what_is_no_digit_is_told(asked):
    rings = 255 * ((np.hypot(*np.mgrid[-140:140, -140:140]) // 18) % 2).astype(np.uint8)
    for drawn, told in ((stroke(), "yes"), (rings, "no")):
        _, table = digits.answers(asked, digits.look(asked, digits.shifted(drawn, 0, 0)), 0)
        assert table["a digit?"][0] == told


def test_blank_paper_is_refused():
    with pytest.raises(ValueError, match="picture must"):
        digits.shifted(PAPER, 0, 0)


def test_colours_are_different():
    assert len({digits.color(i) for i in range(20)}) == 20
