"""The page: self-contained, complete, honest about what is simulated and what is too small."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.domain.enums import Mode, Strategy
from app.tca.dossier import Dossier, compile_dossier
from app.tca.intervals import Estimate
from app.tca.report import bps_text, page_values, render, share_text, span_text
from tests.worlds import T0_NS


class Links(HTMLParser):
    """Everything a browser might fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"):
                self.found.append(value or "")


@pytest.fixture(scope="module")
def page(dossier: Dossier) -> str:
    return render(dossier, T0_NS, Mode.PAPER).decode()


def test_the_page_asks_nothing_of_anybody(page: str) -> None:
    links = Links()
    links.feed(page)
    assert all(link.startswith("#") for link in links.found)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(links.tags)
    assert not re.search(r"https?:|@import|url\((?!#)|//[a-z]", page)


def test_the_page_shows_every_part(page: str) -> None:
    assert page.count("<svg") == 4
    for words in ("Where the cost came from", "The largest order", "Interval TWAP", "Other ways to route it"):
        assert words in page
    for words in ("What the market did next", "Venues", "underpowered", "Not attributed", "prefers-color-scheme"):
        assert words in page


def test_simulated_is_called_simulated(dossier: Dossier, page: str) -> None:
    assert '<span class="badge">simulated</span>' in page
    real = compile_dossier(replace(dossier.found, is_simulated=False))
    assert page_values(real, T0_NS, Mode.PAPER)["badge"] == "paper, live market"
    assert page_values(real, T0_NS, Mode.LIVE)["badge"] == "live market"
    assert "not basis points of any desk" not in render(real, T0_NS, Mode.LIVE).decode()


def test_one_order_is_a_page_of_its_own(dossier: Dossier) -> None:
    record = next(r for r in dossier.found.records if r.fills)
    page = render(compile_dossier(replace(dossier.found, records=[record])), T0_NS, Mode.PAPER).decode()
    assert f"Order {record.order_id}" in page
    assert "The order" in page
    assert "<h2>Orders</h2>" not in page


def test_the_longest_order_in_time_stands_beside_the_largest(dossier: Dossier, page: str) -> None:
    assert "The longest order in time" not in page
    smallest = min((c.record for c in dossier.orders if c.record.tca), key=lambda r: r.tca.reference_money_nano)
    timed = replace(
        smallest, accepted=replace(smallest.accepted, order=replace(smallest.accepted.order, strategy=Strategy.VWAP))
    )
    records = [timed if record is smallest else record for record in dossier.found.records]
    values = page_values(compile_dossier(replace(dossier.found, records=records)), T0_NS, Mode.PAPER)
    assert values["longest"]["order_id"] == smallest.order_id
    assert values["longest"]["strategy"] == "vwap"
    assert values["featured"]["order_id"] != smallest.order_id


def test_what_is_not_measured_yet_is_said_in_the_place_of_its_picture(dossier: Dossier) -> None:
    records = [replace(record, interval=None) for record in dossier.found.records]
    page = render(compile_dossier(replace(dossier.found, records=records)), T0_NS, Mode.PAPER).decode()
    assert "drawn once a minute has been watched" in page
    assert page.count("<svg") == 3
    assert "measured a minute after the end" in page


def test_markouts_without_a_control_are_shown_raw(dossier: Dossier, page: str) -> None:
    unmatched = render(compile_dossier(replace(dossier.found, still=[])), T0_NS, Mode.PAPER).decode()
    assert "Nothing is net yet" in unmatched
    assert re.search(r"raw [+−]?\d", unmatched)
    assert "Nothing is net yet" not in page


def test_the_period_ends_with_the_last_change_of_any_order(dossier: Dossier) -> None:
    first = dossier.found.records[0]
    late_ns = max(r.updated_ts_ns for r in dossier.found.records) + 3_600_000_000_000
    records = [replace(first, updated_ts_ns=late_ns), *dossier.found.records[1:]]
    before = page_values(dossier, T0_NS, Mode.PAPER)["period"]
    after = page_values(compile_dossier(replace(dossier.found, records=records)), T0_NS, Mode.PAPER)["period"]
    assert after != before
    assert after.split(" – ")[0] == before.split(" – ")[0]


def test_nothing_found_is_a_page_that_says_so(dossier: Dossier) -> None:
    page = render(compile_dossier(replace(dossier.found, records=[], still=[])), T0_NS, Mode.PAPER).decode()
    assert "No finished order in this period." in page
    assert "<svg" not in page


def test_words_of_outsiders_are_escaped(dossier: Dossier) -> None:
    found = replace(dossier.found, account="<script>alert(1)</script>", records=[])
    assert "<script>" not in render(compile_dossier(found), T0_NS, Mode.PAPER).decode()


def test_how_figures_are_written() -> None:
    assert (bps_text(None), bps_text(-1.234), bps_text(0.001), bps_text(-0.001)) == ("–", "−1.23", "0.00", "0.00")
    assert share_text(9_876.0) == "98.8 %"
    assert share_text(None) == "–"
    assert span_text(Estimate(1.0, None, None, 3, 3, 3.0, 9)) == "no interval"
    assert span_text(Estimate(1.0, 0.5, 1.5, 3, 3, 3.0, 9)) == "+0.50 … +1.50"
