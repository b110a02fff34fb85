"""The printed page: every row, loser, exclusion and bad line; nothing where nothing is known."""

from __future__ import annotations

from app.domain.shadow import Excluded, ShadowExclusion
from app.services.shadow_files import BadLine
from app.services.shadow_judge import judge
from app.services.shadow_report import MAX_LISTED, render_shadow
from tests.services.test_shadow_judge import parent


def test_the_page_says_what_it_is_and_who_lost() -> None:
    report = judge([parent(i, -0.5) for i in range(40)], [Excluded("gone", ShadowExclusion.REFUSED, "price_collar")])
    text = render_shadow(report, ["Books of nowhere."], [BadLine("f.csv", 7, "qty", 4, "decimal_form", "1e9")])
    assert "Books of nowhere." in text
    assert "Nothing was sent" in text
    assert "**simulated**" in text
    assert "Rows: all, all: -0.500 bp; 10,000 to 50,000, buy: -0.500 bp." in text
    assert "| p0 | BTC/USDT | buy | 20,000 | -0.500 |" in text
    assert "| gone | refused | price_collar |" in text
    assert "* f.csv:7: column 4 (qty): decimal_form: '1e9'" in text
    assert "| decision | 2.500 | 3.000 |" in text
    assert text == render_shadow(report, ["Books of nowhere."], [BadLine("f.csv", 7, "qty", 4, "decimal_form", "1e9")])


def test_long_lists_are_cut_and_counted() -> None:
    excluded = [Excluded(f"p{i}", ShadowExclusion.NO_FILLS) for i in range(MAX_LISTED + 7)]
    bad = [BadLine("f.csv", i, "qty", 4, "decimal_form", "x") for i in range(MAX_LISTED + 9)]
    text = render_shadow(judge([], excluded), [], bad)
    assert "nothing is claimed" in text
    assert "And 7 more." in text
    assert "* and 9 more" in text
    assert "no_fills 57" in text
