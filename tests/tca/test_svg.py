"""What a picture is laid out with: steps that people read, figures, places, and text that is nothing else."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tca import svg
from app.tca.svg import Panel

LOWS = st.floats(-1e6, 1e6)
SPANS = st.floats(1e-3, 1e6)


@given(LOWS, SPANS, st.integers(3, 10))
def test_steps_are_round_within_reach_and_not_too_many(low, span, n_most):
    high = low + span
    steps = svg.round_steps(low, high, n_most)
    assert len(steps) <= n_most + 1
    slack = span * 1e-6 + abs(low) * 1e-9
    assert all(low - slack <= value <= high + slack for value in steps)
    for before, after in pairwise(steps):
        digits = f"{after - before:.3e}"
        assert digits[0] in "125" or digits.startswith("9.99")


@given(LOWS, SPANS)
def test_figures_of_steps_differ_wherever_steps_do(low, span):
    steps = svg.round_steps(low, low + span, 6)
    texts = svg.step_texts(steps)
    assert len(set(texts)) == len(steps)
    for value, words in zip(steps, texts, strict=True):
        assert float(words.replace(svg.MINUS, "-").replace(",", "")) == pytest.approx(value, abs=span * 1e-3)


def test_figures_have_a_true_minus_and_no_signed_zero():
    assert svg.step_texts((-1.0, -0.5, -0.0, 0.5)) == ["\N{MINUS SIGN}1.0", "\N{MINUS SIGN}0.5", "0.0", "0.5"]
    assert svg.step_texts((61_850.0, 61_855.0)) == ["61,850", "61,855"]


def test_a_panel_lays_values_from_the_lower_left():
    panel = Panel(10, 20, 110, 220, 0, 1, -1, 1)
    assert (panel.x(0), panel.x(1), panel.y(-1), panel.y(1), panel.y(0)) == (10, 110, 220, 20, 120)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1))
def test_reach_holds_every_value_and_is_never_empty(values, margin_frac):
    low, high = svg.reach(values, margin_frac)
    assert low < high
    assert low <= min(values) <= max(values) <= high


@pytest.mark.parametrize("shape", svg.SHAPES)
def test_every_shape_lies_around_its_place(shape):
    node = ElementTree.fromstring(svg.mark(shape, (50, 60), 4, "ink", "paper"))
    if shape == "circle":
        assert (node.attrib["cx"], node.attrib["cy"], node.attrib["r"]) == ("50", "60", "4")
    else:
        corners = [tuple(map(float, corner.split(","))) for corner in node.attrib["points"].split()]
        assert min(x for x, _ in corners) < 50 < max(x for x, _ in corners)
        assert min(y for _, y in corners) < 60 < max(y for _, y in corners)


def test_a_box_is_the_same_from_any_two_corners():
    assert svg.box(1, 2, 3, 5, "ink") == svg.box(3, 5, 1, 2, "ink")


def test_words_are_words():
    node = ElementTree.fromstring(svg.text(1, 2, "a < b & c", 9, "ink", turn="-90"))
    assert node.text == "a < b & c"
    assert node.attrib["transform"] == "rotate(-90 1 2)"


def test_a_picture_is_named_and_sized_by_its_place():
    node = ElementTree.fromstring(svg.picture(100, 50.004, 'a "b"', [svg.line((0, 0), (1, 1), "ink", 1, "5 3")]))
    assert node.attrib == {"role": "img", "aria-label": 'a "b"', "viewBox": "0 0 100 50"}
    assert node[0].attrib["stroke-dasharray"] == "5 3"


def test_curves_and_areas_keep_their_points():
    points = [(0.0, 1.0), (2.125, 3.0)]
    assert 'points="0,1 2.12,3"' in svg.path(points, "ink", 1)
    assert 'fill-opacity="0.22"' in svg.area(points, "c1", 0.22)
    assert svg.width("12", 10) == pytest.approx(2 * 10 * svg.CHARACTER)
