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


def test_charts_of_one_page_do_not_share_the_names_of_their_parts() -> None:
    names = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (waterfall(), markouts(), strip(), arms())]
    assert sum(map(len, names)) == len(set().union(*names))
