"""Charts live in the page: its colours, no reference to anything outside, the same bytes for the same numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from app.tca.charts import ArmBar, Curve, Strip, arms_chart, markout_chart, strip_chart, waterfall_chart


def waterfall() -> str:
    return waterfall_chart([("delay", 0.1), ("basis", -0.4), ("fee", 3.0)], 2.7)


def markouts() -> str:
    return markout_chart([Curve(f"v{i}", [(0.1, 0.0, -1, 1), (1, 0.5, None, None)], "2 fills") for i in range(7)])


def strip() -> str:
    fills = [(0.1, 100.0, 1.0, "sim_a"), (0.2, 101.0, 0.2, "sim_b")]
    return strip_chart(Strip([(-1, 100.0), (1, 102.0)], fills, [("arrival mid", 100.5), ("TWAP", 101.0)], 0.5))


def arms() -> str:
    return arms_chart([ArmBar("chosen", 1.0, 0.5, 1.5, True), ArmBar("pro rata", 2.0, None, None, False)])


@pytest.mark.parametrize("draw", [waterfall, markouts, strip, arms])
def test_a_chart_is_whole_quiet_and_the_same_each_time(draw) -> None:
    svg = draw()
    ElementTree.fromstring(svg)
    assert not re.search(r"https?:|xmlns|<script|@import|url\((?!#)", svg)
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "var(--ink)" in svg
    assert 'role="img" aria-label="' in svg
    assert svg == draw()


def test_words_and_figures_are_text() -> None:
    texts = [node.text for node in ElementTree.fromstring(waterfall()).iter() if node.tag.endswith("text")]
    assert {"delay", "basis", "fee", "total", "+0.10", "−0.40", "+3.00", "+2.70"} <= set(texts)


def test_charts_of_one_page_share_no_names_because_they_have_none() -> None:
    assert not re.search(r"\sid=|url\(|href", waterfall() + markouts() + strip() + arms())


def numbers(node: ElementTree.Element, *names: str) -> list[float]:
    return [float(node.attrib[name]) for name in names]


def test_a_step_of_the_waterfall_begins_where_the_one_before_it_ends() -> None:
    boxes = [node for node in ElementTree.fromstring(waterfall()) if node.tag == "rect"]
    delay, basis, fee, total = (numbers(box, "y", "height") for box in boxes)
    zero = delay[0] + delay[1]
    assert basis[0] == pytest.approx(delay[0], abs=0.02)
    assert fee[0] + fee[1] == pytest.approx(basis[0] + basis[1], abs=0.02)
    assert total == pytest.approx([fee[0], zero - fee[0]], abs=0.02)
    assert fee[1] / delay[1] == pytest.approx(30, rel=0.01)


def test_a_fill_lies_at_its_price_and_larger_ones_are_larger() -> None:
    fills = [(0.1, 100.0, 1.0, "sim_a"), (0.2, 102.0, 0.2, "sim_a")]
    drawing = ElementTree.fromstring(strip_chart(Strip([(-1, 100.0), (1, 102.0)], fills, [], 0.5)))
    texts = {node.text: numbers(node, "y")[0] for node in drawing if node.tag == "text"}
    _legend, large, small = [numbers(node, "cy", "r") for node in drawing if node.tag == "circle"]
    assert large[0] == pytest.approx(texts["100.0"] - 3.5, abs=0.02)
    assert small[0] == pytest.approx(texts["102.0"] - 3.5, abs=0.02)
    assert large[0] - small[0] > 50
    assert large[1] > small[1]


def test_venues_share_one_scale() -> None:
    same = markout_chart([Curve(name, [(1, 0.5, None, None), (10, -2.0, None, None)], "") for name in ("a", "b")])
    dots = [numbers(node, "cy") for node in ElementTree.fromstring(same) if node.tag == "circle"]
    assert dots[:2] == dots[2:]
    assert dots[0] < dots[1]


def test_what_is_alike_or_missing_is_drawn_all_the_same() -> None:
    for drawn in (
        waterfall_chart([("fee", 0.0)], 0.0),
        strip_chart(Strip([(0.0, 100.0)], [], [], 0.0)),
        arms_chart([ArmBar("only", 0.0, None, None, True)]),
        markout_chart([Curve("v", [(1, 0.0, None, None)], "1 fill")]),
    ):
        assert not re.search(r"nan|inf[^o]", drawn)
        ElementTree.fromstring(drawn)


def test_a_name_cannot_become_markup() -> None:
    drawn = arms_chart([ArmBar("<b>&", 1.0, None, None, True)])
    assert "<b>" not in drawn
    assert "&lt;b&gt;&amp;" in drawn
